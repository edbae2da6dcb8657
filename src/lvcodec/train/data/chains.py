"""GOPs to train the inter path on: crops of videos with the motion that the encoder found for them, kept as files.

A chain says what is coded after its I-picture in which order, from which pictures, and along which vectors; what the
pictures look like when they are decoded is the trained networks' own doing (stages/inter/pool.py). So a chain
stays good while the networks change, and there are no pairs that grow stale.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvcodec.errors import InputError

BOTH, BEFORE, AFTER = range(3)  # from which of its references a block is predicted
NONE = -1  # the second reference of a P-picture


@dataclass(frozen=True, eq=False)
class Chain:
    """An I-picture and what is coded after it, at H x W luma pels.

    source: (T, H * 3/2, W) uint8, raw 4:2:0; start: (H * 3/2, W), the I-picture as decoded; quality_index: its own.
    steps: (S, 4) int32 in the order of coding: at, before, after (NONE for a P-picture), layer (stream/structure.py);
    pictures count from 0, the I-picture. motion: (S, 2, 2, rows, columns) int16, of each step the fields that bring
    both references (a P-picture's one twice) to the picture, as exact/warp.py takes them.
    direction: (S, rows, columns) uint8, BOTH, BEFORE or AFTER.
    """

    source: NDArray[np.uint8]
    start: NDArray[np.uint8]
    quality_index: int
    steps: NDArray[np.int32]
    motion: NDArray[np.int16]
    direction: NDArray[np.uint8]


def save(path: Path, chain: Chain) -> None:
    """Write a chain beside its place and rename it."""
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **{field.name: getattr(chain, field.name) for field in fields(Chain)})
    partial.replace(path)


def load(path: Path) -> Chain:
    """A chain as it was saved. Raises InputError if the file holds none."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            parts = {field.name: arrays[field.name] for field in fields(Chain)}
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} holds no chain ({error})") from error
    parts["quality_index"] = int(parts["quality_index"])
    return Chain(**parts)


def stored(folder: Path) -> list[Path]:
    """The files of a folder's chains, in a fixed order."""
    return sorted(path for path in folder.glob("*.npz") if not path.name.endswith(".partial.npz"))
