from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import textwrap
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lvcodec.errors import InputError, UsageError
from lvcodec.video import y4m
from lvcodec.video.colour import BT709, Colour
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink
from lvcodec.video.source import ArraySource, open_source

from .clips import BT709_LEFT, encode, ffmpeg, raw, read_all, video_format

SIZES = [(1, 1), (2, 1), (1, 2), (3, 5), (16, 16), (175, 143), (352, 288)]


class Dribble(io.RawIOBase):
    """A pipe that gives `step` bytes at a time and cannot be sought."""

    def __init__(self, data: bytes, step: int) -> None:
        self.data, self.step, self.at = data, step, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = self.data[self.at : self.at + min(self.step, len(buffer))]
        buffer[: len(part)] = part
        self.at += len(part)
        return len(part)


def y4m_bytes(pictures: list[Picture], **options: object) -> bytes:
    out = io.BytesIO()
    with open_sink(out, video_format(pictures, **options)) as sink:  # type: ignore[arg-type]
        for picture in pictures:
            sink.write(picture)
    return out.getvalue()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_raw_is_read_to_the_bit(tmp_path: Path, make_clip, width: int, height: int) -> None:
    clip = make_clip(width, height, 3)
    path = tmp_path / f"clip_{width}x{height}_30.yuv"
    path.write_bytes(raw(clip))
    with open_source(path) as source:
        assert (source.count, source.format) == (3, VideoFormat(width, height, Fraction(30)))
        got = list(source)
    assert raw(got) == path.read_bytes()
    assert all(plane.flags.c_contiguous for picture in got for plane in picture.planes)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("step", [7, 1000])
def test_y4m_comes_through_a_pipe_of_short_reads(make_clip, width: int, height: int, step: int) -> None:
    clip = make_clip(width, height, 3)
    got, fmt, notices = read_all(Dribble(y4m_bytes(clip, rate="30000/1001", colour=BT709_LEFT), step))
    assert raw(got) == raw(clip)
    assert fmt == video_format(clip, "30000/1001", BT709_LEFT)
    assert notices == []


def test_an_object_with_nothing_but_read_will_do(make_clip) -> None:
    class Reads:
        def __init__(self, data: bytes) -> None:
            self.read = io.BytesIO(data).read

    clip = make_clip(5, 3, 2)
    assert raw(read_all(Reads(y4m_bytes(clip)))[0]) == raw(clip)


@pytest.mark.parametrize("options", [{"size": "176x144"}, {"size": (176, 144), "pix_fmt": "420", "rate": 50}])
def test_raw_through_a_pipe_needs_its_size(make_clip, options: dict[str, object]) -> None:
    clip = make_clip(176, 144, 3)
    got, fmt, notices = read_all(Dribble(raw(clip), 5000), **options)
    assert raw(got) == raw(clip)
    assert fmt.rate == options.get("rate", 25)
    assert any("25 a second are assumed" in text for text in notices) == ("rate" not in options)


def test_a_y4m_file_by_ffmpeg_reads_the_same(tmp_path: Path, make_clip) -> None:
    clip = make_clip(35, 27, 4)
    got, fmt, _ = read_all(encode(clip, tmp_path / "clip.y4m", "-chroma_sample_location", "left", rate="24000/1001"))
    assert raw(got) == raw(clip)
    assert fmt.rate == Fraction(24000, 1001)


@pytest.mark.parametrize(("tag", "location"), [("420", 0), ("420jpeg", 2), ("420mpeg2", 1), ("420paldv", 3)])
@pytest.mark.parametrize("full", [False, True])
def test_y4m_tags_are_the_colour(tag: str, location: int, full: bool) -> None:
    line = f"YUV4MPEG2 W2 H2 F25:1 Ip A1:1 C{tag} XCOLORRANGE={'FULL' if full else 'LIMITED'}\n".encode()
    _, fmt, notices = read_all(io.BytesIO(line + b"FRAME\n" + bytes(6)))
    assert fmt.colour == Colour(full_range=full, chroma_location=location)
    assert any("full-range" in text for text in notices) == full


