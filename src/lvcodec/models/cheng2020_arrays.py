"""The cheng2020 family as shipped integers: one network a quality, and the grid of scales that they share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.entropy import grid
from lvcodec.models import export, store
from lvcodec.models.store import Arrays

if TYPE_CHECKING:
    from lvcodec.nets.cheng2020 import Cheng2020


LOWEST_SCALE = 0.11  # CompressAI's bound of an I-picture's sigma


def thresholds() -> NDArray[np.int32]:
    """Where an I-picture's scale, ONE to a symbol, steps to the next level: half way between, geometrically.

    Levels below CompressAI's least scale are never reached. (LEVELS - 1,) int32.
    """
    from lvcodec.nets.cheng2020 import ONE

    steps = np.rint(grid.scales()[:-1] * (ONE * 2.0 ** (0.5 / grid.PER_OCTAVE))).astype(np.int32)
    return np.where(steps <= LOWEST_SCALE * ONE, np.iinfo(np.int32).min, steps).astype(np.int32)


def network_arrays(model: Cheng2020, pmfs: Mapping[str, NDArray[np.float64]], quality: int) -> Arrays:
    """The integers of one quality's network and of its hyper-latents' tables, under its prefix."""
    arrays: Arrays = export.layer_arrays(model, f"q{quality}.layers.")
    for name, pmf in pmfs.items():
        arrays.update(export.prior_arrays(name, pmf, f"q{quality}.tables."))
    return arrays


def write(
    target: Path, name: str, channels: dict[str, int], arrays: Arrays, about: dict[str, Any], *, overwrite: bool
) -> store.ModelInfo:
    """Put a model into a folder (store.write). channels: the network's width, by quality; arrays: of all networks."""
    arrays = {**arrays, **export.table_arrays(), "grid.thresholds": thresholds()}
    return store.write(
        target,
        name=name,
        family="cheng2020",
        shape={"channels": channels},
        arrays=arrays,
        about=about,
        overwrite=overwrite,
    )
