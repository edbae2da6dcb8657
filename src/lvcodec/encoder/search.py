"""The encoder's search for motion: dense optical flow, then one vector a block by rate and distortion.

    flow ── median of each block ── groups of blocks ── each by itself, roughness as rate ── tree by its bits ──► motion

Roughness finds the way to a smooth field; what it costs is counted last, by encoder/tree.py.
Only the encoder does this, so it need not be exact, and may be replaced without touching the format.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.arrays import Floats
from lvcodec.codec.counts import Counts
from lvcodec.codec.motion import Field, Motion, scaled
from lvcodec.encoder.errors import Errors, ErrorsOfBoth, ErrorsOfOne, whole_groups
from lvcodec.encoder.flow import SMALLEST, optical_flow
from lvcodec.encoder.neighbours import NUDGES, neighbours
from lvcodec.encoder.rates import Rates
from lvcodec.encoder.tree import Tree
from lvcodec.exact import warp
from lvcodec.presets import DEFAULT_PRESET, ENCODER_PRESETS
from lvcodec.quality import lambda_of
from lvcodec.video.picture import Picture

# docs/decisions.md#price-of-roughness
BITS = 3.0  # what one doubling of the distance to one neighbour is taken to cost
# By the side of a field's blocks (docs/decisions.md#blocks-of-8-pels):
# docs/decisions.md#price-of-a-bit-of-motion
PRICE = {16: 5.0, 8: 9.0}  # of a bit, where one that errors are weighed against costs 1: residuals mend errors too
# docs/decisions.md#errors-that-residuals-mend
MENDED = {16: 150.0, 8: 300.0}  # bits: a block's error that costs more counts by its logarithm, as residuals mend it
ONE_REFERENCE_BITS = 3.0  # what a block of a B-picture that shows one reference is taken to cost
# docs/decisions.md#groups-of-the-search
GROUPS = (128, 64, 32, 16)  # luma pels of a side
ROUNDS = ENCODER_PRESETS[DEFAULT_PRESET].rounds


def search(
    picture: Picture,
    reference: Picture,
    predicted: Field,
    side: int,
    quality: float,
    counts: Counts,
    rounds: int = ROUNDS,
) -> Motion:
    """The motion that brings `reference` near to a P-picture, by rate and distortion.

    predicted, side, counts: as for `code_motion`. quality: 1..9, says what a bit is worth. rounds: how often all blocks
    are decided by their bits.
    """
    y = picture.y
    bit = _bit(quality, side)
    errors = ErrorsOfOne(y, reference.y, predicted.shape, side, MENDED[side] * bit)
    start = _smoothed(errors, _of_blocks(_flow(y, reference.y), side), [np.zeros_like(predicted), predicted], bit)
    tree = Tree(start, predicted, side, errors, PRICE[side] * bit, Rates.of(counts, two=False))
    tree.decide(rounds)
    return Motion(side, tree.field, tree.leaves)


def search_both(
    picture: Picture,
    before: Picture,
    after: Picture,
    direct: Field,
    side: int,
    to_before: int,
    to_after: int,
    quality: float,
    counts: Counts,
    rounds: int = ROUNDS,
) -> Motion:
    """The motion of a B-picture. direct: temporal direct; to_before, to_after: as for `predict_both`; else as above."""
    y, distance, bit = picture.y, max(to_before, to_after), _bit(quality, side)
    one_reference = ONE_REFERENCE_BITS * PRICE[side] * bit
    errors = ErrorsOfBoth(y, before.y, after.y, direct, side, to_before, to_after, one_reference, MENDED[side] * bit)
    here = scaled(_of_blocks(_flow(y, before.y), side), distance, to_before) - direct
    there = -scaled(_of_blocks(_flow(y, after.y), side), distance, to_after) - direct
    still = np.zeros_like(direct)
    guesses = [np.clip(each, -warp.MAX_VECTOR, warp.MAX_VECTOR) for each in (here, there, (here + there) >> 1)]
    start = _smoothed(errors, still, guesses, bit)
    rates = Rates.of(counts, two=True)
    tree = Tree(start, still, side, errors, PRICE[side] * bit, rates)
    tree.decide(rounds)
    return Motion(side, direct + tree.field, tree.leaves, tree.directions(errors.by_direction))


def _bit(quality: float, side: int) -> float:
    """What a bit costs in the mean squared error of a block of this side."""
    return 1 / lambda_of(quality) / side**2


def _smoothed(errors: Errors, field: Field, guesses: list[Field], bit: float) -> Field:
    """A field with guesses taken where they are better, by errors and roughness: groups of blocks, then each block."""
    price = BITS * bit
    error = errors.of(field)
    for blocks in (side // errors.side for side in GROUPS if side > errors.side):
        for candidate in (*guesses, _common(field, blocks)):
            field, error = _choose(errors, field, error, candidate, price, blocks)
    for candidate in [*guesses, *neighbours(field), *_nudged(field)]:
        field, error = _choose(errors, field, error, candidate, price, 1)
    return field


def _flow(y: NDArray[np.uint8], ref: NDArray[np.uint8]) -> Floats:
    """(2, H, W): where each pel of y is in ref, in pels, vertical part first."""
    if min(y.shape) < SMALLEST:
        return np.zeros((2, *y.shape), dtype=np.float32)
    return np.ascontiguousarray(optical_flow(y, ref).transpose(2, 0, 1)[::-1])


def _of_blocks(flow: Floats, side: int) -> Field:
    """The median vector of each block of this side, to the nearest quarter."""
    _, rows, columns = warp.field_shape(flow.shape[1], flow.shape[2], side)
    grown = whole_groups(flow, side)
    some = grown.reshape(2, rows, side, columns, side)[:, :, 2::4, :, 2::4]  # one pel of sixteen tells enough
    vectors = np.median(some.transpose(0, 1, 3, 2, 4).reshape(2, rows, columns, -1), axis=3)
    return np.asarray(np.clip(np.round(vectors * warp.STEPS), -warp.MAX_VECTOR, warp.MAX_VECTOR), dtype=np.int32)


@cache
def _octaves() -> Floats:
    """What the distance of two vectors, the sum over both parts, counts for."""
    return np.asarray(np.log2(1 + np.arange(4 * warp.MAX_VECTOR + 1, dtype=np.float32)))


def _roughness(vectors: Field, field: Field) -> Floats:
    """(rows, columns): how far each vector is from its four neighbours in the field, in octaves."""
    cost = np.zeros(vectors.shape[1:], dtype=np.float32)
    for near in neighbours(field):
        cost += _octaves()[np.abs(vectors - near).sum(axis=0)]
    return cost


def _choose(
    errors: Errors, field: Field, error: Floats, candidate: Field, price: float, side: int
) -> tuple[Field, Floats]:
    """Take the candidate where it is better, for groups of side x side blocks, or 1 for each block by itself."""
    there = errors.of(candidate)
    kernels = native.kernels()
    if kernels is None:
        return (_chosen if side == 1 else _chosen_groups)(field, error, candidate, there, price, side)
    field, error, candidate = field.copy(), error.copy(), np.ascontiguousarray(candidate, dtype=np.int32)
    kernels.choose(field, error, candidate, there, _octaves(), *error.shape, side, price)
    return field, error


def _chosen(field: Field, error: Floats, candidate: Field, there: Floats, price: float, _: int) -> tuple[Field, Floats]:
    """Odd and even blocks in turn, since neighbours judge each other. there: the candidate's errors."""
    odd = np.indices(error.shape).sum(axis=0) % 2
    for parity in (0, 1):
        gain = error - there + np.float32(price) * (_roughness(field, field) - _roughness(candidate, field))
        better = (gain > 0) & (odd == parity)
        field, error = np.where(better, candidate, field), np.where(better, there, error)
    return field, error