def test_y4m_keeps_all_of_the_colour(make_clip) -> None:
    colour = Colour(9, 16, 9, full_range=True, chroma_location=3)
    assert read_all(io.BytesIO(y4m_bytes(make_clip(4, 4, 1), colour=colour)))[1].colour == colour


def test_frame_parameters_interlacing_and_aspect() -> None:
    data = b"YUV4MPEG2 W2 H2 F0:0 It A12:11\nFRAME It XANY\n" + bytes(range(6))
    got, fmt, notices = read_all(io.BytesIO(data))
    assert (raw(got), fmt.rate) == (bytes(range(6)), 25)
    assert [any(word in text for text in notices) for word in ("top field", "assumed")] == [True] * 2
    assert fmt.aspect == Fraction(12, 11)


@pytest.mark.parametrize("kind", ["raw", "y4m", "pipe", "mkv", "array"])
def test_a_range_of_pictures(tmp_path: Path, make_clip, kind: str) -> None:
    clip = make_clip(32, 16, 7)

    def opened(frames: tuple[int | None, int | None] | None):
        if kind == "raw":
            (tmp_path / "c_32x16_25.yuv").write_bytes(raw(clip))
            return open_source(tmp_path / "c_32x16_25.yuv", frames=frames)
        if kind == "mkv":
            path = tmp_path / "c.mkv"
            if not path.exists():
                encode(clip, path, "-c:v", "ffv1")
            return open_source(path, frames=frames)
        if kind == "array":
            return ArraySource(clip, video_format(clip), frames=frames)
        data = y4m_bytes(clip)
        return open_source(io.BytesIO(data) if kind == "y4m" else Dribble(data, 99), frames=frames)

    for frames, expected in (((2, 5), clip[2:5]), ((None, 2), clip[:2]), ((6, None), clip[6:]), ((5, 99), clip[5:])):
        with opened(frames) as source:
            assert source.count in (None, len(expected))
            assert raw(source) == raw(expected)
        assert any("only 7 pictures" in text for text in source.notices) == (frames == (5, 99))
    with pytest.raises(InputError), opened((7, None)) as source:
        list(source)
    for wrong in ((3, 3), (-1, 2)):
        with pytest.raises(UsageError):
            opened(wrong)


@pytest.mark.parametrize(
    ("frames", "expected"), [(None, "about 7"), ((2, 5), "about 3"), ((2, None), "about 5"), ((7, None), None)]
)
def test_a_container_tells_about_how_many_pictures_will_come(
    tmp_path: Path, make_clip, frames: tuple[int | None, int | None] | None, expected: str | None
) -> None:
    path = encode(make_clip(32, 16, 7), tmp_path / "c.mkv", "-c:v", "ffv1")
    with open_source(path, frames=frames) as source:
        assert source.count is None
        assert (source.expected and str(source.expected)) == expected
        assert source.expected == (None if expected is None else int(expected.split()[1]))


def test_a_raw_file_tells_how_many_pictures_will_come(tmp_path: Path, make_clip) -> None:
    path = tmp_path / "c_32x16_25.yuv"
    path.write_bytes(raw(make_clip(32, 16, 7)))
    with open_source(path, frames=(2, None)) as source:
        assert (source.count, source.expected, str(source.expected)) == (5, 5, "5")


def test_a_pipe_tells_nothing_of_how_many_pictures_will_come(make_clip) -> None:
    with open_source(Dribble(y4m_bytes(make_clip(16, 16, 2)), 99)) as source:
        assert source.count is None and source.expected is None


def test_a_range_leaves_the_rest_of_a_pipe_unread(make_clip) -> None:
    clip = make_clip(16, 16, 4)
    pipe = Dribble(raw(clip), 10)
    read_all(pipe, size="16x16", frames=(0, 2))
    assert pipe.at == len(raw(clip[:2]))


