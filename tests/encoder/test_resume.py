"""Encodings that were interrupted: what they leave, and that going on from it comes to the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from video.clips import ffmpeg

import lvcodec
from lvcodec.encoder.side import Side
from lvcodec.errors import InputError, UsageError
from lvcodec.stream.container import StreamWriter
from lvcodec.video import part as parts
from lvcodec.video.base import Source
from lvcodec.video.part import PartFile, check_part, part_of, read_entries

WriteClip = Callable[..., Path]
WIDTH, HEIGHT, PICTURES, GOP = 64, 48, 24, 6
PICTURE_BYTES = WIDTH * HEIGHT * 3 // 2 + len(b"FRAME\n")


class Interrupted(Exception):
    """What stops an encoding here."""


@pytest.fixture(scope="module")
def clip(write_clip: WriteClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.y4m", WIDTH, HEIGHT, PICTURES, noise=2)


@pytest.fixture(scope="module")
def whole(clip: Path, random_model: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The stream of an encoding that nothing interrupted."""
    target = tmp_path_factory.mktemp("whole") / "whole.lvc"
    lvcodec.encode(clip, target, gop=GOP, model=random_model, jobs=1)
    return target.read_bytes()


def interrupted_after(pictures: int) -> Callable[[int, int | None], None]:
    def on_picture(done: int, total: int | None) -> None:
        if done == pictures:
            raise Interrupted

    return on_picture


