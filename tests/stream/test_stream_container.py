"""Streams written and read: exact bytes, pipes, qualities, the index, what a record costs."""

from __future__ import annotations

import dataclasses
import io
import zlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from second_decoder.container import read_stream

from lvcodec.errors import InputError, StreamError, TruncatedStreamError
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.header import Header
from lvcodec.stream.records import HEADER_BYTES, Group, PictureRecord, Place, planes_checksum, write_group
from lvcodec.stream.structure import MAX_GROUP, Structure
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture

Made = tuple[bytes, list[PictureRecord]]
Make = Callable[..., Made]

LITERAL_RECORDS = bytes.fromhex(
    "49 00 03 e803 aabbcc"
    "af76799e"  # I, number 0, 3 bytes, checksum 1000
    "47 06 01 00 e903 ea03 dd"
    "cfdaa97c"  # G, a pyramid of 2: 1 byte and none, checksums 1001 and 1002
    "69 03 3e 00 eb03"
    "ee71eeed"  # i, number 3, quality 62, no payload, checksum 1003
    "67 01 3d 01 ec03 ee"
    "9ad04b35"  # g, a chain of 1, a key picture: quality 61, 1 byte, checksum 1004
    "45 05 02 19 03 15 02 0f000000"
    "0007e327"  # 5 pictures, 2 GOPs
)


def test_stream_is_these_bytes(make: Make) -> None:
    payloads = [b"\xaa\xbb\xcc", b"\xdd", b"", b"", b"\xee"]
    data, _ = make("I B2 I kP", payloads, [60, None, None, 62, 61])
    assert data[HEADER_BYTES:].hex() == LITERAL_RECORDS.hex()


def test_stream_is_read_from_these_bytes(header: Header) -> None:
    pyramid, chain = Structure(2, pyramid=True), Structure(1, key=True)
    anchor, middle = pyramid.steps
    reader = StreamReader(io.BytesIO(header.to_bytes() + LITERAL_RECORDS))
    assert list(reader) == [
        PictureRecord("I", 0, 60, b"\xaa\xbb\xcc", 1000, 48, 9, 0),
        PictureRecord("P", 2, 48, b"\xdd", 1001, 60, 6, 0, pyramid, anchor, False),
        PictureRecord("B", 1, 30, b"", 1002, 60, 6, 0, pyramid, middle, True),
        PictureRecord("I", 3, 62, b"", 1003, 73, 10, 3),
        PictureRecord("P", 4, 61, b"\xee", 1004, 83, 10, 3, chain, chain.steps[0], True),
    ]
    assert reader.complete and reader.count == 5


def test_stream_without_pictures(make: Make) -> None:
    data, _ = make("")
    reader = StreamReader(io.BytesIO(data))
    assert list(reader) == [] and reader.complete and reader.index() == []


@pytest.mark.parametrize("at_once", [1, 7, 1 << 20])
def test_pipe(make: Make, pipe: Any, at_once: int) -> None:
    data, records = make("I P PP I B2")
    source = pipe(data, at_once)
    reader = StreamReader(source)
    assert source.given == HEADER_BYTES
    for number, record in enumerate(records):
        assert next(reader) == record
        group = [other for other in records if other.offset == record.offset]
        assert source.given == reader.size_bytes == record.offset + sum(other.size_bytes for other in group)
        assert record.last_of_group == (record is group[-1] is records[number])
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
        writer.copy([record])
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


PICTURE = st.tuples(st.binary(max_size=300), st.integers(0, 65535))
STRUCTURE = st.builds(Structure, st.integers(2, MAX_GROUP), st.booleans(), st.booleans()) | st.just(Structure(1))


