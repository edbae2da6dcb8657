"""The warp of exact/warp.py by torch, where there are no compiled kernels: all windows of a picture's blocks at once.

All sums are of whole numbers and below 2^24; exact/settings.py keeps torch from computing them in shorter floats.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lvcodec.arrays import Ints
from lvcodec.exact.taps import FINE, ONE, Flags, Plane, Taps


def moved(plane: Plane, field: Ints, taps: Taps, side: int) -> Plane:
    """`warp.warp` with any taps, (phases, taps of each), and side of blocks."""
    all_blocks = np.ones([size + 2 for size in field.shape[1:]], dtype=bool)
    return _overlapped(_fine_blocks(plane, _grown(field), all_blocks, taps, side), plane.shape, field.shape, side)


def both_moved(
    planes: tuple[Plane, Plane], fields: tuple[Ints, Ints], shown: tuple[Flags, Flags], taps: Taps, side: int
) -> Plane:
    """`warp.warp_both` with any taps and side of blocks."""
    here, there = (_grown(flags[None])[0] for flags in shown)
    one, other = (
        _fine_blocks(plane, _grown(field), flags, taps, side)
        for plane, field, flags in zip(planes, fields, (here, there), strict=True)
    )
    blocks = one.add_(other)  # 0 where a block does not show it
    means = torch.from_numpy(np.flatnonzero(here & there))
    blocks[means] = blocks[means].mul_(0.5).round_()
    return _overlapped(blocks, planes[0].shape, fields[0].shape, side)


def _grown(blocks: NDArray[Any]) -> NDArray[Any]:
    """What blocks have, (n, rows, columns), with a border that goes on as the edge."""
    return np.pad(blocks, ((0, 0), (1, 1), (1, 1)), mode="edge")


def _fine_blocks(plane: Plane, field: Ints, shown: Flags, taps: Taps, side: int) -> torch.Tensor:
    """(n, 2 * side, 2 * side): the blocks that are shown, in whole FINE parts of a level; 0 for the others.

    field, shown: with their border; n of it.
    """
    places = np.indices(field.shape[1:], dtype=np.int32).reshape(2, -1)
    wanted = np.flatnonzero(shown)
    some = _blocks(plane, field.reshape(2, -1)[:, wanted], places[:, wanted], taps, side).mul_(FINE).round_()
    if wanted.size == shown.size:
        return some
    blocks = torch.zeros(shown.size, 2 * side, 2 * side)
    blocks[torch.from_numpy(wanted)] = some
    return blocks


def _overlapped(blocks: torch.Tensor, size: tuple[int, ...], field_size: tuple[int, ...], side: int) -> Plane:
    """The plane of that size of blocks (n, 2 * side, 2 * side) in FINE parts of a level, its border's too."""
    rows, columns = field_size[1] + 2, field_size[2] + 2
    # at most 255 * 1.75^2 * FINE * 1024 < 2^24 where four meet
    quarters = blocks.mul_(_weights(side)).view(rows, columns, 2, side, 2, side)
    met = quarters[1:, 1:, 0, :, 0] + quarters[1:, :-1, 0, :, 1]
    met += quarters[:-1, 1:, 1, :, 0]
    met += quarters[:-1, :-1, 1, :, 1]
    shown = met.mul_(1.0 / (FINE * (2 * side) ** 2)).round_().clamp_(0, 255).to(torch.uint8)
    grown = shown.permute(0, 2, 1, 3).reshape((rows - 1) * side, (columns - 1) * side)[side // 2 :, side // 2 :].numpy()
    return np.ascontiguousarray(grown[: size[0], : size[1]])


def _blocks(plane: Plane, vectors: Ints, places: Ints, taps: Taps, side: int) -> torch.Tensor:
    """Blocks of `side` pels and half a block around them, each moved by its vector (2, n).

    places: (2, n) rows and columns of a field that is one larger all around.
    Returns (n, 2 * side, 2 * side) levels, whole multiples of 2^-12.
    """
    whole, part = np.divmod(vectors, len(taps))
    corners = side * places - side - side // 2 + whole - (len(taps[0]) // 2 - 1)
    windows = torch.from_numpy(_windows(plane, corners, 2 * side + len(taps[0]) - 1)).to(torch.float32)
    matrices = _matrices(taps, 2 * side)
    down, across = (matrices[torch.from_numpy(p)] for p in part)
    # |sums| <= 255 * 112 * 112 < 2^24: exact in any order
    return torch.bmm(torch.bmm(down, windows), across.transpose(1, 2)).mul_(1.0 / ONE**2)


def _weights(side: int) -> torch.Tensor:
    """(2 * side, 2 * side) whole numbers: the weights of four blocks at a pel sum to (2 * side)^2."""
    rising = torch.arange(side) * 2 + 1
    ramp = torch.cat([rising, rising.flip(0)]).to(torch.float32)
    return ramp.view(-1, 1) * ramp


def _windows(plane: Plane, corners: Ints, side: int) -> Plane:
    """(n, side, side): what lies right and below of each corner (2, n)."""
    height, width = plane.shape
    grown = np.pad(plane, side, mode="edge")
    top, left = (np.clip(c, -side, size) + side for c, size in zip(corners, (height, width), strict=True))
    every = np.lib.stride_tricks.sliding_window_view(grown, (side, side))
    return np.ascontiguousarray(every[top, left])


@lru_cache(maxsize=8)
def _matrices(taps: Taps, side: int) -> torch.Tensor:
    """(phases, side, side + taps - 1): the taps of each phase at every place."""
    matrices = torch.zeros(len(taps), side, side + len(taps[0]) - 1, dtype=torch.float32)
    for phase, row in enumerate(taps):
        for place in range(side):
            matrices[phase, place, place : place + len(row)] = torch.tensor(row, dtype=torch.float32)
    return matrices
