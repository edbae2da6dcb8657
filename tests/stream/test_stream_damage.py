"""Damaged, cut and forged streams: told or harmless, never costly, and where reading goes on."""

from __future__ import annotations

import dataclasses
import io
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvcodec.errors import InputError, LvcError, StreamError, TruncatedStreamError, count_text
from lvcodec.stream import records, resync
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.header import Header
from lvcodec.stream.records import HEADER_BYTES, Group, PictureRecord
from lvcodec.stream.structure import Structure
from lvcodec.video.format import VideoFormat

Made = tuple[bytes, list[PictureRecord]]
Make = Callable[..., Made]


def crc(data: bytes) -> bytes:
    return data + zlib.crc32(data).to_bytes(4, "little")


def read_on(data: bytes) -> tuple[list[PictureRecord], StreamReader, list[StreamError]]:
    """All that can be read of a damaged stream, with resync()."""
    reader = StreamReader(io.BytesIO(data))
    records: list[PictureRecord] = []
    errors: list[StreamError] = []
    while True:
        try:
            records.append(next(reader))
        except StopIteration:
            return records, reader, errors
        except StreamError as error:
            errors.append(error)
            if isinstance(error, TruncatedStreamError):
                return records, reader, errors
            try:
                reader.resync()
            except TruncatedStreamError:
                return records, reader, errors


def first_of(record: PictureRecord) -> int:
    """The number of the first picture shown of a record's group."""
    return record.base + (record.structure is not None)


def content(records: list[PictureRecord]) -> list[tuple[int, str, int, bytes, int]]:
    """Records without where they stand."""
    return [(r.number, r.kind, r.quality_index, r.payload, r.checksum) for r in records]


SMALL = ("I P I B2", [b"\x00\x11\x22", b"", b"\x45\x46IG", b"\xff", b""], [60, 70, None, 61, 62])


BITS = [1 << bit for bit in range(8)]


@pytest.mark.parametrize("masks", [BITS, pytest.param(range(1, 256), marks=pytest.mark.slow)], ids=["bits", "all"])
def test_every_changed_byte_is_found(make: Make, masks: Iterable[int]) -> None:
    data, _ = make(*SMALL)
    for place in range(len(data)):
        changed = bytearray(data)
        for mask in masks:
            changed[place] = data[place] ^ mask
            with pytest.raises(LvcError) as caught:
                list(StreamReader(io.BytesIO(changed)))
            assert isinstance(caught.value, InputError if place < 4 else StreamError)


def test_changed_byte_is_told_with_its_picture(make: Make) -> None:
    data, records = make(*SMALL)
    for record in records:
        for place in range(record.offset, record.offset + record.size_bytes):
            changed = bytearray(data)
            changed[place] ^= 1
            reader = StreamReader(io.BytesIO(changed))
            good: list[PictureRecord] = []
            with pytest.raises(StreamError) as caught:
                good.extend(reader)
            assert good == [other for other in records if other.offset < record.offset]
            for _ in range(2):
                with pytest.raises(StreamError) as caught:
                    next(reader)
                assert caught.value.picture == first_of(record)
            if not isinstance(caught.value, TruncatedStreamError):
                assert caught.value.offset == record.offset
                assert f"at picture {first_of(record)}, byte {record.offset}: " in str(caught.value)


def test_reading_goes_on_after_every_changed_byte(make: Make) -> None:
    """Only what the byte belongs to is lost, up to the next I-picture; few times a later one, where a length that has
    been changed happens to lead to it."""
    payloads = [b"\x00\x11\x22", b"", b"G", b"\x45\x46IGg", b"\xff", b"I\0", b"EIg", b"i", b"P"]
    data, records = make("I PP I B2 I P I", payloads)
    gops = [0, 3, 6, 8, 9]
    further = 0
    for place in range(HEADER_BYTES, len(data)):
        inside_end = place >= records[-1].offset + records[-1].size_bytes
        hit = [record for record in records if record.offset <= place]
        first = first_of(hit[-1])
        end = next(number for number in gops if number > first)
        for mask in (*BITS, 255):
            changed = bytearray(data)
            changed[place] ^= mask
            got, reader, errors = read_on(bytes(changed))
            if isinstance(errors[0], TruncatedStreamError):
                continue  # a length that leads past the end looks like a cut
            expected = [[r for r in records if inside_end or not first <= r.number < on] for on in gops if on >= end]
            assert content(got) in [content(some) for some in expected], (place, mask)
            further += content(got) != content(expected[0])
            assert reader.complete != inside_end
            assert reader.count == (None if inside_end else 9)
    assert further <= 5


