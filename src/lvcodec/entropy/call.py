"""One call of the coder, as who writes or reads its symbols gets it, and the account of what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints
from lvcodec.entropy.tables import TableSet
from lvcodec.errors import InputError, StreamError

ESCAPE_BITS = 24
VALUE_LIMIT = 1 << ESCAPE_BITS  # every |value - centre| below this can be coded, whatever the table


class Account:
    """How often each entry of a set of tables was coded, and the bits of the escapes."""

    def __init__(self, tables: TableSet) -> None:
        self.tables = tables
        self.uses: NDArray[np.uint32] = np.zeros(tables.counts.size, dtype=np.uint32)
        self.escape_bits = 0

    @property
    def bits(self) -> float:
        """The sum of -log2 p."""
        used = np.flatnonzero(self.uses)
        costs = self.uses[used] * self.tables.cost_bits[used].astype(np.float64)
        return float(np.add.reduce(costs)) + self.escape_bits


@dataclass(frozen=True)
class Call:
    """Elements to code. index: (n,) int32 table numbers; centre, sign: (n,) or (1,) int32.

    Whether they are in range is for those to check who go through them; the errors are below.
    """

    tables: TableSet
    index: Ints
    centre: Ints
    sign: Ints
    account: Account


class CallWriter(Protocol):
    """Writes symbols."""

    def write(self, values: Ints, call: Call) -> None:
        """Write (n,) values. Raises InputError if a number of theirs or of the call is out of range."""

    def end(self) -> tuple[int, int, int]:
        """All words as one number, how many they are, and by how much that number may rise.

        The last word is the first one that lies in the final interval whatever follows.
        """


def last_word(low: int, width: int) -> tuple[int, int]:
    """The first word that lies in the interval whatever follows, and how far it may rise.

    low, width: the interval, in 2^-64 of the word before. The word is 2^32 where one is carried.
    """
    end = low + (1 << 32) - 1
    return end >> 32, ((low + width - 1) >> 32) - (end >> 32)


class CallReader(Protocol):
    """Reads symbols."""

    def read(self, call: Call) -> Ints:
        """(n,) values. Raises InputError if a number of the call is out of range, StreamError if there is no code."""


def index_outside(tables: TableSet) -> InputError:
    """A table number that is none."""
    return InputError(f"a table index is outside the set of {len(tables)} tables")


def no_sign() -> InputError:
    """A sign that is none."""
    return InputError("a sign is neither -1 nor 1")


def too_far() -> InputError:
    """A value that cannot be coded."""
    return InputError(f"a value is {VALUE_LIMIT} or more from its centre, too far to be coded")


def no_code() -> StreamError:
    """Words that no encoder writes."""
    return StreamError("damaged payload: no symbol has this code")


def endless() -> StreamError:
    """An escape that no encoder writes."""
    return StreamError(f"damaged payload: an escaped symbol of more than {ESCAPE_BITS} bits")
