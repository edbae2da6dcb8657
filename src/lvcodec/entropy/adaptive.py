"""Tables that learn: counts of what has been seen, and the frequencies that they stand for. Integers only.

    counts ── rule ──► frequencies that sum to 2^24 ──► one picture's symbols ── counted, added, halved ──► counts

Both sides hold the same counts, so both make the same tables; docs/bitstream.md has the rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Indices, Ints
from lvcodec.entropy.tables import TOTAL, TableSet

INCREMENT = 32  # what one symbol adds to its count
MOST = 1 << 11  # of a table's counts together; beyond it all are halved


def tables_of(counts: Ints, sizes: Ints) -> TableSet:
    """A table of each row of counts.

    counts: (T, S) >= 0, 0 from a row's own number of symbols on and above 0 before it somewhere, a row summing to
    less than 2^31; sizes: (T,) >= 1, symbols of each table, at most S. Entry s gets 1 + floor(c_s (2^24 - size - 1) /
    sum of c), the escape 1, the first entry what is left.
    """
    wide = counts.astype(np.int64)
    frequencies = 1 + wide * (TOTAL - 1 - sizes[:, None].astype(np.int64)) // wide.sum(axis=1, keepdims=True)
    entries = np.arange(counts.shape[1] + 1)
    frequencies = np.pad(frequencies, ((0, 0), (0, 1)), constant_values=1)
    used = entries <= sizes[:, None]  # the one after the last symbol is the escape
    frequencies *= used
    frequencies[:, 0] += TOTAL - frequencies.sum(axis=1)
    return TableSet(frequencies[used].astype(np.int32), (sizes + 1).astype(np.int32))


def seen_in(tables: Indices, symbols: Indices, shape: tuple[int, ...]) -> Ints:
    """How often each symbol was coded with each table, (T, S)."""
    flat = np.bincount(tables * shape[1] + symbols, minlength=shape[0] * shape[1])
    times: Ints = flat.astype(np.int32).reshape(shape)
    return times


def updated(counts: Ints, seen: NDArray[np.integer[Any]]) -> Ints:
    """The counts after more has been seen, (T, S) both: rows above MOST are halved, upwards, until they are not.

    seen: 0 or more, each sum of a row below 2^58; so large pictures see a symbol 2^26 times, which 32 bits cannot add.
    """
    after = counts + INCREMENT * seen.astype(np.int64)
    while (high := after.sum(axis=1) > MOST).any():
        after[high] = (after[high] + 1) >> 1
    return after.astype(np.int32)
