"""What a declared layout can do: be written, be read, be printed.

    fields.py                      LayoutWriter ─► bytes
    HEADER, GROUP, … = (Field, …)  LayoutReader ◄─ bytes
                                   layout_table ─► docs/bitstream.md

A layout is a tuple of fields in the order of the bytes; numbers are little-endian. A value out of its range
fails when it is written (InputError) and when it is read (StreamError).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lvcodec.errors import InputError, StreamError

VARINT_BYTES = 9
_FIXED = {"u8": 1, "u16": 2, "u32": 4, "crc": 4}
_NEWER = "it was made by a newer lvcodec: update this one to read it"
_OLDER = "it was made by an older lvcodec: read it with that one"

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Condition:
    """When a field is present: in words, and as a test of the fields before it."""

    note: str
    holds: Callable[[Values], bool]


@dataclass(frozen=True)
class Count:
    """How many numbers a field has: in words, and by the fields before it."""

    note: str
    of: Callable[[Values], int]


@dataclass(frozen=True)
class Field:
    """One field of a layout.

    width: "u8", "u16", "u32"; "varint", seven bits a byte, lowest first, in 1..9 bytes, no more than
        needed; "bytes"; "crc", the CRC-32 of all before it.
    note: what it means, for docs/bitstream.md.
    at_least, at_most: range of a number; without at_most what the width holds.
    one_of: the numbers that have a meaning. equals: the only bytes that are right.
    size: of "bytes", a number or the name of the field that tells it; of all of them together, if that has several.
    count: None for one number, else how many there are; they are a tuple.
    ignored: bits of a number that a reader need not know.
    newer: a number that is not known comes from a newer lvcodec, or an older one if it is lower, not from damage.
    framing: tells where the next field or record is, so its range is checked before the CRC is.
    when: None if always present.
    """

    name: str
    width: str
    note: str
    at_least: int = 0
    at_most: int | None = None
    one_of: Mapping[int, str] | None = None
    equals: bytes | None = None
    size: int | str = 0
    count: Count | None = None
    ignored: int = 0
    newer: bool = False
    framing: bool = False
    when: Condition | None = None

    def highest(self) -> int:
        """The largest number that may stand here."""
        if self.at_most is not None:
            return self.at_most
        bits = 7 * VARINT_BYTES if self.width == "varint" else 8 * _FIXED[self.width]
        return (1 << bits) - 1

    def problem(self, value: Any, at_most: int | None = None) -> str | None:
        """Why `value` may not stand here; None if it may. at_most: a limit below the declared one."""
        if isinstance(value, tuple):
            return next((problem for each in value if (problem := self.problem(each, at_most))), None)
        if self.width == "bytes":
            if isinstance(self.size, int) and len(value) != self.size:
                return f"{self.name} has {len(value)} bytes instead of {self.size}"
            if self.equals is not None and value != self.equals:
                return f"{self.name} is {value!r}, not {self.equals!r}"
            return None
        highest = self.highest() if at_most is None else min(at_most, self.highest())
        if not self.at_least <= value <= highest:
            return f"{self.name} {value} is not in {self.at_least}..{highest}"
        if self.one_of is not None and value & ~self.ignored not in self.one_of:
            return f"{self.name} {value} is unknown"
        return None

    def show(self, value: Any) -> str:
        """The value for people."""
        if isinstance(value, bytes):
            return value.hex() if self.equals is None else value.decode("ascii")
        if self.one_of is None or value not in self.one_of:
            return str(value)
        return f"{value} ({self.one_of[value]})"


Layout = Sequence[Field]


class LayoutWriter:
    """Builds one record, layout after layout, in `data`."""

    def __init__(self) -> None:
        self.data = bytearray()

    def put(self, layout: Layout, values: Values, limits: Mapping[str, int] | None = None) -> LayoutWriter:
        """Append the fields of `layout` that are present. limits: lower at_most by field name.

        Raises InputError for a value out of its range.
        """
        for field in layout:
            if field.width == "crc":
                self.data += zlib.crc32(self.data).to_bytes(4, "little")
            elif field.when is None or field.when.holds(values):
                value = values[field.name]
                problem = field.problem(value, (limits or {}).get(field.name))
                if field.count is not None and len(value) != field.count.of(values):
                    problem = f"{field.name} has {len(value)} numbers instead of {field.count.of(values)}"
                if problem:
                    raise InputError(f"cannot write this stream: {problem}")
                self.data += _encoded(field, value)
        return self


class LayoutReader:
    """Reads one record, layout after layout, through `read(size)`, which returns `size` bytes or raises.

    size_bytes: of what was read. Values are checked once the CRC that follows them is right; those that say
    where to read next, before.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.size_bytes = 0
        self._read = read
        self._crc = 0
        self._unchecked: list[tuple[Field, Any]] = []

    def get(self, layout: Layout, limits: Mapping[str, int] | None = None) -> dict[str, Any]:
        """The values of the fields of `layout` that are present. limits: lower at_most by field name.

        Raises StreamError if the CRC or a value is wrong.
        """
        values: dict[str, Any] = {}
        for field in layout:
            if field.when is not None and not field.when.holds(values):
                continue
            crc = self._crc
            value = values[field.name] = self._value(field, values)
            if field.width == "crc":
                if value != crc:
                    raise StreamError("the CRC does not match")
                self._check_all()
            elif field.framing:
                _check(field, value, (limits or {}).get(field.name))
            else:
                self._unchecked.append((field, value))
        return values

    def _check_all(self) -> None:
        for field, value in self._unchecked:
            _check(field, value)
        self._unchecked.clear()

    def _value(self, field: Field, values: Values) -> Any:
        if field.width == "bytes":
            return self._bytes(size_of(field, values))
        if field.count is not None:
            return tuple(self._number(field) for _ in range(field.count.of(values)))
        return self._number(field)

    def _number(self, field: Field) -> int:
        if field.width == "varint":
            return self._varint(field)
        return int.from_bytes(self._bytes(_FIXED[field.width]), "little")

    def _varint(self, field: Field) -> int:
        value = 0
        for place in range(VARINT_BYTES):
            byte = self._bytes(1)[0]
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                if byte == 0 and place > 0:
                    break
                return value
        raise StreamError(f"{field.name} is no well-formed number")

    def _bytes(self, size: int) -> bytes:
        data = self._read(size)
        self._crc = zlib.crc32(data, self._crc)
        self.size_bytes += size
        return data


