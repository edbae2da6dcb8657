"""Which pictures of a file are taken, and how they are turned: several streams, grids of tiles, mirror flags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lvcodec.errors import InputError
from lvcodec.video.probe_text import parse

from .clips import encode, ffmpeg, raw, read_all
from .heif import tiled


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiled picture of 120x100, and the whole that it was cut from, 128x128."""
    folder = tmp_path_factory.mktemp("grid")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=128x128:r=25", "-frames:v", "1", folder / "whole.y4m")
    return tiled(folder / "grid.avif", folder / "whole.y4m", size=(120, 100)), folder / "whole.y4m"


def test_a_grid_of_tiles_is_coded_whole(grid: tuple[Path, Path]) -> None:
    path, whole = grid
    got, fmt, _ = read_all(path)
    assert (len(got), fmt.width, fmt.height) == (1, 120, 100)
    expected = read_all(whole)[0][0]
    assert np.abs(got[0].y.astype(int) - expected.y[:100, :120]).max() <= 2
    assert np.abs(got[0].u.astype(int) - expected.u[:50, :60]).max() <= 2


def test_a_grid_in_a_pipe_is_refused(grid: tuple[Path, Path]) -> None:
    """ffmpeg reads no item of HEIF without jumping about."""
    with open(grid[0], "rb") as file:

        class Pipe:
            read = file.read

        with pytest.raises(InputError, match="cannot read"):
            read_all(Pipe())


def test_a_grid_that_this_ffmpeg_cannot_join_is_refused() -> None:
    said = """[info] Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'x.heic':
[info]   Duration: N/A, start: 0.000000, bitrate: N/A
[info]   Stream group #0:0[0x1]: Tile Grid: hevc (Main Still Picture), yuvj420p(pc), 4032x3024 (default)
[verbose]     Stream #0:0[0x2]: Video: hevc (Main Still Picture), yuvj420p(pc), 512x512, 1 fps, 1 tbr (dependent)
[verbose]     Stream #0:1[0x3]: Video: hevc (Main Still Picture), yuvj420p(pc), 512x512, 1 fps, 1 tbr (dependent)
[info] Stream mapping:
[info]   Stream #0:0 -> #0:0 (hevc (native) -> wrapped_avframe (native))
[info] Output #0, null, to 'pipe:':
[info]   Stream #0:0: Video: wrapped_avframe, yuvj420p(pc, progressive), 512x512, q=2-31, 200 kb/s, 1 fps, 1 tbn
"""
    with pytest.raises(InputError, match="grid of tiles"):
        parse(said, "x.heic")


TWO = ["-f", "lavfi", "-i", "testsrc2=s=32x32:r=25:d=0.2", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2"]


@pytest.mark.parametrize(
    ("name", "args", "size", "why"),
    [
        ("two.mkv", ["-c:v", "ffv1"], (32, 32), "stream 0 is taken, the default one"),
        (
            "other.mkv",
            ["-c:v", "ffv1", "-disposition:v:0", "0", "-disposition:v:1", "default"],
            (64, 48),
            "stream 1 is taken, the default one",
        ),
        ("two.ts", ["-c:v", "mpeg2video"], (64, 48), "stream 1 is taken, the largest"),
    ],
)
def test_of_two_streams_the_default_or_the_largest_is_taken(
    tmp_path: Path, name: str, args: list[str], size: tuple[int, int], why: str
) -> None:
    path = tmp_path / name
    ffmpeg(*TWO, "-map", "0", "-map", "1", *args, path)
    got, fmt, notices = read_all(path)
    assert (len(got), fmt.width, fmt.height) == (5, *size)
    assert any(why in text for text in notices)
    assert raw(got) == ffmpeg("-i", path, "-f", "rawvideo", "-")  # what ffmpeg takes by itself


def test_a_cover_is_never_taken(tmp_path: Path, make_clip) -> None:
    encode(make_clip(32, 16, 3), tmp_path / "small.mp4", "-c:v", "libx264")
    encode(make_clip(200, 200, 1), tmp_path / "cover.png")
    path = tmp_path / "both.mp4"
    maps = ["-map", "1", "-map", "0", "-c", "copy", "-disposition:v:0", "attached_pic"]
    ffmpeg("-i", tmp_path / "small.mp4", "-i", tmp_path / "cover.png", *maps, path)
    got, fmt, notices = read_all(path)
    assert (len(got), fmt.width, notices) == (3, 32, [])


@pytest.mark.parametrize(
    ("flags", "turned", "notice"),
    [
        (["-display_hflip"], np.fliplr, "a flag that mirrors pictures left to right is applied"),
        (["-display_vflip"], np.flipud, "a flag that turns pictures upside down is applied"),
        (["-display_rotation", "180"], lambda y: np.rot90(y, 2), "rotation flag of -180 degrees is applied"),
        (["-display_rotation", "90"], np.rot90, "rotation flag of 90 degrees is applied: 48x32 becomes 32x48"),
        (
            ["-display_rotation", "90", "-display_hflip"],
            lambda y: np.rot90(np.fliplr(y), -1),
            "with a mirror is applied: 48x32 becomes 32x48",
        ),
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_mirror_flags_are_called_that(tmp_path: Path, make_clip, flags: list[str], turned, notice, suffix) -> None:
    clip = make_clip(48, 32, 1)
    flat = encode(clip, tmp_path / "flat.mp4", "-c:v", "libx264", "-qp", "0")
    path = tmp_path / f"turned.{suffix}"
    ffmpeg(*flags, "-i", flat, "-c", "copy", path)
    got, _, notices = read_all(path)
    assert np.array_equal(got[0].y, turned(clip[0].y))
    assert len(notices) == 1 and notice in notices[0]
