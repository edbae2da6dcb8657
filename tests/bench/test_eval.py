"""`lvcodec eval`: two videos, and a stream against its source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import lvcodec
from lvcodec.cli.main import execute

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