def _chosen_groups(
    field: Field, error: Floats, candidate: Field, there: Floats, price: float, side: int
) -> tuple[Field, Floats]:
    """Whole groups: what no block would gain by alone."""
    gain = error - there + np.float32(price) * (_roughness(field, field) - _roughness(candidate, candidate))
    rows, columns = error.shape
    grown = np.pad(gain.astype(np.float64), ((0, -rows % side), (0, -columns % side)))
    sums = np.zeros_like(grown[::side, ::side])
    for down, across in np.ndindex(side, side):  # in this order, as floats do not sum alike in any
        sums += grown[down::side, across::side]
    better = (sums > 0).repeat(side, axis=0).repeat(side, axis=1)[:rows, :columns]
    return np.where(better, candidate, field), np.where(better, there, error)


def _common(field: Field, side: int) -> Field:
    """Each group of side x side blocks at the median of its vectors."""
    _, rows, columns = field.shape
    grown = whole_groups(field, side)
    groups = grown.reshape(2, grown.shape[1] // side, side, -1, side).transpose(0, 1, 3, 2, 4)
    middle: Field = np.median(groups.reshape(*groups.shape[:3], -1), axis=3).astype(np.int32)
    return middle.repeat(side, axis=1).repeat(side, axis=2)[:, :rows, :columns]


def _nudged(field: Field) -> Iterator[Field]:
    """The field a quarter of a pel further up, down, to the left, to the right: finer than optical flow is sure of."""
    for nudge in np.roll(NUDGES, 2, axis=1).T:  # up and down first: which of two equals is taken depends on the order
        yield np.clip(field + nudge[:, None, None], -warp.MAX_VECTOR, warp.MAX_VECTOR)
