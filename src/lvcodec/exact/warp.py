"""Motion compensation in whole numbers: a picture moved along a field of vectors, one for each block.

    plane ── windows at the vectors' whole pels ── taps down and across ── round ── overlap, round, clamp ──► plane

Fractions of a pel are interpolated with HEVC's taps (ITU-T H.265, 8.5.3.3.3): eight for luma at quarters, four for
chroma at eighths. Beyond its edges a plane goes on as its edge.
All sums are of whole numbers and below 2^24; exact/settings.py keeps torch from computing them in shorter floats.
Where there are compiled kernels (native/) they compute the same.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.arrays import Ints

Plane = NDArray[np.uint8]
Taps = tuple[tuple[int, ...], ...]

BLOCK = 16  # luma pels of a block's side
STEPS = 4  # vectors are in quarters of a luma pel
MAX_VECTOR = 2**13  # quarters: 2048 luma pels

LUMA_TAPS = (
    (0, 0, 0, 64, 0, 0, 0, 0),
    (-1, 4, -10, 58, 17, -5, 1, 0),
    (-1, 4, -11, 40, 40, -11, 4, -1),
    (0, 1, -5, 17, 58, -10, 4, -1),
)
CHROMA_TAPS = (
    (0, 64, 0, 0),
    (-2, 58, 10, -2),
    (-4, 54, 16, -2),
    (-6, 46, 28, -4),
    (-4, 36, 36, -4),
    (-4, 28, 46, -6),
    (-2, 16, 54, -4),
    (-2, 10, 58, -2),
)
ONE = 64  # what taps sum to
FINE = 16  # parts of a level that blocks are rounded to before they are overlapped


def field_shape(height: int, width: int) -> tuple[int, int, int]:
    """(2, rows, columns) of the field of a picture of that many luma pels: vertical parts, then horizontal."""
    return 2, -(-height // BLOCK), -(-width // BLOCK)


def warp(plane: Plane, field: Ints, *, chroma: bool = False) -> Plane:
    """A plane moved along a field, blocks overlapped.

    plane: (H, W). field: (2, rows, columns), as `field_shape` of the luma plane says, |v| <= MAX_VECTOR: pel (i, j)
    of a block shows what lies at (i, j) + v / STEPS luma pels. Every block reaches half a block beyond its sides, with
    weights that fall off linearly, so that four blocks make a pel and their weights sum to 1. Returns (H, W).
    """
    taps, side = (CHROMA_TAPS, BLOCK // 2) if chroma else (LUMA_TAPS, BLOCK)
    kernels = native.kernels()
    return moved(plane, field, taps, side) if kernels is None else _compiled(kernels, plane, field, taps, side)


def _compiled(kernels: ModuleType, plane: Plane, field: Ints, taps: Taps, side: int) -> Plane:
    shown = np.empty(plane.shape, dtype=np.uint8)
    plane, vectors = np.ascontiguousarray(plane), np.ascontiguousarray(field, dtype=np.int32)
    kernels.warp(shown, plane, vectors, _as_array(taps), *plane.shape, *field.shape[1:], len(taps), len(taps[0]), side)
    return shown


@lru_cache(maxsize=8)
def _as_array(taps: Taps) -> NDArray[np.int16]:
    return np.array(taps, dtype=np.int16)


def moved(plane: Plane, field: Ints, taps: Taps, side: int) -> Plane:
    """A plane moved along a field by torch: `warp` with any taps, (phases, taps of each), and side of blocks."""
    field = np.pad(field, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows, columns = field.shape[1:]
    places = np.indices((rows, columns), dtype=np.int32).reshape(2, -1)
    blocks = _blocks(plane, field.reshape(2, -1), places, taps, side)
    # at most 255 * 1.75^2 * FINE * 1024 < 2^24 where four meet
    quarters = blocks.mul_(FINE).round_().mul_(_weights(side)).view(rows, columns, 2, side, 2, side)
    met = quarters[1:, 1:, 0, :, 0] + quarters[1:, :-1, 0, :, 1]
    met += quarters[:-1, 1:, 1, :, 0]
    met += quarters[:-1, :-1, 1, :, 1]
    shown = met.mul_(1.0 / (FINE * (2 * side) ** 2)).round_().clamp_(0, 255).to(torch.uint8)
    grown = shown.permute(0, 2, 1, 3).reshape((rows - 1) * side, (columns - 1) * side)[side // 2 :, side // 2 :].numpy()
    return np.ascontiguousarray(grown[: plane.shape[0], : plane.shape[1]])


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
