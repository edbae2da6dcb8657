"""B-pictures: structures that the encoder chooses among, and streams that hold them."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import lvcodec
from lvcodec.encoder import structures
from lvcodec.encoder.structures import chain, halves, pyramid
from lvcodec.errors import UsageError
from lvcodec.stream.structure import Structure
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink
from lvcodec.video.source import open_source

MakeClip = Callable[..., list[Picture]]


@pytest.fixture
def clip(make_clip: MakeClip, tmp_path: Path) -> Path:
    path = tmp_path / "clip.y4m"
    with open_sink(path, VideoFormat(80, 64, Fraction(25))) as sink:
        for picture in make_clip(80, 64, 22, seed=3):
            sink.write(picture)
    return path


@pytest.fixture
def only_pyramids(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder has no other choice."""
    monkeypatch.setattr(structures, "SPLITS", (pyramid,))


def pictures(path: Path) -> list[bytes]:
    with open_source(path) as source:
        return [picture.tobytes() for picture in source]


def test_splits_cover_all_pictures() -> None:
    for split in (chain, pyramid, halves):
        for count in range(1, 17):
            for key in (False, True):
                groups = split(count, key=key)
                assert sum(group.pictures for group in groups) == count
                assert all(group.pictures > 1 for group in groups if group.pyramid)
    assert chain(5, key=True) == (Structure(5, key=True),)
    assert pyramid(1, key=False) == halves(1, key=False) == (Structure(1),)
    assert halves(7, key=False) == (Structure(4, pyramid=True), Structure(3, pyramid=True))


@pytest.mark.usefixtures("only_pyramids")
@pytest.mark.parametrize("bframes", [1, 3, 7, 12])
def test_streams_with_b_pictures_decode_to_the_recon(
    clip: Path, random_model: str, tmp_path: Path, bframes: int
) -> None:
    stream, recon, out = tmp_path / "a.lvc", tmp_path / "r.y4m", tmp_path / "o.y4m"
    lvcodec.encode(clip, stream, model=random_model, bframes=bframes, recon=recon, quality=2)
    report = lvcodec.decode(stream, out)
    assert report.pictures == 22 and recon.read_bytes() == out.read_bytes()
    info = lvcodec.probe(stream)
    assert sorted(picture.number for picture in info.pictures) == list(range(22))
    last_of_runs = {0, 21, *range(bframes + 1, 22, bframes + 1)}
    assert {picture.number for picture in info.pictures if picture.kind == "B"} == {*range(22)} - last_of_runs


@pytest.mark.usefixtures("only_pyramids")
def test_some_pictures_of_a_pyramid(clip: Path, random_model: str, tmp_path: Path) -> None:
    stream = tmp_path / "a.lvc"
    lvcodec.encode(clip, stream, model=random_model, gop=10, bframes=7)
    lvcodec.decode(stream, tmp_path / "all.y4m")
    every = pictures(tmp_path / "all.y4m")
    for first, end in ((0, 3), (5, 6), (3, 17), (18, 22)):
        lvcodec.decode(stream, tmp_path / "some.y4m", frames=(first, end), overwrite=True)
        assert pictures(tmp_path / "some.y4m") == every[first:end]


@pytest.mark.usefixtures("only_pyramids")
def test_threads_and_jobs_make_no_difference(clip: Path, random_model: str, tmp_path: Path) -> None:
    made = set()
    for jobs in (1, 3):
        lvcodec.encode(clip, tmp_path / f"{jobs}.lvc", model=random_model, gop=9, jobs=jobs)
        lvcodec.decode(tmp_path / f"{jobs}.lvc", tmp_path / f"{jobs}.y4m", jobs=4 - jobs)
        made.add(((tmp_path / f"{jobs}.lvc").read_bytes(), (tmp_path / f"{jobs}.y4m").read_bytes()))
    assert len(made) == 1


@pytest.mark.usefixtures("only_pyramids")
def test_what_depends_on_a_damaged_group_is_concealed(clip: Path, random_model: str, tmp_path: Path) -> None:
    stream = tmp_path / "a.lvc"
    lvcodec.encode(clip, stream, model=random_model, gop=11, bframes=4)
    lvcodec.decode(stream, tmp_path / "all.y4m")
    every = pictures(tmp_path / "all.y4m")
    [hit] = [picture for picture in lvcodec.probe(stream).pictures if picture.number == 8]
    data = bytearray(stream.read_bytes())
    data[hit.offset + 6] ^= 1
    (tmp_path / "bad.lvc").write_bytes(data)
    report = lvcodec.decode(tmp_path / "bad.lvc", tmp_path / "out.y4m", conceal=True)
    assert report.concealed == 5
    assert pictures(tmp_path / "out.y4m") == every[:6] + [every[5]] * 5 + every[11:]


