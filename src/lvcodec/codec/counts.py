"""What motion's tables have seen: counts in the decoder's state, from their first values to those of a long GOP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from lvcodec.arrays import Indices, Ints
from lvcodec.codec import first_counts
from lvcodec.codec.blocks import DIFFERENCE_CONTEXTS, FLAG_CONTEXTS, FLAGS, KIND_CONTEXTS, KINDS, LEVELS
from lvcodec.entropy import adaptive
from lvcodec.entropy.tables import TableSet

CLASSES = 17  # binary digits of a difference's parts, 0 ... 16
WIDEST = CLASSES  # symbols of the largest tables
DIRECTIONS = 3
DIRECTION_CONTEXTS = LEVELS * 4
# rows of counts: kinds, flags and differences of P-pictures, those of B-pictures, and directions
FLAGS_AT = KIND_CONTEXTS
DIFFERENCES_AT = FLAGS_AT + FLAG_CONTEXTS
ONE_KIND = DIFFERENCES_AT + 2 * DIFFERENCE_CONTEXTS  # tables of a kind of pictures
DIRECTIONS_AT = 2 * ONE_KIND
TABLES = DIRECTIONS_AT + DIRECTION_CONTEXTS
TABLE_SIZES = np.repeat(
    np.array([KINDS, FLAGS, CLASSES, KINDS, FLAGS, CLASSES, DIRECTIONS], dtype=np.int32),
    [*2 * (KIND_CONTEXTS, FLAG_CONTEXTS, 2 * DIFFERENCE_CONTEXTS), DIRECTION_CONTEXTS],
)


class Seen:
    """How often a picture coded each symbol with each table."""

    def __init__(self) -> None:
        self._coded: list[tuple[Indices, Indices]] = []

    def add(self, tables: Indices, symbols: Indices) -> None:
        self._coded.append((tables.ravel(), symbols.ravel()))

    @cached_property
    def times(self) -> Ints:
        """(TABLES, WIDEST), once all is added."""
        if not self._coded:
            return np.zeros((TABLES, WIDEST), dtype=np.int32)
        tables, symbols = (np.concatenate(parts) for parts in zip(*self._coded, strict=True))
        return adaptive.seen_in(tables, symbols, (TABLES, WIDEST))


@dataclass(frozen=True)
class Counts:
    """(TABLES, WIDEST) counts, rows as `TABLE_SIZES` says how long."""

    times: Ints

    @classmethod
    def fresh(cls) -> Counts:
        """Those after an I-picture."""
        return _fresh()

    def updated(self, seen: Sequence[Seen]) -> Counts:
        """The counts after pictures that were coded with them, in any order."""
        total = np.sum([one.times for one in seen], axis=0, dtype=np.int64)
        return Counts(adaptive.updated(self.times, total))

    @cached_property
    def tables(self) -> TableSet:
        return adaptive.tables_of(self.times, TABLE_SIZES)


@lru_cache(maxsize=1)
def _fresh() -> Counts:
    both = first_counts.DIFFERENCES
    rows = [
        [int(count) for count in row.split()]
        for text in (
            *(first_counts.P_KINDS, first_counts.P_FLAGS, both),
            *(first_counts.B_KINDS, first_counts.B_FLAGS, both),
            first_counts.DIRECTIONS,
        )
        for row in text.split("|")
    ]
    times = np.where(np.arange(WIDEST) < TABLE_SIZES[:, None], 1, 0).astype(np.int32)
    for counts, row in zip(times, rows, strict=True):
        counts[: len(row)] = row
    return Counts(times)