@given(data=st.data())
def test_any_damage_leaves_true_pictures_only(data: st.DataObject) -> None:
    header = Header("swift", "aligned", bytes(8), VideoFormat(64, 64, Fraction(25)), gop=3, quality_index=50)
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    for number in (0, 3, 6):
        writer.intra(bytes([number]) * 20, number)
        writer.group(Structure(2, pyramid=number == 3), [(bytes([number + at]) * 20, number + at) for at in (1, 2)])
    writer.finish()
    stream = file.getvalue()
    start = data.draw(st.integers(HEADER_BYTES, len(stream)))
    cut = data.draw(st.integers(0, 60))
    stuffing = data.draw(st.binary(max_size=60))
    records, reader, _ = read_on(stream[:start] + stuffing + stream[start + cut :])
    numbers = [record.number for record in records]
    assert len(numbers) == len(set(numbers))
    offsets = [record.offset for record in records]
    assert offsets == sorted(offsets)
    for record in records:
        if record.kind == "I":
            assert (record.payload, record.checksum) == (bytes([record.number]) * 20, record.number)
    assert reader.count in (None, 9) or not stuffing


@pytest.mark.parametrize("at_once", [1, 1 << 20])
def test_every_cut_gives_the_whole_groups(make: Make, pipe: Any, at_once: int) -> None:
    data, records = make("I P PP I B2 P")
    for size in range(HEADER_BYTES, len(data)):
        reader = StreamReader(pipe(data[:size], at_once))
        good = []
        with pytest.raises(TruncatedStreamError) as caught:
            for record in reader:
                good.append(record)
        ends = {r.offset: r.offset + sum(o.size_bytes for o in records if o.offset == r.offset) for r in records}
        assert good == [record for record in records if ends[record.offset] <= size]
        assert caught.value.offset == size and caught.value.picture == len(good)
        assert f"cut at byte {size}, after {count_text(len(good), 'whole picture')}" in str(caught.value)
        assert not reader.complete and reader.count is None


def test_missing_pictures_are_noticed(make: Make) -> None:
    data, records = make("I P P I P P", [bytes(30)] * 6)
    first, fourth, end = records[0].offset, records[3].offset, records[5].offset + records[5].size_bytes
    for cut, message in (
        (data[:first] + data[fourth:], "its number is 3, so pictures are missing"),
        (data[:fourth] + data[end:], "its end record tells of 6 pictures, 3 are there"),
        (data[:fourth] + data[first:], "its number is 0, so pictures are missing or out of order"),
        (data[:first] + data[records[1].offset :], "a P-picture without an I-picture before it"),
    ):
        with pytest.raises(StreamError, match=message):
            list(StreamReader(io.BytesIO(cut)))
        assert StreamReader(io.BytesIO(cut)).index() is None


def test_gop_that_is_missing_is_skipped(make: Make) -> None:
    data, records = make("I PP I PP I PP")
    records, reader, errors = read_on(data[: records[3].offset] + data[records[6].offset :])
    assert [record.number for record in records] == [0, 1, 2, 6, 7, 8]
    assert reader.complete and reader.count == 9 and len(errors) == 1


def test_index_that_does_not_fit(make: Make) -> None:
    """The CRC is right, and the pictures are where another index says."""
    data, records = make()
    end = records[-1].offset + records[-1].size_bytes
    sizes = [records[3].offset - records[0].offset, end - records[3].offset]
    right = crc(bytes([0x45, 6, 2, sizes[0], 3, sizes[1], 3]) + (15).to_bytes(4, "little"))
    assert data[end:] == right
    for body, length, message in (
        (bytes([0x45, 6, 2, sizes[0] + 1, 3, sizes[1] - 1, 3]), 15, "its index does not fit its pictures"),
        (bytes([0x45, 6, 2, sizes[0], 2, sizes[1], 4]), 15, "its index does not fit its pictures"),
        (bytes([0x45, 6, 1, sum(sizes), 6]), 13, "its index does not fit its pictures"),
        (bytes([0x45, 6, 2, sizes[0], 2, sizes[1], 3]), 15, "the index holds 5 pictures, the stream 6"),
        (bytes([0x45, 6, 2, sizes[0], 3, sizes[1], 3]), 14, "says that it has 14 bytes, and has 15"),
        (bytes([0x45, 6, 2, sizes[0], 3, 8, 3]), 15, "size 8 is not in"),
        (bytes([0x45, 6, 2, sizes[0], 0, sizes[1], 6]), 15, "pictures 0 is not in"),
    ):
        forged = data[:end] + crc(body + length.to_bytes(4, "little"))
        with pytest.raises(StreamError, match=message):
            list(StreamReader(io.BytesIO(forged)))
    moved = data[:end] + crc(bytes([0x45, 6, 2, sizes[0], 3, sizes[1] + 1, 3]) + (15).to_bytes(4, "little"))
    assert StreamReader(io.BytesIO(moved)).index() is None


