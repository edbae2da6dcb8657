"""The declared layouts: ranges at writing and at reading, numbers on the wire, the tables of the documentation."""

from __future__ import annotations

import dataclasses
import io
import re
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from lvcodec.errors import InputError, StreamError, TruncatedStreamError
from lvcodec.stream import fields
from lvcodec.stream.container import StreamReader
from lvcodec.stream.header import Header, read_header
from lvcodec.stream.layout import Count, Field, LayoutReader, LayoutWriter, layout_bytes, layout_table
from lvcodec.stream.records import HEADER_BYTES
from lvcodec.video.format import VideoFormat

DOCS = Path(__file__).parents[2] / "docs" / "bitstream.md"

LITERAL_HEADER = bytes.fromhex(
    "4c5643310206010300010203040506070600050030750000e9030000010d05010104003c140c1e2428282800fe8f8fad"
)


def test_header_is_these_bytes(header: Header) -> None:
    assert header.to_bytes().hex() == LITERAL_HEADER.hex()


def test_header_is_read_from_these_bytes(header: Header) -> None:
    assert StreamReader(io.BytesIO(LITERAL_HEADER)).header == header


def test_header_is_small() -> None:
    assert HEADER_BYTES == len(LITERAL_HEADER) <= 64


@pytest.mark.parametrize("family", ["swift", "cheng2020"])
@pytest.mark.parametrize("mode", ["intra", "mfvc", "lds", "aligned"])
def test_header_comes_back(header: Header, family: str, mode: str) -> None:
    other = dataclasses.replace(header, family=family, mode=mode)
    assert read_header(io.BytesIO(other.to_bytes()).read) == other


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("family", "vvc"),
        ("mode", "unheard-of"),
        ("gop", 0),
        ("gop", 65536),
        ("quality_index", -1),
        ("quality_index", 201),
        ("layers", (0, 0, 0, 0, 0, 0)),
        ("layers", (0, 0, 0, 0, 0, 0, 256)),
        ("layers", (0, 0, 0, 0, 0, 0, -1)),
        ("weights_id", bytes(7)),
        ("weights_id", bytes(9)),
        ("video", VideoFormat(16385, 2, Fraction(25))),
        ("video", VideoFormat(2, 16385, Fraction(25))),
        ("video", VideoFormat(2, 2, Fraction(1 << 32))),
        ("video", VideoFormat(2, 2, Fraction(1, 1 << 32))),
    ],
)
def test_header_out_of_range_is_not_written(header: Header, name: str, value: Any) -> None:
    with pytest.raises(InputError, match="cannot write this stream"):
        dataclasses.replace(header, **{name: value}).to_bytes()


def forged(name: str, value: int) -> bytes:
    """LITERAL_HEADER with another number in one field, and the CRC that fits."""
    at = layout_bytes(fields.HEADER[: [field.name for field in fields.HEADER].index(name)])
    size = layout_bytes([field for field in fields.HEADER if field.name == name])
    body = LITERAL_HEADER[:at] + value.to_bytes(size, "little") + LITERAL_HEADER[at + size : -4]
    return body + zlib.crc32(body).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0),
        ("width", 16385),
        ("height", 0),
        ("height", 65535),
        ("rate_num", 0),
        ("rate_den", 0),
        ("gop", 0),
        ("quality", 201),
        ("full_range", 2),
        ("chroma_location", 7),
    ],
)
def test_header_out_of_range_is_not_read(name: str, value: int) -> None:
    with pytest.raises(StreamError, match=f"header: {name} {value}") as caught:
        StreamReader(io.BytesIO(forged(name, value)))
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", 3),
        ("syntax", 7),
        ("family", 3),
        ("mode", 4),
        ("mode", 9),
        ("full_range", 2),
        ("chroma_location", 7),
        ("flags", 2),
        ("flags", 0xF8),
    ],
)
def test_unknown_number_is_a_newer_stream(name: str, value: int) -> None:
    with pytest.raises(StreamError, match=f"{name} {value} is .*; .* newer lvcodec: update") as caught:
        StreamReader(io.BytesIO(forged(name, value)))
    assert caught.value.exit_code == 4


def test_flags_that_may_be_passed_over(header: Header) -> None:
    assert StreamReader(io.BytesIO(forged("flags", 0xF0))).header == header


@pytest.mark.parametrize(
    ("name", "value"), [("version", 1), ("version", 0), ("syntax", 3), ("syntax", 1), ("family", 0)]
)
def test_lower_number_is_an_older_stream(name: str, value: int) -> None:
    with pytest.raises(StreamError, match=f"{name} {value} is unknown; .* older lvcodec") as caught:
        StreamReader(io.BytesIO(forged(name, value)))
    assert caught.value.exit_code == 4


def test_newer_version_is_told_whatever_its_layout() -> None:
    with pytest.raises(StreamError, match="newer lvcodec"):
        StreamReader(io.BytesIO(b"LVC1\x03 and something else"))


@pytest.mark.parametrize("data", [b"LVC2" + bytes(60), b"RIFF", b"YUV4MPEG2 W6 H5", b"\0", b"lvc1" + bytes(60)])
def test_wrong_magic_is_no_stream(data: bytes) -> None:
    with pytest.raises(InputError, match="not an lvcodec stream") as caught:
        StreamReader(io.BytesIO(data))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("size", range(HEADER_BYTES))
def test_cut_header(size: int) -> None:
    with pytest.raises(TruncatedStreamError, match="ends inside its header" if size else "empty") as caught:
        StreamReader(io.BytesIO(LITERAL_HEADER[:size]))
    assert caught.value.offset == size