def test_the_cheaper_structure_is_taken(clip: Path, random_model: str, tmp_path: Path, monkeypatch) -> None:
    """Where the cost of one structure is made low, the stream has it in all runs, and it is tried every time."""
    honest = structures._cost
    for split, kinds in ((chain, {"P"}), (pyramid, {"P", "B"})):
        wanted = set(split(7, key=False)) | set(split(7, key=True))

        def cost(coded, lmbda, wanted=wanted):
            return 0.0 if {group.structure for group in coded.groups} <= wanted else 1 + honest(coded, lmbda)

        monkeypatch.setattr(structures, "_cost", cost)
        lvcodec.encode(clip, tmp_path / "a.lvc", model=random_model, bframes=6, overwrite=True)
        assert {p.kind for p in lvcodec.probe(tmp_path / "a.lvc").pictures if p.number} == kinds


def test_without_b_pictures_each_picture_is_written_before_the_next_is_read(
    clip: Path, random_model: str, tmp_path: Path
) -> None:
    lvcodec.encode(clip, tmp_path / "a.lvc", model=random_model, bframes=0)
    offsets = [picture.offset for picture in lvcodec.probe(tmp_path / "a.lvc").pictures]
    assert len(set(offsets)) == 22, "each picture has a record of its own"


def test_modes_of_the_paper_have_no_b_pictures(clip: Path, random_model: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mode mfvc has no B-pictures"):
        lvcodec.encode(clip, tmp_path / "a.lvc", model=random_model, mode="mfvc", bframes=3)
    lvcodec.encode(clip, tmp_path / "a.lvc", model=random_model, mode="mfvc", bframes=0)
    with pytest.raises(UsageError, match="bframes is 16; it must be 0 to 15"):
        lvcodec.encode(clip, tmp_path / "b.lvc", model=random_model, bframes=16)


def test_presets_try_more_or_less(
    clip: Path, random_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """17 pictures are an I-picture and four runs of 4, in which chains cost least by far."""
    monkeypatch.setattr(structures, "_cost", lambda coded, lmbda: 2.0 if coded.groups[0].structure.pyramid else 1.0)
    tried: list[int] = []
    code = structures.Chooser.code

    def counted(self: structures.Chooser, *args: Any) -> structures.Coded:
        seen = len(coded)
        done = code(self, *args)
        tried.append(len(coded) - seen)
        return done

    coded: list[object] = []
    code_way = structures.coded_as
    monkeypatch.setattr(structures.Chooser, "code", counted)
    monkeypatch.setattr(structures, "coded_as", lambda *args: (coded.append(args), code_way(*args))[1])
    for preset, expected in (("fast", [3, 1, 1, 1]), ("medium", [3, 1, 1, 2]), ("slow", [3, 3, 3, 3])):
        tried.clear()
        lvcodec.encode(
            clip,
            tmp_path / "a.lvc",
            preset=preset,
            effort=0,
            bframes=3,
            gop=250,
            model=random_model,
            overwrite=True,
            frames=(0, 17),
        )
        assert tried == expected


def test_what_came_close_is_tried_again_soon(
    clip: Path, random_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = {structure: 1.0 for structure in chain(4, key=False) + chain(4, key=True)}
    costs |= {pyramid(4, key=False)[0]: 3.0, halves(4, key=False)[0]: 1.01}
    tried: list[float] = []

    def cost(coded: structures.Coded, lmbda: float) -> float:
        tried.append(costs[coded.groups[0].structure])
        return tried[-1]

    monkeypatch.setattr(structures, "_cost", cost)
    lvcodec.encode(clip, tmp_path / "a.lvc", model=random_model, bframes=3, gop=250, frames=(0, 21))
    assert tried == [1, 3, 1.01] + [1, 1.01] * 2 + [1, 3] + [1, 1.01]


class Told(io.BytesIO):
    """A stream that says when a record has been handed on."""

    def __init__(self) -> None:
        super().__init__()
        self.records = threading.Semaphore(0)

    def flush(self) -> None:
        self.records.release()


def test_low_delay_waits_for_no_other_picture(random_model: str, clip: Path) -> None:
    """A picture is given only when the record of the one before has been written, and none is missed."""
    header, *frames = clip.read_bytes().split(b"FRAME\n")[:7]
    out, late = Told(), []
    reading, writing = os.pipe()

    def feed() -> None:
        with open(writing, "wb", buffering=0) as pipe:
            pipe.write(header)
            for number, frame in enumerate(frames):
                pipe.write(b"FRAME\n" + frame)
                if not out.records.acquire(timeout=60):
                    late.append(number)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with open(reading, "rb", buffering=0) as source:
        lvcodec.encode(source, out, model=random_model, low_delay=True)
    feeder.join()
    info = lvcodec.probe(io.BytesIO(out.getvalue()))
    assert late == [] and "".join(picture.kind for picture in info.pictures) == "IPPPPP" and info.gop == 200
    with pytest.raises(UsageError, match="B-pictures wait"):
        lvcodec.encode(clip, io.BytesIO(), model=random_model, low_delay=True, bframes=3)
