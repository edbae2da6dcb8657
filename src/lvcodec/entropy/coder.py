"""One range coder a picture, with the same `code` for writing and for reading.

    values ─► zigzag ─► group by table ─► [ one batch a table ] ─► escapes ─► words ─► bytes
    values ◄─ zigzag ◄─── scatter back ◄─ [ one batch a table ] ◄─ escapes ◄─ words ◄─ bytes

`Writer` takes values and returns them, `Reader` takes None and returns those it reads, so that who walks the
sub-streams of a picture writes the walk once. The order of the symbols is part of the format
(docs/bitstream.md): tables ascending, raster order within a table, then the escapes of the call.

What lies between values and words is done by the compiled kernels (compiled.py) or, where there are none, by
constriction and numpy (batches.py). Damaged payloads mostly read as garbage: lengths and CRC are the container's, and
come first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.arrays import Ints
from lvcodec.entropy.batches import BatchReader, BatchWriter
from lvcodec.entropy.call import Account, Call, CallReader, CallWriter
from lvcodec.entropy.compiled import CompiledReader, CompiledWriter
from lvcodec.entropy.tables import TableSet
from lvcodec.errors import InputError


class Coder(ABC):
    """What writing and reading share. Use Writer or Reader."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, int], Account] = {}
        self.begin("")

    def begin(self, name: str) -> None:
        """Name the sub-stream that the next symbols belong to. It takes no bits; a name may come again."""
        self.sub_stream = name

    @property
    def bits(self) -> Mapping[str, float]:
        """What each sub-stream took, the sum of -log2 p by name, equal on both sides; worked out when asked for."""
        bits_of: dict[str, float] = {}
        for (name, _), account in self._accounts.items():
            bits_of[name] = bits_of.get(name, 0.0) + account.bits
        return bits_of

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
        if index.dtype.kind not in "iu":
            raise InputError(f"the table index is {index.dtype}, not integers")
        flat = _integers("table index", index).ravel()
        account = self._account(tables)
        call = Call(tables, flat, _fit("centres", centre, index.shape), _fit("signs", sign, index.shape), account)
        return self._code(values, call, index.shape).reshape(index.shape)

    def _account(self, tables: TableSet) -> Account:
        key = self.sub_stream, id(tables)  # the account keeps the tables, so no other set takes their number
        if key not in self._accounts:
            self._accounts[key] = Account(tables)
        return self._accounts[key]

    @abstractmethod
    def _code(self, values: NDArray[Any] | None, call: Call, shape: tuple[int, ...]) -> Ints:
        """Write the values, or read them."""


class Writer(Coder):
    """Codes values into a payload, the bytes of one picture."""

    def __init__(self) -> None:
        super().__init__()
        kernels = native.kernels()
        self._words: CallWriter = BatchWriter() if kernels is None else CompiledWriter(kernels)

    def finish(self) -> bytes:
        """The payload: the shortest row of bytes within the final interval, zeros being what follows it.

        Of all words within the interval, the one with the most zero bytes at its end saves 1.7 bytes a picture, since
        words are written big-endian.
        """
        number, words, room = self._words.end()
        rises = [-number % (1 << zero_bits) for zero_bits in (32, 24, 16, 8, 0)]
        number += next(rise for rise in rises if rise <= room)
        return number.to_bytes(4 * words, "big").rstrip(b"\0")

    def _code(self, values: NDArray[Any] | None, call: Call, shape: tuple[int, ...]) -> Ints:
        if values is None:
            raise InputError("a Writer needs the values to code")
        integers = _integers("values", values)
        if integers.shape != shape:
            raise InputError(f"values of shape {integers.shape} do not match an index of shape {shape}")
        self._words.write(integers.ravel(), call)
        return integers


class Reader(Coder):
    """Decodes what a Writer made, given the same calls with None for the values.

    Its work and memory are bounded by the shapes asked for and the payload's size, whatever that holds.
    """

    def __init__(self, payload: bytes) -> None:
        super().__init__()
        # Zero bytes up to a whole word; past the last word zeros are read.
        padded = bytes(payload) + bytes(-len(payload) % 4)
        words = np.frombuffer(padded, dtype=">u4").astype(np.uint32)
        kernels = native.kernels()
        self._words: CallReader = BatchReader(words) if kernels is None else CompiledReader(kernels, words)

    def _code(self, values: NDArray[Any] | None, call: Call, shape: tuple[int, ...]) -> Ints:
        if values is not None:
            raise InputError("a Reader takes None for the values")
        return self._words.read(call)


def _integers(name: str, array: NDArray[Any] | int) -> Ints:
    array = np.asarray(array)
    if array.dtype == np.int32:
        return array
    if array.dtype.kind not in "iu":
        raise InputError(f"the {name} to code are {array.dtype}, not integers")
    limits = np.iinfo(np.int32)
    if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
        raise InputError(f"the {name} to code do not fit 32 bits")
    return array.astype(np.int32)


def _fit(name: str, given: NDArray[Any] | int, shape: tuple[int, ...]) -> Ints:
    """Flat, one for each element of that shape, or one for all."""
    if type(given) is int and -(1 << 31) <= given < 1 << 31:
        return _one(given)  # of short calls the checks below are most of the time
    array = _integers(name, given)
    try:
        return np.broadcast_to(array, shape).ravel() if array.ndim else array.reshape(1)
    except ValueError as error:
        raise InputError(f"{name} of shape {array.shape} do not match an index of shape {shape}") from error


@lru_cache(maxsize=64)
def _one(number: int) -> Ints:
    array = np.array([number], dtype=np.int32)
    array.flags.writeable = False
    return array
