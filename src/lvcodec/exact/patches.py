"""Planes of a 4:2:0 picture as channels at an eighth of its sides, and back, in numpy: what planes.py does for torch.

    Y (H, W), U and V (H/2, W/2) ──► (H/8, W/8, 64 + 16 + 16), of all places or of some as rows

H, W: multiples of 8. Each channel is one place of a block of 8x8 pels of Y, or 4x4 of U or V. A level is the byte of
level - 128.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Indices

SIDES = 8, 4, 4  # of the blocks, by plane
ENDS = 64, 80, 96  # of the planes' channels
CHANNELS = ENDS[-1]


def channels_of(planes: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """(H/8, W/8, CHANNELS) of planes, of their type."""
    height, width = (size // SIDES[0] for size in planes[0].shape)
    out = np.empty((height, width, CHANNELS), dtype=planes[0].dtype)
    for plane, end, side in zip(planes, ENDS, SIDES, strict=True):
        out[..., end - side * side : end].reshape(height, width, side, side)[...] = _blocks(plane, side)
    return out


def planes_of(channels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    """The inverse: Y, U and V."""
    height, width, _ = channels.shape
    planes = tuple(np.empty((height * side, width * side), dtype=np.uint8) for side in SIDES)
    for plane, end, side in zip(planes, ENDS, SIDES, strict=True):
        _blocks(plane, side)[...] = channels[..., end - side * side : end].reshape(height, width, side, side)
    return planes


def rows_at(planes: Sequence[NDArray[np.uint8]], places: Indices) -> NDArray[np.uint8]:
    """(n, CHANNELS) of some places, flat in (H/8, W/8)."""
    at = np.divmod(places, planes[0].shape[1] // SIDES[0])
    return np.concatenate(
        [_blocks(plane, side)[at].reshape(-1, side * side) for plane, side in zip(planes, SIDES, strict=True)], axis=1
    )


def put_rows(planes: Sequence[NDArray[np.uint8]], places: Indices, rows: NDArray[np.uint8]) -> None:
    """Change the planes at some places to (n, CHANNELS)."""
    at = np.divmod(places, planes[0].shape[1] // SIDES[0])
    for plane, end, side in zip(planes, ENDS, SIDES, strict=True):
        _blocks(plane, side)[at] = rows[:, end - side * side : end].reshape(-1, side, side)


def _blocks(plane: NDArray[Any], side: int) -> NDArray[Any]:
    """A view of a plane's blocks, (rows, columns, side, side)."""
    height, width = plane.shape
    return plane.reshape(height // side, side, width // side, side).transpose(0, 2, 1, 3)
