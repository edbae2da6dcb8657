"""Motion compensation in whole numbers: a picture moved along a field of vectors, one for each block.

    plane ── windows at the vectors' whole pels ── taps down and across ── round ── overlap, round, clamp ──► plane

Fractions of a pel are interpolated with HEVC's taps (ITU-T H.265, 8.5.3.3.3): eight for luma at quarters, four for
chroma at eighths. Beyond its edges a plane goes on as its edge.
The compiled kernels (native/) do it; where there are none, warp_blocks.py computes the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.arrays import Ints
from lvcodec.exact.taps import CHROMA_TAPS, LUMA_TAPS, Flags, Plane, Taps

SIDES = COARSE_SIDE, FINE_SIDE = 16, 8  # luma pels of a block's side
STEPS = 4  # vectors are in quarters of a luma pel
MAX_VECTOR = 2**13  # quarters: 2048 luma pels


def field_shape(height: int, width: int, side: int) -> tuple[int, int, int]:
    """(2, rows, columns) of the field of a picture of that many luma pels: vertical parts, then horizontal."""
    return 2, -(-height // side), -(-width // side)


def warp(plane: Plane, field: Ints, side: int, *, chroma: bool = False) -> Plane:
    """A plane moved along a field, blocks overlapped.

    plane: (H, W). side: of blocks, one of SIDES, in luma pels. field: (2, rows, columns), as `field_shape` of the luma
    plane says, |v| <= MAX_VECTOR: pel (i, j) of a block shows what lies at (i, j) + v / STEPS luma pels. Every block
    reaches half a block beyond its sides, with weights that fall off linearly, so that four blocks make a pel and their
    weights sum to 1. Returns (H, W).
    """
    form, kernels = taps_and_side(side, chroma=chroma), native.kernels()
    if kernels is None:
        from lvcodec.exact import warp_blocks  # by torch

        return warp_blocks.moved(plane, field, *form)
    return _compiled(kernels, (plane,), (field,), None, *form)


def warp_both(
    planes: tuple[Plane, Plane],
    fields: tuple[Ints, Ints],
    shown: tuple[Flags, Flags],
    side: int,
    *,
    chroma: bool = False,
) -> Plane:
    """Two planes moved along a field each; a block shows one of them or the mean of both.

    planes, fields, side: as for `warp`. shown: (rows, columns) each, which blocks show the one and which the other; all
    show at least one. Blocks are rounded to FINE parts of a level (exact/taps.py), then their mean is, then they are
    overlapped.
    """
    form, kernels = taps_and_side(side, chroma=chroma), native.kernels()
    if kernels is None:
        from lvcodec.exact import warp_blocks  # by torch

        return warp_blocks.both_moved(planes, fields, shown, *form)
    which = shown[0].astype(np.uint8) + 2 * shown[1].astype(np.uint8)
    return _compiled(kernels, planes, fields, which, *form)


def taps_and_side(side: int, *, chroma: bool) -> tuple[Taps, int]:
    """Those of a plane, where blocks have a side of so many luma pels."""
    return (CHROMA_TAPS, side // 2) if chroma else (LUMA_TAPS, side)


def _compiled(
    kernels: ModuleType, planes: Sequence[Plane], fields: Sequence[Ints], which: Plane | None, taps: Taps, side: int
) -> Plane:
    """which: (rows, columns) 1, 2 or 3 for the first plane, the second or both; None where there is one."""
    shown = np.empty(planes[0].shape, dtype=np.uint8)
    plane, *other = (np.ascontiguousarray(plane) for plane in planes)
    field, *its_field = (np.ascontiguousarray(field, dtype=np.int32) for field in fields)
    second = (*other, *its_field, np.ascontiguousarray(which)) if other else (None, None, None)
    form = *plane.shape, *field.shape[1:], len(taps), len(taps[0]), side
    kernels.warp(shown, plane, field, _as_array(taps), *second, *form)
    return shown


@lru_cache(maxsize=8)
def _as_array(taps: Taps) -> NDArray[np.int16]:
    return np.array(taps, dtype=np.int16)
