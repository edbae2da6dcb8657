"""The motion of a predicted picture: how its field of vectors is coded, and how references are seen through it.

    places (codec/blocks.py), coarse to fine:  kind ──► direction, in B-pictures ──► difference, of new vectors
    blocks, large to small:                    of one vector, as predicted, or split

A P-picture has one vector a block, from its reference. A B-picture has one too: the reference before it is seen
along it, the one after it against it, each scaled by its distance; what is coded is how that differs from temporal
direct, and which of the references are seen. Probabilities are learned from picture to picture (codec/counts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lvcodec.arrays import Indices, Ints
from lvcodec.codec import blocks
from lvcodec.codec.blocks import AS_PREDICTED, NEW, SPLIT, UNIFORM, Blocks, Step
from lvcodec.codec.counts import (
    CLASSES,
    DIFFERENCES_AT,
    DIRECTIONS,
    DIRECTIONS_AT,
    FLAGS_AT,
    ONE_KIND,
    Counts,
    Seen,
)
from lvcodec.entropy.coder import Coder
from lvcodec.entropy.tables import TOTAL, TableSet, unzigzag, zigzag
from lvcodec.errors import StreamError
from lvcodec.exact import warp
from lvcodec.video.picture import Picture

Field = Ints
BOTH, BEFORE, AFTER = range(DIRECTIONS)  # which references a block of a B-picture shows
MIXED = 3  # neighbours of two directions
CHROMA = (False, True, True)  # which planes are
# docs/decisions.md#blocks-of-8-pels
FINE_FROM = 100  # quality indices of I-pictures from this on: the GOP's fields have blocks of 8 pels


@dataclass(frozen=True)
class Motion:
    """Where the blocks of a picture come from.

    side: luma pels of the side of the field's blocks, one of warp.SIDES. field: (2, rows, columns) int32, quarters of a
    luma pel, |v| <= warp.MAX_VECTOR. leaves: (rows, columns) int32, the sizes of the blocks that were coded, in blocks
    of the field. direction: (rows, columns) int32, BOTH, BEFORE or AFTER, of a B-picture.
    """

    side: int
    field: Field
    leaves: Ints
    direction: Ints | None = None


def side_at(quality_index: int) -> int:
    """That of the blocks of fields in a GOP whose I-picture has this quality."""
    return warp.FINE_SIDE if quality_index >= FINE_FROM else warp.COARSE_SIDE


def still(height: int, width: int, side: int) -> Field:
    """Vectors of 0 for a picture of so many luma pels."""
    return np.zeros(warp.field_shape(height, width, side), dtype=np.int32)


def scaled(field: Field, numerator: int, denominator: int) -> Field:
    """Vectors times numerator / denominator > 0, to the nearest whole number, halves away from zero; clamped."""
    if numerator == denominator:
        return field
    sizes = (2 * np.abs(field.astype(np.int64)) * numerator + denominator) // (2 * denominator)
    return np.asarray(np.sign(field) * np.minimum(sizes, warp.MAX_VECTOR), dtype=np.int32)


def code_motion(
    motion: Motion | None, predicted: Field, side: int, counts: Counts, coder: Coder, *, two: bool
) -> tuple[Motion, Seen]:
    """Code the motion of a picture; returns it, and what its tables saw.

    motion: to write, its blocks either of one vector or as predicted; None to read. predicted: (2, rows, columns) the
    motion of the picture before for a P-picture, temporal direct for a B-picture, in blocks of this side; two: whether
    it is such a one. Raises StreamError if the payload is damaged.
    """
    coder.begin("motion")
    shape = predicted.shape[1:]
    walk = _Walk(predicted, motion, counts, coder, two=two)
    order = blocks.order(*shape, side=side)
    for level, steps in enumerate(order.steps):
        for step in steps:
            walk.code_vectors(step)
        walk.code_blocks(level, order.blocks[level], last=level + 1 == len(order.blocks))
    return walk.motion(side, shape), walk.seen


class _Walk:
    """One picture's motion on its way through the coder, by numbers of places."""

    def __init__(self, predicted: Field, motion: Motion | None, counts: Counts, coder: Coder, *, two: bool) -> None:
        self._coder, self._tables, self._first_table = coder, counts.tables, ONE_KIND * two
        self.seen = Seen()
        base = predicted.reshape(2, -1)
        self._base = base if two else np.zeros_like(base)
        self._predicted = np.zeros_like(base) if two else base
        self._vectors = np.zeros_like(base)
        self._direction = np.zeros(base.shape[1], dtype=np.int32) if two else None
        self._leaves = np.zeros(base.shape[1], dtype=np.int32)
        self._open = np.ones(base.shape[1], dtype=bool)  # not yet known to lie in a leaf
        self._wanted = None if motion is None else motion.field.reshape(2, -1) - self._base
        self._wanted_leaves = None if motion is None else motion.leaves.ravel()
        self._wanted_direction = None if motion is None or motion.direction is None else motion.direction.ravel()

    def motion(self, side: int, shape: tuple[int, ...]) -> Motion:
        field = np.clip(self._vectors + self._base, -warp.MAX_VECTOR, warp.MAX_VECTOR)
        direction = None if self._direction is None else self._direction.reshape(shape)
        return Motion(side, field.reshape(2, *shape), self._leaves.reshape(shape), direction)

    def code_vectors(self, step: Step) -> None:
        """Code the vectors and directions of places that are in no leaf yet."""
        coded = self._open[step.places]
        at, one, other = step.places[coded], step.one[coded], step.other[coded]
        if not at.size:
            return
        source = self._vectors if step.level else self._predicted
        expected = blocks.expected(source[:, one], source[:, other], self._predicted[:, at], step.level)
        wanted = None if self._wanted is None else self._wanted[:, at]
        kinds = self._symbols(None if wanted is None else _kinds(wanted, expected.candidates), expected.kind)
        if self._direction is not None:
            agreed = self._direction[one]
            agreed = np.where(agreed == self._direction[other], agreed, MIXED) if step.level else np.zeros_like(agreed)
            given = None if self._wanted_direction is None else self._wanted_direction[at]
            table = DIRECTIONS_AT - self._first_table + step.level * (MIXED + 1) + agreed
            self._direction[at] = self._symbols(given, table)
        vectors = expected.candidates[np.minimum(kinds, NEW - 1), :, np.arange(kinds.size)].T
        new = kinds == NEW
        if new.any():
            centre = expected.candidates[0][:, new]
            given = None if wanted is None else wanted[:, new] - centre
            vectors[:, new] = centre + self._differences(given, expected.difference[new])
        self._vectors[:, at] = vectors

    def code_blocks(self, level: int, sized: Blocks, *, last: bool) -> None:
        """Say which blocks are leaves, and fill those; all of the smallest size, which come last, are."""
        here = np.flatnonzero(self._open[sized.first])
        flags = np.zeros(sized.first.size, dtype=np.intp)
        if not last and here.size:
            first, own = sized.first[here], self._vectors[:, sized.first[here]]
            whole = blocks.whole_blocks(sized, self._predicted)[here]
            near = (own == self._predicted[:, first]).all(axis=0)
            context = blocks.flag_context(level, own, self._vectors[:, sized.beside[:, here]], whole, near)
            flags[here] = self._symbols(self._wanted_flags(sized, here), FLAGS_AT + context)
        of_place = flags[sized.number]
        uniform = self._open & (of_place == UNIFORM)
        first = sized.first[sized.number]
        self._vectors[:, uniform] = self._vectors[:, first[uniform]]
        filled = uniform | (self._open & (of_place == AS_PREDICTED))
        if self._direction is not None:
            self._direction[filled] = self._direction[first[filled]]
        as_predicted = filled & ~uniform
        self._vectors[:, as_predicted] = self._predicted[:, as_predicted]
        self._leaves[filled] = sized.size
        self._open &= ~filled

    def _wanted_flags(self, sized: Blocks, here: Indices) -> Indices | None:
        if self._wanted is None or self._wanted_leaves is None:
            return None
        differs = (self._wanted != self._wanted[:, sized.first[sized.number]]).any(axis=0)
        varied = np.bincount(sized.number, differs, minlength=sized.first.size)[here] > 0
        split = self._wanted_leaves[sized.first[here]] < sized.size
        return np.where(split, SPLIT, np.where(varied, AS_PREDICTED, UNIFORM))

    def _symbols(self, symbols: Indices | Ints | None, tables: Indices) -> Indices:
        """Code symbols, each with its table; returns them."""
        tables = (tables + self._first_table).astype(np.int32)  # which the coder takes as they are
        values = None if symbols is None else unzigzag(np.asarray(symbols, dtype=np.int32))
        coded = zigzag(self._coder.code(values, self._tables, tables)).astype(np.intp)
        if (coded >= self._tables.lengths[tables] - 1).any():
            raise StreamError("damaged payload: a symbol of motion that does not exist")
        self.seen.add(tables, coded)
        return coded

    def _differences(self, wanted: Ints | None, context: Indices) -> Ints:
        """Code differences (2, n): binary digits of their sizes, then the sign and all digits but the first."""
        tables = DIFFERENCES_AT + np.stack([context, context + blocks.DIFFERENCE_CONTEXTS])
        classes = self._symbols(None if wanted is None else np.frexp(np.abs(wanted))[1], tables)
        there = classes > 0
        digits = classes[there]
        half = np.left_shift(1, digits - 1).astype(np.int32)
        rest = None
        if wanted is not None:
            given = wanted[there]
            rest = unzigzag(np.where(given > 0, given - half, -given))
        coded = zigzag(self._coder.code(rest, _evenly(), (digits - 1).astype(np.int32)))
        if (coded >= 2 * half).any():
            raise StreamError("damaged payload: a vector's difference that does not exist")
        differences = np.zeros(classes.shape, dtype=np.int32)
        differences[there] = np.where(coded < half, coded + half, -coded)
        return differences


