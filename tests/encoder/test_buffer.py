"""maxrate and bufsize: the buffer of a decoder that gets so many bits a second never runs empty."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

import lvcodec
from lvcodec.encoder import structures
from lvcodec.encoder.buffer import Buffer
from lvcodec.errors import UsageError

WriteClip = Callable[..., Path]
GOP = 9


@pytest.fixture(scope="module")
def clip(write_clip: WriteClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.y4m", 64, 48, 27, noise=6)


def level_after(stream: Path, maxrate: float, bufsize: float) -> list[float]:
    """The level when each record has been taken out, before anything comes in again; by the records' real bytes."""
    info, level, levels = lvcodec.probe(stream), bufsize, []
    for _, group in groupby(sorted(info.pictures, key=lambda p: (p.offset, p.number)), key=lambda p: p.offset):
        pictures = list(group)
        level -= 8 * sum(picture.size_bytes for picture in pictures)
        levels.append(level)
        level = min(bufsize, level + maxrate * len(pictures) / float(info.rate))
    return levels


def test_the_buffer() -> None:
    buffer = Buffer(1000, 500, Fraction(10))
    assert buffer.allowed(1, intra=False) == 300 and buffer.allowed(1, intra=True) == pytest.approx(460)
    assert buffer.take(40, 1) and buffer.level == 500 - 8 * 56 + 100
    assert not buffer.take(4, 1) and buffer.level == 100


def test_never_empty(clip: Path, tmp_path: Path) -> None:
    free = tmp_path / "free.lvc"
    usual = lvcodec.encode(clip, free, gop=GOP, quality=5, preset="fast")
    maxrate = 800 * usual.kbps  # 0.8 of its rate
    bufsize = maxrate / 2
    assert min(level_after(free, maxrate, bufsize)) < 0
    limited = tmp_path / "limited.lvc"
    notices: list[str] = []
    report = lvcodec.encode(
        clip,
        limited,
        gop=GOP,
        quality=5,
        preset="fast",
        maxrate=maxrate,
        bufsize=bufsize,
        on_notice=notices.append,
        recon=tmp_path / "shown.y4m",
    )
    assert notices == [] and min(level_after(limited, maxrate, bufsize)) >= 0
    assert 0.5 * usual.size_bytes < report.size_bytes
    lvcodec.decode(limited, tmp_path / "decoded.y4m")
    assert (tmp_path / "decoded.y4m").read_bytes() == (tmp_path / "shown.y4m").read_bytes()

    def interrupted(done: int, total: int | None) -> None:
        if done == 2 * GOP + 1:
            raise KeyboardInterrupt

    again = tmp_path / "again.lvc"
    limits = {"gop": GOP, "quality": 5, "preset": "fast", "maxrate": maxrate, "bufsize": bufsize}
    with pytest.raises(KeyboardInterrupt):
        lvcodec.encode(clip, again, on_picture=interrupted, **limits)
    assert lvcodec.encode(clip, again, resume=True, **limits).kept == 2 * GOP
    assert again.read_bytes() == limited.read_bytes()


def test_a_run_counts_once(clip: Path, random_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is learned of structures is what the run that was kept tells, however often it was coded."""
    runs: list[int] = []
    code = structures.Chooser.code
    monkeypatch.setattr(structures.Chooser, "code", lambda self, *args: (runs.append(self._run), code(self, *args))[1])
    limits: dict[str, Any] = {"gop": 27, "bframes": 5, "maxrate": 1000}
    lvcodec.encode(clip, tmp_path / "a.lvc", model=random_model, jobs=1, **limits)
    assert set(runs) == {*range(5)} and len(runs) > 5  # the I-picture, four runs of six, one of two


def test_what_cannot_be_kept_to_is_told(clip: Path, tmp_path: Path) -> None:
    notices: list[str] = []
    lvcodec.encode(clip, tmp_path / "a.lvc", gop=GOP, preset="fast", maxrate=1000, on_notice=notices.append)
    assert any(text.startswith("the buffer runs empty") for text in notices)
    with pytest.raises(UsageError, match="bufsize is of a maxrate"):
        lvcodec.encode(clip, tmp_path / "b.lvc", bufsize=1000)
    with pytest.raises(UsageError, match="maxrate limits a quality"):
        lvcodec.encode(clip, tmp_path / "b.lvc", bitrate=1000, maxrate=1000)
