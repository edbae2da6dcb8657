"""The coder's symbols by constriction and numpy: a batch of them for each table that a call uses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Indices, Ints
from lvcodec.entropy.call import (
    ESCAPE_BITS,
    VALUE_LIMIT,
    Call,
    endless,
    index_outside,
    last_word,
    no_code,
    no_sign,
    too_far,
)
from lvcodec.entropy.tables import TOTAL, TableSet, exact_model, unzigzag, zigzag

_BIT = exact_model(np.array([TOTAL // 2, TOTAL // 2], dtype=np.int32))


class Batches(ABC):
    """What writing and reading share: all but one batch of symbols."""

    def _run(self, call: Call, to_write: Ints | None) -> Ints:
        """Write the symbols, (n,), or read as many; returns them."""
        tables = call.tables
        order, used, sizes = _group(call.index, tables)
        last = np.repeat(tables.lengths[used] - 1, sizes)
        if to_write is None:
            symbols = np.empty(order.size, dtype=np.int32)
        else:
            symbols = np.minimum(to_write[order], last)

        end = 0
        for number, size in zip(used.tolist(), sizes.tolist(), strict=True):
            start, end = end, end + size
            self._batch(symbols[start:end], tables.model(number))
        entries = np.repeat(tables.offsets[used], sizes) + symbols
        call.account.uses += np.bincount(entries, minlength=tables.counts.size).astype(np.uint32)

        escaped = np.flatnonzero(symbols == last)
        if escaped.size:
            escaped = escaped[np.argsort(order[escaped])]
            beyond = np.zeros(escaped.size, dtype=np.int32)
            if to_write is not None:
                beyond = to_write[order[escaped]] - last[escaped]
            beyond = self._escapes(beyond)
            symbols[escaped] += beyond
            call.account.escape_bits += int((2 * _digits(beyond + 1) + 1).sum())
        flat = np.empty(order.size, dtype=np.int32)
        flat[order] = symbols
        return flat

    def _escapes(self, beyond: Ints) -> Ints:
        """Code integers in Exp-Golomb bits: those given (0 <= beyond < 2**25 - 1), or as many read instead.

        A number plus one is written in binary, without its leading one, all numbers digit by digit: first a
        bit from each number still open that says whether a digit follows, then the digits of those where one
        does. So it takes two batches a digit, however many numbers there are.
        """
        digits = _digits(beyond + 1)
        aligned = (beyond + 1) << (ESCAPE_BITS - digits)
        number = np.ones(beyond.size, dtype=np.int32)
        going = np.arange(beyond.size)
        for done in range(ESCAPE_BITS + 1):
            going = going[self._bits(digits[going] > done) == 1]
            if not going.size:
                return number - 1
            if done < ESCAPE_BITS:
                digit = self._bits((aligned[going] >> (ESCAPE_BITS - 1 - done)) & 1)
                number[going] = (number[going] << 1) | digit
        raise endless()

    def _bits(self, bits: NDArray[Any]) -> Ints:
        """Code the bits given, or read as many in their place."""
        batch = bits.astype(np.int32)
        self._batch(batch, _BIT)
        return batch

    @abstractmethod
    def _batch(self, symbols: Ints, model: Any) -> None:
        """Write the symbols, or fill them with those read."""


class BatchWriter(Batches):
    """Writes symbols into words; see call.CallWriter."""

    def __init__(self) -> None:
        self._encoder = constriction.stream.queue.RangeEncoder()

    def write(self, values: Ints, call: Call) -> None:
        # The difference may wrap in int32; adding the centre wraps it back.
        offset = (values - call.centre) * _checked(call.sign)
        if offset.size and (int(offset.min()) <= -VALUE_LIMIT or int(offset.max()) >= VALUE_LIMIT):
            raise too_far()
        self._run(call, zigzag(offset))

    def end(self) -> tuple[int, int, int]:
        words: NDArray[np.uint32] = self._encoder.get_compressed()
        settled, (low, width) = self._encoder.pos()
        # constriction ends with the first whole word within the interval; where nothing was coded, with none.
        words = np.append(words, np.zeros(1, dtype=np.uint32))[: settled + 1]
        number = int.from_bytes(words.astype(">u4").tobytes(), "big")
        return number, settled + 1, last_word(low, width)[1]

    def _batch(self, symbols: Ints, model: Any) -> None:
        self._encoder.encode(symbols, model)


class BatchReader(Batches):
    """Reads symbols from words; see call.CallReader."""

    def __init__(self, words: NDArray[np.uint32]) -> None:
        self._decoder = constriction.stream.queue.RangeDecoder(words)

    def read(self, call: Call) -> Ints:
        sign = _checked(call.sign)
        read = unzigzag(self._run(call, None))
        read *= sign
        read += call.centre
        return read

    def _batch(self, symbols: Ints, model: Any) -> None:
        try:
            symbols[:] = self._decoder.decode(model, symbols.size)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise no_code() from error


def _checked(sign: Ints) -> Ints:
    if sign.size and not bool(((sign == 1) | (sign == -1)).all()):
        raise no_sign()
    return sign


def _digits(numbers: Ints) -> Ints:
    """How many binary digits follow the leading one of each number >= 1."""
    return np.frexp(numbers)[1] - np.int32(1)


def _group(flat: Ints, tables: TableSet) -> tuple[Indices, Indices, Indices]:
    """Elements by table: (order, tables used, elements of each); `order` is the index's stable sort."""
    count = len(tables)
    if flat.size and (int(flat.min()) < 0 or int(flat.max()) >= count):
        raise index_outside(tables)
    # numpy sorts 16 bits by radix, ten times faster
    order = np.argsort(flat.astype(np.uint16) if count <= 1 << 16 else flat, kind="stable")
    sizes = np.bincount(flat, minlength=count)
    used = np.flatnonzero(sizes)
    return order, used, sizes[used]