# --- ffmpeg ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 16), (175, 143)])
@pytest.mark.parametrize("full", [False, True])
def test_planes_of_a_lossless_file_are_kept(tmp_path: Path, make_clip, width: int, height: int, full: bool) -> None:
    clip = make_clip(width, height, 3)
    noise = Picture(*(np.random.default_rng(0).integers(0, 256, p.shape).astype(np.uint8) for p in clip[0].planes))
    clip.append(noise)  # samples outside of the limited range as well
    path = encode(
        clip,
        tmp_path / "clip.mkv",
        "-c:v",
        "ffv1",
        "-vf",
        f"setparams=range={'pc' if full else 'tv'}",
        "-color_range",
        "pc" if full else "tv",
        rate="30000/1001",
    )
    got, fmt, notices = read_all(path)
    assert raw(got) == raw(clip)
    assert (fmt.width, fmt.height, fmt.rate, fmt.colour.full_range) == (width, height, Fraction(30000, 1001), full)
    assert any("full-range" in text for text in notices) == full


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".h264"])
def test_what_ffmpeg_decodes_is_what_comes(tmp_path: Path, make_clip, suffix: str) -> None:
    clip = make_clip(48, 32, 6)
    path = encode(clip, tmp_path / f"clip{suffix}", "-colorspace", "bt709", rate="24")
    got, fmt, _ = read_all(path)
    assert raw(got) == ffmpeg("-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-")
    assert (len(got), fmt.width, fmt.height, fmt.colour.matrix) == (6, 48, 32, 1)


def test_colour_tags_are_read(tmp_path: Path, make_clip) -> None:
    path = encode(
        make_clip(32, 32, 2),
        tmp_path / "clip.mp4",
        "-c:v",
        "libx264",
        "-vf",
        "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv:chroma_location=topleft",
    )
    assert read_all(path)[1].colour == Colour(9, 16, 9, full_range=False, chroma_location=3)


def test_pictures_in_are_named_by_a_pattern(tmp_path: Path, make_clip) -> None:
    encode(make_clip(20, 10, 5), tmp_path / "img_%03d.png", "-start_number", "98")
    got, fmt, notices = read_all(tmp_path / "img_%03d.png", rate=12)
    assert (len(got), fmt.rate, fmt.colour) == (5, 12, BT709)
    assert any("BT.709" in text for text in notices)
    (tmp_path / "img_100.png").unlink()
    got, _, notices = read_all(tmp_path / "img_%03d.png")
    assert len(got) == 2
    assert any("gap after number 99: 2 of 4" in text for text in notices)
    assert any("25 a second are assumed" in text for text in notices)


def test_a_still_picture_with_alpha(tmp_path: Path) -> None:
    path = tmp_path / "still.png"
    ffmpeg("-f", "lavfi", "-i", "color=red@0.5:size=9x7,format=rgba", "-frames:v", "1", path)
    got, fmt, notices = read_all(path)
    assert (len(got), fmt.width, fmt.height) == (1, 9, 7)
    assert any("alpha" in text for text in notices)
    y, u, v = (set(plane.ravel().tolist()) for plane in got[0].planes)
    assert max(y | {63}) - min(y | {63}) <= 2 and max(u | {102}) - min(u | {102}) <= 2 and min(v) >= 238


