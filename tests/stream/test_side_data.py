"""Side data: what stands between the last group and the end record, its damage, and times of pictures."""

from __future__ import annotations

import io
import random
import zlib
from array import array
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from second_decoder import container as second

from lvcodec.errors import InputError, StreamError, TruncatedStreamError
from lvcodec.stream import fields
from lvcodec.stream.concat import concat_streams
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.header import Header
from lvcodec.stream.presentation import read_presentation, write_presentation
from lvcodec.stream.records import Contents, SideEntry, SidePart, write_contents, write_side
from lvcodec.stream.structure import Structure
from lvcodec.video.presentation import Presentation, durations_of, joined, stamp_of

SHOWN = Presentation(Fraction(1, 90000), 900, array("q", [3000, 6000, 3003, 2997, 3000]), Fraction(4, 3))
TRACKS = random.Random(1).randbytes(2_300_000)  # three parts
LINES = "audio (eng): aac\nsubtitle: mov_text"


@pytest.fixture
def side_stream(header: Header) -> Callable[..., bytes]:
    """side_stream(side): five pictures, and side data by kinds."""

    def write(side: dict[int, bytes]) -> bytes:
        file = io.BytesIO()
        writer = StreamWriter(file, header)
        writer.intra(b"abc", 1)
        writer.group(Structure(2, pyramid=True), [(b"a", 2), (b"bc", 3)])
        writer.intra(b"", 4)
        writer.group(Structure(1), [(b"abcd" * 9, 5)])
        for what, data in side.items():
            writer.side(what, [data[:7], data[7:]])
        writer.finish()
        assert writer.size_bytes == len(file.getvalue())
        return file.getvalue()

    return write


@pytest.fixture
def whole(side_stream: Callable[..., bytes]) -> bytes:
    return side_stream({3: write_presentation(SHOWN), 2: LINES.encode(), 1: TRACKS})


def test_it_comes_back(whole: bytes) -> None:
    reader = StreamReader(io.BytesIO(whole))
    side = reader.side()
    assert side is not None and side.sizes == {3: len(write_presentation(SHOWN)), 2: len(LINES), 1: len(TRACKS)}
    assert b"".join(side.read(1)) == TRACKS
    assert [record.number for record in reader] == [0, 2, 1, 3, 4]
    assert b"".join(side.read(2)).decode() == LINES
    assert read_presentation(b"".join(side.read(3)), 5) == SHOWN
    assert reader.complete and reader.side_damage is None and reader.size_bytes == len(whole)
    assert reader.side_bytes == whole.rindex(b"E\x05\x02") - whole.index(b"S\x03")
    assert StreamReader(io.BytesIO(whole)).seek(4) == 3


def without(stream: bytes) -> bytes:
    """The stream as it is without its side data."""
    reader = StreamReader(io.BytesIO(stream))
    plain = io.BytesIO()
    writer, group = StreamWriter(plain, reader.header), []
    for record in reader:
        group.append(record)
        if record.last_of_group:
            writer.copy(group)
            group = []
    writer.finish()
    return plain.getvalue()


def test_a_stream_without_any_has_no_byte_more(whole: bytes, side_stream: Callable[..., bytes]) -> None:
    assert side_stream({}) == without(whole)
    assert StreamReader(io.BytesIO(side_stream({}))).side() is None


def test_the_page_is_enough_to_read_it(whole: bytes) -> None:
    _, records = second.read_stream(whole)
    data = second.side_data(whole)
    shown = second.read_presentation(data[3], len(records))
    assert (data[1], data[2].decode()) == (TRACKS, LINES)
    assert (shown.aspect, shown.tick, shown.start, shown.durations) == (
        (4, 3),
        (1, 90000),
        900,
        list(SHOWN.durations or ()),
    )


def test_these_bytes(side_stream: Callable[..., bytes]) -> None:
    stream = side_stream({2: b"x"})
    at = stream.index(b"S\x02\x01x")
    part = b"S\x02\x01x" + zlib.crc32(b"S\x02\x01x").to_bytes(4, "little")
    contents = b"C\x08\x01\x02\x01" + zlib.crc32(b"x").to_bytes(4, "little") + bytes([17, 0, 0, 0])
    contents += zlib.crc32(contents).to_bytes(4, "little")
    assert stream[at:].startswith(part + contents + b"E\x05\x02")


