"""What comes in over the edges: which blocks of a P-picture show what the reference has not."""

from __future__ import annotations

import numpy as np
import pytest

from lvcodec.codec.motion import Motion
from lvcodec.encoder.entering import WEIGHT, weights
from lvcodec.exact import warp

ROWS, COLUMNS = 3, 4
HEIGHT, WIDTH = 40, 64  # the last row of blocks has 8 pels
ALL, NONE = slice(None), slice(0)


@pytest.mark.parametrize("side", warp.SIDES)
@pytest.mark.parametrize(
    ("vector", "rows", "columns"),
    [
        ((0, 0), NONE, NONE),
        ((-3, 3), NONE, NONE),  # less than a pel
        ((-4, 0), slice(0, 1), ALL),
        ((4, 0), slice(2, 3), ALL),
        ((0, -4), ALL, slice(0, 1)),
        ((0, 4 * 17), ALL, slice(2, 4)),
        ((4 * 9, 0), slice(1, 3), ALL),  # of the second row of blocks, whose last pel is at 31, one pel
    ],
)
def test_blocks_that_reach_beyond_an_edge(vector: tuple[int, int], rows: slice, columns: slice, side: int) -> None:
    shape = warp.field_shape(HEIGHT, WIDTH, side)
    field = np.broadcast_to(np.array(vector, dtype=np.int32)[:, None, None], shape)
    want = np.ones((ROWS, COLUMNS))
    want[rows, columns] = WEIGHT
    motion = Motion(side, field, np.ones(shape[1:], np.int32))
    np.testing.assert_array_equal(weights(motion, HEIGHT, WIDTH), want.ravel())


def test_one_block_of_a_place_is_enough() -> None:
    """Of blocks of 8 pels, in a picture whose rows of them are odd."""
    field = np.zeros(warp.field_shape(HEIGHT, WIDTH, warp.FINE_SIDE), np.int32)
    field[0, 4, 5] = 4  # the last row's, a pel down; its place has no row of blocks below
    want = np.ones((ROWS, COLUMNS))
    want[2, 2] = WEIGHT
    motion = Motion(warp.FINE_SIDE, field, np.ones(field.shape[1:], np.int32))
    np.testing.assert_array_equal(weights(motion, HEIGHT, WIDTH), want.ravel())
