"""DIST brought to REF's range and matrix: against ffmpeg's conversion, and what each input says of itself."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lvcodec.errors import InputError
from lvcodec.measure.meaning import converted, meaning_of
from lvcodec.measure.psnr import PsnrMeter
from lvcodec.video.colour import Colour
from lvcodec.video.ffmpeg import ffmpeg_exe
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.rgb import rgb_to_planes
from lvcodec.video.source import open_source

LIMITED, FULL = Colour(1, 1, 1), Colour(1, 1, 1, full_range=True)


def video(colour: Colour, *, stated: bool = True) -> VideoFormat:
    return VideoFormat(64, 48, Fraction(25), colour, range_stated=stated)


def psnr(one: Picture, other: Picture) -> float:
    meter = PsnrMeter()
    meter.add(one, other)
    return min(meter.mean().y, meter.mean().u, meter.mean().v)


def run_ffmpeg(*args: str | Path) -> bytes:
    return subprocess.run([ffmpeg_exe(), "-v", "error", "-y", *args], capture_output=True, check=True).stdout


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full", [False, True])
def test_as_ffmpeg_converts(tmp_path: Path, matrix: int, full: bool) -> None:
    """Blocks of one colour each, since ffmpeg filters chroma up and down again on the way through RGB."""
    names = {1: "bt709", 6: "smpte170m", 9: "bt2020"}
    rgb = np.random.default_rng(matrix).integers(10, 246, (3, 3, 4)).astype(np.uint8).repeat(16, 1).repeat(16, 2)
    picture = Picture(*rgb_to_planes(rgb, Colour(matrix=matrix, full_range=full)))
    (tmp_path / "c.yuv").write_bytes(picture.tobytes())
    here, there = ("pc", "tv") if full else ("tv", "pc")
    for to_matrix in names:
        scale = (
            f"scale=in_color_matrix={names[matrix]}:out_color_matrix={names[to_matrix]}:in_range={here}"
            f":out_range={there}:flags=accurate_rnd+full_chroma_int+bitexact"
        )
        raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p"]
        data = run_ffmpeg(*raw, "-video_size", "64x48", "-i", tmp_path / "c.yuv", "-vf", scale, *raw, "-")
        expected = Picture.frombuffer(data, 64, 48)
        got = converted(picture, Colour(matrix=matrix, full_range=full), Colour(matrix=to_matrix, full_range=not full))
        for one, other, size in zip(got.planes, expected.planes, (16, 8, 8), strict=True):
            middle = slice(size // 2, None, size)
            assert np.abs(one[middle, middle].astype(int) - other[middle, middle]).max() <= 1


def test_there_and_back_loses_a_rounding(make_clip) -> None:
    (picture,) = make_clip(63, 47, 1)
    for other in (FULL, Colour(matrix=6), Colour(matrix=9, full_range=True)):
        assert psnr(converted(converted(picture, LIMITED, other), other, LIMITED), picture) > 50
    assert all(map(np.array_equal, converted(picture, LIMITED, LIMITED).planes, picture.planes))


def test_grey_stays_grey() -> None:
    levels = np.arange(16, 236, dtype=np.uint8).reshape(1, -1)
    chroma = np.full((1, 110), 128, np.uint8)
    grey = Picture(levels, chroma, chroma)
    changed = converted(grey, LIMITED, Colour(matrix=6, full_range=True))
    assert set(changed.u.ravel()) == set(changed.v.ravel()) == {128}
    assert (changed.y[0, 0], changed.y[0, -1]) == (0, 255)


@pytest.mark.parametrize(
    ("distorted", "reference", "changed", "told"),
    [
        (video(LIMITED), video(LIMITED), False, ""),
        (video(FULL), video(LIMITED), True, "DIST is full range, not limited as REF: it is converted"),
        (video(LIMITED), video(FULL), True, "DIST is limited range, not full as REF"),
        (
            video(LIMITED, stated=False),
            video(FULL),
            False,
            "DIST does not say its range: it is taken for full, as REF is",
        ),
        (
            video(FULL),
            video(LIMITED, stated=False),
            False,
            "REF does not say its range: it is taken for full, as DIST is",
        ),
        (video(LIMITED, stated=False), video(LIMITED), False, ""),
        (video(replace(LIMITED, matrix=6)), video(LIMITED), True, "DIST is of matrix smpte170m, not bt709 as REF"),
        (
            video(replace(FULL, matrix=9)),
            video(LIMITED),
            True,
            "DIST is full range, not limited and of matrix bt2020nc",
        ),
        (video(replace(LIMITED, matrix=6)), video(replace(LIMITED, matrix=5)), False, ""),
        (video(replace(LIMITED, matrix=2)), video(LIMITED), False, ""),
        (video(replace(LIMITED, matrix=14)), video(replace(LIMITED, matrix=14)), False, ""),
    ],
)
def test_what_is_changed_and_told(distorted: VideoFormat, reference: VideoFormat, changed: bool, told: str) -> None:
    meaning = meaning_of(distorted, reference)
    assert (meaning.change is not None) == changed
    assert told in "".join(meaning.notices) and bool(meaning.notices) == bool(told)
    if changed:
        assert (meaning.colour.full_range, meaning.colour.matrix) == (
            reference.colour.full_range,
            reference.colour.matrix,
        )


def test_a_matrix_without_conversion_is_refused() -> None:
    with pytest.raises(InputError, match="DIST is of matrix ictcp and REF of bt709; there is no conversion"):
        meaning_of(video(replace(LIMITED, matrix=14)), video(LIMITED))


def test_which_inputs_say_their_range(tmp_path: Path) -> None:
    y4m = b"YUV4MPEG2 W2 H2 F25:1%s\nFRAME\n" + bytes(6)
    (tmp_path / "c_2x2.yuv").write_bytes(bytes(6))
    (tmp_path / "c_2x2_rgb24.yuv").write_bytes(bytes(12))
    made = {"tv": "tv.mkv", "pc": "pc.mkv", "unknown": "unknown.mp4"}
    for name, path in made.items():
        graph = f"testsrc2=s=32x32,format=yuv420p,setparams=range={name}"
        run_ffmpeg("-f", "lavfi", "-i", graph, "-frames:v", "1", "-c:v", "libx264", tmp_path / path)
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=32x32", "-frames:v", "1", tmp_path / "c.png")
    for source, stated, full in (
        (io.BytesIO(y4m % b""), False, False),
        (io.BytesIO(y4m % b" XCOLORRANGE=LIMITED"), True, False),
        (io.BytesIO(y4m % b" XCOLORRANGE=FULL"), True, True),
        (tmp_path / "c_2x2.yuv", False, False),
        (tmp_path / "c_2x2_rgb24.yuv", True, False),
        (tmp_path / "tv.mkv", True, False),
        (tmp_path / "pc.mkv", True, True),
        (tmp_path / "unknown.mp4", False, False),
        (tmp_path / "c.png", True, False),
    ):
        with open_source(source) as opened:
            assert (opened.format.range_stated, opened.format.colour.full_range) == (stated, full), source
    with open_source(tmp_path / "c_2x2.yuv", pix_fmt="yuvj420p") as opened:
        assert opened.format.range_stated and opened.format.colour.full_range
