"""lvcodec.open: pictures of a stream by their numbers, decoded from the I-picture before, and no more than needed."""

from __future__ import annotations

import io
import shutil
from array import array
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lvcodec
from lvcodec.codec import gop
from lvcodec.errors import InputError, NoSuchPictureError, StreamError, TruncatedStreamError, UsageError
from lvcodec.stream import fields
from lvcodec.stream.concat import copied_pictures
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.presentation import write_presentation
from lvcodec.thumbnails import contact_sheet
from lvcodec.video.colour import Colour
from lvcodec.video.format import VideoFormat
from lvcodec.video.presentation import Presentation
from lvcodec.video.rgb import planes_to_rgb

WIDTH, HEIGHT, COUNT, GOP = 47, 33, 23, 9
LAYOUT = VideoFormat(WIDTH, HEIGHT, Fraction(30000, 1001), Colour(1, 1, 1))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, make_waves: Any, random_model: str) -> Path:
    """A folder with three GOPs in pyramids, clip.lvc, and what it decodes to, clip.yuv."""
    folder = tmp_path_factory.mktemp("pictures")
    clip = (make_waves(WIDTH, HEIGHT, COUNT), LAYOUT)
    lvcodec.encode(clip, folder / "clip.lvc", gop=GOP, bframes=3, model=random_model, recon=folder / "clip.yuv")
    return folder


@pytest.fixture
def stream(made: Path) -> Path:
    return made / "clip.lvc"


