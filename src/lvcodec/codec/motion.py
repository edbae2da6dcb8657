"""The motion of a P-picture: how its field of vectors is coded, and how the last picture is seen through it.

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

import numpy as np
from numpy.typing import NDArray

from lvcodec.entropy import grid
from lvcodec.entropy.coder import Coder
from lvcodec.entropy.tables import TableSet
from lvcodec.exact import warp
from lvcodec.video.picture import Picture

Field = NDArray[np.int32]
COARSEST = 32
# Scale levels (entropy/grid.py) of a vector's parts, fitted to fields of the training clips (docs/training-log.md): by
# the bits of how far both neighbours are apart (rows) and of how far the field before is from the prediction (columns),
# in quarters of a pel; between neighbours two or more blocks off, and between blocks side by side.
FIRST_LEVEL = 29
FAR_LEVELS = np.array([[8, 18, 23, 30, 34, 43, 48, 55],
                       [16, 20, 22, 23, 24, 28, 31, 34],
                       [21, 24, 26, 27, 28, 31, 33, 36],
                       [26, 28, 30, 32, 33, 36, 39, 41],
                       [32, 35, 35, 36, 38, 41, 44, 44],
                       [37, 38, 40, 41, 44, 46, 49, 52],
                       [40, 41, 43, 44, 47, 50, 53, 54],
                       [51, 51, 51, 52, 55, 56, 56, 58]], dtype=np.int32)
NEAR_LEVELS = np.array([[6, 12, 12, 12, 12, 12, 12, 12],
                        [17, 19, 20, 21, 21, 21, 21, 21],
                        [22, 24, 25, 26, 26, 26, 27, 27],
                        [27, 29, 31, 32, 32, 34, 34, 34],
                        [34, 35, 36, 37, 38, 40, 41, 41],
                        [40, 40, 41, 41, 43, 45, 46, 47],
                        [45, 45, 45, 45, 47, 50, 51, 53],
                        [54, 54, 54, 54, 54, 56, 56, 58]], dtype=np.int32)
_POWERS = 2 ** np.arange(len(FAR_LEVELS) - 1)


def align(picture: Picture, field: Field) -> Picture:
    """The picture seen through the field."""
    y, u, v = picture.planes
    return Picture(warp.warp(y, field), warp.warp(u, field, chroma=True), warp.warp(v, field, chroma=True))


def before(picture: Picture, field: Field | None) -> Field:
    """The field of the picture before, vectors of 0 where it had none."""
    return np.zeros(warp.field_shape(picture.height, picture.width), dtype=np.int32) if field is None else field


def code_field(field: Field | None, before: Field, tables: TableSet, coder: Coder) -> Field:
    """Code a field; `before` is that of the picture before, of the same shape. Returns the field."""
    coder.begin("motion")
    known = np.zeros_like(before)
    for rows, columns, vertical, distance in _passes(before.shape[1], before.shape[2]):
        place = _place(rows, columns)
        temporal = before[place]
        level = np.full(temporal.shape, FIRST_LEVEL, dtype=np.int32)
        predicted = temporal
        if distance:
            axis, at = (1, rows) if vertical else (2, columns)
            one = known[_moved(rows, columns, axis, at - distance)]
            last = known.shape[axis] - 1
            beyond = np.where(at + distance <= last, at + distance, at - distance)
            other = known[_moved(rows, columns, axis, beyond)]
            predicted = np.maximum(np.minimum(one, other), np.minimum(np.maximum(one, other), temporal))
            levels = FAR_LEVELS if distance > 1 else NEAR_LEVELS
            level = np.broadcast_to(levels[_bits(one - other), _bits(temporal - predicted)], temporal.shape)
        index = level * grid.FRACTIONS
        coded = coder.code(None if field is None else field[place], tables, index, predicted)
        known[place] = np.clip(coded, -warp.MAX_VECTOR, warp.MAX_VECTOR)
    return known


def _bits(apart: Field) -> NDArray[np.intp]:
    """The binary digits of the larger part of vectors, (2, ...), at most as many as the tables have rows."""
    return np.asarray(np.digitize(np.abs(apart).max(axis=0), _POWERS))


def _place(rows: Field, columns: Field) -> tuple[slice, Field, Field]:
    """Where these rows and columns of a field cross, both parts."""
    return slice(None), rows[:, None], columns


def _moved(rows: Field, columns: Field, axis: int, at: Field) -> tuple[slice, Field, Field]:
    return _place(at, columns) if axis == 1 else _place(rows, at)


def _passes(height: int, width: int) -> Iterator[tuple[Field, Field, bool, int]]:
    """Rows, columns, whether the neighbours are above and below, and their distance; 0: there are none."""
    every = np.arange(0, max(height, width), dtype=np.int32)
    rows, columns = every[:height], every[:width]
    yield rows[::COARSEST], columns[::COARSEST], False, 0
    distance = COARSEST // 2
    while distance:
        yield from ((r, c, v, distance) for r, c, v in (
            (rows[distance :: 2 * distance], columns[:: 2 * distance], True),
            (rows[::distance], columns[distance :: 2 * distance], False)) if r.size and c.size)
        distance //= 2
