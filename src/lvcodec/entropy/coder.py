"""One range coder a picture, with the same `code` for writing and for reading.

    values ─► zigzag ─► group by table ─► [ one batch a table ] ─► escapes ─► words ─► bytes
    values ◄─ zigzag ◄─── scatter back ◄─ [ one batch a table ] ◄─ escapes ◄─ words ◄─ bytes

`Writer` takes values and returns them, `Reader` takes None and returns those it reads, so that who walks the
sub-streams of a picture writes the walk once. The order of the symbols is part of the format
(docs/bitstream.md): tables ascending, raster order within a table, then the escapes of the call.

Damaged payloads mostly read as garbage: lengths and CRC are the container's, and come first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Indices, Ints
from lvcodec.entropy.tables import TOTAL, TableSet, exact_model, unzigzag, zigzag
from lvcodec.errors import InputError, StreamError

ESCAPE_BITS = 24
VALUE_LIMIT = 1 << ESCAPE_BITS  # every |value - centre| below this can be coded, whatever the table

_BIT = exact_model(np.array([TOTAL // 2, TOTAL // 2], dtype=np.int32))


class Coder(ABC):
    """What writing and reading share: all but one batch of symbols. Use Writer or Reader."""

    def __init__(self) -> None:
        self._bits_of: dict[str, float] = {}
        self._uncounted: list[tuple[str, TableSet, Indices, Indices, Ints, int]] = []
        self.begin("")

    def begin(self, name: str) -> None:
        """Name the sub-stream that the next symbols belong to. It takes no bits; a name may come again."""
        self.sub_stream = name

    @property
    def bits(self) -> Mapping[str, float]:
        """What each sub-stream took, the sum of -log2 p by name, equal on both sides; worked out when asked for."""
        for name, tables, used, sizes, symbols, escape_bits in self._uncounted:
            entries = np.repeat(tables.offsets[used], sizes)
            entries += np.minimum(symbols, np.repeat(tables.lengths[used] - 1, sizes))
            bits = float(np.add.reduce(tables.cost_bits[entries], dtype=np.float64))
            self._bits_of[name] = self._bits_of.get(name, 0.0) + bits + escape_bits
        self._uncounted.clear()
        return self._bits_of

    def code(
        self,
        values: NDArray[Any] | None,
        tables: TableSet,
        index: NDArray[Any],
        centre: NDArray[Any] | int = 0,
        sign: NDArray[Any] | int = 1,
    ) -> Ints:
        """Code each element i with table index[i], as the symbol of sign[i] * (values[i] - centre[i]).

        values: integers of index's shape with |values - centre| < 2**24 (Writer), or None (Reader).
        index: any shape, integers, 0 <= index < len(tables).
        centre: int32, sign: -1 or 1; both broadcast to index's shape.
        Returns the values, int32 of index's shape.
        Raises InputError if the arguments are not such, StreamError if the payload is damaged (Reader).
        """
        index = np.asarray(index)
        centre = _fit("centres", _integers("centres", centre), index.shape)
        sign = _fit("signs", _signs(sign), index.shape)
        order, used, sizes = _group(index, len(tables))
        last = np.repeat(tables.lengths[used] - 1, sizes)
        to_write = self._symbols(values, index.shape, centre, sign)
        if to_write is None:
            symbols = np.empty(order.size, dtype=np.int32)
        else:
            symbols = np.minimum(to_write[order], last)

        end = 0
        for number, size in zip(used.tolist(), sizes.tolist(), strict=True):
            start, end = end, end + size
            self._batch(symbols[start:end], tables.model(number))

        escaped = np.flatnonzero(symbols == last)
        escape_bits = 0
        if escaped.size:
            escaped = escaped[np.argsort(order[escaped])]
            beyond = np.zeros(escaped.size, dtype=np.int32)
            if to_write is not None:
                beyond = to_write[order[escaped]] - last[escaped]
            beyond = self._escapes(beyond)
            symbols[escaped] += beyond
            escape_bits = int((2 * _digits(beyond + 1) + 1).sum())
        self._uncounted.append((self.sub_stream, tables, used, sizes, symbols, escape_bits))

        if values is not None:
            return np.asarray(values).astype(np.int32, copy=False)
        flat = np.empty(order.size, dtype=np.int32)
        flat[order] = symbols
        read = unzigzag(flat).reshape(index.shape)
        read *= sign
        read += centre
        return read

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
        raise StreamError(f"damaged payload: an escaped symbol of more than {ESCAPE_BITS} bits")

    def _bits(self, bits: NDArray[Any]) -> Ints:
        """Code the bits given, or read as many in their place."""
        batch = bits.astype(np.int32)
        self._batch(batch, _BIT)
        return batch

    @abstractmethod
    def _symbols(self, values: NDArray[Any] | None, shape: tuple[int, ...], centre: Ints, sign: Ints) -> Ints | None:
        """The zigzag symbols to write, flat; None when reading."""

    @abstractmethod
    def _batch(self, symbols: Ints, model: Any) -> None:
        """Write the symbols, or fill them with those read."""


class Writer(Coder):
    """Codes values into a payload, the bytes of one picture."""

    def __init__(self) -> None:
        super().__init__()
        self._encoder = constriction.stream.queue.RangeEncoder()

    def finish(self) -> bytes:
        """The payload: the shortest row of bytes within the final interval, zeros being what follows it.

        constriction ends with the first whole word within the interval. Of all words there, the one with the
        most zero bytes at its end saves 1.7 bytes a picture, since words are written big-endian.
        """
        words: NDArray[np.uint32] = self._encoder.get_compressed()
        if not words.size:
            return b""
        settled, (low, width) = self._encoder.pos()
        end = low + (1 << 32) - 1
        room = ((low + width - 1) >> 32) - (end >> 32)  # how far the last word may rise
        rises = [-(end >> 32) % (1 << zero_bits) for zero_bits in (32, 24, 16, 8, 0)]
        number = int.from_bytes(words[: settled + 1].astype(">u4").tobytes(), "big")
        number += int(next(rise for rise in rises if rise <= room))
        return number.to_bytes(4 * (settled + 1), "big").rstrip(b"\0")

    def _symbols(self, values: NDArray[Any] | None, shape: tuple[int, ...], centre: Ints, sign: Ints) -> Ints | None:
        if values is None:
            raise InputError("a Writer needs the values to code")
        integers = _integers("values", values)
        if integers.shape != shape:
            raise InputError(f"values of shape {integers.shape} do not match an index of shape {shape}")
        # The difference may wrap in int32; adding the centre wraps it back. A scalar would not stay int32.
        offset: Ints = np.ravel((integers - centre) * sign)
        if offset.size and (int(offset.min()) <= -VALUE_LIMIT or int(offset.max()) >= VALUE_LIMIT):
            raise InputError(f"a value is {VALUE_LIMIT} or more from its centre, too far to be coded")
        return zigzag(offset)

    def _batch(self, symbols: Ints, model: Any) -> None:
        self._encoder.encode(symbols, model)


class Reader(Coder):
    """Decodes what a Writer made, given the same calls with None for the values.

    Its work and memory are bounded by the shapes asked for and the payload's size, whatever that holds.
    """

    def __init__(self, payload: bytes) -> None:
        super().__init__()
        # Zero bytes up to a whole word; past the last word constriction reads zeros.
        padded = bytes(payload) + bytes(-len(payload) % 4)
        words = np.frombuffer(padded, dtype=">u4").astype(np.uint32)
        self._decoder = constriction.stream.queue.RangeDecoder(words)

    def _symbols(self, values: NDArray[Any] | None, shape: tuple[int, ...], centre: Ints, sign: Ints) -> Ints | None:
        if values is not None:
            raise InputError("a Reader takes None for the values")
        return None

    def _batch(self, symbols: Ints, model: Any) -> None:
        try:
            symbols[:] = self._decoder.decode(model, symbols.size)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise StreamError("damaged payload: no symbol has this code") from error


def _digits(numbers: Ints) -> Ints:
    """How many binary digits follow the leading one of each number >= 1."""
    return np.frexp(numbers)[1] - np.int32(1)


def _group(index: NDArray[Any], count: int) -> tuple[Indices, Indices, Indices]:
    """Elements by table: (order, tables used, elements of each); `order` is index.ravel()'s stable sort."""
    if index.dtype.kind not in "iu":
        raise InputError(f"the table index is {index.dtype}, not integers")
    flat = index.ravel()
    if flat.size and (int(flat.min()) < 0 or int(flat.max()) >= count):
        raise InputError(f"a table index is outside the set of {count} tables")
    if count <= 1 << 16:
        flat = flat.astype(np.uint16)  # numpy sorts these by radix, ten times faster
    order = np.argsort(flat, kind="stable")
    sizes = np.bincount(flat, minlength=count)
    used = np.flatnonzero(sizes)
    return order, used, sizes[used]


def _integers(name: str, array: NDArray[Any] | int) -> Ints:
    if type(array) is int and -(1 << 31) <= array < 1 << 31:
        return np.asarray(array, dtype=np.int32)  # of short calls the checks below are most of the time
    array = np.asarray(array)
    if array.dtype == np.int32:
        return array
    if array.dtype.kind not in "iu":
        raise InputError(f"the {name} to code are {array.dtype}, not integers")
    limits = np.iinfo(np.int32)
    if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
        raise InputError(f"the {name} to code do not fit 32 bits")
    return array.astype(np.int32)


def _fit(name: str, array: Ints, shape: tuple[int, ...]) -> Ints:
    try:
        return np.broadcast_to(array, shape) if array.ndim else array
    except ValueError as error:
        raise InputError(f"{name} of shape {array.shape} do not match an index of shape {shape}") from error


def _signs(sign: NDArray[Any] | int) -> Ints:
    array = _integers("signs", sign)
    if array.size and not bool(((array == 1) | (array == -1)).all()):
        raise InputError("a sign is neither -1 nor 1")
    return array