@pytest.fixture
def begun(clip: Path, random_model: str, tmp_path: Path) -> Path:
    """The target of an encoding that was interrupted within its third GOP."""
    target = tmp_path / "out.lvc"
    notices: list[str] = []
    with pytest.raises(Interrupted):
        lvcodec.encode(
            clip,
            target,
            gop=GOP,
            model=random_model,
            on_picture=interrupted_after(2 * GOP + 1),
            on_notice=notices.append,
        )
    assert notices == [f"{target}.part keeps {2 * GOP} pictures; --resume goes on from there"]
    assert sorted(os.listdir(tmp_path)) == ["out.lvc.part", "out.lvc.part.jsonl"]
    return target


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_and_gone_on_with(clip: Path, whole: bytes, random_model: str, tmp_path: Path, jobs: int) -> None:
    """kill -9 within the third GOP, with B-pictures, and from a pipe, so that it comes when it should."""
    target = tmp_path / "out.lvc"
    options = ["--gop", str(GOP), "--model", random_model, "--jobs", str(jobs)]
    command = [sys.executable, "-m", "lvcodec", "encode", "-", str(target), *options]
    data = clip.read_bytes()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(data[: len(data) - (PICTURES - 2 * GOP - 4) * PICTURE_BYTES])
    process.stdin.flush()
    until = time.monotonic() + 60
    while len(read_entries(part_of(target))) < 2 and time.monotonic() < until:  # what it was begun as, and a mark
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not target.exists()
    refused = subprocess.run(command, input=data, capture_output=True, check=False)
    assert refused.returncode == 3 and b"--resume goes on from it" in refused.stderr
    done = subprocess.run([*command, "--resume"], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == whole and os.listdir(tmp_path) == ["out.lvc"]


def test_interrupted_behind_the_last_picture(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes beside the pictures is put there again."""
    film, target, whole = (tmp_path / name for name in ("film.mkv", "a.lvc", "whole.lvc"))
    ffmpeg("-i", clip, "-f", "lavfi", "-i", "sine=440", "-c:v", "ffv1", "-c:a", "flac", "-shortest", film)
    options: dict[str, Any] = {"gop": GOP, "mode": "intra"}
    lvcodec.encode(film, whole, **options)
    write = Side.write

    def interrupted(self: Side, writer: StreamWriter, source: Source, count: int) -> None:
        write(self, writer, source, count)
        raise Interrupted

    monkeypatch.setattr(Side, "write", interrupted)
    with pytest.raises(Interrupted):
        lvcodec.encode(film, target, **options)
    monkeypatch.undo()
    with pytest.raises(InputError, match="was begun with audio True, not False"):
        lvcodec.encode(film, target, resume=True, audio=False, **options)
    report = lvcodec.encode(film, target, resume=True, **options)
    assert report.kept == report.pictures and report.side_bytes > 4000
    assert target.read_bytes() == whole.read_bytes()


def test_beside_the_stream_all_is_as_without_interruption(
    clip: Path, whole: bytes, begun: Path, random_model: str, tmp_path: Path
) -> None:
    """The recon, the PSNR, the counts; only the speed is of what was coded now."""
    asked: dict[str, Any] = {"gop": GOP, "model": random_model, "psnr": True}
    once = lvcodec.encode(clip, tmp_path / "once.lvc", recon=tmp_path / "once.y4m", **asked)
    told: list[int] = []
    report = lvcodec.encode(
        clip, begun, resume=True, recon=tmp_path / "out.y4m", on_picture=lambda done, _: told.append(done), **asked
    )
    assert begun.read_bytes() == whole
    assert (tmp_path / "out.y4m").read_bytes() == (tmp_path / "once.y4m").read_bytes()
    assert report.kept == 2 * GOP and once.kept == 0 and told == list(range(1, PICTURES + 1))
    same = ("pictures", "size_bytes", "payload_bytes", "psnr_db", "bpp")
    assert [getattr(report, name) for name in same] == [getattr(once, name) for name in same]


@pytest.mark.parametrize(
    "options", [{"quality": 3}, {"bframes": 0}, {"gop": GOP + 1}, {"effort": 1}, {"preset": "fast"}]
)
def test_other_options_are_noticed(clip: Path, begun: Path, random_model: str, options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(InputError, match=f"was begun with {name}"):
        lvcodec.encode(clip, begun, resume=True, **{"gop": GOP, "model": random_model} | options)
    assert len(read_entries(part_of(begun))) == 3  # nothing is lost


def test_another_source_is_noticed(begun: Path, random_model: str, write_clip: WriteClip, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.y4m", WIDTH, HEIGHT, PICTURES, seed=1)
    with pytest.raises(InputError, match="is not what was being encoded"):
        lvcodec.encode(other, begun, resume=True, gop=GOP, model=random_model)
    assert len(read_entries(part_of(begun))) == 3


@pytest.mark.parametrize("lost", ["bytes", "line"])
def test_after_a_power_loss(clip: Path, whole: bytes, begun: Path, random_model: str, lost: str) -> None:
    """The disk may have less of the stream than the marks say, or half a line."""
    part = part_of(begun)
    if lost == "bytes":
        size = read_entries(part)[2]["bytes"]
        part.write_bytes(part.read_bytes()[: size - 40] + bytes(20))
    else:
        journal = part.with_name(f"{part.name}.jsonl")
        journal.write_text(journal.read_text()[:-9])
    report = lvcodec.encode(clip, begun, resume=True, gop=GOP, model=random_model)
    assert report.kept == GOP and begun.read_bytes() == whole


def test_begun_anew(clip: Path, whole: bytes, begun: Path, random_model: str) -> None:
    report = lvcodec.encode(clip, begun, overwrite=True, gop=GOP, model=random_model)
    assert report.kept == 0 and begun.read_bytes() == whole and not part_of(begun).exists()


def test_where_nothing_is_left_resume_begins(clip: Path, whole: bytes, random_model: str, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        lvcodec.encode(clip, tmp_path / "a.lvc", gop=GOP, model=random_model, on_picture=interrupted_after(GOP - 1))
    assert os.listdir(tmp_path) == []  # no GOP was whole
    lvcodec.encode(clip, tmp_path / "a.lvc", gop=GOP, model=random_model, resume=True)
    assert (tmp_path / "a.lvc").read_bytes() == whole


def test_a_part_has_one_writer(tmp_path: Path) -> None:
    with PartFile(tmp_path / "a", {}, resume=False, overwrite=False) as file:
        file.write(b"whole")
        with pytest.raises(InputError, match="being written by another"):
            PartFile(tmp_path / "a", {}, resume=True, overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"whole" and os.listdir(tmp_path) == ["a"]


@pytest.mark.filterwarnings("error")
def test_no_file_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a part that is cut again, and of one that cannot be begun."""
    opened: list[Any] = []

    def kept(*args: Any, **how: Any) -> Any:
        opened.append(open(*args, **how))
        return opened[-1]

    monkeypatch.setattr(parts, "open", kept, raising=False)
    with PartFile(tmp_path / "a", {}, resume=False, overwrite=False) as file:
        file.write(b"whole")
        file.cut([])
        file.write(b"again")
    assert (tmp_path / "a").read_bytes() == b"again" and all(each.closed for each in opened)

    def refuses(path: Path) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(parts, "own_partial", refuses)
    with pytest.raises(InputError, match="no space"):
        PartFile(tmp_path / "b", {}, resume=False, overwrite=False)
    assert all(each.closed for each in opened)


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(b"precious")
    for resume in (False, True):
        with pytest.raises(InputError, match="no output that lvcodec has begun"):
            check_part(tmp_path / "a", resume=resume, overwrite=False)
    with pytest.raises(UsageError):
        check_part("-", resume=True, overwrite=False)


def test_long_names_have_parts_of_their_own(tmp_path: Path) -> None:
    names = ["x" * 250 + letter for letter in "ab"]
    parts = {part_of(tmp_path / name).name for name in names}
    assert len(parts) == 2 and all(len(name) + len(".jsonl") <= 143 for name in parts)
    with PartFile(tmp_path / names[0], {}, resume=False, overwrite=False) as file:
        file.write(b"whole")
    assert os.listdir(tmp_path) == [names[0]]