@pytest.fixture
def shown(made: Path) -> list[bytes]:
    data = (made / "clip.yuv").read_bytes()
    size = LAYOUT.picture_bytes
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grows by one with each picture that is decoded."""
    counted: list[Any] = []
    decode = gop.decode_picture
    monkeypatch.setattr(gop, "decode_picture", lambda *args: (counted.append(1), decode(*args))[1])
    return counted


def raw(planes: tuple[np.ndarray, ...]) -> bytes:
    return b"".join(plane.tobytes() for plane in planes)


def test_all_in_order(stream: Path, shown: list[bytes], decoded: list[Any]) -> None:
    with lvcodec.open(stream, pix_fmt="yuv420p") as video:
        assert (len(video), video.width, video.height, video.rate) == (COUNT, WIDTH, HEIGHT, Fraction(30000, 1001))
        assert video.keys == (0, 9, 18) and video.complete
        assert video.duration_s == float(COUNT * Fraction(1001, 30000))
        assert "23 pictures of 47x33" in repr(video)
        assert decoded == []
        assert [raw(planes) for planes in video] == shown
        assert len(decoded) == COUNT


def test_rgb_and_bgr(stream: Path, shown: list[bytes]) -> None:
    with lvcodec.open(stream) as video, lvcodec.open(stream, pix_fmt="bgr24") as bgr:
        y, u, v = lvcodec.open(stream, pix_fmt="yuv420p")[7]
        assert raw((y, u, v)) == shown[7]
        expected = np.moveaxis(planes_to_rgb(y, u, v, LAYOUT.colour), 0, 2)
        assert video[7].shape == video.shape and video[7].flags.c_contiguous
        assert np.array_equal(video[7], expected) and np.array_equal(bgr[7], expected[:, :, ::-1])


def test_any_picture(stream: Path, shown: list[bytes], decoded: list[Any]) -> None:
    """From its I-picture, not from the beginning; the next one goes on from there."""
    video = lvcodec.open(io.BytesIO(stream.read_bytes()), pix_fmt="yuv420p")
    for number in (22, 0, 8, 9, -1, -23, 13):
        decoded.clear()
        assert raw(video[number]) == shown[number]
        assert len(decoded) <= number % COUNT % GOP + 1 + 3  # and what is left of its group
    decoded.clear()
    assert raw(video[13]) == shown[13] and decoded == []
    assert raw(video[14]) == shown[14] and len(decoded) <= 4


def test_slices(stream: Path, shown: list[bytes], decoded: list[Any]) -> None:
    video = lvcodec.open(stream, pix_fmt="yuv420p")
    some = video[10:20:3]
    assert len(some) == 4 and decoded == []
    assert [raw(planes) for planes in some] == shown[10:20:3]
    assert raw(some[-1]) == shown[19] and [raw(p) for p in some[1:3]] == shown[13:17:3]
    assert [raw(planes) for planes in video[::-7]] == shown[::-7]
    assert list(video[30:40]) == []
    assert np.stack(list(lvcodec.open(stream)[3:5])).shape == (2, HEIGHT, WIDTH, 3)


def test_pictures_are_the_callers_own(stream: Path, shown: list[bytes]) -> None:
    """What is done to them changes none that is predicted from them."""
    seen = []
    for planes in lvcodec.open(stream, pix_fmt="yuv420p"):
        seen.append(raw(planes))
        for plane in planes:
            plane[:] = 0
    assert seen == shown


def test_two_at_once(stream: Path, shown: list[bytes], decoded: list[Any]) -> None:
    video = lvcodec.open(stream, pix_fmt="yuv420p")
    assert [(raw(a), raw(b)) for a, b in zip(video, video, strict=True)] == [(one, one) for one in shown]
    assert len(decoded) == COUNT


def test_times(stream: Path) -> None:
    video = lvcodec.open(stream)
    assert [video.number_at(float(n / video.rate)) for n in range(COUNT)] == list(range(COUNT))
    assert video.number_at(0.05) == 1
    for time_s in (-0.01, 1, float("nan"), float("inf")):
        with pytest.raises(NoSuchPictureError, match="no picture is shown at"):
            video.number_at(time_s)


def timed(stream: Path, side: bytes) -> bytes:
    """The same stream with times of its pictures beside them."""
    reader = StreamReader(io.BytesIO(stream.read_bytes()))
    writer = StreamWriter(file := io.BytesIO(), reader.header)
    list(copied_pictures(reader, writer, "the clip"))
    writer.side(fields.SIDE_PRESENTATION, [side])
    writer.finish()
    return file.getvalue()


def test_times_of_their_own(stream: Path, shown: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture is shown a second, the third for ten; the first is not at the clock's beginning."""
    durations = array("q", [1000] * COUNT)
    durations[2] = 10_000
    data = timed(stream, write_presentation(Presentation(start=500, durations=durations)))
    video = lvcodec.open(io.BytesIO(data), pix_fmt="yuv420p")
    assert video.duration_s == lvcodec.probe(io.BytesIO(data)).duration_s == COUNT + 9
    assert [video.number_at(time_s) for time_s in (0, 0.99, 1, 2.5, 11.9, 12, COUNT + 8.5)] == [0, 0, 1, 2, 2, 3, 22]
    assert [video.number_at(video.time_of(n)) for n in range(COUNT)] == list(range(COUNT))
    with pytest.raises(NoSuchPictureError, match="they play 32 seconds"):
        video.number_at(COUNT + 9)
    with pytest.raises(NoSuchPictureError, match="none has the number 23"):
        video.time_of(COUNT)
    assert raw(video[0]) == shown[0]
    told: list[list[float]] = []
    monkeypatch.setattr("lvcodec.thumbnails.texts_of", lambda times: (told.append(times), [""] * len(times))[1])
    contact_sheet(io.BytesIO(data), io.BytesIO(), count=3)
    assert told == [[0.0, 18.0, 27.0]]


def test_damaged_times_are_told(stream: Path) -> None:
    notices: list[str] = []
    video = lvcodec.open(io.BytesIO(timed(stream, b"no times")), on_notice=notices.append)
    assert video.duration_s == float(COUNT * Fraction(1001, 30000)) and "they come at a constant rate" in notices[0]


@pytest.mark.parametrize("number", [COUNT, -COUNT - 1])
def test_no_such_picture(stream: Path, number: int) -> None:
    with pytest.raises(IndexError, match=f"of 23 pictures none has the number {number}"):
        lvcodec.open(stream)[number]