def test_through_a_pipe(whole: bytes, pipe: Callable[..., io.RawIOBase]) -> None:
    reader = StreamReader(pipe(whole, 4096))
    assert len(list(reader)) == 5 and reader.complete and reader.side_bytes > len(TRACKS)
    assert reader.side() is None and not reader.seekable


def test_no_damage_costs_a_picture(side_stream: Callable[..., bytes]) -> None:
    """A flipped bit anywhere in side data: all pictures come, the stream is whole, and the damage is told."""
    whole = side_stream({3: write_presentation(SHOWN), 1: b"IGSCE" * 3})
    start = whole.index(b"S\x03")
    for at in range(start, StreamReader(io.BytesIO(whole)).index() and whole.rindex(b"E\x05\x02")):
        data = bytearray(whole)
        data[at] ^= 1 << at % 8
        reader = StreamReader(io.BytesIO(bytes(data)))
        try:
            numbers = [record.number for record in reader]
        except StreamError as error:  # of a first byte that is none of the letters: as any damage, after the pictures
            assert error.picture == 5 and data[at] not in b"SC"
            continue
        assert numbers == [0, 2, 1, 3, 4] and reader.complete and reader.side_damage
        side = reader.side()
        with pytest.raises(StreamError):
            if side is None:
                raise StreamError("no contents")
            for what in side.sizes:
                b"".join(side.read(what))


def test_parts_left_out_or_exchanged_are_noticed(whole: bytes) -> None:
    first = whole.index(b"S\x01")
    size = 2 + 3 + fields.MAX_SIDE_PART + 4
    exchanged = whole[:first] + whole[first + size : first + 2 * size] + whole[first : first + size]
    side = StreamReader(io.BytesIO(exchanged + whole[first + 2 * size :])).side()
    assert side is not None
    with pytest.raises(StreamError, match="missing or out of order"):
        list(side.read(1))


def test_contents_that_list_a_kind_twice(header: Header) -> None:
    """They are damaged: no picture is lost, and nobody reads by them."""
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    writer.intra(b"abc", 1)
    part, entry = write_side(SidePart(2, b"x")), SideEntry(2, 1, zlib.crc32(b"x"))
    writer._append_side(part + write_contents(Contents(len(part), (entry, entry))))
    writer.finish()
    reader = StreamReader(io.BytesIO(file.getvalue()))
    assert reader.side() is None and len(list(reader)) == 1 and reader.complete
    assert "list a kind of side data twice" in str(reader.side_damage)
    with pytest.raises(ValueError, match="other side data"):
        second.read_stream(file.getvalue())


@pytest.mark.parametrize("cut", [1, 30, 1000])
def test_a_cut_stream_is_cut(whole: bytes, cut: int) -> None:
    reader = StreamReader(io.BytesIO(whole[:-cut]))
    with pytest.raises(TruncatedStreamError, match="after 5 whole pictures"):
        list(reader)


def test_a_damaged_group_before_it(whole: bytes) -> None:
    """The search goes over side data to the end record."""
    data = bytearray(whole)
    data[whole.index(b"abcdabcd") + 3] ^= 1
    reader = StreamReader(io.BytesIO(bytes(data)))
    with pytest.raises(StreamError, match="picture 4"):
        list(reader)
    reader.resync()
    assert list(reader) == [] and reader.count == 5


def test_it_stands_after_pictures(header: Header) -> None:
    writer = StreamWriter(io.BytesIO(), header)
    with pytest.raises(InputError, match="after the last picture"):
        writer.side(1, [b"x"])
    writer.intra(b"", 0)
    writer.side(1, [b"x"])
    with pytest.raises(InputError, match="two of side data 1"):
        writer.side(1, [b"y"])


TICKS = st.integers(1, 2**32 - 1)


