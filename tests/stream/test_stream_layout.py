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
from lvcodec.stream.layout import Field, LayoutReader, LayoutWriter, layout_bytes, layout_table
from lvcodec.stream.records import HEADER_BYTES
from lvcodec.video.format import VideoFormat

DOCS = Path(__file__).parents[2] / "docs" / "bitstream.md"

LITERAL_HEADER = bytes.fromhex("4c5643310102010200010203040506070600050030750000e9030000010d05010104003c01a7bab39f")


def test_header_is_these_bytes(header: Header) -> None:
    assert header.to_bytes().hex() == LITERAL_HEADER.hex()


def test_header_is_read_from_these_bytes(header: Header) -> None:
    assert StreamReader(io.BytesIO(LITERAL_HEADER)).header == header


def test_header_is_small() -> None:
    assert HEADER_BYTES == len(LITERAL_HEADER) <= 64


@pytest.mark.parametrize("family", ["swift", "cheng2020"])
@pytest.mark.parametrize("mode", ["intra", "mfvc", "lds", "aligned"])
@pytest.mark.parametrize("alpha", [Fraction(1), Fraction(1, 2)])
def test_header_comes_back(header: Header, family: str, mode: str, alpha: Fraction) -> None:
    other = dataclasses.replace(header, family=family, mode=mode, alpha=alpha)
    assert read_header(io.BytesIO(other.to_bytes()).read) == other


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("family", "vvc"),
        ("mode", "unheard-of"),
        ("alpha", Fraction(1, 3)),
        ("gop", 0),
        ("gop", 65536),
        ("quality_index", -1),
        ("quality_index", 101),
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
        ("quality", 101),
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
    [("version", 2), ("syntax", 3), ("family", 3), ("mode", 4), ("mode", 9), ("flags", 2)],
)
def test_unknown_number_is_a_newer_stream(name: str, value: int) -> None:
    with pytest.raises(StreamError, match=f"{name} {value} is unknown; .* newer lvcodec: update") as caught:
        StreamReader(io.BytesIO(forged(name, value)))
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(("name", "value"), [("version", 0), ("syntax", 1), ("family", 0)])
def test_lower_number_is_an_older_stream(name: str, value: int) -> None:
    with pytest.raises(StreamError, match=f"{name} {value} is unknown; .* older lvcodec") as caught:
        StreamReader(io.BytesIO(forged(name, value)))
    assert caught.value.exit_code == 4


def test_newer_version_is_told_whatever_its_layout() -> None:
    with pytest.raises(StreamError, match="newer lvcodec"):
        StreamReader(io.BytesIO(b"LVC1\x02 and something else"))


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
    assert shown["mode"] == "2 (lds)"
    assert shown["weights_id"] == "0001020304050607"
    assert shown["rate_num"] == "30000"


def test_quality_of_index(header: Header) -> None:
    qualities = [dataclasses.replace(header, quality_index=index).quality for index in (0, 50, 60, 100)]
    assert qualities == [1.0, 3.5, 4.0, 6.0]


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


def test_payload_limit_holds_the_worst_picture() -> None:
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
    assert [(record.kind, record.quality_index) for record in reader] == [("I", 60), ("P", 61), ("I", 62)]
    assert reader.size_bytes == len(data)


@pytest.mark.parametrize("title", fields.TABLES)
def test_documentation_prints_the_tables(title: str) -> None:
    table = layout_table(fields.TABLES[title])
    assert table in DOCS.read_text(encoding="utf-8"), f"docs/bitstream.md lacks this table ({title}):\n{table}"
