"""The coder's symbols by the compiled kernels: a call of the coder is one call of a kernel."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints
from lvcodec.entropy.call import Call, endless, index_outside, last_word, no_code, no_sign, too_far

WORDS = 2**12  # room at first
SPARE = 4  # words beyond one a symbol, which is more than a symbol without an escape takes
_DONE, _, _BAD_INDEX, _BAD_SIGN, _TOO_FAR, _FULL, _DAMAGED, _ENDLESS = range(8)  # as in native/kernels.h


class CompiledWriter:
    """Writes symbols into words; see call.CallWriter."""

    def __init__(self, kernels: ModuleType) -> None:
        self._kernels = kernels
        self._state = np.array([0, 2**64 - 1, 0], dtype=np.uint64)  # low end and width of the interval, words written
        self._words = np.empty(WORDS, dtype=np.uint32)

    def write(self, values: Ints, call: Call) -> None:
        arguments = _arguments(np.ascontiguousarray(values), call)
        self._make_room(int(self._state[2]) + values.size + SPARE)
        status, escape_bits, needed = self._kernels.write(*arguments, self._state, self._words)
        if status == _FULL:  # many escapes
            self._make_room(needed)
            status, escape_bits, _ = self._kernels.write(*arguments, self._state, self._words)
        _check(status, call)
        call.account.escape_bits += escape_bits

    def _make_room(self, needed: int) -> None:
        if needed > self._words.size:
            words = np.empty(max(needed, 2 * self._words.size), dtype=np.uint32)
            words[: self._words.size] = self._words
            self._words = words

    def end(self) -> tuple[int, int, int]:
        low, width, count = (int(part) for part in self._state)
        written = int.from_bytes(self._words[:count].astype(">u4").tobytes(), "big")
        last, room = last_word(low, width)
        return (written << 32) + last, count + 1, room


class CompiledReader:
    """Reads symbols from words; see call.CallReader."""

    def __init__(self, kernels: ModuleType, words: NDArray[np.uint32]) -> None:
        self._kernels, self._words = kernels, words
        first, second = (int(word) for word in np.append(words[:2], np.zeros(2, dtype=np.uint32))[:2])
        # the interval's width, how far the code lies above its low end, and which word is next
        self._state = np.array([2**64 - 1, first << 32 | second, 2], dtype=np.uint64)

    def read(self, call: Call) -> Ints:
        values = np.empty(call.index.size, dtype=np.int32)
        status, escape_bits, _ = self._kernels.read(*_arguments(values, call), self._state, self._words)
        _check(status, call)
        call.account.escape_bits += escape_bits
        return values


def _arguments(values: Ints, call: Call) -> tuple[NDArray[np.generic], ...]:
    tables = call.tables
    given = (np.ascontiguousarray(part) for part in (call.index, call.centre, call.sign))
    return *given, values, tables.offsets, tables.lengths, tables.below, call.account.uses


def _check(status: int, call: Call) -> None:
    if status == _BAD_INDEX:
        raise index_outside(call.tables)
    if status != _DONE:
        raise {_BAD_SIGN: no_sign, _TOO_FAR: too_far, _DAMAGED: no_code, _ENDLESS: endless}[status]()
