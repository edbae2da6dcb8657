"""Encoding, decoding and comparing on dask's workers: the same bytes, whatever dies meanwhile."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import lvcodec
from lvcodec.bench.comparison import ComparisonRequest, compare
from lvcodec.cluster import engine
from lvcodec.encoder import samples
from lvcodec.encoder.probing import Probe, Prober
from lvcodec.errors import InputError, UsageError, WeightsError
from lvcodec.models import untrained
from lvcodec.pieces.plan import Plan
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink

pytest.importorskip("distributed")
import psutil  # which dask brings
from distributed import LocalCluster

MakeClip = Callable[..., list[Picture]]
PAL = Fraction(128, 117)


@pytest.fixture(scope="module")
def workers(random_model: str) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        memory_limit=0,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def film(make_clip: MakeClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pieces of 12 seconds, of two GOPs each, and a shorter one."""
    return write_film(tmp_path_factory.mktemp("film") / "film.y4m", make_clip(32, 32, 40), rate=1)


@pytest.fixture
def options(random_model: str) -> dict[str, Any]:
    return {"model": random_model, "mode": "intra", "gop": 6, "quality": 2}


@pytest.fixture(scope="module")
def stream(film: Path, random_model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film as one machine codes it."""
    path = tmp_path_factory.mktemp("stream") / "film.lvc"
    lvcodec.encode(film, path, model=random_model, mode="intra", gop=6, quality=2, jobs=1)
    return path


def write_film(path: Path, pictures: list[Picture], rate: int) -> Path:
    """With samples that are not square, as PAL has them."""
    with open_sink(path, VideoFormat(pictures[0].width, pictures[0].height, Fraction(rate), aspect=PAL)) as sink:
        for picture in pictures:
            sink.write(picture)
    return path


def kill_a_worker() -> None:
    children = psutil.Process().children(recursive=True)
    [victim, *_] = [child for child in children if "--multiprocessing-fork" in child.cmdline()]
    victim.send_signal(signal.SIGKILL)


# ---- encoding -----------------------------------------------------------------------------------------------


def test_a_worker_dies(film: Path, stream: Path, options: dict[str, Any], tmp_path: Path) -> None:
    """In short what the slow test below does at length."""
    done: list[int] = []

    def on_picture(pictures: int, total: int | None) -> None:
        if pictures and not any(done):
            kill_a_worker()
        done.append(pictures)

    notices: list[str] = []
    report = lvcodec.encode(
        film, tmp_path / "a.lvc", cluster="local:2", on_picture=on_picture, on_notice=notices.append, **options
    )
    assert (tmp_path / "a.lvc").read_bytes() == stream.read_bytes()
    assert report.pictures == done[-1] == 40 and report.size_bytes == stream.stat().st_size
    assert notices[0].startswith("2 workers at ") and notices[-1] == "40 pictures in 4 pieces"
    assert os.listdir(tmp_path) == ["a.lvc"]


@pytest.mark.slow
def test_six_hundred_pictures_and_a_worker_dies(make_clip: MakeClip, tmp_path: Path) -> None:
    """Twelve shots with the weights that are shipped, at default options."""
    shots = [picture for seed in range(12) for picture in make_clip(64, 64, 50, seed)]
    film = write_film(tmp_path / "film.y4m", shots, rate=8)
    killed = []

    def on_picture(pictures: int, total: int | None) -> None:
        if pictures > 200 and not killed:
            kill_a_worker()
            killed.append(pictures)

    lvcodec.encode(film, tmp_path / "a.lvc", cluster="local:2", on_picture=on_picture)
    lvcodec.encode(film, tmp_path / "b.lvc", jobs=1)
    assert killed and killed[0] < 500
    assert (tmp_path / "a.lvc").read_bytes() == (tmp_path / "b.lvc").read_bytes()


def test_without_a_shared_folder(
    workers: str, film: Path, stream: Path, options: dict[str, Any], tmp_path: Path
) -> None:
    lvcodec.encode(film, tmp_path / "a.lvc", cluster=workers, ship=True, **options)
    assert (tmp_path / "a.lvc").read_bytes() == stream.read_bytes()


@pytest.mark.parametrize("ship, short", [(False, 480), (True, 20)])
def test_a_size(
    workers: str,
    film: Path,
    options: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ship: bool,
    short: int,
) -> None:
    """Tried on the workers, as a whole or on samples, told wrong, and corrected there: to the bytes of one machine."""
    monkeypatch.setattr(samples, "SHORT", short)
    monkeypatch.setattr(samples, "PIECE", 4)
    right = Prober.at

    def told(self: Prober, index: int) -> Probe:
        probe = right(self, index)
        return replace(probe, size_bytes=round(0.97 * probe.size_bytes))

    monkeypatch.setattr(Prober, "at", told)
    del options["quality"]
    notices: list[str] = []
    target: dict[str, Any] = {"target_size": 15000, **options}
    lvcodec.encode(film, tmp_path / "a.lvc", cluster=workers, ship=ship, on_notice=notices.append, **target)
    assert any(" of 4 are coded again" in text for text in notices)
    lvcodec.encode(film, tmp_path / "b.lvc", **target)
    assert (tmp_path / "a.lvc").read_bytes() == (tmp_path / "b.lvc").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a.lvc", "b.lvc"]


def test_a_piece_that_always_fails(
    workers: str, film: Path, stream: Path, options: dict[str, Any], tmp_path: Path
) -> None:
    """It ends with its own error; what is done stays, and is gone on with when asked for."""
    target, folder = tmp_path / "a.lvc", tmp_path / "a.lvc.cluster"
    folder.mkdir()
    lvcodec.plan(film, folder / "plan.json", **options)
    plan = Plan.read(folder / "plan.json")
    plan.file_of(1).mkdir(parents=True)  # where no piece can be put
    with pytest.raises(InputError, match="an earlier run has coded; --resume goes on with it"):
        lvcodec.encode(film, target, cluster=workers, **options)
    with pytest.raises(InputError, match="was begun with other options"):
        lvcodec.encode(film, target, cluster=workers, resume=True, **options | {"quality": 3})
    with pytest.raises(InputError) as failed:
        lvcodec.encode(film, target, cluster=workers, resume=True, **options)
    assert str(failed.value).startswith("piece 1 (pictures 12 to 23) failed 3 times: output ")
    assert str(failed.value).endswith(f"{plan.log_of(1)} has its log")
    assert plan.log_of(1).read_text().count("InputError: output") == 3
    assert not target.exists() and folder.exists()
    plan.file_of(1).rmdir()
    done: list[int] = []
    lvcodec.encode(
        film, target, cluster=workers, resume=True, on_progress=lambda told: done.append(told.pictures), **options
    )
    assert done[0] > 0  # pieces that were coded before
    assert target.read_bytes() == stream.read_bytes()
    assert os.listdir(tmp_path) == ["a.lvc"]


def test_resuming_with_another_source(workers: str, film: Path, options: dict[str, Any], tmp_path: Path) -> None:
    folder, other = tmp_path / "a.lvc.cluster", tmp_path / "other.y4m"
    folder.mkdir()
    lvcodec.plan(film, folder / "plan.json", **options)
    other.write_bytes(film.read_bytes()[:-1] + b"!")
    with pytest.raises(InputError, match="was begun with another source"):
        lvcodec.encode(other, tmp_path / "a.lvc", cluster=workers, resume=True, **options)


def test_a_worker_that_lacks_the_weights(
    workers: str, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untrained.init_random("swift", tmp_path / "models" / "mine", seed=8)
    monkeypatch.setenv("LVCODEC_MODELS", str(tmp_path / "models"))
    with pytest.raises(WeightsError, match="worker tcp://.* needs weights .*, which are not installed"):
        lvcodec.encode(film, tmp_path / "a.lvc", cluster=workers, model="mine", mode="intra")
    shutil.rmtree(tmp_path / "a.lvc.cluster")  # the plan; there is nothing to go on with


def test_where_there_is_no_cluster(
    film: Path, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CONNECT_S", 1)
    monkeypatch.setattr(engine, "WORKERS_S", 0.5)

    def refused(kind: type[Exception], says: str, **changes: Any) -> None:
        with pytest.raises(kind, match=says):
            lvcodec.encode(film, tmp_path / "a.lvc", **options | {"cluster": "local:1"} | changes)
        assert os.listdir(tmp_path) == []

    refused(UsageError, "is coded without --maxrate", cluster="local:1", maxrate=1e6)
    refused(UsageError, "'local:x' names no number of workers", cluster="local:x")
    refused(UsageError, "'local:0' names no number of workers", cluster="local:0")
    refused(InputError, "no dask scheduler answers at tcp://127.0.0.1:1", cluster="tcp://127.0.0.1:1")
    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL) as empty:
        refused(InputError, "has no worker; dask worker", cluster=empty.scheduler_address)
    monkeypatch.setitem(sys.modules, "dask", None)
    refused(InputError, r"a cluster needs the package dask; pip install 'lvcodec\[cluster\]'")
    with pytest.raises(UsageError, match="pipes and arrays are coded on one machine"):
        lvcodec.encode(film, "-", cluster="local:1")


# ---- decoding -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, frames", [("a.y4m", None), ("a.yuv", (5, 27)), ("a.mkv", None)])
def test_decoding(name: str, frames: tuple[int, int] | None, workers: str, stream: Path, tmp_path: Path) -> None:
    report = lvcodec.decode(stream, tmp_path / name, cluster=workers, frames=frames)
    here = tmp_path / f"here_{name}"
    assert lvcodec.decode(stream, here, frames=frames).pictures == report.pictures
    assert (tmp_path / name).read_bytes() == here.read_bytes()
    assert sorted(os.listdir(tmp_path)) == sorted([name, here.name])


def test_what_a_cluster_does_not_decode(workers: str, stream: Path, tmp_path: Path) -> None:
    cut, target = tmp_path / "cut.lvc", tmp_path / "a.y4m"
    cut.write_bytes(stream.read_bytes()[:-1])
    with pytest.raises(InputError, match="has no index to find its pieces by; leave --cluster out"):
        lvcodec.decode(cut, target, cluster=workers)
    with pytest.raises(UsageError, match="a damaged stream is decoded on one machine"):
        lvcodec.decode(stream, target, cluster=workers, conceal=True)
    with pytest.raises(UsageError, match="pipes are decoded on one machine"):
        lvcodec.decode(stream, "-", cluster=workers)
    data = bytearray(stream.read_bytes())
    data[100] ^= 1
    cut.write_bytes(data)
    with pytest.raises(
        lvcodec.StreamError, match=r"piece 0 \(pictures 0 to 11\) failed 3 times: .*cut.lvc: the stream is damaged"
    ):
        lvcodec.decode(cut, target, cluster=workers)
    assert os.listdir(tmp_path) == ["cut.lvc"]


# ---- comparing ----------------------------------------------------------------------------------------------


def test_comparing(workers: str, film: Path, random_model: str, tmp_path: Path) -> None:
    asked = ComparisonRequest(
        [film],
        tmp_path / "one",
        modes=("intra",),
        qualities=(1.0, 2.0),
        model=random_model,
        anchors=("x264-veryfast",),
        metrics=("psnr",),
        frames=(0, 3),
    )
    here = compare(asked)
    there = compare(ComparisonRequest(**vars(asked) | {"out": tmp_path / "two", "cluster": workers}))
    sizes = [[row["size_bytes"] for row in report.record["rows"]] for report in (here, there)]
    assert sizes[0] == sizes[1] and there.failures == 0
    assert {row["encode_s"] for row in there.record["rows"]} == {None}
    assert there.record["machine"]["times"] == "not taken: those of several machines cannot be compared"


# ---- what is lost for good ----------------------------------------------------------------------------------


def test_a_piece_that_its_worker_dies_of(workers: str) -> None:
    with engine.connected(workers, lambda text: None) as client:
        run = engine.Run(client, None, lambda pictures: None, lambda text: None)
        with pytest.raises(lvcodec.LvcError, match="piece 0 failed 3 times: its worker was lost each time"):
            list(run.results([engine.Piece(0, "piece 0", 1, os._exit, (1,))]))
        client.wait_for_workers(2, timeout=60)  # dask cannot close a worker that is just being started