def test_a_jpeg_stays_full_range(tmp_path: Path, make_clip) -> None:
    clip = make_clip(32, 32, 1)
    path = encode(clip, tmp_path / "still.jpg", "-frames:v", "1", "-pix_fmt", "yuvj420p")
    got, fmt, _ = read_all(path)
    assert fmt.colour.full_range
    assert raw(got) == ffmpeg("-i", path, "-f", "rawvideo", "-")


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p", "yuv444p", "gray", "yuv444p12le", "nv12", "yuva444p"])
@pytest.mark.parametrize("kind", ["raw", "y4m", "mkv"])
def test_other_formats_are_converted_alike(tmp_path: Path, make_clip, pix_fmt: str, kind: str) -> None:
    if (kind, pix_fmt) in {("y4m", "nv12"), ("mkv", "nv12"), ("raw", "yuva444p")}:
        pytest.skip("no such file")
    clip = make_clip(50, 36, 2)
    path = tmp_path / {"raw": f"c_50x36_25_{pix_fmt}.yuv", "y4m": "c.y4m", "mkv": "c.mkv"}[kind]
    more = {"raw": ["-f", "rawvideo"], "y4m": ["-strict", "-1"], "mkv": ["-c:v", "ffv1"]}[kind]
    encode(clip, path, "-pix_fmt", pix_fmt, *more)
    got, fmt, notices = read_all(path)
    assert (len(got), fmt.width, fmt.height) == (2, 50, 36)
    assert any(("grey" if pix_fmt == "gray" else pix_fmt) in text for text in notices)
    for source, result in zip(clip, got, strict=True):
        if pix_fmt == "gray":
            assert set(result.u.ravel()) == set(result.v.ravel()) == {128}
        else:
            assert np.array_equal(source.y, result.y)
            # up to 4:4:4 and down again is a mild filter on smooth chroma, but at the shapes' edges
            assert np.median(np.abs(source.u.astype(int) - result.u)) <= 1


def test_ten_bits_are_rounded_not_dithered() -> None:
    samples = np.array([64, 513, 514, 515, 516, 940], "<u2").repeat(6 * 8)[: 16 * 16]
    luma = np.resize(samples, (16, 16))
    data = luma.tobytes() + np.full(128, 514, "<u2").tobytes()
    got, _, _ = read_all(io.BytesIO(data), size="16x16", pix_fmt="yuv420p10")
    assert np.array_equal(got[0].y, ((luma + 2) >> 2).astype(np.uint8))
    assert set(got[0].u.ravel()) == {129}


def test_full_range_of_another_depth_keeps_its_range(tmp_path: Path) -> None:
    line = b"YUV4MPEG2 W16 H16 F25:1 C444p10 XCOLORRANGE=FULL\nFRAME\n"
    luma = np.arange(256, dtype="<u2") * 4
    got, fmt, _ = read_all(io.BytesIO(line + luma.tobytes() + np.full(512, 512, "<u2").tobytes()))
    assert fmt.colour.full_range
    assert np.array_equal(got[0].y.ravel(), np.arange(256))


def test_yv12_has_its_chroma_the_other_way_round(make_clip) -> None:
    picture = make_clip(6, 4, 1)[0]
    data = picture.y.tobytes() + picture.v.tobytes() + picture.u.tobytes()
    assert raw(read_all(io.BytesIO(data), size="6x4", pix_fmt="yv12")[0]) == raw([picture])


def test_rotation_is_applied_and_told(tmp_path: Path, make_clip) -> None:
    clip = make_clip(48, 32, 2)
    flat = encode(clip, tmp_path / "flat.mp4", "-c:v", "libx264", "-qp", "0")
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", "90", "-i", flat, "-c", "copy", turned)
    got, fmt, notices = read_all(turned)
    assert (fmt.width, fmt.height) == (32, 48)
    assert any("rotation flag of 90 degrees" in text and "32x48" in text for text in notices)
    assert np.array_equal(got[0].y, np.rot90(clip[0].y))


def test_variable_rate_becomes_the_average(tmp_path: Path, make_clip) -> None:
    path = encode(
        make_clip(32, 32, 40), tmp_path / "vfr.mp4", "-vf", "select='not(mod(n,2))+lt(n,10)'", "-fps_mode", "vfr"
    )
    got, fmt, notices = read_all(path)
    assert len(got) == 25  # every picture once, none repeated
    assert any("variable picture rate" in text for text in notices)
    assert fmt.rate < 20


