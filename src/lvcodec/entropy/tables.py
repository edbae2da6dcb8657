"""Sets of integer frequency tables, as they are shipped with the weights.

A table is a vector of n >= 2 counts, each >= 1, that sum to 2**24. Entry s < n - 1 stands for the s-th of the
integers 0, +1, -1, +2, -2, ...; the last entry is the escape, for every integer beyond. Nothing here computes
a probability from a model: builders.py does.
"""

from __future__ import annotations

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints
from lvcodec.errors import WeightsError

PRECISION_BITS = 24
TOTAL = 1 << PRECISION_BITS


def zigzag(values: Ints) -> Ints:
    """The symbols of signed integers: 0, +1, -1, +2, -2 become 0, 1, 2, 3, 4. |values| < 2**30."""
    symbols: Ints = (np.abs(values) << 1) - (values > 0)
    return symbols


def unzigzag(symbols: Ints) -> Ints:
    """The signed integers of zigzag symbols, 0 <= symbols < 2**31 - 1."""
    values: Ints = symbols + 1
    values >>= 1
    signs = symbols & 1
    signs <<= 1
    signs -= 1
    values *= signs
    return values


class TableSet:
    """T frequency tables, end to end in one vector.

    counts: (sum of lengths,) int32, >= 1, every table summing to 2**24; lengths: (T,) int32, >= 2.
    Both are what the weights store. Raises WeightsError if they are not such tables.
    """

    def __init__(self, counts: NDArray[Any], lengths: NDArray[Any]) -> None:
        self.counts = _int32_vector("counts", counts)
        self.lengths = _int32_vector("lengths", lengths)
        if self.lengths.size == 0 or int(self.lengths.min()) < 2:
            raise WeightsError("a set of frequency tables needs tables of at least 2 entries")
        ends = np.cumsum(self.lengths, dtype=np.int64)
        if int(ends[-1]) != self.counts.size:
            raise WeightsError(f"frequency tables of {ends[-1]} entries come with {self.counts.size} counts")
        if int(self.counts.min()) < 1:
            raise WeightsError("a frequency table has a count below 1")
        self.offsets = ends - self.lengths  # (T,) int64
        sums = np.add.reduceat(self.counts, self.offsets, dtype=np.int64)
        wrong = np.flatnonzero(sums != TOTAL)
        if wrong.size:
            raise WeightsError(f"frequency table {wrong[0]} sums to {sums[wrong[0]]}, not {TOTAL}")
        self._models: list[Any] = [None] * self.lengths.size
        self._below: NDArray[np.uint32] | None = None
        self._cost_bits: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return self.lengths.size

    def table(self, number: int) -> Ints:
        """The counts of one table, as a view."""
        start = int(self.offsets[number])
        return self.counts[start : start + int(self.lengths[number])]

    def model(self, number: int) -> Any:
        """constriction's model of one table: made at its first use, kept afterwards."""
        model = self._models[number]
        if model is None:
            model = self._models[number] = exact_model(self.table(number))
        return model

    @property
    def below(self) -> NDArray[np.uint32]:
        """Of every entry the counts of its table's entries before it, (sum of lengths,), in the order of `counts`."""
        if self._below is None:
            ends = np.cumsum(self.counts, dtype=np.int64)
            starts = np.arange(len(self), dtype=np.int64) << PRECISION_BITS  # of tables, among all counts
            self._below = (ends - self.counts - np.repeat(starts, self.lengths)).astype(np.uint32)
        return self._below

    @property
    def cost_bits(self) -> NDArray[np.float32]:
        """-log2 p of every entry, (sum of lengths,), in the order of `counts`. No decoder needs it."""
        if self._cost_bits is None:
            self._cost_bits = (PRECISION_BITS - np.log2(self.counts)).astype(np.float32)
        return self._cost_bits


def bits_of(
    tables: TableSet, index: NDArray[Any], centre: NDArray[Any], sign: NDArray[Any], values: NDArray[Any]
) -> NDArray[np.float64]:
    """Bits of each value (-log2 p, and those of an escape), of index's shape; arguments as for Coder.code."""
    symbols = zigzag(np.asarray((values - centre) * sign, np.int32))
    last = tables.lengths[index] - 1
    bits = tables.cost_bits[tables.offsets[index] + np.minimum(symbols, last)].astype(np.float64)
    beyond = symbols - last
    digits = np.frexp(np.maximum(beyond, 0) + 1)[1] - 1  # of an escape in Exp-Golomb bits, after its leading one
    return np.where(beyond >= 0, bits + 2 * digits + 1, bits)


def exact_model(counts: Ints) -> Any:
    """A constriction model whose integer frequencies are exactly `counts` (each >= 1, sum 2**24, 2 or more).

    constriction takes floats, spreads 2**24 - n over them and adds one to each: given counts - 1, which sum
    to 2**24 - n, its factor is exactly 1. Without `perfect=False` it prints on stdout and may choose others.
    """
    return constriction.stream.model.Categorical((counts - 1).astype(np.float64), perfect=False)


def _int32_vector(name: str, array: NDArray[Any]) -> Ints:
    array = np.asarray(array)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise WeightsError(f"the {name} of frequency tables are not a vector of integers")
    if array.size and (int(array.min()) < 0 or int(array.max()) > TOTAL):
        raise WeightsError(f"the {name} of frequency tables are out of range")
    return np.ascontiguousarray(array, dtype=np.int32)
