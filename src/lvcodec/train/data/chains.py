"""GOPs to train the inter path on: crops of videos with the motion that the encoder found for them, kept as files.

A chain says what is coded after its I-picture in which order, from which pictures, and along which vectors; what the
pictures look like when they are decoded is the trained networks' own doing (stages/inter/pool.py). So a chain
stays good while the networks change, and there are no pairs that grow stale.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.errors import InputError
from lvcodec.exact.warp import SIDES
from lvcodec.stream.structure import LAYER_ANCHOR, LAYER_KEY

BOTH, BEFORE, AFTER = range(3)  # from which of its references a block is predicted
NONE = -1  # the second reference of a P-picture
# Of chains of the first form, whose files have no qualities: how far pictures are below the I-picture, and a layer; up
# to how many quarters of a pel the vectors of both references are taken as one (0, 1, 2, 4, 8 or any: predictions of
# B-pictures have mean squared errors of 55.9, 55.0, 54.7, 55.6, 58.6 or 76.9; along both vectors 47.4).
FIRST_COARSER, FIRST_LAYER, FIRST_NEAR = 20, 8, 2


@dataclass(frozen=True, eq=False)
class Chain:
    """An I-picture and what is coded after it, at H x W luma pels.

    source: (T, H * 3/2, W) uint8, raw 4:2:0; quality_index: of the I-picture; start: (H * 3/2, W), that as decoded, or
    after the first of its two steps (codec/two_steps.py); start_index: the quality index that start was coded at.
    steps: (S, 4) int32 in the order of coding: at, before, after (NONE for a P-picture), layer (stream/structure.py);
    pictures count from 0, the I-picture. qualities: (S,) int32, the quality indices that they were coded at. field: (S,
    2, rows, columns) int16, the motion as it is coded (codec/motion.py): a B-picture's is over the greater of its two
    distances. direction: (S, rows, columns) uint8, BOTH, BEFORE or AFTER; a P-picture's is BEFORE.
    """

    source: NDArray[np.uint8]
    start: NDArray[np.uint8]
    quality_index: int
    start_index: int
    steps: NDArray[np.int32]
    qualities: NDArray[np.int32]
    field: NDArray[np.int16]
    direction: NDArray[np.uint8]

    @property
    def side(self) -> int:
        """Luma pels of the side of a block of the fields."""
        return next(side for side in SIDES if -(-self.source.shape[2] // side) == self.field.shape[3])

    @property
    def best(self) -> int:
        """The highest of its qualities, but for those of key pictures."""
        return int(max(self.qualities[self.steps[:, 3] != LAYER_KEY], default=self.quality_index))


def save(path: Path, chain: Chain) -> None:
    """Write a chain beside its place and rename it."""
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **{field.name: getattr(chain, field.name) for field in fields(Chain)})
    partial.replace(path)


def load(path: Path) -> Chain:
    """A chain as it was saved. Raises InputError if the file holds none."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            stored = dict(arrays)
        if "motion" in stored:
            stored |= _of_pairs(stored)
        stored.setdefault("start_index", stored["quality_index"])  # from before I-pictures had two steps
        parts = {field.name: stored[field.name] for field in fields(Chain)}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} holds no chain ({error})") from error
    parts |= {name: int(parts[name]) for name in ("quality_index", "start_index")}
    return Chain(**parts)


def stored(folder: Path) -> list[Path]:
    """The files of a folder's chains, in a fixed order."""
    return sorted(path for path in folder.glob("*.npz") if not path.name.endswith(".partial.npz"))


def _of_pairs(stored: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Motion and qualities of a chain of the first form, whose B-pictures have a field from either reference.

    motion: (S, 2, 2, rows, columns). Each block's vector is that of the reference it shows, over the greater distance.
    Where it shows both it is their mean; or, if they are apart, that of the reference before, which it shows alone.
    """
    at, before, after, layer = stored["steps"].T
    to_before = (at - before).astype(np.float64)
    to_after = np.where(after == NONE, to_before, after - at)
    distance = np.maximum(to_before, to_after)
    here, there = (
        stored["motion"][:, number] * (sign * distance / span)[:, None, None, None]
        for number, sign, span in ((0, 1, to_before), (1, np.where(after == NONE, 1, -1), to_after))
    )
    apart = np.abs(here - there).max(axis=1) > FIRST_NEAR
    direction = np.where((stored["direction"] == BOTH) & apart, BEFORE, stored["direction"]).astype(np.uint8)
    shown = direction[:, None]
    field = np.where(shown == BEFORE, here, np.where(shown == AFTER, there, (here + there) / 2))
    below = FIRST_COARSER + FIRST_LAYER * np.maximum(0, layer - LAYER_ANCHOR)
    qualities = np.maximum(0, stored["quality_index"] - below)
    return {"field": np.rint(field).astype(np.int16), "direction": direction, "qualities": qualities.astype(np.int32)}
