"""The encoder's decisions in the inter path: which places are live, and each symbol of those, by rate and distortion.

    places that lack something ─► in steps ─► promising ones ─► a walk that writes nothing: symbols, what places gain
                                                             └► those that gain ─► the walk that writes

Bits are those of the tables that symbols are coded with. The compiled kernels and numpy decide the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.arrays import Floats, Indices, Ints
from lvcodec.codec.inter import code_inter
from lvcodec.encoder import residual
from lvcodec.entropy.coder import Coder, Writer
from lvcodec.entropy.tables import TableSet
from lvcodec.nets.coding import InterPath, as_numpy
from lvcodec.nets.inter_context import KNOTS, InterContext, group_of
from lvcodec.nets.linear import UNITS_PER_COEFFICIENT
from lvcodec.quality import INDICES_A_QUALITY, LAMBDAS
from lvcodec.video.picture import Picture

# What decides at which places symbols are tried: bits that each is taken to cost, and that a place has to save.
PRICE_OF_SYMBOL, PRICE_OF_PLACE = 4.0, 2.0
# docs/decisions.md#constants-of-the-search-that-only-save-time
LEAST = 8.0  # bits that all that a place lacks has to be worth before it is looked at
SHARE = 0.25  # of a quality's lambda that the inter path pays at that quality: later pictures mend errors


def lambdas() -> list[float]:
    """The inter path's lambda at the whole qualities 1 ... KNOTS; beyond the scale's end it goes on as it ended."""
    every = list(LAMBDAS)
    while len(every) < KNOTS:
        every.append(every[-1] ** 2 / every[-2])
    return [SHARE * value for value in every]


def lambda_of(quality_index: int) -> float:
    """Lambda of a picture of the inter path, geometric between whole qualities."""
    logs = np.log(lambdas())
    return float(np.exp(np.interp(quality_index / INDICES_A_QUALITY, np.arange(KNOTS), logs)))


def encode_inter(
    picture: Picture,
    prediction: Picture,
    context: InterContext,
    coding: InterPath,
    coder: Coder,
    weight: float | Floats = 1.0,
) -> Ints:
    """Decide a picture's symbols and write them. weight: of errors, or (places,). Returns symbols, (places, M)."""
    lmbda = np.asarray(weight * lambda_of(coding.quality_index), dtype=np.float32)
    trial, features = _Trial.of(picture, prediction, coding, lmbda), coding.features(context)
    code_inter(trial, context, coding, _Nothing(), features)
    trial.keep_gaining()
    return code_inter(trial, context, coding, coder, features)


class _Nothing(Writer):
    """A writer that writes nothing."""

    def code(
        self,
        values: NDArray[Any] | None,
        tables: TableSet,
        index: NDArray[Any],
        centre: NDArray[Any] | int = 0,
        sign: NDArray[Any] | int = 1,
    ) -> Ints:
        return np.asarray(values, dtype=np.int32)


class _Trial:
    """Decides symbols as their tables become known, at the places that are allowed: the rows of its arrays."""

    def __init__(self, real: Floats, worth: Floats, places: Indices, of_all: int, coding: InterPath) -> None:
        """real: (n, M) steps; worth: (n,), bits for a squared step; places: (n,), of so many."""
        self._real, self._worth, self._coding = real, worth, coding
        self._outward = coding.outward.astype(np.float32)
        self._row = np.full(of_all, -1, dtype=np.intp)
        self._row[places] = np.arange(places.size)
        self._gain = np.zeros(places.size, dtype=np.float32)  # bits, of symbols against none
        self._any = np.zeros(places.size, dtype=np.uint8)

    @classmethod
    def of(cls, picture: Picture, prediction: Picture, coding: InterPath, lmbda: Floats) -> _Trial:
        """For a picture and its prediction. lmbda: of all places, or (places,)."""
        energies = residual.energies(picture, prediction)
        lmbda = np.broadcast_to(lmbda, energies.shape)
        places = np.flatnonzero(lmbda * energies.astype(np.float32) > LEAST)
        units = as_numpy(coding.analysis(residual.at_places(picture, prediction, places)))
        real = np.asarray(units / coding.inverse, dtype=np.float32)
        # A step is worth the same in all channels: those whose errors weigh more have finer ones.
        worth = lmbda[places] * np.float32(coding.inverse.max() / UNITS_PER_COEFFICIENT) ** 2
        size = np.abs(real)
        near = np.rint(size)
        promised = np.maximum(worth[:, None] * near * (2 * size - near) - PRICE_OF_SYMBOL, 0).sum(axis=1)
        some = promised > PRICE_OF_PLACE
        return cls(real[some], worth[some], places[some], energies.size, coding)

    def keep_gaining(self) -> None:
        """Allow the places alone that gained by their symbols."""
        self._row[self._row >= 0] = np.where(self._any & (self._gain > 0), np.arange(self._gain.size), -1)

    def live(self, places: Indices, index: Ints) -> Ints:
        rows = self._row[places]
        allowed = rows >= 0
        tables, chosen = self._coding.tables["live"], index[allowed]
        dead = tables.offsets[chosen]
        self._gain[rows[allowed]] += tables.cost_bits[dead] - tables.cost_bits[dead + 1]
        return allowed.astype(np.int32)

    def symbols(self, number: int, places: Indices, index: Ints) -> Ints:
        rows, group = self._row[places], group_of(number, self._coding.shape)
        kernels = native.kernels()
        if kernels is None:
            return self._decided(rows, group, index)
        symbols, tables = np.empty(index.shape, dtype=np.int32), self._coding.tables["inter"]
        given = rows, np.ascontiguousarray(index), self._real, self._worth, self._outward
        form = index.shape[1], group.start, self._real.shape[1]
        costs = tables.offsets, tables.lengths, tables.cost_bits
        kernels.quantise(symbols, self._gain, self._any, *given, *costs, *form)
        return symbols

    def _decided(self, rows: Indices, group: slice, index: Ints) -> Ints:
        """The same without kernels."""
        real, worth, outward = self._real[rows, group], self._worth[rows, None], self._outward[group]
        zero, one, further = _costs(self._coding.tables["inter"], index)
        size = np.abs(real)
        near = np.maximum(np.rint(size), 1)
        below = np.maximum(near - 1, 1)
        costs = [one + (k - 1) * further + worth * np.square(size - k - outward) for k in (near, below)]
        lower = costs[1] < costs[0]
        best, cost = np.where(lower, below, near), np.where(lower, costs[1], costs[0])
        nothing = worth * np.square(size)
        none = (zero + nothing < cost) | (size < 0.5)
        gains = nothing - np.where(none, zero + nothing, cost)
        self._gain[rows] += np.cumsum(gains, axis=1)[:, -1]  # one by one, as the kernels add
        self._any[rows] |= ~none.all(axis=1)
        return np.asarray(np.where(none, 0, best * np.sign(real)), dtype=np.int32)


def _costs(tables: TableSet, index: Ints) -> tuple[Floats, Floats, Floats]:
    """Bits of 0, of 1, and of each step beyond it, by the tables' numbers."""
    at = tables.offsets[index]
    one = tables.cost_bits[at + 1]
    further = tables.cost_bits[np.minimum(at + 3, at + tables.lengths[index] - 1)] - one
    return tables.cost_bits[at], one, further