def test_sound_aspect_and_interlacing_are_seen(tmp_path: Path, make_clip) -> None:
    path = encode(
        make_clip(64, 64, 3),
        tmp_path / "clip.mp4",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=0.1",
        "-vf",
        "setsar=4/3,setfield=tff",
        "-flags",
        "+ildct+ilme",
        "-c:v",
        "libx264",
        "-shortest",
    )
    _, fmt, notices = read_all(path)
    assert fmt.aspect == Fraction(4, 3) and "interlaced" in "\n".join(notices)
    with open_source(path) as source:
        side = source.side_file(tmp_path, audio=True)
        assert side is not None and [track.kind for track in side.tracks] == ["audio"]
        assert source.side_file(tmp_path, audio=False) is None
    with open(path, "rb") as file, open_source(file) as source:
        assert source.side_file(tmp_path, audio=True) is not None
    transport = path.with_suffix(".ts")
    ffmpeg("-i", path, "-c", "copy", transport)
    with open_source(Endless(transport.read_bytes())) as source:
        assert source.side_file(tmp_path, audio=True) is None
        assert "not kept: 1 audio stream, since the input is a pipe" in source.notices


class Endless(io.BytesIO):
    """A pipe."""

    def seekable(self) -> bool:
        return False


def test_pictures_that_change_size_come_in_the_first_one(tmp_path: Path, make_clip) -> None:
    encode(make_clip(32, 16, 1), tmp_path / "p1.png")
    encode(make_clip(20, 10, 1), tmp_path / "p2.png")
    got, _, notices = read_all(tmp_path / "p%d.png")
    assert [(picture.width, picture.height) for picture in got] == [(32, 16)] * 2
    assert any("change their size" in text for text in notices)


def test_a_container_comes_through_a_pipe(tmp_path: Path, make_clip) -> None:
    clip = make_clip(64, 48, 12)
    data = encode(clip, tmp_path / "clip.mkv", "-c:v", "ffv1").read_bytes()
    got, fmt, _ = read_all(Dribble(data, 1 << 12))
    assert raw(got) == raw(clip)
    assert fmt.rate == 25