def _kinds(wanted: Ints, candidates: Ints) -> Indices:
    """The first kind that gives each vector, NEW where none does."""
    same = (candidates == wanted).all(axis=1)
    return np.where(same.any(axis=0), same.argmax(axis=0), NEW)


@lru_cache(maxsize=1)
def _evenly() -> TableSet:
    """Table d - 1: 2^d symbols, all equally likely; the last gives one of 2^24 to the escape."""
    counts = []
    for digits in range(1, CLASSES):
        each = np.full((1 << digits) + 1, TOTAL >> digits, dtype=np.int32)
        each[-2:] = (TOTAL >> digits) - 1, 1
        counts.append(each)
    return TableSet(np.concatenate(counts), np.array([one.size for one in counts], dtype=np.int32))


def predict(before: Picture, motion: Motion) -> Picture:
    """A P-picture's prediction: its reference moved along the field."""
    y, u, v = (
        warp.warp(plane, motion.field, motion.side, chroma=chroma)
        for plane, chroma in zip(before.planes, CHROMA, strict=True)
    )
    return Picture(y, u, v)


def predict_both(before: Picture, after: Picture, motion: Motion, to_before: int, to_after: int) -> Picture:
    """A B-picture's prediction, from the references to_before pictures before it and to_after pictures after it.

    The field is over the greater of the two distances: along it to the reference before, against it to the one after.
    """
    if motion.direction is None:
        raise ValueError("a B-picture's motion needs directions")
    fields = both_fields(motion.field, to_before, to_after)
    shown = motion.direction != AFTER, motion.direction != BEFORE
    y, u, v = (
        warp.warp_both(planes, fields, shown, motion.side, chroma=chroma)
        for planes, chroma in zip(zip(before.planes, after.planes, strict=True), CHROMA, strict=True)
    )
    return Picture(y, u, v)


def both_fields(field: Field, to_before: int, to_after: int) -> tuple[Field, Field]:
    """The vectors from a B-picture to its references, of those over the greater of the two distances."""
    distance = max(to_before, to_after)
    return scaled(field, to_before, distance), -scaled(field, to_after, distance)
