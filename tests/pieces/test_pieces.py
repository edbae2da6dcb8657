"""Pieces coded and joined: the bytes of one machine, from any kind of file, and all that must not pass for a piece."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import lvcodec
from lvcodec.errors import InputError, StreamError, UsageError
from lvcodec.pieces import machine
from lvcodec.pieces.plan import Plan
from lvcodec.video.ffmpeg import ffmpeg_exe
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink

MakeClip = Callable[..., list[Picture]]
WriteClip = Callable[..., Path]

INTRA: dict[str, Any] = {"mode": "intra", "gop": 3, "quality": 2}
FILES = {
    "clip.mp4": "-c:v libx264 -g 20 -bf 3",
    "late.mp4": "-c:v libx264 -g 20 -bf 3 -output_ts_offset 3.3",
    "clip.ts": "-c:v libx264 -g 20 -bf 3",
    "open_gops.mkv": "-c:v libx265 -x265-params log-level=none:open-gop=1:keyint=20",
    "variable_rate.mkv": "-c:v libx264 -vf select='mod(n\\,7)-3' -fps_mode vfr",
    "sound.mkv": "-f lavfi -i sine=440:duration=2 -c:v libx264 -g 20 -c:a aac",
    "phone.mp4": "-f lavfi -i sine=440:duration=2 -c:v libx264 -vf select='mod(n\\,7)-3' -fps_mode vfr -c:a aac",
    "no_stamps.h264": "-c:v libx264 -g 20 -bf 3",
    "clip.y4m": "",
    "clip_32x32_25.yuv": "",
    "picture%03d.png": "",
}


def all_pieces(place: Path, count: int, notices: list[str] | None = None) -> None:
    for number in reversed(range(count)):
        lvcodec.encode_piece(place, number, on_notice=(notices if notices is not None else []).append)


@pytest.fixture(scope="module")
def long_clip(write_clip: WriteClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So long that ffmpeg seeks in it: from its third piece on."""
    return write_clip(tmp_path_factory.mktemp("long") / "clip.y4m", 32, 32, 60)


@pytest.mark.parametrize("name", FILES)
def test_same_bytes_from_any_file(name: str, long_clip: Path, random_model: str, tmp_path: Path) -> None:
    file, place = tmp_path / name, tmp_path / "plan.json"
    subprocess.run(
        [ffmpeg_exe(), "-v", "error", "-i", long_clip, *FILES[name].split(), "-pix_fmt", "yuv420p", file], check=True
    )
    options = INTRA | {"model": random_model, "rate": Fraction(2) if name == "clip.y4m" else None}
    count = lvcodec.plan(file, place, piece_s=0.7 if options["rate"] is None else 9, **options)
    assert count >= 3
    notices: list[str] = []
    all_pieces(place, count, notices)
    found = [text for text in notices if "is not found by its time" in text]
    assert (found != []) == (name == "no_stamps.h264"), notices
    lvcodec.join(place, tmp_path / "joined.lvc")
    lvcodec.encode(file, tmp_path / "whole.lvc", **options)
    assert (tmp_path / "joined.lvc").read_bytes() == (tmp_path / "whole.lvc").read_bytes()
    assert bool(lvcodec.probe(tmp_path / "joined.lvc").tracks) == ("sine" in FILES[name])


def test_sound_that_is_not_what_the_plan_says(long_clip: Path, random_model: str, tmp_path: Path) -> None:
    film, place = tmp_path / "film.mkv", tmp_path / "plan.json"
    words = FILES["sound.mkv"].split()
    subprocess.run([ffmpeg_exe(), "-v", "error", "-i", long_clip, *words, "-pix_fmt", "yuv420p", film], check=True)
    count = lvcodec.plan(film, place, model=random_model, frames=(0, 6), **INTRA)
    all_pieces(place, count)
    *_, tracks = Plan.read(place).beside
    file = tracks.path(Plan.read(place).folder)
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(InputError, match=f"{file.name} has other bytes than the plan says"):
        lvcodec.join(place, tmp_path / "out.lvc")
    file.unlink()
    with pytest.raises(InputError, match=f"cannot read .*{file.name}"):
        lvcodec.join(place, tmp_path / "out.lvc")
    assert not (tmp_path / "out.lvc").exists()


