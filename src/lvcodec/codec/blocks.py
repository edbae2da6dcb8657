"""Blocks of several sizes in a field of vectors: in which order they are coded, and what each is predicted from.

A block of 64x64 luma pels is a leaf or split in four, down to those of the field, 16x16 or 8x8. A leaf's vector is
coded at its first place, the upper left one, and places are coded from coarse to fine: those of blocks of 64 first,
then within blocks that are split those midway between known ones, rows before columns.

    0 . 2 . 0        0  first places of blocks of twice the size, known
    . . . . .        1  midway between two 0s of a column
    1 . 2 . 1        2  midway between two places of a row
    . . . . .
    0 . 2 . 0
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Indices, Ints

LARGEST = 64  # luma pels of the side of the largest blocks
SIZES = 4  # of blocks, at most: of those of 64 pels, 32, 16 and, in a field of such, 8
SMALL = 3  # the level of blocks of 16, and up
COARSEST = 16  # places between those that are coded first

MEDIAN, ONE, OTHER, PREDICTED, NEW = range(5)  # kinds of vectors
KINDS = 5
UNIFORM, AS_PREDICTED, SPLIT = range(3)  # what a block is
FLAGS = 3
PATTERNS = 8  # of what neighbours and prediction have in common
LEVELS = SIZES + 1  # of places: those that are coded first, then by the size of blocks
SPREADS = 8
KIND_CONTEXTS = LEVELS * PATTERNS
DIFFERENCE_CONTEXTS = 2 * SPREADS  # of one part of a vector
FLAG_CONTEXTS = (SIZES - 1) * 5 * 3
CLOSE = 4  # quarters of a pel: what is nearer is taken to be one motion

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Step:
    """Places that are coded together, (n,) by their numbers in raster order: each between one and other.

    level: 0 for those coded first, which are next to none; else 1 + the number of the size of blocks they are of.
    """

    level: int
    places: Indices
    one: Indices
    other: Indices


@dataclass(frozen=True)
class Blocks:
    """The blocks of one size.

    first: (n,) first places; beside: (4, n) those of the blocks above, below, to the left and right, at the edges the
    block's own; number: (rows * columns,) the block that each place lies in; quarters: (4, n) the blocks of half the
    size that it is split into, those in the picture; has_quarter: (4, n) which are.
    """

    size: int
    first: Indices
    beside: Indices
    number: Indices
    quarters: Indices
    has_quarter: Flags


@dataclass(frozen=True)
class Order:
    """steps[k] come before it is said which blocks[k] are split, from large to small; the last are not."""

    steps: tuple[tuple[Step, ...], ...]
    blocks: tuple[Blocks, ...]


@lru_cache(maxsize=16)
def order(rows: int, columns: int, side: int) -> Order:
    """The order of a field of so many rows and columns, of blocks with a side of so many luma pels."""
    sizes = sizes_of(side)
    numbers = np.arange(rows * columns).reshape(rows, columns)
    first = numbers[::COARSEST, ::COARSEST].ravel()
    steps: list[list[Step]] = [[] for _ in sizes]
    steps[0].append(Step(0, first, first, first))
    distance = COARSEST // 2
    while distance:
        level = sizes.index(distance) if distance in sizes else 0
        for down, right in ((distance, 0), (0, distance)):
            start, every = (down, (2 * distance, 2 * distance)) if down else (0, (distance, 2 * distance))
            r = np.arange(start, rows, every[0])[:, None]
            c = np.arange(right, columns, every[1])
            own = numbers[r, c].ravel()
            if own.size:
                one = numbers[r - down, c - right].ravel()
                far = numbers[np.minimum(r + down, rows - 1), np.minimum(c + right, columns - 1)]
                beyond = (r + down >= rows) | (c + right >= columns)
                other = np.where(beyond, one.reshape(far.shape), far).ravel()
                steps[level].append(Step(1 + level, own, one, other))
        distance //= 2
    return Order(tuple(map(tuple, steps)), tuple(_blocks(numbers, size) for size in sizes))


def sizes_of(side: int) -> tuple[int, ...]:
    """Sizes of the blocks of a field whose own have this side, in those, from large to small."""
    largest = LARGEST // side
    return tuple(largest >> number for number in range(largest.bit_length()))


def _blocks(numbers: Indices, size: int) -> Blocks:
    rows, columns = numbers.shape
    first = numbers[::size, ::size]
    r, c = np.arange(first.shape[0])[:, None], np.arange(first.shape[1])
    beside = [
        first[np.clip(r + down, 0, first.shape[0] - 1), np.clip(c + right, 0, first.shape[1] - 1)]
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1))
    ]
    number = np.arange(first.size).reshape(first.shape).repeat(size, axis=0).repeat(size, axis=1)
    down, right = (np.array(each)[:, None, None] for each in ((0, 0, 1, 1), (0, 1, 0, 1)))
    halves = [-(-2 * each // size) for each in (rows, columns)]
    has_quarter = (2 * r + down < halves[0]) & (2 * c + right < halves[1])
    quarters = np.where(has_quarter, (2 * r + down) * halves[1] + 2 * c + right, 0)
    return Blocks(
        size,
        first.ravel(),
        np.stack(beside).reshape(4, -1),
        number[:rows, :columns].ravel(),
        quarters.reshape(4, -1),
        has_quarter.reshape(4, -1),
    )


_PATTERNS_OF_ONE = np.array([0, *[1] * (CLOSE - 1), 2])  # where neighbours agree, by how far the prediction is


@dataclass(frozen=True)
class Expected:
    """What vectors may be without a difference, and the contexts they are coded in.

    candidates: (NEW, 2, ...), by kind; kind, difference: (...) contexts below KIND_CONTEXTS and DIFFERENCE_CONTEXTS.
    """

    candidates: Ints
    kind: Indices
    difference: Indices


def expected(one: Ints, other: Ints, predicted: Ints, level: Indices | int) -> Expected:
    """Of vectors, from those of both neighbours and what is predicted, (2, ...); level: as in Step."""
    middle = np.maximum(np.minimum(one, other), np.minimum(np.maximum(one, other), predicted))
    apart, off = _distance(one, other), _distance(predicted, middle)
    far = np.minimum(_distance(predicted, one), _distance(predicted, other))
    differ = np.maximum(apart, off)
    pattern = np.where(
        apart == 0,
        _PATTERNS_OF_ONE[np.minimum(far, CLOSE)],
        np.where(far == 0, 3 + (apart >= CLOSE), 5 + (differ >= CLOSE) + (differ >= 4 * CLOSE)),
    )
    spread = np.minimum(np.frexp(differ)[1], SPREADS - 1)
    small = np.greater_equal(level, SMALL)
    candidates = np.empty((NEW, *middle.shape), dtype=np.int32)
    for kind, vectors in enumerate((middle, one, other, predicted)):
        candidates[kind] = vectors
    return Expected(
        candidates,
        np.asarray(level * PATTERNS + pattern, dtype=np.intp),
        np.asarray(small * SPREADS + spread, dtype=np.intp),
    )


def _distance(vectors: Ints, others: Ints) -> Ints:
    """The greater of the distances of both parts, (2, ...)."""
    parts = np.abs(vectors - others)
    greater: Ints = np.maximum(parts[0], parts[1])  # numpy's max along an axis of 2 takes several times as long
    return greater


def flag_context(level: int, own: Ints, beside: Ints, whole: Flags, near: Flags) -> Indices:
    """Of what blocks are, (...), below FLAG_CONTEXTS.

    level: number of the size; own: (2, ...) their first vectors; beside: (2, 4, ...) those of the blocks beside them;
    whole: whether one vector is predicted for all of the block; near: and whether it is its own.
    """
    agree = (beside == own[:, None]).all(axis=0).sum(axis=0)
    return np.asarray((level * 5 + agree) * 3 + np.where(whole, np.where(near, 0, 1), 2), dtype=np.intp)


def whole_blocks(blocks: Blocks, predicted: Ints) -> Flags:
    """(n,): whether what is predicted, (2, rows * columns), is one vector for all of a block."""
    differs = (predicted != predicted[:, blocks.first[blocks.number]]).any(axis=0)
    return np.asarray(np.bincount(blocks.number, differs, minlength=blocks.first.size) == 0)