@given(gops=st.lists(st.lists(STRUCTURE, max_size=3), max_size=4), data=st.data())
def test_round_trip(gops: list[list[Structure]], data: st.DataObject) -> None:
    """What the writer returns is what a reader gives, the second decoder's too; all pictures are there."""
    layers = (20, 10, 30, 40, 40, 40, 255)
    video = VideoFormat(64, 64, Fraction(25))
    header = Header("swift", "aligned", bytes(8), video, gop=100, quality_index=50, layers=layers)
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    records: list[PictureRecord] = []
    for groups in gops:
        records.append(writer.intra(b"I", len(records)))
        for structure in groups:
            count = structure.pictures
            coded = data.draw(st.lists(PICTURE, min_size=count, max_size=count))
            told = data.draw(st.none() | st.lists(st.integers(0, 200), min_size=count, max_size=count))
            group = writer.group(structure, coded, told)
            assert [(record.payload, record.checksum) for record in group] == coded
            assert told is None or [record.quality_index for record in group] == told
            assert [record.step for record in group] == list(structure.steps)
            records += group
    writer.finish()
    assert sorted(record.number for record in records) == list(range(len(records)))
    assert sum(record.size_bytes for record in records) == end_of(file.getvalue()) - HEADER_BYTES
    for record in records:
        assert all(number < len(records) and number != record.number for number in record.references)
        assert len(record.references) == "IPB".index(record.kind)
    reader = StreamReader(io.BytesIO(file.getvalue()))
    places = [Place(record.number, record.offset) for record in records if record.kind == "I"]
    assert reader.index() == places
    assert reader.count == len(records)
    assert list(reader) == records
    for record, other in zip(records, read_stream(file.getvalue())[1], strict=True):
        assert (other.kind, other.number, other.references) == (record.kind, record.number, record.references)
        assert (other.quality, other.payload) == (record.quality_index, record.payload)
        assert other.checksum == record.checksum


def end_of(data: bytes) -> int:
    """Where the end record stands."""
    return len(data) - int.from_bytes(data[-8:-4], "little")


def test_qualities_that_the_header_implies_take_no_bytes(make: Make) -> None:
    data, records = make("I P kPP I B2", qualities=[None, None, 60, 40, 70, 58, 40])
    assert [record.quality_index for record in records] == [60, 40, 60, 40, 70, 58, 40]
    assert [record.overhead_bytes for record in records] == [9, 9, 6, 6, 10, 6, 6]
    assert list(StreamReader(io.BytesIO(data))) == records
    data, records = make("I PPP", qualities=[10, 0, 1, 0])
    assert [record.quality_index for record in records] == [10, 0, 1, 0]
    assert sum(record.overhead_bytes for record in records[1:]) == 6 + 3 * 4


@pytest.mark.parametrize(
    ("payload", "checksum", "quality"),
    [
        (b"", -1, None),
        (b"", 1 << 16, None),
        (b"", 0, 201),
        (b"", 0, -1),
        (bytes(64 + 12 * 64 * 64 + 1), 0, None),
    ],
)
def test_picture_out_of_range_is_not_written(
    header: Header, payload: bytes, checksum: int, quality: int | None
) -> None:
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    with pytest.raises(InputError, match="cannot write this stream"):
        writer.intra(payload, checksum, quality)
    writer.intra(b"", 0)  # nothing of the other was written or counted
    with pytest.raises(InputError, match="cannot write this stream"):
        writer.group(Structure(2), [(b"", 0), (payload, checksum)], quality and [0, quality])
    writer.group(Structure(2), [(b"", 0)] * 2)
    writer.finish()
    assert len(list(StreamReader(io.BytesIO(file.getvalue())))) == 3


def test_the_shift_is_each_groups_own(header: Header) -> None:
    """By what a group's structure says; it changes neither pictures nor qualities."""
    file, half = io.BytesIO(), Fraction(1, 2)
    writer = StreamWriter(file, dataclasses.replace(header, mode="lds", gop=20))
    writer.intra(b"", 0)
    structures = [Structure(1), Structure(2, alpha=half), Structure(3, kept=True), Structure(4, alpha=half, kept=True)]
    structures += [Structure(2, alpha=Fraction(0)), Structure(2, key=True)]
    for structure in structures:
        writer.group(structure, [(b"", 0)] * structure.pictures)
    for bad, what in (
        (Structure(1, alpha=Fraction(1, 3)), "a chain shifted by 1/3"),
        (Structure(1, alpha=Fraction(0), kept=True), "a chain shifted by 0, latents kept"),
        (Structure(1, key=True, kept=True), "a chain with a key picture shifted by 1, latents kept"),
        (Structure(2, pyramid=True, kept=True), "a pyramid shifted by 1, latents kept"),
    ):
        with pytest.raises(InputError, match=f"cannot write this stream: ({what}|B-pictures in a stream of mode lds)"):
            writer.group(bad, [(b"", 0)] * bad.pictures)
    writer.finish()
    records = list(StreamReader(io.BytesIO(file.getvalue())))
    assert [record.shift for record in records[:4]] == [(1, False), (1, False), (half, False), (half, False)]
    assert [record.shift for record in records[4:11]] == [(1, True)] * 3 + [(half, True)] * 4
    assert [record.shift for record in records[11:]] == [(0, False)] * 2 + [(1, False)] * 2
    assert list(dict.fromkeys(record.structure for record in records[1:])) == structures


