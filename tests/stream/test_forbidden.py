"""Streams that cannot be: lvcodec's reader and the one that was written after docs/bitstream.md both refuse them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Sequence

import pytest
from second_decoder import container as second

from lvcodec.errors import InputError, LvcError
from lvcodec.stream import fields
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.header import Header
from lvcodec.stream.layout import layout_bytes
from lvcodec.stream.records import HEADER_BYTES

LIMIT = 64 + 12 * 64 * 64


def record(*parts: int | bytes) -> bytes:
    """Bytes, and the CRC-32 that fits."""
    data = b"".join(bytes([part]) if isinstance(part, int) else part for part in parts)
    return data + zlib.crc32(data).to_bytes(4, "little")


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def intra(number: int = 0, payload: bytes = b"") -> bytes:
    return record(b"I", number, varint(len(payload)), bytes(2), payload)


def group(structure: int, pictures: int) -> bytes:
    return record(b"G", structure, bytes(pictures), bytes(2 * pictures))


def end(*gops: tuple[int, int]) -> bytes:
    """gops: bytes and pictures of each."""
    body = b"E" + varint(sum(pictures for _, pictures in gops)) + varint(len(gops))
    body += b"".join(varint(size) + varint(pictures) for size, pictures in gops)
    return record(body, (len(body) + 8).to_bytes(4, "little"))


def with_end(*records: bytes, pictures: int = 1) -> bytes:
    """One GOP of so many pictures."""
    return b"".join(records) + end((sum(map(len, records)), pictures))


def refused(stream: bytes) -> None:
    with pytest.raises(LvcError):
        list(StreamReader(io.BytesIO(stream)))
    with pytest.raises(ValueError):  # not one of Python's own, as of an index
        second.read_stream(stream)


def forged(header: Header, name: str, value: int) -> bytes:
    """A header with another number in a field."""
    at = layout_bytes(fields.HEADER[: [field.name for field in fields.HEADER].index(name)])
    size = layout_bytes([field for field in fields.HEADER if field.name == name])
    data = header.to_bytes()
    return record(data[:at], value.to_bytes(size, "little"), data[at + size : -4])


SIDE = record(b"S", 9, 1, b"x")
CONTENTS_BODY = b"C" + bytes([len(SIDE), 1, 9, 1]) + zlib.crc32(b"x").to_bytes(4, "little") + bytes([17, 0, 0, 0])
CONTENTS = record(CONTENTS_BODY)
ALLOWED = {
    "a pyramid and a chain": with_end(intra(), group(6, 2), group(0, 1), pictures=4),
    "the largest payload": with_end(intra(0, b"x" * LIMIT)),
    "side data": with_end(intra(), SIDE, CONTENTS),
    "side data between pictures": with_end(intra(), SIDE, CONTENTS, group(0, 1), pictures=2),
}
FORBIDDEN = {
    "no picture first": with_end(group(0, 1)),
    "side data before the first picture": with_end(SIDE, CONTENTS, intra()),
    "a number out of order": with_end(intra(1)),
    "a long GOP": with_end(intra(), group(4 * 3, 4), pictures=5),
    "a pyramid of one": with_end(intra(), group(2, 1), pictures=2),
    "a shift": with_end(intra(), group(128, 1), pictures=2),
    "quality 201": with_end(record(b"i", 0, 201, 0, bytes(2))),
    "a payload over the limit": with_end(intra(0, b"x" * (LIMIT + 1))),
    "a long varint": with_end(record(b"I", b"\x80\x00", 0, bytes(2))),
    "another letter": with_end(intra(), record(b"Z", 0)),
    "a wrong CRC": with_end(intra()[:-1] + b"\0"),
    "more pictures in the end record": with_end(intra(), pictures=2),
    "another index": intra() + end((len(intra()) + 1, 1)),
    "no end record": intra(),
    "a cut end record": with_end(intra())[:-1],
    "a cut payload": intra(0, b"xyz")[:-5],
}
NUMBERS = [
    ("version", (1, 3)),
    ("syntax", (5, 7)),
    ("family", (0, 3)),
    ("mode", (4, 255)),
    ("width", (0, 16385)),
    ("height", (0, 16385)),
    ("rate_num", (0,)),
    ("rate_den", (0,)),
    ("full_range", (2,)),
    ("chroma_location", (7,)),
    ("gop", (0,)),
    ("quality", (201,)),
    ("flags", (1, 8, 15)),
]


@pytest.mark.parametrize("what", ALLOWED)
def test_allowed_records(header: Header, what: str) -> None:
    stream = header.to_bytes() + ALLOWED[what]
    ours, (_, theirs) = list(StreamReader(io.BytesIO(stream))), second.read_stream(stream)
    assert [(r.number, r.references, r.payload) for r in ours] == [(r.number, r.references, r.payload) for r in theirs]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_forbidden_records(header: Header, what: str) -> None:
    refused(header.to_bytes() + FORBIDDEN[what])


@pytest.mark.parametrize(("mode", "structure", "pictures"), [(0, 0, 1), (1, 6, 2), (2, 6, 2), (1, 128, 1)])
def test_groups_that_a_mode_lacks(header: Header, mode: int, structure: int, pictures: int) -> None:
    refused(forged(header, "mode", mode) + with_end(intra(), group(structure, pictures), pictures=1 + pictures))


@pytest.mark.parametrize(("name", "values"), NUMBERS)
def test_forbidden_numbers_in_the_header(
    header: Header, make: Callable[..., tuple[bytes, list[object]]], name: str, values: Sequence[int]
) -> None:
    rest = make("I P")[0][HEADER_BYTES:]
    assert len(second.read_stream(header.to_bytes() + rest)[1]) == 2
    for value in values:
        refused(forged(header, name, value) + rest)
    refused(header.to_bytes()[:-1])


def test_a_payload_over_the_limit_is_not_written(header: Header) -> None:
    with pytest.raises(InputError) as caught:
        StreamWriter(io.BytesIO(), header).intra(b"x" * (LIMIT + 1), 0)
    assert str(caught.value) == f"cannot write this stream: lengths {LIMIT + 1} is not in 0..{LIMIT}"
