"""The payload format once more, in plain integers, after docs/bitstream.md and without numpy or constriction.

The second opinion for lvcodec.entropy: its encoder must give the same bytes, its decoder the same values.
Slow, and written to be read.
"""

from __future__ import annotations

from collections.abc import Sequence

WORD = 1 << 32
STATE = 1 << 64
HALVES = (1 << 23, 1 << 23)


class RangeEncoder:
    """low + [0, width) is what is left of the interval, in units of 2**-64 of the last word's place."""

    def __init__(self) -> None:
        self.words: list[int] = []
        self.low, self.width = 0, STATE - 1

    def encode(self, counts: Sequence[int], symbol: int) -> None:
        part = self.width >> 24
        self.low += part * sum(counts[:symbol])
        self.width = part * counts[symbol]
        if self.width < WORD:
            self.words.append(self.low // WORD)  # may be WORD or more: the carry is settled at the end
            self.low, self.width = self.low % WORD * WORD, self.width * WORD

    def finish(self) -> list[int]:
        """The words: those settled and one that is sure to lie within the interval, whatever follows it."""
        if self.width == STATE - 1:
            return []
        end = self.low + WORD - 1
        words = [*self.words, end // WORD]
        if (self.low + self.width) // WORD % WORD == end // WORD % WORD:
            words.append(0)
        for i in range(len(words) - 1, 0, -1):
            words[i - 1] += words[i] // WORD
            words[i] %= WORD
        return words

    def payload(self) -> bytes:
        """The shortest bytes, then the least, that lie within the interval when zeros follow."""
        if self.width == STATE - 1:
            return b""
        low = self.low + sum(word << 64 + 32 * place for place, word in enumerate(reversed(self.words)))
        bits = 64 + 32 * len(self.words)
        for size in range(bits // 8 + 1):
            unit = 1 << bits - 8 * size
            code = -(-low // unit)
            if code * unit < low + self.width:
                return code.to_bytes(size, "big").rstrip(b"\0")
        raise ValueError("an empty interval")


class RangeDecoder:
    """`point` is the code's distance from the interval's low end."""

    def __init__(self, payload: bytes) -> None:
        self.payload, self.at = payload, 0
        self.width = STATE - 1
        self.point = self.next_word() * WORD + self.next_word()

    def next_word(self) -> int:
        self.at += 4
        return int.from_bytes(self.payload[self.at - 4 : self.at].ljust(4, b"\0"), "big")

    def decode(self, counts: Sequence[int]) -> int:
        part = self.width >> 24
        target = self.point // part
        if target >= 1 << 24:
            raise ValueError("damaged")
        symbol = below = 0
        while target >= below + counts[symbol]:
            below += counts[symbol]
            symbol += 1
        self.point -= part * below
        self.width = part * counts[symbol]
        if self.width < WORD:
            self.width *= WORD
            self.point = self.point * WORD + self.next_word()
        return symbol


def to_symbol(value: int) -> int:
    return 2 * value - 1 if value > 0 else -2 * value


def to_value(symbol: int) -> int:
    return (symbol + 1) // 2 if symbol % 2 else -(symbol // 2)


def encode_call(coder: RangeEncoder, tables: Sequence[Sequence[int]], index: list[int], values: list[int]) -> None:
    """One call of Writer.code with centre 0 and sign 1: values[i] with table index[i]."""
    symbols = [to_symbol(value) for value in values]
    for number, counts in enumerate(tables):
        for i in range(len(index)):
            if index[i] == number:
                coder.encode(counts, min(symbols[i], len(counts) - 1))
    digits = []
    for symbol, number in zip(symbols, index, strict=True):
        beyond = symbol - (len(tables[number]) - 1)
        if beyond >= 0:
            digits.append(f"{beyond + 1:b}"[1:])
    place = 0
    while digits:
        for d in digits:
            coder.encode(HALVES, int(len(d) > place))
        digits = [d for d in digits if len(d) > place]
        for d in digits:
            coder.encode(HALVES, int(d[place]))
        place += 1


def decode_call(coder: RangeDecoder, tables: Sequence[Sequence[int]], index: list[int]) -> list[int]:
    """One call of Reader.code with centre 0 and sign 1."""
    symbols = [0] * len(index)
    for number, counts in enumerate(tables):
        for i in range(len(index)):
            if index[i] == number:
                symbols[i] = coder.decode(counts)
    beyond = {i: 1 for i in range(len(index)) if symbols[i] == len(tables[index[i]]) - 1}
    going = list(beyond)
    for place in range(25):
        going = [i for i in going if coder.decode(HALVES) == 1]
        if going and place == 24:
            raise ValueError("damaged")
        for i in going:
            beyond[i] = 2 * beyond[i] + coder.decode(HALVES)
    for i, number in beyond.items():
        symbols[i] += number - 1
    return [to_value(symbol) for symbol in symbols]