@pytest.mark.parametrize(
    ("structure", "count", "message"),
    [
        (Structure(1, pyramid=True), 1, "a pyramid of one picture"),
        (Structure(1, alpha=Fraction(1, 2)), 1, "a shift in a stream of mode aligned"),
        (Structure(1, kept=True), 1, "a shift in a stream of mode aligned"),
        (Structure(2, pyramid=True, alpha=Fraction(0)), 2, "a shift in a stream of mode aligned"),
        (Structure(0), 0, "a group of 0 pictures"),
        (Structure(33), 33, "a group of 33 pictures, not 1 to 32"),
        (Structure(2), 1, "lengths has 1 numbers instead of 2"),
        (Structure(2), 3, "lengths has 3 numbers instead of 2"),
    ],
)
def test_group_that_cannot_be(header: Header, structure: Structure, count: int, message: str) -> None:
    writer = StreamWriter(io.BytesIO(), dataclasses.replace(header, gop=100))
    with pytest.raises(InputError, match="a P-picture without an I-picture before it"):
        writer.group(Structure(1), [(b"", 0)])
    writer.intra(b"", 0)
    with pytest.raises(InputError, match=f"cannot write this stream: ({message})"):
        writer.group(structure, [(b"", 0)] * count)


def test_structure_that_cannot_be_is_not_read(make: Make, header: Header) -> None:
    data, _ = make("I P", [b""] * 2)
    record = bytearray(data[HEADER_BYTES + 9 : end_of(data)])
    for structure, message in (
        (2, "a pyramid of one picture"),
        (3, "a pyramid of one"),
        (128, "a shift in a stream of mode"),
        (129, "a shift in a stream of mode"),
        (130, "a shift in a stream of mode"),
        (131, "a shift in a stream of mode"),
    ):
        record[1] = structure
        forged = data[: HEADER_BYTES + 9] + record[:-4] + zlib.crc32(record[:-4]).to_bytes(4, "little")
        with pytest.raises(StreamError, match=message):
            list(StreamReader(io.BytesIO(forged)))


def test_gop_may_not_be_longer_than_the_header_says(make: Make, header: Header) -> None:
    make("I P PP")
    for groups in ("I PPPP", "I PP PP", "I PPP P", "I B4"):
        with pytest.raises(InputError, match="a GOP of more than 4 pictures"):
            make(groups)
        data, _ = make(groups, head=dataclasses.replace(header, gop=5))
        reader = StreamReader(io.BytesIO(header.to_bytes() + data[HEADER_BYTES:]))
        with pytest.raises(StreamError, match="a GOP of more than 4 pictures"):
            list(reader)


def test_intra_streams_have_no_p_pictures(make: Make, header: Header) -> None:
    intra = dataclasses.replace(header, mode="intra")
    make("I I I I I I", head=intra)  # gop bounds nothing
    with pytest.raises(InputError, match="cannot write this stream: a P-picture in a stream of mode intra"):
        make("I P", head=intra)
    data, records = make("I I P I")
    reader = StreamReader(io.BytesIO(intra.to_bytes() + data[HEADER_BYTES:]))
    assert [next(reader) for _ in range(2)] == records[:2]
    with pytest.raises(StreamError, match="at picture 2, .*: a P-picture in a stream of mode intra") as caught:
        next(reader)
    assert caught.value.picture == 2
    reader.resync()
    assert list(reader) == records[3:] and reader.complete


@pytest.mark.parametrize("mode", ["mfvc", "lds"])
def test_only_aligned_has_b_pictures(make: Make, header: Header, mode: str) -> None:
    other = dataclasses.replace(header, mode=mode)
    make("I PPP", head=other)
    with pytest.raises(InputError, match=f"cannot write this stream: B-pictures in a stream of mode {mode}"):
        make("I B2", head=other)
    reader = StreamReader(io.BytesIO(other.to_bytes() + make("I B2")[0][HEADER_BYTES:]))
    with pytest.raises(StreamError, match=f"at picture 1, .*: B-pictures in a stream of mode {mode}"):
        list(reader)


def test_nothing_follows_the_end(header: Header) -> None:
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    writer.finish()
    writer.finish()
    assert len(file.getvalue()) == writer.size_bytes
    with pytest.raises(InputError, match="finished"):
        writer.intra(b"", 0)
    with pytest.raises(InputError, match="finished"):
        writer.group(Structure(1), [(b"", 0)])


