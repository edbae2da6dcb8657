"""Sizes of swift's networks, and what their integers stand for: what is to be known of a model before it is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from lvcodec.errors import UsageError

MIDDLE_INDEX = 50  # the networks see a quality by how far its index lies from this one
STEPS = "steps."  # how names of the exported tables begin among a model's integers
# Binary places of the exported integer tables (models/steps.py).
GAIN_BITS, INVERSE_BITS, MEAN_BITS, OFFSET_BITS, NORM_BITS, SPREAD_BITS = 28, 8, 20, 5, 24, 12
PARAMETER_GRID = 256  # EPM and the intra priors put out 256 whole numbers where 1.0 is
LATENT_GRID = 64  # compensated latents are whole multiples of 1/64 of a quantiser step


@dataclass(frozen=True)
class SwiftShape:
    """Sizes of a swift model: M latent channels, widths and depths at 1/8 and 1/16, hidden widths of the priors.

    inter: whether it has an inter path of its own (nets/inter.py).
    The defaults were chosen by speed and by short trainings (docs/decisions.md#the-shape-of-swift).
    """

    latent: int = 256
    width8: int = 128
    depth8: int = 3
    width16: int = 192
    depth16: int = 3
    block: str = "depthwise"
    lapped: bool = False
    hyper: int = 64
    z_channels: int = 48
    context: int = 128
    temporal: int = 64
    inter: bool = False

    @property
    def first_group(self) -> int:
        """Latent channels of the first of the two context groups (the strongest quarter)."""
        return self.latent // 4

    def as_dict(self) -> dict[str, int | str | bool]:
        return asdict(self)

    @classmethod
    def parse(cls, text: str) -> SwiftShape:
        """A shape from "latent=192,block=depthwise"; empty for the default."""
        given = dict(item.split("=", 1) for item in text.split(",") if item)
        as_type: dict[str, Callable[[str], Any]] = {"bool": "True".__eq__, "int": int, "str": str}
        unknown = given.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise UsageError(f"a swift shape has no {', '.join(sorted(unknown))}")
        return cls(**{f.name: as_type[str(f.type)](given[f.name]) for f in fields(cls) if f.name in given})


@dataclass(frozen=True)
class InterShape:
    """Sizes: latent channels, those of the first group; widths and depths of the entropy model and of the change."""

    latent: int = 384
    first: int = 48
    trunk: int = 128
    trunk_depth: int = 2
    head: int = 96
    squeezed: int = 48
    width8: int = 64
    depth8: int = 3
