"""The encoder's decisions in the inter path: which places are live, and each symbol of those, by rate and distortion.

    residual ─► in steps ─► promising places ─► a walk that writes nothing: symbols, what each place gains and costs
                                             └► those that gain ─► the walk that writes

Bits are those of the tables that symbols are coded with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Floats, Indices, Ints
from lvcodec.codec.inter import code_inter, padded_to_places
from lvcodec.entropy.coder import Coder, Writer
from lvcodec.entropy.tables import TableSet
from lvcodec.exact.patches import channels_of
from lvcodec.nets.coding import InterPath, as_numpy
from lvcodec.nets.inter_context import KNOTS, InterContext, group_of
from lvcodec.nets.linear import UNITS_PER_COEFFICIENT
from lvcodec.quality import INDICES_A_QUALITY, LAMBDAS
from lvcodec.video.picture import Picture

# What decides at which places symbols are tried: bits that each is taken to cost, and that a place has to save.
PRICE_OF_SYMBOL, PRICE_OF_PLACE = 4.0, 2.0
SHARE = 0.25  # of a quality's lambda that P- and B-pictures of that quality pay: later pictures mend their errors


def lambdas() -> list[float]:
    """Lambda of P- and B-pictures at the whole qualities 1 ... KNOTS; beyond the scale's end it goes on as it ended."""
    every = list(LAMBDAS)
    while len(every) < KNOTS:
        every.append(every[-1] ** 2 / every[-2])
    return [SHARE * value for value in every]


def lambda_of(quality_index: int) -> float:
    """Lambda of a P- or B-picture, geometric between whole qualities."""
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
    trial = _Trial.of(picture, prediction, coding, lmbda)
    code_inter(trial, context, coding, _Nothing())
    return code_inter(trial.again(), context, coding, coder)


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
    """Decides symbols as their tables become known, at the places that are allowed."""

    def __init__(
        self, real: Floats, worth: Floats, outward: Floats, allowed: NDArray[np.bool_], coding: InterPath
    ) -> None:
        """real: (places, M) steps; worth: the same shape, bits for a squared step; outward: (M,) symbols."""
        self._real, self._worth, self._outward, self._allowed, self._coding = real, worth, outward, allowed, coding
        self._gain = np.zeros(len(real), dtype=np.float32)  # bits, of symbols against none
        self._any = np.zeros(len(real), dtype=bool)

    @classmethod
    def of(cls, picture: Picture, prediction: Picture, coding: InterPath, lmbda: Floats) -> _Trial:
        """For a picture and its prediction. lmbda: of all places, or (places,)."""
        x, shown = (padded_to_places(each) for each in (picture, prediction))
        residual = channels_of([np.subtract(a[0, 0], b[0, 0], dtype=np.int16) for a, b in zip(x, shown, strict=True)])
        units = as_numpy(coding.analysis(residual.transpose(2, 0, 1)[None]))[0]
        real = np.asarray(units.reshape(len(units), -1).T / coding.inverse, dtype=np.float32)
        # A step is worth the same in all channels: those whose errors weigh more have finer ones.
        worth = lmbda * np.float32(coding.inverse.max() / UNITS_PER_COEFFICIENT) ** 2
        worth = np.broadcast_to(np.expand_dims(worth, -1), real.shape)
        size = np.abs(real)
        near = np.rint(size)
        promised = np.maximum(worth * near * (2 * size - near) - PRICE_OF_SYMBOL, 0).sum(axis=1)
        outward = coding.outward.astype(np.float32)
        return cls(real, worth, outward, promised > PRICE_OF_PLACE, coding)

    def again(self) -> _Trial:
        """The same at the places alone that gained by their symbols."""
        return _Trial(self._real, self._worth, self._outward, self._any & (self._gain > 0), self._coding)

    def live(self, places: Indices, index: Ints) -> Ints:
        dead, live, _ = _costs(self._coding.tables["live"], index)
        self._gain[places] += dead - live
        return self._allowed[places].astype(np.int32)

    def symbols(self, number: int, places: Indices, index: Ints) -> Ints:
        group = group_of(number, self._coding.shape)
        real, worth, outward = self._real[places, group], self._worth[places, group], self._outward[group]
        zero, one, further = _costs(self._coding.tables["inter"], index)
        size = np.abs(real)
        near = np.maximum(np.rint(size), 1)
        below = np.maximum(near - 1, 1)
        costs = [one + (k - 1) * further + worth * np.square(size - k - outward) for k in (near, below)]
        lower = costs[1] < costs[0]
        best, cost = np.where(lower, below, near), np.where(lower, costs[1], costs[0])
        nothing = worth * np.square(size)
        none = (zero + nothing < cost) | (size < 0.5)
        self._gain[places] += (nothing - np.where(none, zero + nothing, cost)).sum(axis=1)
        self._any[places] |= ~none.all(axis=1)
        return np.asarray(np.where(none, 0, best * np.sign(real)), dtype=np.int32)


def _costs(tables: TableSet, index: Ints) -> tuple[Floats, Floats, Floats]:
    """Bits of 0, of 1, and of each step beyond it, by the tables' numbers."""
    at = tables.offsets[index]
    one = tables.cost_bits[at + 1]
    further = tables.cost_bits[np.minimum(at + 3, at + tables.lengths[index] - 1)] - one
    return tables.cost_bits[at], one, further
