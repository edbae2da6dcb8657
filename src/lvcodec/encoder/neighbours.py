"""Blocks beside blocks: what those of a field have above, below, to the left and right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from lvcodec.arrays import Indices, Ints

NUDGES = np.array([[0, 0, -1, 1], [-1, 1, 0, 0]], dtype=np.int32)  # by a quarter of a pel each way
INNER = slice(1, -1)  # a row or column without its border

AnyInts = TypeVar("AnyInts", Ints, Indices)


def neighbours(blocks: AnyInts) -> Iterator[AnyInts]:
    """What the blocks above, below, to the left and right have, at the edges the block itself."""
    grown = _bordered(blocks)
    for rows, columns in ((slice(-2), INNER), (slice(2, None), INNER), (INNER, slice(-2)), (INNER, slice(2, None))):
        yield grown[..., rows, columns]


def _bordered(blocks: AnyInts) -> AnyInts:
    """What each block has, (..., rows, columns), with a border of one that repeats the edge.

    numpy's pad takes ten times as long.
    """
    rows, columns = (np.clip(np.arange(-1, size + 1), 0, size - 1) for size in blocks.shape[-2:])
    return blocks[..., rows[:, None], columns]
