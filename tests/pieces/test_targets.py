"""Targets of a film in pieces: the qualities, corrections and bytes of one machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import lvcodec
from lvcodec.encoder.probing import Probe, Prober
from lvcodec.errors import InputError, SizeMissedError
from lvcodec.measure import ffmpeg_features
from lvcodec.pieces.plan import Plan
from lvcodec.video.picture import Picture
from lvcodec.video.source import open_source

MakeClip = Callable[..., list[Picture]]
WriteClip = Callable[..., Path]

OPTIONS: dict[str, Any] = {"gop": 4, "preset": "fast"}


@pytest.fixture(scope="module")
def film(write_clip: WriteClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pieces of three GOPs, where a piece is of 11 pictures."""
    return write_clip(tmp_path_factory.mktemp("film") / "film.y4m", 64, 48, 24, noise=6)


def planned(film: Path, place: Path, **options: Any) -> int:
    with open_source(film) as source:
        piece_s = 11 / float(source.format.rate)
    return lvcodec.plan(film, place, piece_s=piece_s, **OPTIONS | options)


def joined(place: Path, target: Path) -> list[list[int]]:
    """Code and join until there is a stream; the pieces that were coded each time."""
    rounds = [list(range(len(Plan.read(place).pieces)))]
    while True:
        for number in rounds[-1]:
            lvcodec.encode_piece(place, number)
        try:
            lvcodec.join(place, target)
            return rounds
        except SizeMissedError as missed:
            assert not target.exists()
            rounds.append(missed.pieces)


@pytest.mark.parametrize(
    "target",
    [{"target_psnr": 28.05}, {"target_psnr": 28, "worst_shot": True}],
    ids=["mean", "worst shot"],
)
def test_same_bytes_towards_a_psnr(target: dict[str, Any], film: Path, tmp_path: Path) -> None:
    place, one, many = (tmp_path / name for name in ("plan.json", "one.lvc", "many.lvc"))
    assert planned(film, place, **target) == 2
    joined(place, many)
    lvcodec.encode(film, one, **OPTIONS, **target)
    assert many.read_bytes() == one.read_bytes()


def test_same_bytes_towards_a_vmaf(film: Path, tmp_path: Path) -> None:
    if "libvmaf" not in ffmpeg_features.filters():
        pytest.skip("this ffmpeg has no libvmaf")
    planned(film, tmp_path / "plan.json", target_vmaf=60)
    joined(tmp_path / "plan.json", tmp_path / "many.lvc")
    lvcodec.encode(film, tmp_path / "one.lvc", **OPTIONS, target_vmaf=60)
    assert (tmp_path / "many.lvc").read_bytes() == (tmp_path / "one.lvc").read_bytes()


@pytest.mark.parametrize(
    "target, wrong, again",
    [({"target_size": 2000}, 0.98, {1}), ({"bitrate": 16000}, 1.3, {0, 1}), ({"target_size": 2000}, 1, set())],
    ids=["the last piece", "all", "none"],
)
def test_same_bytes_towards_a_size(
    target: dict[str, Any],
    wrong: float,
    again: set[int],
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where samples tell it wrong, pieces whose GOPs get other qualities are coded again, and others left alone."""
    right = Prober.at

    def told(self: Prober, index: int) -> Probe:
        probe = right(self, index)
        return replace(probe, size_bytes=round(wrong * probe.size_bytes))

    monkeypatch.setattr(Prober, "at", told)
    place, one, many = (tmp_path / name for name in ("plan.json", "one.lvc", "many.lvc"))
    planned(film, place, **target)
    first, *others = joined(place, many)
    assert first == [0, 1] and {number for pieces in others for number in pieces} == again
    lvcodec.encode(film, one, **OPTIONS, **target)
    assert many.read_bytes() == one.read_bytes()
    if "target_size" in target:
        assert 1960 <= one.stat().st_size <= 2000


def test_a_piece_of_before_a_correction(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and coded again when asked for."""
    place, target = tmp_path / "plan.json", tmp_path / "a.lvc"
    planned(film, place, target_size=2000)
    plan = Plan.read(place)
    finer = replace(plan.aim, qualities=plan.aim.qualities.changed(0, 5))
    replace(plan, aim=finer).write(overwrite=True)
    for number in (0, 1):
        lvcodec.encode_piece(place, number)
    with pytest.raises(SizeMissedError, match=r"bytes, and are to have 2000; code pieces? .* again by") as missed:
        lvcodec.join(place, target)
    *_, last = missed.value.pieces
    with pytest.raises(InputError, match=rf"piece {last} .* is to be coded again: its size was missed"):
        lvcodec.join(place, target)
    assert not target.exists()
    before = plan.file_of(last).read_bytes()
    lvcodec.encode_piece(place, last)
    assert plan.file_of(last).read_bytes() != before


def test_a_size_that_cannot_be_hit(film: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be hit: the lowest quality has about"):
        planned(film, tmp_path / "plan.json", target_size=200)
    assert list(tmp_path.iterdir()) == []
    notices: list[str] = []
    planned(film, tmp_path / "plan.json", target_size=10**6, on_notice=notices.append)
    assert any("cannot be hit: the best quality has" in text for text in notices)
    for number in (0, 1):
        lvcodec.encode_piece(tmp_path / "plan.json", number)
    report = lvcodec.join(tmp_path / "plan.json", tmp_path / "a.lvc", on_notice=notices.append)
    assert notices[-1].startswith("the target is missed by") and report.notices == (notices[-1],)