@pytest.mark.parametrize("mode", ["aligned", "lds"])
def test_same_gops_and_the_same_shift(
    mode: str, make_clip: MakeClip, make_waves: MakeClip, random_model: str, tmp_path: Path
) -> None:
    """Cuts, and GOPs that end without one, are where `encode` has them; so is what it decides by the first pictures."""
    clip, options = tmp_path / "a.y4m", {"model": random_model, "mode": mode, "gop": "auto", "quality": 2}
    with open_sink(clip, VideoFormat(32, 32, Fraction(1))) as sink:
        for picture in [*make_clip(32, 32, 11, seed=1), *make_waves(32, 32, 5), *make_clip(32, 32, 8, seed=1)]:
            sink.write(picture)
    count = lvcodec.plan(clip, tmp_path / "p.json", piece_s=5, **options)
    assert [piece.gops for piece in Plan.read(tmp_path / "p.json").pieces] == [(8, 3), (8,), (5,)]
    all_pieces(tmp_path / "p.json", count)
    report = lvcodec.join(tmp_path / "p.json", tmp_path / "joined.lvc")
    whole = lvcodec.encode(clip, tmp_path / "whole.lvc", jobs=1, **options)
    assert (tmp_path / "joined.lvc").read_bytes() == (tmp_path / "whole.lvc").read_bytes()
    same = ("pictures", "size_bytes", "payload_bytes", "bpp", "duration_s")
    assert [getattr(report, name) for name in same] == [getattr(whole, name) for name in same]


# ---- what must not pass -------------------------------------------------------------------------------------


