"""The motion of a P-picture: how its field of vectors is coded, and how the last picture is aligned by it.

The field, one vector for each block of 16x16 luma pels in quarters of a pel, is coded from coarse to fine: every
32nd block first, then in each step those midway between two known ones, rows before columns. The last steps but one:

    0 . . . . . . . 0        0  every eighth block, known
    . . . . . . . . .        1  midway between two 0s of a column, 2 of a row; and so on with half the distance
    . . . . . . . . .
    . . . . . . . . .        midway: predicted by the median of both neighbours and the field before; how far the
    1 . . . 2 . . . 1        three are apart says how sure that is, and chooses the table
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvcodec.entropy import grid
from lvcodec.entropy.coder import Coder
from lvcodec.entropy.tables import TableSet
from lvcodec.exact import warp
from lvcodec.video.picture import Picture

Field = NDArray[np.int32]
Places = tuple[NDArray[np.int32], NDArray[np.int32]]  # rows (n, 1) and columns (m) that cross
COARSEST = 32  # blocks between those that are coded first
# Scale levels (entropy/grid.py) of a vector's parts, fitted to fields of the training clips
# (docs/decisions.md#levels-of-the-motion-field): by the bits of how far both neighbours are apart (rows) and of how far
# the field before is from the prediction (columns), in quarters of a pel; of vectors without neighbours, between
# neighbours two or more blocks off, and between blocks side by side.
FIRST, FAR, NEAR = range(3)
LEVELS = np.array(
    [
        [[29] * 8] * 8,
        [
            [8, 18, 23, 30, 34, 43, 48, 55],
            [16, 20, 22, 23, 24, 28, 31, 34],
            [21, 24, 26, 27, 28, 31, 33, 36],
            [26, 28, 30, 32, 33, 36, 39, 41],
            [32, 35, 35, 36, 38, 41, 44, 44],
            [37, 38, 40, 41, 44, 46, 49, 52],
            [40, 41, 43, 44, 47, 50, 53, 54],
            [51, 51, 51, 52, 55, 56, 56, 58],
        ],
        [
            [6, 12, 12, 12, 12, 12, 12, 12],
            [17, 19, 20, 21, 21, 21, 21, 21],
            [22, 24, 25, 26, 26, 26, 27, 27],
            [27, 29, 31, 32, 32, 34, 34, 34],
            [34, 35, 36, 37, 38, 40, 41, 41],
            [40, 40, 41, 41, 43, 45, 46, 47],
            [45, 45, 45, 45, 47, 50, 51, 53],
            [54, 54, 54, 54, 54, 56, 56, 58],
        ],
    ],
    dtype=np.int32,
)
_POWERS = 2 ** np.arange(LEVELS.shape[-1] - 1, dtype=np.int32)


def align(picture: Picture, field: Field) -> Picture:
    """The picture moved along the field."""
    y, u, v = picture.planes
    return Picture(warp.warp(y, field), warp.warp(u, field, chroma=True), warp.warp(v, field, chroma=True))


def field_or_zeros(picture: Picture, field: Field | None) -> Field:
    """The field of the picture before, vectors of 0 where it had none."""
    return np.zeros(warp.field_shape(picture.height, picture.width), dtype=np.int32) if field is None else field


def code_field(field: Field | None, field_before: Field, tables: TableSet, coder: Coder) -> Field:
    """Code a field; `field_before` is that of the picture before, of the same shape. Returns the field."""
    coder.begin("motion")
    known = np.zeros_like(field_before)
    for step in passes(field_before.shape[1], field_before.shape[2]):
        place = (slice(None), *step.places)
        temporal = field_before[place]
        one, other = (known[(slice(None), *near)] for near in step.between) if step.between else (temporal, temporal)
        predicted, level = predict(one, other, temporal, step.kind)
        index = np.broadcast_to(level * grid.FRACTIONS, temporal.shape)
        coded = coder.code(None if field is None else field[place], tables, index, predicted)
        known[place] = np.clip(coded, -warp.MAX_VECTOR, warp.MAX_VECTOR)
    return known


def predict(one: Field, other: Field, temporal: Field, kind: int | NDArray[np.intp]) -> tuple[Field, Field]:
    """What vectors are predicted to be, and the scale levels of both of their parts.

    one, other: their neighbours, temporal: those of the field before; (2, ...), both parts first. kind: which of
    LEVELS. Returns the median of the three, (2, ...), and levels, (...).
    """
    predicted = median(one, other, temporal)
    return predicted, LEVELS[kind, _bits(one - other), _bits(temporal - predicted)]


def median(one: Field, other: Field, third: Field) -> Field:
    """The median of three vectors, part by part."""
    return np.maximum(np.minimum(one, other), np.minimum(np.maximum(one, other), third))


def _bits(apart: Field) -> NDArray[np.intp]:
    """The binary digits of the larger part of vectors, at most as many as the tables have rows."""
    return np.asarray(np.searchsorted(_POWERS, np.abs(apart).max(axis=0), side="right"))


@dataclass(frozen=True)
class Pass:
    """Vectors that are coded together: where, between which known ones, if any, and which of LEVELS are theirs."""

    places: Places
    between: tuple[Places, Places] | None
    kind: int


def passes(height: int, width: int) -> Iterator[Pass]:
    """The order of a field of so many rows and columns."""
    every = np.arange(0, max(height, width), dtype=np.int32)
    rows, columns = every[:height, None], every[:width]
    yield Pass((rows[::COARSEST], columns[::COARSEST]), None, FIRST)
    distance = COARSEST // 2
    while distance:
        kind = FAR if distance > 1 else NEAR
        r, c = rows[distance :: 2 * distance], columns[:: 2 * distance]
        if r.size:
            yield Pass((r, c), ((r - distance, c), (_beyond(r, distance, height), c)), kind)
        r, c = rows[::distance], columns[distance :: 2 * distance]
        if c.size:
            yield Pass((r, c), ((r, c - distance), (r, _beyond(c, distance, width))), kind)
        distance //= 2


def _beyond(at: NDArray[np.int32], distance: int, size: int) -> NDArray[np.int32]:
    """The neighbour on the far side; the near one again where there is none."""
    return np.where(at + distance < size, at + distance, at - distance)
