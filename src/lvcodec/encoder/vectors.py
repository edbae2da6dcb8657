"""The decision of vectors by the bits that `motion.code_field` will take for them.

A vector is paid for by itself, and again by those that it predicts, which the order of coding spreads over the field:

    cost of a vector = its block's error + price * (its own bits + those of the vectors that it is a neighbour of)

A sweep goes through the field in the order of coding. Of each block it tries what predicts it, vectors beside it and
those a quarter of a pel away; the blocks that it decides together neither predict each other nor another one together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np

from lvcodec.arrays import Floats, Indices, Ints
from lvcodec.codec.motion import FIRST, Field, median, passes, predict
from lvcodec.entropy import grid
from lvcodec.entropy.builders import scale_grid_tables
from lvcodec.entropy.tables import bits_of
from lvcodec.exact import warp

# docs/decisions.md#constants-of-the-search-that-only-save-time
FARTHEST = 1024  # a difference of that many quarters costs what any larger one costs
NUDGES = np.array([[0, 0, -1, 1], [-1, 1, 0, 0]], dtype=np.int32)  # by a quarter of a pel each way
INNER = slice(1, -1)  # a row or column without its border

AnyInts = TypeVar("AnyInts", Ints, Indices)
Errors = Callable[[Field, Indices], Floats]  # of vectors (2, n) at blocks (n,)


class Group(NamedTuple):
    """Blocks that are decided together.

    blocks: (n,); priced: (m, n) each block and those that it predicts; counts: (m, n) 0 where there are fewer.
    """

    blocks: Indices
    priced: Indices
    counts: Floats


class Order(NamedTuple):
    """A field's order of coding by numbers of blocks.

    one, other: (N,) the neighbours that a block is predicted from; kind: (N,) which of motion.LEVELS; beside: (4, N)
    the blocks above, below, to the left and right, at the edges the block itself.
    """

    one: Indices
    other: Indices
    kind: Indices
    beside: Indices
    groups: list[Group]


def bordered(blocks: AnyInts) -> AnyInts:
    """What each block has, (..., rows, columns), with a border of one that repeats the edge.

    numpy's pad takes ten times as long.
    """
    rows, columns = (np.clip(np.arange(-1, size + 1), 0, size - 1) for size in blocks.shape[-2:])
    return blocks[..., rows[:, None], columns]


def neighbours(blocks: AnyInts) -> Iterator[AnyInts]:
    """What the blocks above, below, to the left and right have, at the edges the block itself."""
    grown = bordered(blocks)
    for rows, columns in ((slice(-2), INNER), (slice(2, None), INNER), (INNER, slice(-2)), (INNER, slice(2, None))):
        yield grown[..., rows, columns]


@lru_cache(maxsize=8)
def order(rows: int, columns: int) -> Order:
    """The order of a field of that size."""
    numbers = np.arange(rows * columns).reshape(rows, columns)
    one, other = numbers.copy(), numbers.copy()
    kind = np.full_like(numbers, FIRST)
    together: list[Indices] = []
    for step in passes(rows, columns):
        kind[step.places] = step.kind
        own = numbers[step.places]
        together.append(own)
        if step.between:
            one[step.places], other[step.places] = (numbers[near] for near in step.between)
    heirs: list[list[int]] = [[] for _ in range(numbers.size)]
    for block in np.flatnonzero(kind.ravel() != FIRST):
        for near in {int(one.flat[block]), int(other.flat[block])}:
            heirs[near].append(int(block))
    beside = np.stack(list(neighbours(numbers))).reshape(4, -1)
    groups = [_group(half, heirs) for own in together for half in _halves(own) if half.size]
    return Order(one.ravel(), other.ravel(), kind.ravel(), beside, groups)


def _halves(blocks: Indices) -> tuple[Indices, Indices]:
    """Every other one: those that are next to each other in a pass may predict a block between them."""
    odd = np.indices(blocks.shape).sum(axis=0) % 2 == 1
    return blocks[~odd], blocks[odd]


def _group(blocks: Indices, heirs: list[list[int]]) -> Group:
    most = max(len(heirs[block]) for block in blocks)
    priced = np.tile(blocks, (1 + most, 1))
    counts = np.zeros(priced.shape, dtype=np.float32)
    counts[0] = 1
    for column, block in enumerate(blocks):
        own = heirs[block]
        priced[1 : 1 + len(own), column] = own
        counts[1 : 1 + len(own), column] = 1
    return Group(blocks, priced, counts)


@lru_cache(maxsize=1)
def _costs() -> Floats:
    """(LEVELS, FARTHEST + 1): bits of a difference from the prediction, by the tables that all weights have."""
    tables = scale_grid_tables("laplace", grid.scales(), grid.fractions()[:1])
    level, apart = np.indices((grid.LEVELS, FARTHEST + 1), dtype=np.int32)
    return bits_of(tables, level, np.zeros_like(apart), np.ones_like(apart), apart).astype(np.float32)


def bits(fields: Field, field_before: Field, walk: Order, blocks: Indices) -> Floats:
    """Bits of vectors, (K, *the shape of blocks).

    fields: (2, K, N), K fields; field_before: (2, N); blocks: of any shape.
    """
    at = blocks.ravel()
    temporal = field_before[:, None, at]
    first = walk.kind[at] == FIRST
    one, other = (np.where(first, temporal, fields[:, :, near[at]]) for near in (walk.one, walk.other))
    predicted, level = predict(one, other, temporal, walk.kind[at])
    apart = np.minimum(np.abs(fields[:, :, at] - predicted), FARTHEST)
    counted: Floats = _costs()[level, apart].sum(axis=0)
    return counted.reshape(-1, *blocks.shape)


def sweep(field: Field, field_before: Field, errors: Errors, price: float) -> Field:
    """The field after one sweep; by error + price * bits it is no worse than the one before the sweep.

    field, field_before: (2, rows, columns); errors: of vectors at blocks; price: of a bit, in errors.
    """
    walk = order(*field.shape[1:])
    chosen, temporal = field.reshape(2, -1).copy(), field_before.reshape(2, -1)
    for blocks, priced, counts in walk.groups:
        tried = _candidates(chosen, temporal, walk, blocks)
        fields = np.repeat(chosen[:, None], tried.shape[1], axis=1)
        fields[:, :, blocks] = tried
        rate = (bits(fields, temporal, walk, priced) * counts).sum(axis=1)
        error = errors(tried.reshape(2, -1), np.tile(blocks, tried.shape[1])).reshape(rate.shape)
        best = (error + np.float32(price) * rate).argmin(axis=0)
        chosen[:, blocks] = tried[:, best, np.arange(blocks.size)]
    return chosen.reshape(field.shape)


def _candidates(chosen: Field, temporal: Field, walk: Order, blocks: Indices) -> Field:
    """(2, K, n): vectors to try at each of n blocks, first those that they have."""
    own, temporal_here = chosen[:, blocks], temporal[:, blocks]
    one, other = chosen[:, walk.one[blocks]], chosen[:, walk.other[blocks]]
    tried = np.stack([own, temporal_here, np.zeros_like(own), one, other, median(one, other, temporal_here)], axis=1)
    tried = np.concatenate([tried, chosen[:, walk.beside[:, blocks]], own[:, None] + NUDGES[:, :, None]], axis=1)
    return np.asarray(np.clip(tried, -warp.MAX_VECTOR, warp.MAX_VECTOR))
