"""The decision of blocks by rate and distortion, with the bits that `codec/motion.py` will take.

Of each size, from small to large, blocks try vectors and what is predicted, and are worth

    error + price * (bits of kind, difference and flag)  or, split,  price * (bits of the flag) + worth of the quarters

A vector is paid for by itself, and in part by those that it predicts. All blocks of a size are decided at once, with
neighbours as the round before left them.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np

from lvcodec import native
from lvcodec.arrays import Floats, Indices, Ints
from lvcodec.codec import blocks
from lvcodec.codec.blocks import AS_PREDICTED, PREDICTED, SPLIT, UNIFORM, Blocks, Expected, Flags
from lvcodec.codec.counts import DIRECTIONS
from lvcodec.codec.motion import MIXED, Field
from lvcodec.encoder.errors import Errors
from lvcodec.encoder.neighbours import NUDGES
from lvcodec.encoder.rates import Rates
from lvcodec.exact import warp

# docs/decisions.md#blocks-of-several-sizes
LATER = 0.5  # of the bits that a vector costs or saves those that it predicts: they may change too
DIRECTION_ROUNDS = 3
# docs/decisions.md#steps-of-the-search
STEPS = np.concatenate([size * NUDGES for size in (1, 2, 4, 8)], axis=1)  # up to two pels away
LIKELY = 5  # vectors that are tried first: others must be able to win against them
HOPELESS = np.float32(np.inf)

# of vectors (2, n) at places of the field (n,), none below 0; kernels know those of encoder/errors.py
ErrorsOf = Callable[[Field, Indices], Floats]


class Tree:
    """A picture's blocks while they are decided, each of its places by its number.

    field: to begin with; predicted: what its blocks are predicted to be, (2, rows, columns) both; side: of a place, in
    luma pels; price: of a bit, in errors.
    """

    def __init__(self, field: Field, predicted: Field, side: int, errors: ErrorsOf, price: float, rates: Rates) -> None:
        self._shape = rows, columns = field.shape[1:]
        self._order, self._rates = blocks.order(rows, columns, side), rates
        self._errors, self._price = errors, np.float32(price)
        self._predicted, self._vectors = predicted.reshape(2, -1), field.reshape(2, -1).copy()
        self._places = np.arange(rows * columns)
        self._leaves = np.ones(rows * columns, dtype=np.int32)
        self._one, self._other, self._level = self._places.copy(), self._places.copy(), np.zeros_like(self._places)
        for steps in self._order.steps:
            for step in steps:
                self._one[step.places], self._other[step.places] = step.one, step.other
                self._level[step.places] = step.level
        self._error_as_predicted = errors(self._predicted, self._places)

    @property
    def field(self) -> Field:
        return self._vectors.reshape(2, *self._shape)

    @property
    def leaves(self) -> Ints:
        """(rows, columns): the size of the leaf that each place lies in."""
        return self._leaves.reshape(self._shape)

    def decide(self, rounds: int) -> None:
        """Decide all blocks, so many times or until nothing changes."""
        kernels = native.kernels()
        for number in range(rounds):
            vectors, leaves, later = self._vectors, self._leaves, number > 0
            # first they are all of the smallest size, and say little of later ones
            if kernels is None or not isinstance(self._errors, Errors):
                self._round(later=later)
            else:
                self._vectors, self._leaves = np.empty_like(vectors), np.empty_like(leaves)
                self._round_of(kernels, self._errors, vectors, leaves, later=later)
            if np.array_equal(vectors, self._vectors) and np.array_equal(leaves, self._leaves):
                break

    def _round_of(self, kernels: ModuleType, errors: Errors, vectors: Ints, leaves: Ints, *, later: bool) -> None:
        """A round by kernels, from vectors (2, rows * columns) and sizes of leaves (rows * columns,) to its own."""
        now = vectors, leaves, np.ascontiguousarray(self._predicted, dtype=np.int32), self._error_as_predicted
        places = (each.astype(np.int32) for each in (self._one, self._other, self._level))
        rates = self._rates.kinds, self._rates.flags, self._rates.differences
        price = *self._shape, len(self._order.blocks), float(self._price), LATER * later
        kernels.decide(self._vectors, self._leaves, *now, *places, *rates, STEPS, *price, errors.compared)

    def _round(self, *, later: bool) -> None:
        coded = self._coded()
        now = self._rates.of_vectors(self._vectors[:, None, coded], self._expected(coded))[0]
        vectors, leaves, worth = self._vectors.copy(), self._leaves.copy(), np.zeros(0, dtype=np.float32)
        for level in reversed(range(len(self._order.blocks))):
            sized = self._order.blocks[level]
            tried = self._tried(level, vectors)
            expected = self._expected(sized.first)
            bits = self._rates.of_vectors(tried, expected)
            if later:
                bits = bits + np.float32(LATER) * self._change_of_later(sized, tried, coded, now)
            if level + 1 == len(self._order.blocks):
                chosen, worth = self._best(sized, tried, bits)
                flags = np.full(sized.first.size, UNIFORM)
            else:
                chosen, flags, worth = self._with_flags(level, tried, bits, vectors, worth)
            _take(sized, chosen, flags, self._predicted, vectors, leaves)
        self._vectors, self._leaves = vectors, leaves

    def _coded(self) -> Indices:
        """The first places of all leaves, which are those whose vectors are coded."""
        rows, columns = np.divmod(self._places, self._shape[1])
        return np.flatnonzero((rows % self._leaves == 0) & (columns % self._leaves == 0))

    def _expected(self, at: Indices) -> Expected:
        predicted, first = self._predicted[:, at], self._level[at] == 0
        one, other = (np.where(first, predicted, self._vectors[:, near[at]]) for near in (self._one, self._other))
        return blocks.expected(one, other, predicted, self._level[at])

    def _tried(self, level: int, vectors: Ints) -> Ints:
        """(2, K, n): vectors to try for the blocks of a size, the kinds of `blocks` and their own first.

        vectors: those that have been found for smaller blocks in this round.
        """
        sized = self._order.blocks[level]
        own = self._vectors[:, None, sized.first]
        tried = [
            self._expected(sized.first).candidates.transpose(1, 0, 2),
            own,
            self._vectors[:, sized.beside],
            own + STEPS[:, :, None],
            np.zeros_like(own),
        ]
        if level + 1 < len(self._order.blocks):
            quarters = np.where(sized.has_quarter, sized.quarters, sized.quarters[0])
            tried.append(vectors[:, self._order.blocks[level + 1].first[quarters]])
        return np.asarray(np.clip(np.concatenate(tried, axis=1), -warp.MAX_VECTOR, warp.MAX_VECTOR))

    def _with_flags(
        self, level: int, tried: Ints, bits: Floats, vectors: Ints, worth: Floats
    ) -> tuple[Ints, Indices, Floats]:
        """Of the blocks of a size that may be split: vectors, flags, and what they are worth.

        vectors, worth: of the size below.
        """
        sized, rates = self._order.blocks[level], self._rates.flags
        beside = self._vectors[:, sized.beside]
        whole = blocks.whole_blocks(sized, self._predicted)
        predicted = self._predicted[:, None, sized.first]
        context = blocks.flag_context(level, tried, beside[:, :, None], whole, (tried == predicted).all(axis=0))
        chosen, least = self._best(sized, tried, bits + rates[context, UNIFORM])
        as_predicted = bits[PREDICTED] + rates[context[PREDICTED], AS_PREDICTED]
        as_predicted = _sums(sized, self._error_as_predicted) + self._price * as_predicted
        as_predicted = np.where(whole, np.inf, as_predicted)
        own = vectors[:, sized.first]
        context = blocks.flag_context(level, own, beside, whole, (own == predicted[:, 0]).all(axis=0))
        quarters = np.where(sized.has_quarter, worth[sized.quarters], 0).sum(axis=0)
        options = np.empty((3, sized.first.size), dtype=np.float32)
        options[UNIFORM], options[AS_PREDICTED] = least, as_predicted
        options[SPLIT] = quarters + self._price * rates[context, SPLIT]
        flags = options.argmin(axis=0)
        return chosen, flags, options.min(axis=0)

    def _best(self, sized: Blocks, tried: Ints, bits: Floats) -> tuple[Ints, Floats]:
        """Of each block the vector (2, n) of (2, K, n) that costs least, and what it costs. bits: (K, n), of all."""
        rates = self._price * bits
        errors = np.full(rates.shape, HOPELESS)
        self._fill_errors(errors[:LIKELY], sized, tried[:, :LIKELY], np.ones((LIKELY, rates.shape[1]), dtype=bool))
        least = (errors[:LIKELY] + rates[:LIKELY]).min(axis=0)
        self._fill_errors(errors[LIKELY:], sized, tried[:, LIKELY:], rates[LIKELY:] < least)
        cost = errors + rates
        best, every = cost.argmin(axis=0), np.arange(cost.shape[1])
        return tried[:, best, every], cost[best, every]

    def _fill_errors(self, errors: Floats, sized: Blocks, tried: Ints, wanted: Flags) -> None:
        number, place = np.nonzero(wanted[:, sized.number])
        block = sized.number[place]
        each = self._errors(tried[:, number, block], place)
        sums = np.bincount(number * wanted.shape[1] + block, each, minlength=wanted.size).reshape(wanted.shape)
        errors[wanted] = sums[wanted]

    def _change_of_later(self, sized: Blocks, tried: Ints, coded: Indices, now: Floats) -> Floats:
        """(K, n): by how much vectors of blocks change the bits of those that they predict, as these are now.

        coded: places whose vectors are; now: their bits.
        """
        change = np.zeros(tried.shape[1:], dtype=np.float32)
        own = sized.number[coded]
        later = self._level[coded] > 0
        for near, far, swapped in ((self._one, self._other, False), (self._other, self._one, True)):
            block, far = sized.number[near[coded]], far[coded]
            here = np.flatnonzero(later & (block != own))
            at, block, beyond = coded[here], block[here], far[here]
            given = tried[:, :, block]
            both = sized.number[beyond] == block
            pair = given, np.where(both, given, self._vectors[:, None, beyond])
            one, other = pair[::-1] if swapped else pair
            expected = blocks.expected(one, other, self._predicted[:, None, at], self._level[at])
            bits = self._rates.of_vectors(self._vectors[:, None, at], expected) - now[here]
            bits = np.where(both, bits / 2, bits)  # counted twice
            for total, each in zip(change, bits, strict=True):
                total += np.bincount(block, each, minlength=total.size)
        return change

    def directions(self, errors: Callable[[Field, Indices], Floats]) -> Ints:
        """(rows, columns): which references a B-picture's blocks show. errors: (3, n) of vectors (2, n) at places."""
        coded, (rows, columns) = self._coded(), np.divmod(self._places, self._shape[1])
        first = (rows - rows % self._leaves) * self._shape[1] + columns - columns % self._leaves
        leaf = np.searchsorted(coded, first)
        sums = [np.bincount(leaf, one, minlength=coded.size) for one in errors(self._vectors, self._places)]
        costs = np.stack(sums) / max(self._price, np.float32(1e-9))  # in bits
        level = self._level[coded]
        beside = _Beside(leaf[self._one[coded]], leaf[self._other[coded]], level, self._rates.directions)
        turn = (rows[coded] // self._leaves[coded] + columns[coded] // self._leaves[coded]) % 2
        best, least = costs.argmin(axis=0), np.inf
        for start in (best, *(np.full(coded.size, each) for each in range(DIRECTIONS))):
            chosen = start
            for number in range(2 * DIRECTION_ROUNDS):
                chosen = np.where(turn == number % 2, (costs + beside.bits(chosen)).argmin(axis=0), chosen)
            cost = float(costs[chosen, np.arange(coded.size)].sum()) + beside.total(chosen)
            if cost < least:
                best, least = chosen, cost
        found: Ints = best.astype(np.int32)[leaf].reshape(self._shape)
        return found


class _Beside:
    """The bits of directions of n leaves, by those that they are coded after.

    one, other: (n,) the leaves that each is coded after; level: (n,) as in blocks.Step; rates: bits by context.
    """

    def __init__(self, one: Indices, other: Indices, level: Indices, rates: Floats) -> None:
        self._one, self._other, self._rates = one, other, rates
        self._later, self._table = level > 0, level * (MIXED + 1)

    def _context(self, near: Indices | int, far: Indices) -> Indices:
        context: Indices = self._table + np.where(self._later, np.where(near == far, near, MIXED), 0)
        return context

    def total(self, chosen: Indices) -> float:
        """Bits of all directions (n,)."""
        return float(self._rates[self._context(chosen[self._one], chosen[self._other]), chosen].sum())

    def bits(self, chosen: Indices) -> Floats:
        """(3, n): bits of each direction for a leaf, and of the leaves after it, as these are chosen (n,)."""
        near, far = chosen[self._one], chosen[self._other]
        bits = self._rates[self._context(near, far)].T.copy()
        for direction in range(DIRECTIONS):
            for leaf, beside in ((self._one, far), (self._other, near)):
                after = np.where(self._later, self._rates[self._context(direction, beside), chosen], 0)
                bits[direction] += np.bincount(leaf, after, minlength=chosen.size)
        return bits


def _sums(sized: Blocks, of_places: Floats) -> Floats:
    """(n,): sums over the places of each block."""
    return np.bincount(sized.number, of_places, minlength=sized.first.size).astype(np.float32)


def _take(sized: Blocks, chosen: Ints, flags: Indices, predicted: Ints, vectors: Ints, leaves: Ints) -> None:
    """Make those blocks leaves that are not split, in vectors (2, rows * columns) and sizes of leaves."""
    flag = flags[sized.number]
    uniform, as_predicted = flag == UNIFORM, flag == AS_PREDICTED
    vectors[:, uniform] = chosen[:, sized.number[uniform]]
    vectors[:, as_predicted] = predicted[:, as_predicted]
    leaves[uniform | as_predicted] = sized.size
