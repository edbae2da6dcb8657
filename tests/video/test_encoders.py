"""What every suffix gives: quality, the range of samples, the exact RGB of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lvcodec.errors import InputError, UsageError
from lvcodec.video import encoders
from lvcodec.video.colour import Colour
from lvcodec.video.picture import Picture
from lvcodec.video.rgb import planes_to_rgb
from lvcodec.video.sink import open_sink

from .clips import ffmpeg, raw, read_all, video_format

SUFFIXES = encoders._ENCODERS | encoders.PICTURES
LOSSLESS_RGB = [suffix for suffix, encoder in SUFFIXES.items() if "lossless RGB" in encoder.text]
PLANES = [suffix for suffix, encoder in SUFFIXES.items() if not encoder.rgb]
LIMITED = Colour(6, 6, 6, full_range=False, chroma_location=1)
FULL = Colour(6, 6, 6, full_range=True, chroma_location=1)


def write(path: Path, clip: list[Picture], colour: Colour, **options: object) -> list[str]:
    with open_sink(path, video_format(clip, "25", colour), **options) as sink:  # type: ignore[arg-type]
        for picture in clip:
            sink.write(picture)
    return sink.notices


def level(plane: np.ndarray, colour: Colour, *, chroma: bool) -> np.ndarray:
    """Samples as the levels of full range."""
    span, offset = (224, 128) if chroma else (219, 16)
    values = plane.astype(float)
    return values if colour.full_range else (values - offset) * 255 / span + (128 if chroma else 0)


def psnr_db(first: np.ndarray, second: np.ndarray) -> float:
    error = float(np.mean((first.astype(float) - second) ** 2))
    return 100.0 if error == 0 else 10 * float(np.log10(255**2 / error))


def planes_psnr_db(a: Picture, a_colour: Colour, b: Picture, b_colour: Colour) -> tuple[float, float]:
    """Luma's, and the worse of the two chroma planes'; by what the samples mean."""
    figures = [
        psnr_db(level(x, a_colour, chroma=number > 0), level(y, b_colour, chroma=number > 0))
        for number, (x, y) in enumerate(zip(a.planes, b.planes, strict=True))
    ]
    return figures[0], min(figures[1:])


@pytest.mark.parametrize("suffix", PLANES)
def test_quality_and_range_of_every_suffix(tmp_path: Path, make_clip, suffix: str) -> None:
    """A full-range clip comes back as what it is, or as limited range, with a notice, where files cannot say so."""
    clip = make_clip(64, 48, 1 if suffix in (".avif", ".jpg", ".jpeg") else 2)
    notices = write(tmp_path / f"out{suffix}", clip, FULL)
    got, fmt, _ = read_all(tmp_path / f"out{suffix}")
    assert len(got) == len(clip)
    for picture, other in zip(clip, got, strict=True):
        luma, chroma = planes_psnr_db(picture, FULL, other, fmt.colour)
        assert luma > 38 and chroma > 38, (luma, chroma)
    only = encoders._ENCODERS[suffix].only if suffix in encoders._ENCODERS else "pc"
    assert fmt.colour.full_range == (only != "tv")
    told = any("limited-range: a" in text for text in notices)
    assert told == (only == "tv" and suffix != ".webp")  # WebP is a format of its own colours, as JPEG is


@pytest.mark.parametrize("suffix", [".nut", ".avi", ".mkv"])
def test_lossless_where_it_is_said(tmp_path: Path, make_clip, suffix: str) -> None:
    clip = make_clip(50, 36, 2)
    notices = write(tmp_path / f"limited{suffix}", clip, LIMITED)
    assert raw(read_all(tmp_path / f"limited{suffix}")[0]) == raw(clip)
    assert len(notices) == 1 and "lossless" in notices[0]
    notices = write(tmp_path / f"full{suffix}", clip, FULL)
    assert (raw(read_all(tmp_path / f"full{suffix}")[0]) == raw(clip)) == (suffix == ".mkv")
    assert ("lossless where the range is limited" in notices[0]) == (suffix != ".mkv")


@pytest.mark.parametrize("pix_fmt", ["yuvj420p", "yuv444p", "gray"])
def test_other_pixel_formats_are_limited_too(tmp_path: Path, make_clip, pix_fmt: str) -> None:
    clip = make_clip(64, 48, 1)
    notices = write(tmp_path / "out.nut", clip, FULL, pix_fmt=pix_fmt)
    assert any("limited-range" in text for text in notices)
    got, _, _ = read_all(tmp_path / "out.nut")
    assert psnr_db(level(clip[0].y, FULL, chroma=False), level(got[0].y, LIMITED, chroma=False)) > 45


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("out.mp4", "libx264 takes no rgb24; choose yuv420p, "),
        ("out.mkv", "ffv1 takes no rgb24; choose yuv420p, "),
        ("out.rm", "ffmpeg takes yuv420p for .rm, not rgb24"),
    ],
)
def test_a_pixel_format_that_ffmpeg_would_swap_is_refused(tmp_path: Path, make_clip, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        write(tmp_path / name, make_clip(64, 48, 1), LIMITED, pix_fmt="rgb24")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".rm", ".roq"])
@pytest.mark.parametrize("colour", [LIMITED, FULL])
def test_a_trial_tells_the_range_of_other_suffixes(tmp_path: Path, make_clip, suffix: str, colour: Colour) -> None:
    clip = make_clip(64, 48, 1)
    notices = write(tmp_path / f"out{suffix}", clip, colour)
    got, fmt, _ = read_all(tmp_path / f"out{suffix}")
    assert fmt.colour.full_range == (suffix == ".roq")
    assert any("-range: a" in text for text in notices) == (fmt.colour.full_range != colour.full_range)
    assert planes_psnr_db(clip[0], colour, got[0], fmt.colour)[0] > 30


@pytest.mark.parametrize("suffix", LOSSLESS_RGB)
@pytest.mark.parametrize("colour", [LIMITED, FULL])
def test_pictures_are_our_own_conversion(tmp_path: Path, suffix: str, colour: Colour) -> None:
    rng = np.random.default_rng(5)
    clip = [Picture(*(rng.integers(0, 256, size).astype(np.uint8) for size in ((21, 35), (11, 18), (11, 18))))]
    write(tmp_path / f"one{suffix}", clip, colour)
    data = ffmpeg("-i", tmp_path / f"one{suffix}", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    rgb = np.frombuffer(data, np.uint8).reshape(21, 35, 3)
    assert np.array_equal(planes_to_rgb(*clip[0].planes, colour), np.moveaxis(rgb, 2, 0))


@pytest.mark.parametrize(("suffix", "least_db"), [(".gif", 33), (".hdr", 45)])
def test_pictures_that_lose_something(tmp_path: Path, make_clip, suffix: str, least_db: float) -> None:
    clip = make_clip(64, 48, 1)
    write(tmp_path / f"one{suffix}", clip, FULL)
    data = ffmpeg("-i", tmp_path / f"one{suffix}", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    rgb = np.moveaxis(np.frombuffer(data, np.uint8).reshape(48, 64, 3), 2, 0)
    assert psnr_db(planes_to_rgb(*clip[0].planes, FULL), rgb) > least_db


def test_pgm_is_the_luma(tmp_path: Path, make_clip) -> None:
    clip = make_clip(64, 48, 1)
    assert "without colour" in write(tmp_path / "one.pgm", clip, FULL)[0]
    grey = np.frombuffer((tmp_path / "one.pgm").read_bytes()[-64 * 48 :], np.uint8).reshape(48, 64)
    assert psnr_db(clip[0].y, grey) > 38


def test_webp_has_bt601_s_colours(tmp_path: Path, make_clip) -> None:
    """A clip of another matrix is converted, as for JPEG."""
    bt709 = Colour(1, 1, 1, full_range=False, chroma_location=1)
    clip = make_clip(64, 48, 1)
    for suffix in (".webp", ".jpg", ".mjpeg"):
        write(tmp_path / f"one{suffix}", clip, bt709)
        got, fmt, _ = read_all(tmp_path / f"one{suffix}")
        rgb = planes_to_rgb(*got[0].planes, fmt.colour)
        assert psnr_db(planes_to_rgb(*clip[0].planes, bt709), rgb) > 35, suffix


def test_what_would_be_several_files_is_refused(tmp_path: Path, make_clip) -> None:
    """A playlist whose segments would stay behind under the partial name."""
    for name in ("out.m3u8", "out.mpd", "out.y"):
        with pytest.raises(InputError, match="several files"):
            write(tmp_path / name, make_clip(64, 48, 1), LIMITED)
    assert list(tmp_path.iterdir()) == []