LYING = {
    "length over the limit": (b"\x49\x00" + b"\xff\xff\xff\xff\x0f", StreamError, "lengths 4294967295 is not in"),
    "one of many": (b"\x47\x7c" + b"\0" * 31 + b"\xff\xff\xff\xff\x0f", StreamError, "lengths 4294967295 is not in"),
    "many within the limit": (b"\x47\x7c" + b"\xc0\x80\x80\x80\x0c" * 32, TruncatedStreamError, "cut at byte 448"),
    "length of 60 bits": (b"\x49\x00" + b"\xff" * 8 + b"\x7f", StreamError, "lengths .* is not in"),
    "length within the limit": (b"\x49\x00" + b"\xc0\x80\x80\x80\x0c", TruncatedStreamError, "cut at byte 448"),
    "pictures": (b"\x45" + b"\xff\xff\xff\x7f", StreamError, "pictures 268435455 is not in 0..66"),
    "index": (b"\x45" + b"\x00" + b"\xff\xff\xff\x7f", StreamError, "gops 268435455 is not in 0..22"),
}


@pytest.mark.parametrize("name", LYING)
def test_lying_lengths_cost_no_memory(header: Header, name: str) -> None:
    record, kind, message = LYING[name]
    large = dataclasses.replace(header, gop=99, video=VideoFormat(16384, 16384, Fraction(25)))
    file = io.BytesIO()
    assert StreamWriter(file, large).intra(bytes(200 - 10), 0).size_bytes == 200
    reader = StreamReader(io.BytesIO(file.getvalue() + record + bytes(200 - len(record))))
    next(reader)
    tracemalloc.start()
    try:
        with pytest.raises(kind, match=message):
            next(reader)
        assert reader.index() is None
        with pytest.raises(StreamError):
            reader.resync()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_lying_tail_costs_no_memory(make: Make) -> None:
    data, _ = make()
    for length in (0, 1, 11, len(data), 1 << 31, (1 << 32) - 1):
        reader = StreamReader(io.BytesIO(data[:-8] + length.to_bytes(4, "little") + data[-4:]))
        tracemalloc.start()
        try:
            assert reader.index() is None
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


def test_number_too_far_ahead_is_not_believed(make: Make, header: Header) -> None:
    """Concealment repeats a picture for each missing number: a record may not ask for millions of them."""
    data, records = make("I PPP", [b"?"] * 4)
    far = crc(b"\x49" + b"\xff\xff\xff\x7f" + b"\x00" + bytes(2))
    end = HEADER_BYTES + sum(record.size_bytes for record in records)
    reader = StreamReader(io.BytesIO(data[:end] + b"?" + far + data[end:]))
    assert len([next(reader) for _ in range(4)]) == 4
    with pytest.raises(StreamError):
        next(reader)
    reader.resync()
    with pytest.raises(StopIteration):
        next(reader)
    assert reader.count == 4


def test_search_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forged stream of which every place looks like the start of a long record: few of them are looked at."""
    effort = 1 << 26
    monkeypatch.setattr(resync, "EFFORT", effort)
    lengths, checked_bytes = [], []

    def head_size(read: Callable[[int], bytes], limit: int) -> int:
        lengths.append(records.head_size(read, limit))
        return lengths[-1]

    def read_group(read: Callable[[int], bytes], limit: int) -> Group:
        def counting(size: int) -> bytes:
            checked_bytes.append(size)
            return read(size)

        return records.read_group(counting, limit)

    monkeypatch.setattr(resync, "head_size", head_size)
    monkeypatch.setattr(resync, "read_group", read_group)
    header = Header("swift", "lds", bytes(8), VideoFormat(1920, 1080, Fraction(25)), gop=3, quality_index=50)
    data = header.to_bytes() + b"G\x00\x81\x80\x20" * 300_000  # each leads to another one
    reader = StreamReader(io.BytesIO(data))
    with pytest.raises(StreamError, match="the CRC does not match"):
        next(reader)
    with pytest.raises(StreamError, match="too much is damaged"):
        reader.resync()
    allowed = effort + resync.EFFORT_A_BYTE * len(data)
    assert sum(checked_bytes) <= allowed + max(lengths)
    assert len(lengths) <= allowed // resync.PLACE_EFFORT + 1


def test_search_needs_little_memory(header: Header) -> None:
    file = io.BytesIO()
    StreamWriter(file, header).intra(b"one", 0)
    garbage = bytes(range(128, 256)) * 40_000
    data = io.BytesIO(file.getvalue() + garbage)
    reader = StreamReader(data)
    next(reader)
    tracemalloc.start()
    try:
        with pytest.raises(TruncatedStreamError, match="no intact I-picture and no end record follow"):
            reader.resync()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=400))
def test_garbage_is_told(garbage: bytes) -> None:
    header = Header("swift", "lds", bytes(8), VideoFormat(64, 64, Fraction(25)), gop=3, quality_index=50)
    with pytest.raises(StreamError):
        list(StreamReader(io.BytesIO(header.to_bytes() + garbage)))
    read_on(header.to_bytes() + garbage)
    with pytest.raises(LvcError):
        list(StreamReader(io.BytesIO(garbage)))
    with pytest.raises(LvcError):
        list(StreamReader(io.BytesIO(b"LVC1" + garbage)))