def size_of(field: Field, values: Values) -> int:
    """Bytes of a field of "bytes", by the fields before it."""
    size = values[field.size] if isinstance(field.size, str) else field.size
    return sum(size) if isinstance(size, tuple) else size


def layout_bytes(layout: Layout) -> int:
    """Bytes of a layout whose fields all have fixed sizes."""
    return sum(int(field.size) if field.width == "bytes" else _FIXED[field.width] for field in layout)


def layout_table(layout: Layout) -> str:
    """The layout as a Markdown table, as it stands in docs/bitstream.md; a test holds the page against it."""
    rows = ["| field | width | range | meaning |", "|---|---|---|---|"]
    for field in layout:
        note = f"{field.note}; only {field.when.note}" if field.when else field.note
        rows.append(f"| {field.name} | {_width_words(field)} | {_range_words(field)} | {note} |")
    return "\n".join(rows) + "\n"


def _check(field: Field, value: Any, at_most: int | None = None) -> None:
    problem = field.problem(value, at_most)
    if problem:
        older = field.one_of is not None and value < min(field.one_of)
        raise StreamError(problem, (_OLDER if older else _NEWER) if field.newer else None)


def _encoded(field: Field, value: Any) -> bytes:
    if field.width == "bytes":
        return bytes(value)
    if isinstance(value, tuple):
        return b"".join(_encoded(field, each) for each in value)
    if field.width != "varint":
        return int(value).to_bytes(_FIXED[field.width], "little")
    encoded = bytearray()
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _width_words(field: Field) -> str:
    if field.width == "crc":
        return "u32"
    if field.count is not None:
        return f"{field.count.note} {field.width}"
    if field.width != "bytes":
        return field.width
    return f"{field.size} bytes" if isinstance(field.size, int) else f"bytes, {field.size} together"


def _range_words(field: Field) -> str:
    if field.width == "crc":
        return "computed"
    if field.equals is not None:
        return f"`{field.equals.decode('ascii')}`"
    if field.one_of is not None:
        return ", ".join(f"{number} {name}" for number, name in field.one_of.items())
    if field.width == "bytes":
        return "any"
    return f"{field.at_least}..{field.highest()}"