@given(st.lists(TICKS, max_size=40), TICKS, TICKS, st.integers(0, 2**31))
def test_presentations_come_back(durations: list[int], up: int, down: int, start: int) -> None:
    shown = Presentation(Fraction(1, up), start, array("q", durations) if durations else None, Fraction(up, down))
    data = write_presentation(shown)
    assert read_presentation(data, len(durations)) == shown
    told = second.read_presentation(data, len(durations))
    assert (told.durations or []) == durations and Fraction(*told.aspect) == shown.aspect


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (zlib.compress(bytes([80, 0])), "ends"),
        (zlib.compress(bytes([80, 0, 0, 0])), "more durations"),
        (zlib.compress(bytes(1 << 26)), "0 ticks"),
        (zlib.compress(bytes([80, 79, 0])), "0 ticks"),
        (b"nonsense", "inflated"),
        (zlib.compress(bytes([80, 0, 0]))[:-1], "more durations"),
        (zlib.compress(bytes([80, 0, 0])) + b"x", "something follows"),
    ],
)
def test_durations_that_are_none(rest: bytes, message: str) -> None:
    fixed = write_presentation(Presentation())
    with pytest.raises(StreamError, match=message):
        read_presentation(fixed + rest, 3)
    with pytest.raises((ValueError, zlib.error)):
        second.read_presentation(fixed + rest, 3)


def test_a_constant_rate_costs_next_to_nothing() -> None:
    assert len(write_presentation(Presentation(durations=array("q", [40]) * 100_000))) < 150


def test_times() -> None:
    rate, tick = Fraction(25), Fraction(1, 1000)
    assert durations_of([0, 40, 80, 120], 40, tick, rate) is None
    assert durations_of([7, 47, 86, 127], 0, tick, rate) is None  # rounded
    durations = durations_of([0, 40, 120, 160], 0, tick, rate)
    assert list(durations or ()) == [40, 80, 40, 40]
    assert durations_of([0, 40, 40, 160], 0, tick, rate) is None  # two at once
    shown = Presentation(tick, 500, durations)
    assert (shown.time_s(2, rate), shown.start_of(4, rate)) == (Fraction(3, 25), Fraction(7, 10))
    assert Presentation(tick, 500).start_of(3, rate) == Fraction(62, 100)
    assert [stamp_of([0, 40, 120], number) for number in range(5)] == [0, 40, 120, 121, 122]


def test_joined_times() -> None:
    rate = Fraction(30)
    first = Presentation(Fraction(1, 1000), 0, array("q", [40, 20]))
    both = joined([first, Presentation(start=9)], [2, 3], rate)
    assert both.time_s(5, rate) == Fraction(60, 1000) + Fraction(3, 30) and both.start == 0
    assert joined([Presentation(start=4), Presentation()], [1, 1], rate) == Presentation()
    with pytest.raises(InputError, match="differ in shape: 1, 4/3"):
        joined([Presentation(), Presentation(aspect=Fraction(4, 3))], [1, 1], rate)
    with pytest.raises(InputError, match="no tick in common"):
        joined([first, Presentation(Fraction(1, 2**31 - 1), 0, array("q", [1]))], [2, 1], rate)
    longest = array("q", [2**32 - 1])
    with pytest.raises(InputError, match="no tick in common"):
        joined([Presentation(Fraction(2**32 - 1, up), 0, longest) for up in (2**32 - 5, 2**32 - 17)], [1, 1], rate)


def test_joined_streams(whole: bytes, side_stream: Callable[..., bytes], pipe: Callable[..., io.RawIOBase]) -> None:
    with pytest.raises(InputError, match="film: it has sound or other tracks"):
        concat_streams([io.BytesIO(whole)], io.BytesIO(), ["film"])
    with pytest.raises(InputError, match="film: it has side data 77, which cannot be joined; --video-only"):
        concat_streams([io.BytesIO(side_stream({77: b"x", 2: b"y"}))], io.BytesIO(), ["film"])
    timed = side_stream({3: write_presentation(SHOWN)})
    out = io.BytesIO()
    info = concat_streams([io.BytesIO(timed), io.BytesIO(whole)], out, video_only=True)
    assert info.variable and info.aspect == SHOWN.aspect and info.tracks == () and len(info.pictures) == 10
    data = second.side_data(out.getvalue())
    durations = second.read_presentation(data[3], 10).durations
    assert list(data) == [3] and durations == 2 * list(SHOWN.durations or ())
    with pytest.raises(InputError, match="stream 1: what stands beside its pictures cannot be read"):
        concat_streams([pipe(timed, 4096)], io.BytesIO())