@pytest.fixture
def clip(write_clip: WriteClip, tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.y4m", 32, 32, 9)


@pytest.fixture
def plan(clip: Path, random_model: str, tmp_path: Path) -> Plan:
    """Three pieces, not coded."""
    lvcodec.plan(clip, tmp_path / "plan.json", piece_s=0.1, model=random_model, **INTRA)
    return Plan.read(tmp_path / "plan.json")


@pytest.fixture
def coded(plan: Plan) -> Plan:
    all_pieces(plan.path, 3)
    return plan


def test_a_piece_that_is_done_is_left_alone(coded: Plan) -> None:
    before, notices = coded.file_of(1).stat(), []
    all_pieces(coded.path, 3, notices)
    assert coded.file_of(1).stat().st_ino == before.st_ino
    assert notices[1] == "piece 1 (pictures 3 to 5) is coded already; -y (overwrite=True) does it again"
    content = coded.file_of(1).read_bytes()
    lvcodec.encode_piece(coded.path, 1, overwrite=True)
    assert coded.file_of(1).stat().st_ino != before.st_ino
    assert stream_of(coded.file_of(1).read_bytes()) == stream_of(content)


def stream_of(piece: bytes) -> bytes:
    return piece[: piece.rindex(b"\n{")]


def test_a_piece_is_a_stream(coded: Plan, tmp_path: Path) -> None:
    assert lvcodec.decode(coded.file_of(2), tmp_path / "a.y4m").pictures == 3


def test_pieces_that_are_not_right_are_named(coded: Plan, clip: Path, random_model: str, tmp_path: Path) -> None:
    out = tmp_path / "out.lvc"

    def refused(kind: type[Exception], says: str) -> None:
        with pytest.raises(kind, match=says):
            lvcodec.join(coded.path, out)
        assert not out.exists()

    first = coded.file_of(0).read_bytes()
    coded.file_of(0).write_bytes(first[:40] + bytes([first[40] ^ 1]) + first[41:])
    refused(StreamError, r"piece 0 \(pictures 0 to 2\) is damaged: .*0000.lvc has other bytes than were coded")
    coded.file_of(0).write_bytes(first[:-9])
    refused(StreamError, "piece 0 .* is damaged: .* does not end as a whole piece does")
    coded.file_of(0).write_bytes(first[:100] + first[101:])
    refused(StreamError, "piece 0 .* is damaged: .* does not end as a whole piece does")
    shutil.copy(coded.file_of(1), coded.file_of(0))
    refused(InputError, "piece 0 .* is foreign: .*0000.lvc is piece 1")
    other = tmp_path / "other.json"
    lvcodec.plan(clip, other, piece_s=0.1, model=random_model, **INTRA | {"quality": 2.5})
    lvcodec.encode_piece(other, 0)
    shutil.copy(Plan.read(other).file_of(0), coded.file_of(0))
    coded.file_of(2).unlink()
    refused(InputError, f"piece 0 .* is foreign: .* of plan {Plan.read(other).identity}, .*; piece 2 .* is missing")
    all_pieces(coded.path, 3)  # codes those two anew
    assert lvcodec.join(coded.path, out).pictures == 9
    with pytest.raises(InputError, match="exists"):
        lvcodec.join(coded.path, out)


def test_many_problems_are_counted(plan: Plan, clip: Path, random_model: str, tmp_path: Path) -> None:
    lvcodec.plan(clip, tmp_path / "many.json", piece_s=0.01, model=random_model, **INTRA | {"gop": 1})
    with pytest.raises(InputError, match=r"piece 4 \(.*\) is missing: [^;]*; and 4 more; lvcodec encode --piece N"):
        lvcodec.join(tmp_path / "many.json", tmp_path / "out.lvc")


def test_another_source(plan: Plan, clip: Path, write_clip: WriteClip, tmp_path: Path) -> None:
    good = clip.read_bytes()
    clip.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(InputError, match="is not the file that .*plan.json was made from; make a new plan"):
        lvcodec.encode_piece(plan.path, 2)
    assert not plan.folder.exists()
    clip.unlink()
    with pytest.raises(InputError, match="there is no file"):
        lvcodec.encode_piece(plan.path, 2)


def test_other_pictures_are_noticed(plan: Plan, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where samples of the file do not tell."""
    monkeypatch.setattr("lvcodec.pieces.coding.Fingerprint.of", lambda source: plan.fingerprint)
    good = clip.read_bytes()
    for place in (good.rindex(b"FRAME\n") + 6, len(good) - 1):
        clip.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(InputError, match=r"piece 2 \(pictures 6 to 8\): .* has other pictures there"):
            lvcodec.encode_piece(plan.path, 2)
        assert os.listdir(plan.folder) == []
        lvcodec.encode_piece(plan.path, 0, overwrite=True)
        plan.file_of(0).unlink()


def test_another_machine(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(machine, "_known", {})
        patch.setattr(machine.canary, "attempt", lambda *args: "f" * 64)
        with pytest.raises(InputError, match="computes other values than the one that made .*: its canary is ffffffff"):
            lvcodec.encode_piece(plan.path, 0)
    with monkeypatch.context() as patch:
        patch.setattr(machine, "__version__", "99.0")
        with pytest.raises(InputError, match="plan.json was made by lvcodec .*, this is 99.0"):
            lvcodec.encode_piece(plan.path, 0)
    with monkeypatch.context() as patch:
        patch.delenv("LVCODEC_MODELS")
        with pytest.raises(lvcodec.WeightsError, match=r"plan.json needs weights \w{16}, which are not installed"):
            lvcodec.encode_piece(plan.path, 0)
    assert not plan.folder.exists()


def test_a_header_that_this_encoder_would_not_write(plan: Plan, random_model: str) -> None:
    """The plan's options and its header say the same, unless a plan was written by another encoder."""
    header = dataclasses.replace(plan.header, gop=5)
    other = dataclasses.replace(plan, header=header)
    other.write(overwrite=True)
    with pytest.raises(InputError, match="has another header than .*plan.json says"):
        lvcodec.encode_piece(plan.path, 0)
    assert os.listdir(plan.folder) == []


def test_a_piece_that_is_not_there(plan: Plan) -> None:
    with pytest.raises(UsageError, match="plan.json has no piece 3; its pieces are 0 to 2"):
        lvcodec.encode_piece(plan.path, 3)


def test_presets_and_low_delay(long_clip: Path, random_model: str, tmp_path: Path) -> None:
    """They are the plan's; GOPs that follow no cuts begin at the same pictures, too."""
    options: dict[str, Any] = {"model": random_model, "preset": "fast", "low_delay": True, "rate": Fraction(2)}
    count = lvcodec.plan(long_clip, tmp_path / "plan.json", piece_s=7, **options)
    assert count == 4  # GOPs of 8 seconds
    all_pieces(tmp_path / "plan.json", count)
    lvcodec.join(tmp_path / "plan.json", tmp_path / "joined.lvc")
    lvcodec.encode(long_clip, tmp_path / "whole.lvc", **options)
    assert (tmp_path / "joined.lvc").read_bytes() == (tmp_path / "whole.lvc").read_bytes()