GROUPS = {"chains": Structure(8), "pyramids": Structure(8, pyramid=True), "low delay": Structure(1)}


@pytest.mark.parametrize(
    ("gop", "groups", "payload_bytes", "most"),
    [(48, "chains", 2000, 5), (48, "pyramids", 2000, 5), (48, "low delay", 2000, 11), (1, "chains", 90_000, 17)],
)
def test_overhead_of_many_pictures(gop: int, groups: str, payload_bytes: int, most: float) -> None:
    """All that is not payload, the index in, is at most so many bytes a picture."""
    video = VideoFormat(1920, 1080, Fraction(25))
    header = Header("swift", "aligned", bytes(8), video, gop=49, quality_index=60, layers=(20,) * 7)
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    structure, count = GROUPS[groups], 0
    for _ in range(50):
        writer.intra(bytes(payload_bytes), 0)
        count += 1
        for _ in range(gop // structure.pictures):
            writer.group(structure, [(bytes(payload_bytes), 0)] * structure.pictures)
            count += structure.pictures
    writer.finish()
    assert writer.size_bytes - count * payload_bytes <= most * count


def test_fixed_costs_of_a_file(make: Make) -> None:
    data, _ = make("")
    assert len(data) == 48 + 11 <= 200


def test_largest_record_costs_no_more_than_it_may() -> None:
    """Number, quality and length as long as they get; the index entry of a GOP of one picture is with it."""
    payload = bytes((1 << 21) + 1)
    record = write_group(Group((1 << 28) - 2, None, (100,), (payload,), (0,)), 1 << 28)
    assert len(record) - len(payload) == 1 + 4 + 1 + 4 + 2 + 4
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
    data, records = make("I P I P I P", qualities=[10, 11, 12, None, 60, None])
    for number in range(6):
        reader = StreamReader(io.BytesIO(data))
        reader.seek(number)
        assert next(reader) == records[number // 2 * 2]
        assert next(reader) == records[number // 2 * 2 + 1]


def test_seek_leaves_what_waits_of_a_group(make: Make) -> None:
    data, records = make("I B2 I P")
    reader = StreamReader(io.BytesIO(data))
    assert [next(reader) for _ in range(2)] == records[:2]
    assert reader.seek(4) == 3
    assert list(reader) == records[3:]


def test_seek_on_a_pipe_tells_where_it_stands(make: Make, pipe: Any) -> None:
    data, records = make("I B2 I P")
    reader = StreamReader(pipe(data))
    for expected in (0, 1, 1, 3, 4):
        assert reader.seek(0) == expected
        next(reader)


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


def test_scan_makes_the_index_of_a_cut_stream(make: Make) -> None:
    """From the whole groups; then one can seek, and is told at the end that it is cut."""
    data, records = make()
    for size in range(HEADER_BYTES, len(data)):
        whole = [r for r in records if r.offset + sum(o.size_bytes for o in records if o.offset == r.offset) <= size]
        reader = StreamReader(io.BytesIO(data[:size]))
        assert isinstance(reader.scan(), TruncatedStreamError)
        assert reader.count == len(whole)
        assert reader.index() == [Place(r.number, r.offset) for r in whole if r.kind == "I"]
        if whole:
            first = reader.seek(len(whole) - 1)
            assert next(reader) == records[first]
        reader.seek(0) if whole else None
        for record in whole:
            assert next(reader) == record
        with pytest.raises(TruncatedStreamError):
            next(reader)


def test_scan_where_there_is_an_index(make: Make) -> None:
    data, records = make()
    for after in (b"", b"more"):  # what follows hides the index
        reader = StreamReader(io.BytesIO(data + after))
        assert reader.scan() is None and reader.count == 6
        assert reader.seek(5) == 3 and list(reader) == records[3:]


def test_checksum_of_planes() -> None:
    y = np.arange(30, dtype=np.uint8).reshape(5, 6)
    u, v = np.full((3, 3), 7, np.uint8), np.full((3, 3), 9, np.uint8)
    assert planes_checksum(Picture(y, u, v)) == 0x4142
    assert planes_checksum(Picture(y, v, u)) != 0x4142
    tall = Picture(y.reshape(6, 5), u, v)
    assert tall.tobytes() == Picture(y, u, v).tobytes()
    assert planes_checksum(tall) != 0x4142
