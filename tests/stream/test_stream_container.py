"""Streams written and read: exact bytes, pipes, qualities, the index, what a record costs."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvcodec.errors import InputError, StreamError
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.header import Header
from lvcodec.stream.records import HEADER_BYTES, PictureRecord, Place, planes_checksum
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture

Made = tuple[bytes, list[PictureRecord]]
Make = Callable[..., Made]

LITERAL_RECORDS = bytes.fromhex(
    "49"
    "00"
    "03"
    "aabbcc"
    "e8030000"
    "3dfe14a1"  # I, number 0, 3 bytes, checksum 1000
    "70"
    "3d"
    "00"
    "e9030000"
    "cdabd160"  # P with quality 61, no payload, checksum 1001
    "69"
    "02"
    "3e"
    "01"
    "dd"
    "ea030000"
    "6b8d0dad"  # I with quality 62, number 2
    "45"
    "03"
    "02"
    "19"
    "02"
    "0d"
    "01"
    "0f000000"
    "d586af24"  # 3 pictures, 2 GOPs: 25 and 13 bytes
)


def test_stream_is_these_bytes(make: Make) -> None:
    data, _ = make("IPI", [b"\xaa\xbb\xcc", b"", b"\xdd"], [60, 61, 62])
    assert data[HEADER_BYTES:].hex() == LITERAL_RECORDS.hex()


def test_stream_is_read_from_these_bytes(header: Header) -> None:
    reader = StreamReader(io.BytesIO(header.to_bytes() + LITERAL_RECORDS))
    assert list(reader) == [
        PictureRecord("I", 60, b"\xaa\xbb\xcc", 1000, 41, 0, 11),
        PictureRecord("P", 61, b"", 1001, 55, 1, 11),
        PictureRecord("I", 62, b"\xdd", 1002, 66, 2, 12),
    ]
    assert reader.complete and reader.count == 3


def test_stream_without_pictures(make: Make) -> None:
    data, _ = make("")
    reader = StreamReader(io.BytesIO(data))
    assert list(reader) == [] and reader.complete and reader.index() == []


@pytest.mark.parametrize("at_once", [1, 7, 1 << 20])
def test_pipe(make: Make, pipe: Any, at_once: int) -> None:
    data, records = make()
    source = pipe(data, at_once)
    reader = StreamReader(source)
    assert source.given == HEADER_BYTES
    for record in records:
        assert next(reader) == record
        assert source.given == reader.size_bytes == record.offset + record.size_bytes
    assert list(reader) == [] and reader.complete
    assert source.given == reader.size_bytes == len(data)


def test_reading_stops_at_the_end_record(make: Make, pipe: Any) -> None:
    data, records = make()
    source = pipe(data + b"something else")
    assert list(StreamReader(source)) == records
    assert source.given == len(data)


def test_writer_and_short_writes(make: Make, header: Header) -> None:
    class Slow:
        data = b""

        def write(self, data: memoryview) -> int:
            self.data += bytes(data[:2])
            return min(len(data), 2)

    expected, records = make()
    file = Slow()
    writer = StreamWriter(file, header)
    for record in records:
        writer.picture(record.kind, record.payload, record.checksum)
    writer.finish()
    assert file.data == expected


def test_full_disk_is_told(header: Header) -> None:
    class Full:
        def write(self, data: memoryview) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="cannot write the stream: no space left on device"):
        StreamWriter(Full(), header)


def test_failing_source_is_told() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    source: Any = Broken()
    with pytest.raises(InputError, match="cannot read the stream: input/output error"):
        StreamReader(source)


def test_source_that_does_not_wait_is_told() -> None:
    class NoWait(io.RawIOBase):
        def read(self, size: int = -1) -> Any:
            return None

    source: Any = NoWait()
    with pytest.raises(InputError, match="non-blocking"):
        StreamReader(source)


@given(
    gops=st.lists(st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 100)), min_size=1, max_size=4)),
    at_once=st.integers(1, 50),
)
def test_round_trip(gops: list[list[tuple[bytes, int]]], at_once: int) -> None:
    header = Header("swift", "mfvc", bytes(8), VideoFormat(64, 64, Fraction(25)), gop=4, quality_index=50)
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    records = [
        writer.picture("P" if place else "I", payload, len(payload), quality)
        for gop in gops
        for place, (payload, quality) in enumerate(gop)
    ]
    writer.finish()
    assert [record.quality_index for record in records] == [quality for gop in gops for _, quality in gop]
    reader = StreamReader(io.BytesIO(file.getvalue()))
    places = [Place(record.number, record.offset) for record in records if record.kind == "I"]
    assert reader.index() == places
    assert reader.count == len(records)
    assert list(reader) == records


def test_quality_stays_until_told_otherwise(make: Make) -> None:
    data, records = make("IPPIPP", qualities=[None, 70, None, None, 60, None])
    assert [record.quality_index for record in records] == [60, 70, 70, 70, 60, 60]
    assert [record.overhead_bytes for record in records] == [11, 11, 10, 12, 11, 10]
    assert list(StreamReader(io.BytesIO(data))) == records


@pytest.mark.parametrize(
    ("kind", "payload", "checksum", "quality"),
    [
        ("B", b"", 0, None),
        ("P", b"", 0, None),
        ("I", b"", -1, None),
        ("I", b"", 1 << 32, None),
        ("I", b"", 0, 101),
        ("I", b"", 0, -1),
        ("I", bytes(64 + 12 * 64 * 64 + 1), 0, None),
    ],
)
def test_picture_out_of_range_is_not_written(
    header: Header, kind: str, payload: bytes, checksum: int, quality: int | None
) -> None:
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    with pytest.raises(InputError, match="cannot write this stream"):
        writer.picture(kind, payload, checksum, quality)
    writer.picture("I", b"", 0)  # nothing of the other was written or counted
    writer.finish()
    assert len(list(StreamReader(io.BytesIO(file.getvalue())))) == 1


def test_gop_may_not_be_longer_than_the_header_says(make: Make, header: Header) -> None:
    make("IPPP")
    with pytest.raises(InputError, match="a GOP of more than 4 pictures"):
        make("IPPPP")
    data, _ = make("IPPPP", head=dataclasses.replace(header, gop=5))
    reader = StreamReader(io.BytesIO(header.to_bytes() + data[HEADER_BYTES:]))
    with pytest.raises(StreamError, match="a GOP of more than 4 pictures"):
        list(reader)


def test_intra_streams_have_no_p_pictures(make: Make, header: Header) -> None:
    intra = dataclasses.replace(header, mode="intra")
    make("IIIIII", head=intra)  # gop bounds nothing
    with pytest.raises(InputError, match="cannot write this stream: a P-picture in a stream of mode intra"):
        make("IP", head=intra)
    data, records = make("IIPI")
    reader = StreamReader(io.BytesIO(intra.to_bytes() + data[HEADER_BYTES:]))
    assert [next(reader) for _ in range(2)] == records[:2]
    with pytest.raises(StreamError, match="at picture 2, .*: a P-picture in a stream of mode intra") as caught:
        next(reader)
    assert caught.value.picture == 2
    reader.resync()
    assert list(reader) == records[3:] and reader.complete


def test_nothing_follows_the_end(header: Header) -> None:
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    writer.finish()
    writer.finish()
    assert len(file.getvalue()) == writer.size_bytes
    with pytest.raises(InputError, match="finished"):
        writer.picture("I", b"", 0)


@pytest.mark.parametrize(("gop", "payload_bytes", "most"), [(12, 2000, 12.6), (1, 90_000, 20)])
def test_overhead_of_many_pictures(gop: int, payload_bytes: int, most: float) -> None:
    header = Header("swift", "lds", bytes(8), VideoFormat(1920, 1080, Fraction(25)), gop=12, quality_index=60)
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    count = 3000
    for number in range(count):
        writer.picture("P" if number % gop else "I", bytes(payload_bytes), 0, number % 2)
    writer.finish()
    overhead = writer.size_bytes - count * payload_bytes
    assert overhead <= most * count + 200 <= 24 * count


def test_fixed_costs_of_a_file(make: Make) -> None:
    data, _ = make("")
    assert len(data) == 41 + 11 <= 200


def test_largest_record_costs_no_more_than_it_may() -> None:
    """Number, quality and length as long as they get; the index entry of a GOP of one picture is with it."""
    from lvcodec.stream.records import WrittenPicture, write_picture

    payload = bytes((1 << 21) + 1)
    record = write_picture(WrittenPicture("I", (1 << 28) - 2, 100, payload, 0), 1 << 28)
    assert len(record) - len(payload) == 1 + 4 + 1 + 4 + 4 + 4
    assert len(record) - len(payload) + 4 + 1 <= 24


def test_index_leaves_the_reader_in_place(make: Make) -> None:
    data, records = make()
    reader = StreamReader(io.BytesIO(data))
    assert reader.count is None
    assert next(reader) == records[0]
    assert reader.index() == [Place(0, records[0].offset), Place(3, records[3].offset)]
    assert reader.count == 6 and not reader.complete
    assert list(reader) == records[1:]


def test_index_of_a_pipe(make: Make, pipe: Any) -> None:
    data, records = make()
    reader = StreamReader(pipe(data))
    assert reader.index() is None and reader.seek(4) == 0
    assert list(reader) == records
    assert reader.index() == [Place(0, records[0].offset), Place(3, records[3].offset)]


@pytest.mark.parametrize("number", range(6))
def test_seek(make: Make, number: int) -> None:
    data, records = make()
    reader = StreamReader(io.BytesIO(data))
    first = 3 if number >= 3 else 0
    for _ in range(2):  # the second time from the end
        assert reader.seek(number) == first
        assert list(reader) == records[first:]
        assert reader.complete


def test_seek_finds_the_quality(make: Make) -> None:
    data, records = make("IPIPIP", qualities=[10, 11, 12, None, 60, None])
    for number in range(6):
        reader = StreamReader(io.BytesIO(data))
        reader.seek(number)
        assert next(reader) == records[number // 2 * 2]
        assert next(reader) == records[number // 2 * 2 + 1]


@pytest.mark.parametrize("number", [-1, 6, 1000])
def test_seek_outside(make: Make, number: int) -> None:
    reader = StreamReader(io.BytesIO(make()[0]))
    with pytest.raises(InputError, match="the stream has 6 pictures"):
        reader.seek(number)


def test_stream_inside_a_file(make: Make) -> None:
    data, records = make()
    file = io.BytesIO(b"before" + data)
    file.seek(6)
    reader = StreamReader(file)
    assert reader.seek(5) == 3
    assert list(reader) == records[3:]


def test_cut_stream_has_no_index(make: Make) -> None:
    data, records = make()
    for size in range(HEADER_BYTES, len(data)):
        reader = StreamReader(io.BytesIO(data[:size]))
        assert reader.index() is None and reader.count is None
        assert reader.seek(5) == 0
        if size >= records[0].offset + records[0].size_bytes:
            assert next(reader) == records[0]


def test_checksum_of_planes() -> None:
    y = np.arange(30, dtype=np.uint8).reshape(5, 6)
    u, v = np.full((3, 3), 7, np.uint8), np.full((3, 3), 9, np.uint8)
    assert planes_checksum(Picture(y, u, v)) == 0x1A434142
    assert planes_checksum(Picture(y, v, u)) != 0x1A434142
    tall = Picture(y.reshape(6, 5), u, v)
    assert tall.tobytes() == Picture(y, u, v).tobytes()
    assert planes_checksum(tall) != 0x1A434142