def test_names_that_look_like_options_or_protocols(tmp_path: Path, make_clip, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    clip = make_clip(16, 16, 2)
    encoded = encode(clip, tmp_path / "clip.mkv", "-c:v", "ffv1").read_bytes()
    for name in ("-i.mkv", "http:x.mkv", "50%.mkv", "a%d.mkv", "sp ace'.mkv"):
        (tmp_path / name).write_bytes(encoded)
        assert raw(read_all(name)[0]) == raw(clip)


# --- arrays ---------------------------------------------------------------------------------------------------------


def test_rgb_arrays_become_bt709() -> None:
    rgb = np.full((2, 3, 5, 3), 255, np.uint8)
    got, fmt, notices = read_all(rgb, rate=10)
    assert (fmt.width, fmt.height, fmt.rate, fmt.colour.matrix, fmt.colour.full_range) == (5, 3, 10, 1, False)
    assert [set(plane.ravel()) for plane in got[1].planes] == [{235}, {128}, {128}]
    assert notices
    for wrong in (rgb.astype(float), rgb[..., :2], np.zeros((0, 4, 4, 3), np.uint8)):
        with pytest.raises(InputError):
            open_source(wrong)


def test_lists_of_pictures(make_clip) -> None:
    clip = make_clip(9, 9, 3)
    assert raw(read_all((clip, video_format(clip)))[0]) == raw(clip)
    with pytest.raises(InputError, match="picture 1 is 8x8"):
        read_all(([clip[0], make_clip(8, 8, 1)[0]], video_format(clip)))


# --- wrong input ----------------------------------------------------------------------------------------------------


def test_wrong_input_gives_one_clear_error(tmp_path: Path) -> None:
    text = "a line of text\n" * 500
    files = {
        "empty.y4m": b"",
        "empty.mp4": b"",
        "empty_cif.yuv": b"",
        "text.mp4": text.encode(),
        "text.txt": text.encode(),
        "text.y4m": text.encode(),
        "text.yuv": text.encode(),
        "noise.mp4": bytes(range(256)) * 40,
        "bare": text.encode(),
        "stream.lvc": b"LVC1" + bytes(60),
        "noise.y4m": bytes(range(256)),
        "line.y4m": b"YUV4MPEG2 W4 H4",
        "lies.y4m": b"YUV4MPEG2 W99999999 H9 F25:1\n",
        "big.y4m": b"YUV4MPEG2 W65000 H65000 F25:1\n",
        "zero.y4m": b"YUV4MPEG2 W0 H4\n",
        "kind.y4m": b"YUV4MPEG2 W4 H4 C777\n",
        "odd.y4m": b"YUV4MPEG2 Wx H4\n",
        "none.y4m": b"YUV4MPEG2 W4 H4 F25:1\n",
    }
    expected = {
        "empty": "is empty",
        "text": "text",
        "bare": "text",
        "noise": "",
        "stream": "decode it first",
        "line": "is cut",
        "lies": "99999999x9",
        "big": "pixels",
        "zero": "without width or height",
        "kind": "C777",
        "odd": "Wx",
        "none": "no picture",
    }
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(InputError) as caught:
            read_all(path)
        message = str(caught.value)
        assert expected[name.split(".")[0].split("_")[0]] in message, message
        assert "\n" not in message and str(path) in message


def test_no_file_a_folder_no_pattern(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file .*gone.mp4"):
        open_source(tmp_path / "gone.mp4")
    with pytest.raises(InputError, match="is a folder"):
        open_source(tmp_path)
    with pytest.raises(InputError, match="no file fits"):
        open_source(tmp_path / "img_%03d.png")
    with pytest.raises(InputError, match="is no video"):
        open_source(3)  # type: ignore[arg-type]


def test_a_file_with_sound_only(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.1", tmp_path / "tone.wav")
    with pytest.raises(InputError, match="no video stream, only 1 audio stream"):
        open_source(tmp_path / "tone.wav")


def test_a_length_of_no_whole_pictures_says_what_would_fit(tmp_path: Path, make_clip) -> None:
    path = tmp_path / "clip_416x240_50.yuv"
    path.write_bytes(raw(make_clip(352, 288, 2)))
    with pytest.raises(InputError, match=r"2\.03 pictures of 416x240 .*352x288 yuv420p \(2 pictures\)"):
        open_source(path)
    path.write_bytes(bytes(1001))
    with pytest.raises(InputError, match="no common size fits"):
        open_source(path)


def test_ten_bits_that_nobody_announced_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "clip_16x16_25.yuv"
    path.write_bytes(np.full(2 * 384, 600, "<u2").tobytes())  # 4 pictures, if they were 8-bit
    with pytest.raises(InputError, match="looks like 10-bit"):
        read_all(path)
    assert len(read_all(path, pix_fmt="yuv420p")[0]) == 4
    assert len(read_all(path, pix_fmt="yuv420p10le")[0]) == 2


@pytest.mark.parametrize("cut", [1, 5, 6, 7, 300, 383, 384 + 5])
@pytest.mark.parametrize("pix_fmt", ["420", "444"])
def test_a_cut_y4m_gives_its_whole_pictures_then_an_error(make_clip, cut: int, pix_fmt: str) -> None:
    each = 384 if pix_fmt == "420" else 768
    header = f"YUV4MPEG2 W16 H16 F25:1 C{pix_fmt}\n".encode()
    data = (header + 3 * (b"FRAME\n" + bytes([90]) * each))[:-cut]
    got = []
    with pytest.raises(InputError, match="is cut"), open_source(io.BytesIO(data)) as source:
        got.extend(source)
    assert len(got) == len(data[len(header) :]) // (each + 6)


def test_a_cut_raw_pipe_is_an_error(make_clip) -> None:
    with pytest.raises(InputError, match="cut within picture 1"):
        read_all(Dribble(raw(make_clip(16, 16, 2))[:-1], 50), size="16x16")


def test_y4m_that_goes_astray_is_an_error(make_clip) -> None:
    data = y4m_bytes(make_clip(4, 4, 2)).replace(b"FRAME\n", b"FROME\n")
    with pytest.raises(InputError, match="no FRAME line before picture 0"):
        read_all(io.BytesIO(data))


def test_a_cut_container_is_told(tmp_path: Path, make_clip) -> None:
    path = encode(make_clip(64, 64, 20), tmp_path / "clip.mkv", "-c:v", "ffv1")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    got, _, notices = read_all(path)
    assert 0 < len(got) < 20
    assert any("with errors" in text for text in notices)


def test_options_that_contradict_the_file(tmp_path: Path, make_clip) -> None:
    clip = make_clip(16, 16, 2)
    data = y4m_bytes(clip)
    path = encode(clip, tmp_path / "clip.mkv", "-c:v", "ffv1")
    for source in (io.BytesIO(data), path):
        with pytest.raises(UsageError, match="16x16, not 32x32"):
            open_source(source, size="32x32")
    with pytest.raises(UsageError, match="not yuv444p"):
        open_source(path, pix_fmt="444")
    assert read_all(path, size="16x16", pix_fmt="420", rate=30)[1].rate == 30


# --- pipes as processes ---------------------------------------------------------------------------------------------

READER = """
    import sys, time
    from lvcodec.video.source import open_source
    with open_source("-", **eval(sys.argv[1])) as source:
        for picture in source:
            print(int(picture.y[0, 0]), flush=True)
"""


def reader(options: dict[str, object]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(READER), repr(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )


@pytest.mark.parametrize("kind", ["raw", "y4m"])
def test_pictures_flow_before_the_input_ends(kind: str) -> None:
    each = 64 * 64 * 3 // 2
    with reader({"size": "64x64"} if kind == "raw" else {}) as process:
        if kind == "y4m":
            process.stdin.write(b"YUV4MPEG2 W64 H64 F25:1\n")
        for number in range(4):
            if kind == "y4m":
                process.stdin.write(b"FRAME\n")
            for _ in range(2):
                process.stdin.write(bytes([number + 20]) * (each // 2))
                time.sleep(0.01)
            # the writer waits for the picture that it has written: any read-ahead would hang here
            assert process.stdout.readline() == b"%d\n" % (number + 20)
        process.stdin.close()
        assert process.wait(20) == 0


def test_converted_pictures_flow_too() -> None:
    """ffmpeg holds some pictures back, how many depends on its threads; but not all until the input ends."""
    each, count = 64 * 64 * 2, 60
    with reader({"size": "64x64", "pix_fmt": "422"}) as process:
        stop = threading.Timer(60, process.kill)  # a test that fails must not hang
        stop.start()
        for number in range(count):
            process.stdin.write(bytes([number + 20]) * each)
        shown = [process.stdout.readline() for _ in range(count // 2)]
        process.stdin.close()
        shown += process.stdout.read().splitlines(keepends=True)
        stop.cancel()
        assert shown == [b"%d\n" % (number + 20) for number in range(count)]
        assert process.wait(20) == 0


def test_a_container_on_standard_input(tmp_path: Path, make_clip) -> None:
    clip = make_clip(64, 48, 5)
    data = encode(clip, tmp_path / "clip.mkv", "-c:v", "ffv1").read_bytes()
    with reader({}) as process:
        out, err = process.communicate(data, timeout=30)
    assert (process.returncode, err) == (0, b"")
    assert out.split() == [b"%d" % picture.y[0, 0] for picture in clip]


@pytest.mark.parametrize("kind", ["container", "converted"])
def test_leaving_early_does_not_wait_for_the_pipe(tmp_path: Path, make_clip, kind: str) -> None:
    clip = make_clip(160, 128, 30)  # more than ffmpeg reads at a time: it waits for as much
    data = encode(clip, tmp_path / "clip.mkv", "-c:v", "ffv1").read_bytes() if kind == "container" else raw(clip)
    options: dict[str, object] = {"frames": (0, 2)}
    if kind == "converted":
        options |= {"size": "160x128", "pix_fmt": "gray10le"}
    with reader(options) as process:
        with contextlib.suppress(BrokenPipeError):  # it may have left by then
            process.stdin.write(data)
        assert len(process.stdout.read().split()) == 2  # ends though standard input does not
        assert (process.wait(20), process.stderr.read()) == (0, b"")


def test_memory_does_not_grow_with_length(tmp_path: Path, make_clip) -> None:
    program = """
        import sys
        from lvcodec.video.sink import open_sink
        from lvcodec.video.source import open_source
        with open_source(sys.argv[1]) as source, open_sink(sys.argv[2], source.format) as sink:
            for picture in source:
                sink.write(picture)
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        print(status["VmHWM"].split()[0])
    """
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc: getrusage counts what the parent had before exec")
    clip = make_clip(352, 288, 4)
    used = []
    for times in (5, 100):
        path = tmp_path / f"clip{times}_352x288_25.yuv"
        path.write_bytes(raw(clip) * times)  # 3 MB, 61 MB
        out = tmp_path / f"out{times}.y4m"
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), path, out], capture_output=True, check=True
        )
        used.append(int(done.stdout))
    assert used[1] < used[0] + 8192  # kilobytes


def test_leaving_early_leaves_no_process(tmp_path: Path, make_clip) -> None:
    path = encode(make_clip(64, 64, 40), tmp_path / "clip.mkv", "-c:v", "ffv1")
    before = threading.active_count()
    source = open_source(path)
    next(source)
    source.close()
    source.close()
    assert source._process._process.poll() is not None  # type: ignore[attr-defined]
    for _ in range(50):
        if threading.active_count() <= before:
            break
        time.sleep(0.02)
    assert threading.active_count() <= before


# --- the sample clips -----------------------------------------------------------------------------------------------

FORMATS = {
    "goat_416x240_50.yuv": (416, 240, 3, Fraction(50), ""),
    "goat_176x144_25_10bit.yuv": (176, 144, 2, Fraction(25), "yuv420p10le is converted"),
    "goat_176x144_420.y4m": (176, 144, 3, Fraction(30000, 1001), ""),
    "goat_176x144_422.y4m": (176, 144, 2, Fraction(24), "yuv422p is converted"),
    "goat_175x143_odd.y4m": (175, 143, 3, Fraction(24), ""),
    "goat_320x180_24_h264_aac.mp4": (320, 180, 12, Fraction(24), ""),
    "goat_176x144_25_fullrange.h264": (176, 144, 6, Fraction(25), "full-range"),
    "dog_1920x1080_30.mp4": (1920, 1080, 4, Fraction(30), ""),
}


@pytest.mark.parametrize("name", FORMATS)
def test_sample_formats(samples: Path, name: str) -> None:
    width, height, count, rate, notice = FORMATS[name]
    got, fmt, notices = read_all(samples / "formats" / name)
    assert (fmt.width, fmt.height, len(got), fmt.rate) == (width, height, count, rate)
    assert notice in "".join(notices) and bool(notices) == bool(notice)
    if name.endswith((".mp4", ".h264", "420.y4m", "odd.y4m")):
        assert raw(got) == ffmpeg("-i", samples / "formats" / name, "-fps_mode", "passthrough", "-f", "rawvideo", "-")
    if name == "goat_416x240_50.yuv":
        assert raw(got) == (samples / "formats" / name).read_bytes()
    if name.endswith(".h264"):
        assert fmt.colour == Colour(1, 1, 1, full_range=True, chroma_location=1)


def test_a_sample_clip_is_kept_to_the_bit(samples: Path) -> None:
    path = samples / "test" / "blackswan_424x240_24.mkv"
    got, fmt, notices = read_all(path)
    assert (len(got), fmt.rate, fmt.colour.matrix, notices) == (38, 24, 1, [])
    assert raw(got) == ffmpeg("-i", path, "-f", "rawvideo", "-")


def test_the_header_line_reads_back() -> None:
    fmt = VideoFormat(7, 5, Fraction(24000, 1001), Colour(1, 13, 6, full_range=True, chroma_location=2))
    header = y4m.parse_header(y4m.header_line(fmt), "x")
    assert (header.width, header.height, header.rate, header.colour) == (7, 5, fmt.rate, fmt.colour)
