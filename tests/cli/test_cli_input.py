"""Input with troubles, and input and output through pipes that have names, by the command as it is installed."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lvcodec
from lvcodec.video.ffmpeg import ffmpeg_exe

Command = Callable[..., "subprocess.CompletedProcess[bytes]"]
Here = Callable[..., Any]


def ffmpeg(*args: str | Path) -> None:
    subprocess.run([ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *map(str, args)], check=True)


SOURCE = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4"]


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Matroska file of 10 pictures, the last of which were cut off."""
    path = tmp_path_factory.mktemp("cut") / "cut.mkv"
    ffmpeg(*SOURCE, "-c:v", "ffv1", path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_missing_pictures_end_in_7_and_those_that_came_are_kept(
    here: Here, cut: Path, random_model: str, tmp_path: Path
) -> None:
    target = tmp_path / "a.lvc"
    done = here("encode", cut, target, "--model", random_model, "--json")
    assert done.returncode == 7, done.stderr.decode()
    report = json.loads(done.stdout)
    lines = done.stderr.decode().splitlines()
    assert report["pictures"] + report["missing"] == 10 and report["missing"] > 2
    assert [f"lvcodec: {text}" for text in report["notices"]] == lines[:-1]
    assert "with errors" in lines[0] and "came" in lines[1]
    assert lines[-1].startswith("lvcodec: error: ") and "--lenient" in lines[-1]
    assert len(lvcodec.probe(target).pictures) == report["pictures"]
    done = here("encode", cut, target, "--model", random_model, "--lenient", "-y", "--quiet")
    assert (done.returncode, done.stderr) == (0, b"")


def test_missing_pictures_in_python(cut: Path, random_model: str, tmp_path: Path) -> None:
    heard: list[str] = []
    with pytest.raises(lvcodec.MissingPicturesError) as caught:
        lvcodec.encode(cut, tmp_path / "a.lvc", model=random_model, on_notice=heard.append)
    report = caught.value.report
    assert list(report.notices) == heard and len(heard) == 2
    assert len(lvcodec.probe(tmp_path / "a.lvc").pictures) == report.pictures
    report = lvcodec.encode(cut, tmp_path / "b.lvc", model=random_model, lenient=True)
    assert report.missing > 2 and len(report.notices) == 2
    assert (tmp_path / "a.lvc").read_bytes() == (tmp_path / "b.lvc").read_bytes()


def test_a_range_beyond_the_end_is_told(here: Here, clip: Path, random_model: str, tmp_path: Path) -> None:
    path = tmp_path / "c.mkv"
    ffmpeg("-i", clip, "-c:v", "ffv1", path)
    done = here("encode", path, tmp_path / "a.lvc", "--model", random_model, "--frames", "6:99")
    assert done.returncode == 0
    assert b"has only 8 pictures: 2 are taken" in done.stderr


def test_the_same_clip_from_two_containers_can_be_joined(random_model: str, tmp_path: Path) -> None:
    rate = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=60000/1001", "-frames:v", "4", "-c:v", "libx264"]
    ffmpeg(*rate, tmp_path / "c.mp4")
    ffmpeg("-i", tmp_path / "c.mp4", "-c", "copy", tmp_path / "c.mkv")
    streams = []
    for suffix in ("mp4", "mkv"):
        lvcodec.encode(tmp_path / f"c.{suffix}", tmp_path / f"{suffix}.lvc", model=random_model)
        streams.append(tmp_path / f"{suffix}.lvc")
    assert len(lvcodec.concat(streams, tmp_path / "both.lvc").pictures) == 8


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="this system has no /dev/stdin")
def test_standard_input_by_its_name(lvc: Command, random_model: str, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.mkv"
    ffmpeg("-i", clip, "-c:v", "ffv1", path)
    done = lvc("encode", "/dev/stdin", tmp_path / "a.lvc", "--model", random_model, stdin=path.read_bytes())
    assert done.returncode == 0, done.stderr.decode()
    assert len(lvcodec.probe(tmp_path / "a.lvc").pictures) == 8


def test_output_without_a_name(here: Here, stream: Path, tmp_path: Path) -> None:
    assert here("decode", stream, os.devnull).returncode == 0
    done = here("decode", stream, "-", "--format", "mkv")
    assert done.returncode == 0 and done.stdout.startswith(b"\x1a\x45\xdf\xa3")
    done = here("decode", stream, tmp_path / "a.mp4", "--format", "mkv")
    assert done.returncode == 2 and b"no mkv file by its name" in done.stderr
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("kind", ["y4m", "mkv", "lvc"])
def test_eval_takes_a_pipe(here: Here, stream: Path, clip: Path, tmp_path: Path, kind: str) -> None:
    path = {"y4m": clip, "lvc": stream, "mkv": tmp_path / "c.mkv"}[kind]
    if kind == "mkv":
        ffmpeg("-i", clip, "-c:v", "ffv1", path)
    fast = ["--metrics", "psnr", "--json"]
    by_name = json.loads(here("eval", clip, path, *fast).stdout)
    os.mkfifo(tmp_path / "fifo")
    threading.Thread(target=(tmp_path / "fifo").write_bytes, args=(path.read_bytes(),), daemon=True).start()
    done = here("eval", clip, tmp_path / "fifo", *fast)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["psnr_y"] == by_name["psnr_y"]


def test_eval_takes_standard_input(lvc: Command, clip: Path) -> None:
    fast = ["--metrics", "psnr", "--json"]
    done = lvc("eval", clip, "-", *fast, stdin=clip.read_bytes())
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["psnr_y"] == 100
    assert lvc("eval", "-", "-", *fast).returncode == 2