def test_fields_show_their_values(header: Header) -> None:
    values = header.values()
    assert list(values) == [field.name for field in fields.HEADER[:-1]]
    shown = {field.name: field.show(values[field.name]) for field in fields.HEADER[:-1]}
    assert shown["magic"] == "LVC1"
    assert shown["mode"] == "3 (aligned)"
    assert shown["layers"] == "140c1e24282828"
    assert shown["weights_id"] == "0001020304050607"
    assert shown["rate_num"] == "30000"


def test_quality_of_index(header: Header) -> None:
    qualities = [dataclasses.replace(header, quality_index=index).quality for index in (0, 50, 60, 100)]
    assert qualities == [1.0, 3.5, 4.0, 6.0]


@pytest.mark.parametrize("layer", range(8))
def test_quality_of_a_layer(header: Header, layer: int) -> None:
    assert header.quality_at(layer, 60) == (60, 40, 48, 30, 24, 20, 20, 20)[layer]
    assert header.quality_at(layer, 15) == (15, 0, 3, 0, 0, 0, 0, 0)[layer]


VARINT = (Field("n", "varint", "a number"),)


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        (1 << 14, "808001"),
        ((1 << 63) - 1, "ffffffffffffffff7f"),
    ],
)
def test_varint(number: int, encoded: str) -> None:
    assert LayoutWriter().put(VARINT, {"n": number}).data.hex() == encoded
    assert LayoutReader(io.BytesIO(bytes.fromhex(encoded)).read).get(VARINT) == {"n": number}


@pytest.mark.parametrize("encoded", ["8000", "ff808000", "ffffffffffffffffff01", "80" * 20])
def test_varint_in_more_bytes_than_needed(encoded: str) -> None:
    with pytest.raises(StreamError, match="well-formed"):
        LayoutReader(io.BytesIO(bytes.fromhex(encoded)).read).get(VARINT)


@pytest.mark.parametrize("number", [-1, 1 << 63])
def test_varint_out_of_range(number: int) -> None:
    with pytest.raises(InputError):
        LayoutWriter().put(VARINT, {"n": number})


def test_payload_limit() -> None:
    assert fields.payload_limit(1, 1) == 64 + 12 * 64 * 64
    assert fields.payload_limit(352, 288) == 64 + 12 * 384 * 320
    assert fields.payload_limit(16384, 16384) < 1 << 32


def test_magic_is_declared_once() -> None:
    assert fields.HEADER[0].equals == fields.MAGIC == b"LVC1"


def test_documentation_example_is_a_stream() -> None:
    example = DOCS.read_text(encoding="utf-8").split("## An example")[1].split("```")[1]
    data = b"".join(bytes.fromhex(re.split("    +", line)[0]) for line in example.strip().splitlines())
    assert data[:HEADER_BYTES] == LITERAL_HEADER
    reader = StreamReader(io.BytesIO(data))
    pictures = [(record.kind, record.number, record.quality_index) for record in reader]
    assert pictures == [("I", 0, 60), ("P", 2, 48), ("B", 1, 30), ("I", 3, 62), ("P", 4, 61)]
    assert reader.size_bytes == len(data)


@pytest.mark.parametrize("title", fields.TABLES)
def test_documentation_prints_the_tables(title: str) -> None:
    table = layout_table(fields.TABLES[title])
    assert table in DOCS.read_text(encoding="utf-8"), f"docs/bitstream.md lacks this table ({title}):\n{table}"


COUNTED = (
    Field("count", "u8", "how many", at_most=3, framing=True),
    Field("sizes", "varint", "of the parts", at_most=300, count=Count("count", lambda v: v["count"]), framing=True),
    Field("marks", "u16", "of the parts", at_most=1000, count=Count("count", lambda v: v["count"])),
    Field("parts", "bytes", "all of them", size="sizes"),
    Field("crc", "crc", "of all"),
)


@pytest.mark.parametrize("sizes", [(), (2,), (300, 0, 1)])
def test_fields_of_several_numbers(sizes: tuple[int, ...]) -> None:
    marks, parts = tuple(range(len(sizes))), bytes(sum(sizes))
    values = {"count": len(sizes), "sizes": sizes, "marks": marks, "parts": parts}
    data = bytes(LayoutWriter().put(COUNTED, values).data)
    reader = LayoutReader(io.BytesIO(data).read)
    read = reader.get(COUNTED)
    assert {name: read[name] for name in values} == values and reader.size_bytes == len(data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": (1, 301)}, "sizes 301 is not in 0..300"),
        ({"marks": (1001, 0)}, "marks 1001 is not in 0..1000"),
        ({"marks": (0,)}, "marks has 1 numbers instead of 2"),
    ],
)
def test_several_numbers_out_of_range_are_not_written(changes: dict[str, Any], message: str) -> None:
    values = {"count": 2, "sizes": (1, 1), "marks": (0, 0), "parts": b"ab"} | changes
    with pytest.raises(InputError, match=f"cannot write this stream: {message}"):
        LayoutWriter().put(COUNTED, values)


def test_several_numbers_out_of_range_are_not_read() -> None:
    lying = bytes([2, 1, 0xAD, 2])  # sizes 1 and 301: told before a part is asked for
    with pytest.raises(StreamError, match="sizes 301 is not in 0..300"):
        LayoutReader(io.BytesIO(lying).read).get(COUNTED)
    body = bytes([1, 0, 0xE9, 3])  # a mark of 1001, under a right CRC
    with pytest.raises(StreamError, match="marks 1001 is not in 0..1000"):
        LayoutReader(io.BytesIO(body + zlib.crc32(body).to_bytes(4, "little")).read).get(COUNTED)
