"""Structures of large pictures, found on small ones."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

import lvcodec
from lvcodec.encoder import lookahead, structures
from lvcodec.encoder.structures import chain, halves, pyramid
from lvcodec.errors import LvcError
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink

MakeClip = Callable[..., list[Picture]]
WIDTH, HEIGHT, PICTURES = 82, 66, 20


@pytest.fixture
def clip(make_clip: MakeClip, tmp_path: Path) -> Path:
    path = tmp_path / "clip.y4m"
    with open_sink(path, VideoFormat(WIDTH, HEIGHT, Fraction(25))) as sink:
        for picture in make_clip(WIDTH, HEIGHT, PICTURES, seed=3):
            sink.write(picture)
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The clip's pictures are large; the sizes of what is coded to choose among structures."""
    monkeypatch.setattr(lookahead, "MOST_PELS", WIDTH * HEIGHT // 2)
    sizes: list[tuple[int, int]] = []
    honest = structures._cost

    def cost(coded: structures.Coded, lmbda: float) -> float:
        sizes.append((coded.state.x_hat.width, coded.state.x_hat.height))
        return honest(coded, lmbda)

    monkeypatch.setattr(structures, "_cost", cost)
    return sizes


def test_streams_do_not_depend_on_threads(clip: Path, random_model: str, small: list[object], tmp_path: Path) -> None:
    streams = [tmp_path / f"{jobs}.lvc" for jobs in (1, 3)]
    for jobs, stream in zip((1, 3), streams, strict=True):
        lvcodec.encode(clip, stream, model=random_model, gop=9, jobs=jobs, recon=tmp_path / "recon.y4m", overwrite=True)
    lvcodec.decode(streams[0], tmp_path / "out.y4m")
    assert streams[0].read_bytes() == streams[1].read_bytes()
    assert (tmp_path / "out.y4m").read_bytes() == (tmp_path / "recon.y4m").read_bytes()
    assert set(small) == {(41, 33)}


@pytest.mark.parametrize("wanted", [chain, pyramid, halves])
def test_the_structure_that_costs_least_small_is_taken(
    clip: Path, random_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: list[object], wanted
) -> None:
    ways = [wanted(6, key=key) for key in (False, True)]

    def cost(coded: structures.Coded, lmbda: float) -> float:
        return 0.0 if tuple(group.structure for group in coded.groups) in ways else 1.0

    monkeypatch.setattr(structures, "_cost", cost)
    lvcodec.encode(clip, tmp_path / "a.lvc", frames=(0, 19), model=random_model, bframes=5)
    kinds = "".join(picture.kind for picture in lvcodec.probe(tmp_path / "a.lvc").pictures)
    assert kinds == "I" + {chain: "PPPPPP", pyramid: "BBBBBP", halves: "BBPBBP"}[wanted] * 3


@pytest.mark.usefixtures("small")
def test_what_was_read_before_an_error_is_coded(clip: Path, random_model: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.y4m"
    cut.write_bytes(clip.read_bytes()[: -WIDTH * HEIGHT])
    with pytest.raises(LvcError):
        lvcodec.encode(cut, tmp_path / "a.lvc", model=random_model, keep_partial=True)
    assert len(lvcodec.probe(tmp_path / "a.lvc").pictures) == PICTURES - 1


@pytest.mark.usefixtures("small")
def test_an_error_in_the_first_small_picture_is_raised(
    clip: Path, random_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No structures are known after it: pictures would be missing."""
    scaled, calls = lookahead._scaled, []

    def fails(picture: Picture, width: int, height: int) -> Picture:
        calls.append(1)
        if len(calls) == 1:
            raise MemoryError("of the first")
        return scaled(picture, width, height)

    monkeypatch.setattr(lookahead, "_scaled", fails)
    with pytest.raises(LvcError, match="memory"):
        lvcodec.encode(clip, tmp_path / "a.lvc", model=random_model, jobs=1)
