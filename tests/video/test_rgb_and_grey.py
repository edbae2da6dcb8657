"""Grey and RGB become 4:2:0 whose description can be written again: no matrix of RGB, and HDR stays HDR."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lvcodec.video.colour import BT709, Colour
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink
from lvcodec.video.source import open_source

from .clips import ffmpeg, read_all

GREY = {  # ffmpeg's format -> suffixes that can hold it
    "gray": (".png", ".tif", ".mov", ".pgm", ".jp2", ".mkv"),
    "gray16be": (".png", ".pgm"),
    "gray16le": (".tif", ".mkv"),
    "monob": (".png", ".tif"),
    "monow": (".pbm",),
    "ya8": (".png",),
    "ya16be": (".png",),
    "grayf32le": (".exr",),
}


def made(path: Path, source: str, *args: str) -> Path:
    codec = {".mov": ["-c:v", "png"], ".mkv": ["-c:v", "ffv1"]}.get(path.suffix, [])
    ffmpeg("-f", "lavfi", "-i", f"{source}=s=64x48:r=25", "-frames:v", "1", *codec, *args, path)
    return path


@pytest.mark.parametrize(
    ("pix_fmt", "suffix"), [(pix_fmt, suffix) for pix_fmt, suffixes in GREY.items() for suffix in suffixes]
)
def test_grey_has_no_matrix_of_rgb(tmp_path: Path, pix_fmt: str, suffix: str) -> None:
    path = made(tmp_path / f"grey{suffix}", "testsrc2", "-pix_fmt", pix_fmt)
    pictures, fmt, notices = read_all(path)
    assert fmt.colour.matrix in (1, 2) and fmt.colour.full_range
    assert any(f"grey input ({pix_fmt[:6]}" in text for text in notices)
    assert set(pictures[0].u.ravel()) == set(pictures[0].v.ravel()) == {128}


def test_samples_of_grey_are_kept(tmp_path: Path) -> None:
    """8 bits to the bit, 16 bits to the nearest, one bit as black and white."""
    levels = np.arange(64 * 48, dtype=np.uint32).reshape(48, 64) * 21  # 0..64491
    for name, fmt, data, expected in (
        ("8", "gray", (levels >> 8).astype(np.uint8).tobytes(), levels >> 8),
        ("16", "gray16le", levels.astype("<u2").tobytes(), np.rint(levels * 255 / 65535)),
        ("1", "monob", np.packbits(levels >> 8 & 1).tobytes(), 255 * (levels >> 8 & 1)),
    ):
        path = tmp_path / f"{name}.png"
        ffmpeg("-f", "rawvideo", "-pix_fmt", fmt, "-video_size", "64x48", "-i", "pipe:0", path, data=data)
        luma = read_all(path)[0][0].y.astype(int)
        assert np.abs(luma - expected.astype(int)).max() <= (1 if name == "16" else 0)


@pytest.mark.parametrize("pix_fmt", ["gray", "gray16be", "monob", "ya8"])
def test_grey_can_be_written_as_pictures_and_as_video(tmp_path: Path, pix_fmt: str) -> None:
    pictures, fmt, _ = read_all(made(tmp_path / "grey.png", "testsrc2", "-pix_fmt", pix_fmt))
    for suffix in (".png", ".tiff", ".webm", ".mp4"):
        with open_sink(tmp_path / f"out{suffix}", fmt) as sink:
            sink.write(pictures[0])
    shown = ffmpeg("-i", tmp_path / "out.png", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    assert np.array_equal(np.frombuffer(shown, np.uint8)[::3], pictures[0].y.ravel())
    assert read_all(tmp_path / "out.mp4")[1].colour.matrix == fmt.colour.matrix


def test_a_stream_that_says_gbr_can_be_written(tmp_path: Path) -> None:
    """Streams of grey pictures used to say so."""
    grey = Picture(np.full((4, 4), 77, np.uint8), np.full((2, 2), 128, np.uint8), np.full((2, 2), 128, np.uint8))
    fmt = VideoFormat(4, 4, Fraction(25), Colour(1, 1, 0, full_range=True))
    for suffix in (".png", ".tif", ".webm", ".y4m", ".mkv"):
        with open_sink(tmp_path / f"out{suffix}", fmt) as sink:
            sink.write(grey)
    assert ffmpeg("-i", tmp_path / "out.png", "-f", "rawvideo", "-pix_fmt", "rgb24", "-") == bytes([77]) * 48
    for suffix in (".y4m", ".mkv"):
        assert read_all(tmp_path / f"out{suffix}")[1].colour.matrix == 2


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p"])
def test_the_matrix_of_rgb_is_a_wrong_tag_of_yuv(tmp_path: Path, pix_fmt: str) -> None:
    path = made(
        tmp_path / "c.mkv", "testsrc2", "-vf", f"format={pix_fmt},setparams=colorspace=gbr", "-colorspace", "rgb"
    )
    _, fmt, notices = read_all(path)
    assert fmt.colour.matrix == 2
    assert any(f"gbr cannot be that of {pix_fmt}" in text for text in notices)
    y4m = io.BytesIO(b"YUV4MPEG2 W2 H2 F25:1 XLVCODEC=1:1:0\nFRAME\n" + bytes(6))
    assert read_all(y4m)[1].colour == Colour(1, 1, 2)


TAGS = [  # primaries, transfer (ffmpeg's names), what is coded
    ("bt2020", "smpte2084", Colour(9, 16, 9, chroma_location=1)),
    ("bt2020", "arib-std-b67", Colour(9, 18, 9, chroma_location=1)),
    ("smpte432", "iec61966-2-1", Colour(12, 13, 1, chroma_location=1)),
    ("bt709", "iec61966-2-1", Colour(1, 13, 1, chroma_location=1)),
    ("unknown", "linear", Colour(2, 8, 1, chroma_location=1)),
    ("unknown", "unknown", BT709),
]


@pytest.mark.parametrize(
    ("pix_fmt", "suffix", "tagged"),
    [*(("gbrp10le", ".mkv", tags) for tags in TAGS), *((name, ".png", TAGS[0]) for name in ("rgb48be", "rgba64be"))],
)
def test_rgb_keeps_primaries_and_transfer(
    tmp_path: Path, pix_fmt: str, suffix: str, tagged: tuple[str, str, Colour]
) -> None:
    primaries, transfer, expected = tagged
    tags = f"format={pix_fmt},setparams=color_primaries={primaries}:color_trc={transfer}"
    path = made(tmp_path / f"c{suffix}", "testsrc2", "-vf", tags)
    with open_source(path) as source:
        assert source.format.colour == expected
        told = [text for text in source.notices if pix_fmt in text]
        assert ("BT.2020" if expected.matrix == 9 else "BT.709") in told[0]
        assert (transfer in told[0]) == (expected != BT709)


def test_the_matrix_that_is_told_is_the_one_that_was_used(tmp_path: Path) -> None:
    """Red, green and blue come back through the exact conversion of what is told."""
    for primaries in ("bt2020", "bt709"):
        data = np.repeat(np.uint16([[50000, 9000, 8000], [7000, 40000, 9000], [9000, 8000, 60000]]), 256, 0)
        path = tmp_path / f"{primaries}.png"
        raw = ["-f", "rawvideo", "-pix_fmt", "rgb48le", "-video_size", "16x48", "-i", "pipe:0"]
        ffmpeg(*raw, "-vf", f"setparams=color_primaries={primaries}:color_trc=smpte2084", path, data=data.tobytes())
        pictures, fmt, _ = read_all(path)
        with open_sink(tmp_path / f"out-{primaries}.png", fmt) as sink:
            sink.write(pictures[0])
        shown = ffmpeg("-i", tmp_path / f"out-{primaries}.png", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
        rgb = np.frombuffer(shown, np.uint8).reshape(48, 16, 3)[8::16, 8].astype(int)
        assert np.abs(rgb - data[::256] / 257).max() <= 3
