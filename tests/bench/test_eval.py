"""`lvcodec eval`: two videos, and a stream against its source."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lvcodec
from lvcodec.cli.main import execute
from lvcodec.video.ffmpeg import ffmpeg_exe

WriteClip = Callable[..., Path]
FAST = ("--metrics", "psnr,ssim,rgb")


@pytest.fixture
def clip(write_clip: WriteClip, tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.y4m", 64, 48, 3)


def test_two_videos(clip: Path, write_clip: WriteClip, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noisy = write_clip(tmp_path / "noisy.yuv", 64, 48, 3, noise=4)  # raw: its size is taken from the source
    assert execute(["eval", str(clip), str(noisy), "--json", "--each", "--quiet", *FAST]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pictures"] == 3 and len(found["each"]) == 3 and found["size_bytes"] is None
    assert 35 < found["psnr_yuv"] < 45 and 0.5 < found["ssim"] < 1 and found["psnr_rgb"] > 30
    assert found["vmaf"] is None and found["rgb"] == "bt601, bicubic chroma"
    assert execute(["eval", str(clip), str(clip), "--quiet", *FAST]) == 0
    printed = capsys.readouterr().out
    assert "6:1:1 100.00 dB" in printed and "VMAF" not in printed


def test_a_stream(clip: Path, tmp_path: Path, random_model: str, capsys: pytest.CaptureFixture[str]) -> None:
    stream = tmp_path / "clip.lvc"
    report = lvcodec.encode(clip, stream, model=random_model, psnr=True)
    assert execute(["eval", str(clip), str(stream), "--json", "--quiet", "--metrics", "psnr"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert report.psnr_db is not None
    assert found["psnr_yuv"] == pytest.approx(report.psnr_db.yuv) and found["bpp"] == pytest.approx(report.bpp)


def test_flicker_and_pumping(write_clip: WriteClip, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The I-pictures are known where DIST is a coded file; of uncoded ones there is no pumping."""
    clip = write_clip(tmp_path / "clip.y4m", 64, 48, 9)
    coded = made(tmp_path / "dist.mkv", "-i", clip, "-c:v", "libx264", "-qp", "35", "-g", "4", "-sc_threshold", "0")
    uncoded = made(tmp_path / "dist.y4m", "-i", coded)
    found = []
    for dist in (coded, uncoded):
        assert execute(["eval", str(clip), str(dist), "--json", "--quiet", "--metrics", "flicker"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["flicker"] == pytest.approx(found[1]["flicker"]) and 10 < found[0]["flicker"] < 60
    assert found[0]["pumping"] is not None and found[1]["pumping"] is None and found[0]["psnr_y"] is None
    assert execute(["eval", str(clip), str(uncoded), "--quiet", "--metrics", "xpsnr,flicker"]) == 0
    printed = capsys.readouterr().out
    assert "XPSNR " in printed and "flicker " in printed and "pumping n/a dB" in printed


@pytest.mark.parametrize(
    "size, count, code, words",
    [
        ((48, 64), 3, 3, "is 48x64"),
        ((64, 48), 2, 3, "has 2 pictures"),
    ],
)
def test_videos_that_differ(
    clip: Path,
    write_clip: WriteClip,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    size: tuple[int, int],
    count: int,
    code: int,
    words: str,
) -> None:
    other = write_clip(tmp_path / "other.y4m", *size, count)
    assert execute(["eval", str(clip), str(other), *FAST]) == code
    assert words in capsys.readouterr().err


def test_wrong_usage(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["eval", str(clip), str(clip), "--metrics", "psnr,nice"]) == 2
    assert "no metric 'nice'" in capsys.readouterr().err
    assert execute(["eval", str(clip), "absent.y4m"]) == 3


def made(path: Path, *args: str | Path) -> Path:
    command = [ffmpeg_exe(), "-v", "error", "-y", *map(str, args), str(path)]
    subprocess.run(command, check=True)
    return path


def figures(capsys: pytest.CaptureFixture[str], *args: str | Path) -> dict[str, Any]:
    capsys.readouterr()
    assert execute(["eval", *map(str, args), "--json", "--quiet", *FAST]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_clips_that_look_equal_and_differ_in_range_or_matrix(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """ffmpeg filters chroma where it changes the matrix, so that this is no copy; unconverted it is 32 dB or less."""
    ref = made(tmp_path / "ref.mkv", "-i", clip, "-vf", "setparams=range=tv:colorspace=bt709", "-c:v", "ffv1")
    for out_range, matrix, told, least_db in (
        ("pc", "bt709", "DIST is full range, not limited as REF", 50),
        ("tv", "bt601", "DIST is of matrix bt470bg, not bt709 as REF", 35),
        ("pc", "bt2020", "DIST is full range, not limited and of matrix bt2020nc, not bt709 as REF", 35),
    ):
        scale = f"scale=out_range={out_range}:out_color_matrix={matrix}:flags=accurate_rnd+full_chroma_int"
        tag = ("-color_range", out_range)
        dist = made(tmp_path / "dist.mkv", "-i", ref, "-vf", f"{scale},format=yuv420p", *tag, "-c:v", "ffv1")
        found = figures(capsys, ref, dist)
        assert any(told in text for text in found["notices"])
        assert found["psnr_yuv"] > least_db


def test_full_range_that_a_raw_file_cannot_say(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is taken for what REF says, as before: a lossless copy stays one."""
    ref = made(tmp_path / "ref.mkv", "-i", clip, "-vf", "setparams=range=pc", "-color_range", "pc", "-c:v", "ffv1")
    copy = made(tmp_path / "copy.yuv", "-i", clip, "-f", "rawvideo")
    for pair in ((ref, copy), (copy, ref)):
        found = figures(capsys, *pair, "--size", "64x48")
        assert found["psnr_yuv"] == 100
        assert any("does not say its range: it is taken for full" in text for text in found["notices"])


def test_raw_files_of_two_formats(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ten, planar = tmp_path / "ten.yuv", tmp_path / "planar.yuv"
    made(ten, "-i", clip, "-f", "rawvideo", "-pix_fmt", "yuv420p10le")
    made(planar, "-i", clip, "-f", "rawvideo", "-pix_fmt", "nv12")
    size = ("--size", "64x48")
    both = figures(capsys, ten, planar, *size, "--pix-fmt", "yuv420p10le", "--dist-pix-fmt", "nv12")
    assert both["psnr_yuv"] == 100
    assert figures(capsys, planar, ten, *size, "--pix-fmt", "nv12", "--dist-pix-fmt", "yuv420p10")["psnr_yuv"] == 100
    assert figures(capsys, ten, ten, *size, "--pix-fmt", "yuv420p10le")["psnr_yuv"] == 100
    # one is raw: the format is its own
    assert figures(capsys, clip, ten, "--pix-fmt", "yuv420p10le")["psnr_yuv"] == 100
    assert figures(capsys, ten, clip, *size, "--pix-fmt", "yuv420p10le")["psnr_yuv"] == 100
    # none is: it contradicts them
    assert execute(["eval", str(clip), str(clip), "--pix-fmt", "yuv420p10le"]) == 2
    assert execute(["eval", str(clip), str(clip), "--dist-pix-fmt", "yuv420p10le"]) == 2


def test_a_stream_and_a_raw_source_of_another_format(
    clip: Path, tmp_path: Path, random_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ten, stream = tmp_path / "ten.yuv", tmp_path / "clip.lvc"
    made(ten, "-i", clip, "-f", "rawvideo", "-pix_fmt", "yuv420p10le")
    lvcodec.encode(ten, stream, model=random_model, size=(64, 48), pix_fmt="yuv420p10le")
    assert figures(capsys, ten, stream, "--size", "64x48", "--pix-fmt", "yuv420p10le")["pictures"] == 3