def test_what_cannot_be_opened(stream: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pixel format 'gray'; choose among rgb24, bgr24, yuv420p"):
        lvcodec.open(stream, pix_fmt="gray")
    with pytest.raises(InputError, match="cannot read .*none.lvc: no such file"):
        lvcodec.open(tmp_path / "none.lvc")
    (tmp_path / "text.lvc").write_text("hello")
    with pytest.raises(InputError, match="not an lvcodec stream"):
        lvcodec.open(tmp_path / "text.lvc")
    pipe = io.BytesIO(stream.read_bytes())
    pipe.seekable = lambda: False  # type: ignore[method-assign]
    with pytest.raises(InputError, match="cannot be taken from a pipe"):
        lvcodec.open(pipe)


def test_closed(stream: Path) -> None:
    with lvcodec.open(stream) as video:
        some = video[2:4]
    video.close()
    for pictures in (video, some):
        with pytest.raises(InputError, match="has been closed"):
            pictures[0]


def test_a_cut_stream(stream: Path, shown: list[bytes], tmp_path: Path) -> None:
    """Its whole pictures are there, by their numbers too; that it is cut is told after the last one."""
    cut = tmp_path / "cut.lvc"
    at = lvcodec.probe(stream).pictures[20].offset
    cut.write_bytes(stream.read_bytes()[: at + 5])
    video = lvcodec.open(cut, pix_fmt="yuv420p")
    whole = len(video)
    assert 18 < whole <= 20 and not video.complete and video.keys == (0, 9, 18)
    assert raw(video[-1]) == shown[whole - 1] and raw(video[3]) == shown[3]
    taken = []
    with pytest.raises(TruncatedStreamError, match=f"after {whole} whole pictures"):
        taken.extend(raw(planes) for planes in video)
    assert taken == shown[:whole]


def test_damage(stream: Path, shown: list[bytes], tmp_path: Path) -> None:
    """A GOP that is damaged costs its own pictures; after the failure any other can be taken."""
    data = bytearray(stream.read_bytes())
    data[lvcodec.probe(stream).pictures[9].offset + 12] ^= 255
    (tmp_path / "bad.lvc").write_bytes(data)
    video = lvcodec.open(tmp_path / "bad.lvc", pix_fmt="yuv420p")
    for number in (8, 20, 8):
        assert raw(video[number]) == shown[number]
        with pytest.raises(StreamError, match="damaged at picture 9"):
            video[10]


def test_an_empty_stream(stream: Path, tmp_path: Path) -> None:
    from lvcodec.stream.container import StreamReader, StreamWriter

    with open(stream, "rb") as file, open(tmp_path / "empty.lvc", "wb") as out:
        StreamWriter(out, StreamReader(file).header).finish()
    assert list(lvcodec.open(tmp_path / "empty.lvc")) == []


@pytest.mark.parametrize(("first", "end"), [(0, 1), (10, 12), (8, 9), (8, 10), (13, 14), (20, None), (4, 18)])
def test_decode_frames_decodes_no_more(
    stream: Path, shown: list[bytes], tmp_path: Path, decoded: list[Any], first: int, end: int | None
) -> None:
    """From the I-picture before the first to the group of the last, however many threads there are."""
    lvcodec.decode(stream, tmp_path / "some.yuv", frames=(first, end), jobs=3)
    assert (tmp_path / "some.yuv").read_bytes() == b"".join(shown[first:end])
    assert len(decoded) <= (end or COUNT) - first // GOP * GOP + 3


def test_decode_frames_of_a_cut_stream(stream: Path, shown: list[bytes], tmp_path: Path, decoded: list[Any]) -> None:
    """It has no index, and yet nobody decodes what is before; what is behind the cut is not there."""
    (tmp_path / "cut.lvc").write_bytes(stream.read_bytes()[: lvcodec.probe(stream).pictures[22].offset])
    lvcodec.decode(tmp_path / "cut.lvc", tmp_path / "some.yuv", frames=(10, 11))
    assert (tmp_path / "some.yuv").read_bytes() == shown[10]
    assert len(decoded) <= 2 + 3
    with pytest.raises(TruncatedStreamError, match="the stream is cut"):
        lvcodec.decode(tmp_path / "cut.lvc", tmp_path / "none.yuv", frames=(22, 23))
    assert not (tmp_path / "none.yuv").exists()


def test_decode_frames_conceals(stream: Path, shown: list[bytes], tmp_path: Path) -> None:
    """Pictures of the range that are damaged are stood in for, though nothing after the range is read."""
    shutil.copy(stream, tmp_path / "bad.lvc")
    with open(tmp_path / "bad.lvc", "r+b") as file:
        file.seek(lvcodec.probe(stream).pictures[9].offset + 12)
        file.write(b"\xff\x00\xff")
    report = lvcodec.decode(tmp_path / "bad.lvc", tmp_path / "some.yuv", frames=(8, 11), conceal=True)
    assert (report.pictures, report.concealed) == (3, 2)
    assert (tmp_path / "some.yuv").read_bytes() == 3 * shown[8]
