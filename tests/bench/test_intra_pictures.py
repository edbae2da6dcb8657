"""Which pictures are I-pictures, of lvcodec's streams and of others."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import lvcodec
from lvcodec.bench.intra_pictures import intra_pictures
from lvcodec.video.ffmpeg import ffmpeg_exe

WriteClip = Callable[..., Path]


@pytest.fixture
def clip(write_clip: WriteClip, tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.y4m", 64, 48, 9)


@pytest.mark.parametrize("form", ["h264", "mkv"])
def test_of_x264(clip: Path, tmp_path: Path, form: str) -> None:
    """In the order of display, with B-pictures between them; in a container or without."""
    coded = tmp_path / f"coded.{form}"
    settings = ["-c:v", "libx264", "-g", "4", "-bf", "2", "-sc_threshold", "0", "-x264-params", "open-gop=0"]
    subprocess.run([ffmpeg_exe(), "-v", "error", "-i", str(clip), *settings, str(coded)], check=True)
    assert intra_pictures(coded) == {0, 4, 8}


def test_of_lvcodec(clip: Path, tmp_path: Path, random_model: str) -> None:
    lvcodec.encode(clip, tmp_path / "clip.lvc", model=random_model, gop=4, bframes=0)
    assert intra_pictures(tmp_path / "clip.lvc") == {0, 4, 8}


def test_of_a_file_that_ffmpeg_cannot_decode(tmp_path: Path) -> None:
    (tmp_path / "clip.bin").write_bytes(bytes(range(100)))
    assert intra_pictures(tmp_path / "clip.bin") == set()
