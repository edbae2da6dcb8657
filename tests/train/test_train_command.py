"""`lvcodec train` as a command: what it refuses, a run stopped and taken up again, export and validation."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lvcodec.cli.main import execute
from lvcodec.quality import WHOLE
from lvcodec.video.format import VideoFormat
from lvcodec.video.sink import open_sink

pytest.importorskip("compressai", reason="training's priors are CompressAI's: pip install '.[train]'")

Train = Callable[..., int]


@pytest.fixture(scope="module")
def videos(make_clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two videos of 30 pictures."""
    folder = tmp_path_factory.mktemp("videos")
    for seed in range(2):
        with open_sink(folder / f"clip{seed}.y4m", VideoFormat(192, 192, Fraction(25))) as sink:
            for picture in make_clip(192, 192, 30, seed):
                sink.write(picture)
    return folder


@pytest.fixture
def arguments(videos: Path, tmp_path: Path, tiny: str) -> Callable[..., list[str]]:
    """arguments(stage, *more): of a short run in RUN."""

    def make(stage: str, *more: str | Path, data: Path = videos) -> list[str]:
        shape = [] if "--start" in more else [f"--shape={size}" for size in tiny.split(",")]
        return [
            "train",
            stage,
            "--run",
            str(tmp_path / "run"),
            "--data",
            str(data),
            "--cache",
            str(tmp_path / "cache"),
            "--batch",
            "2",
            "--crop",
            "64",
            *shape,
            *map(str, more),
        ]

    return make


def test_a_run_is_stopped_and_goes_on(arguments, tmp_path: Path) -> None:
    """SIGTERM saves; the same command finishes; another stage in the folder, or another loss, is refused."""
    command = arguments("intra", "--steps", "100000", "--log-every", "5")
    process = subprocess.Popen([sys.executable, "-m", "lvcodec", *command], stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run" / "log.csv"
    for _ in range(600):
        if log.exists() and log.read_text().count("\n") > 1:
            break
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "nothing is lost: the same command goes on from there" in said and "Traceback" not in said
    from lvcodec.train.results import checkpoint

    step = checkpoint.read(tmp_path / "run" / "checkpoint.pt")["step"]
    assert step >= 5
    assert execute(arguments("intra", "--steps", str(step + 3))) == 0
    assert checkpoint.read(tmp_path / "run" / "checkpoint.pt")["step"] == step + 3


def test_another_run_in_the_folder_is_refused(arguments, tmp_path: Path, capsys) -> None:
    assert execute(arguments("intra", "--steps", "2")) == 0
    assert execute(arguments("temporal", "--steps", "2")) == 2
    assert "holds a run of the stage intra; name another folder" in capsys.readouterr().err
    assert execute(arguments("intra", "--steps", "4", "--optimiser", "adam")) == 2
    assert "holds a run with optimiser muon" in capsys.readouterr().err
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"not one")
    assert execute(arguments("intra", "--steps", "4")) == 3
    assert "is no checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ([], 2, "give either --minutes or --steps"),
        (["--steps", "3", "--minutes", "3"], 2, "give either --minutes or --steps"),
        (["--steps", "3", "--crop", "100"], 2, "take a multiple of 64"),
        (["--steps", "3", "--data", "nowhere"], 3, "nowhere: no such file or folder"),
        (["--steps", "3", "--shape", "depth=3"], 2, "a swift shape has no depth"),
        (["--steps", "3", "--shape", "block=3"], 2, "block=3 (unknown block kind"),
        (["--steps", "3", "--shape", "latent=many"], 2, "latent=many (invalid literal"),
        (["--steps", "3", "--family", "cheng2020", "-q", "1"], 2, "the shape of a cheng2020 network is channels=N"),
        (["--steps", "3", "--loss", "ms-ssim"], 2, "take --crop 192 or more"),
        (["--steps", "3", "--crop", "256"], 3, "no pictures of 256x256 or more"),
    ],
)
def test_what_cannot_be_trained_is_told_in_a_line(arguments, capsys, more, code: int, said: str) -> None:
    assert execute(arguments("intra", *more)) == code
    err = capsys.readouterr().err
    assert said in err and len(err.strip().splitlines()) == 1


def test_a_stage_of_several_pictures_needs_videos(arguments, tmp_path: Path, capsys) -> None:
    import cv2
    import numpy as np

    (tmp_path / "photos").mkdir()
    noise = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (96, 128, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "photos" / "one.png"), noise)
    assert execute(arguments("temporal", "--steps", "1", data=tmp_path / "photos")) == 3
    assert "--animate sets photographs in motion" in capsys.readouterr().err
    assert execute(arguments("temporal", "--steps", "1", "--animate", "1", data=tmp_path / "photos")) == 0


def test_checkpoints_are_validated_and_exported(arguments, videos: Path, tmp_path: Path, capsys) -> None:
    """Real streams during a run, and of the model that is made of it."""
    clips = tmp_path / "clips"
    clips.mkdir()
    os.link(videos / "clip1.y4m", clips / "clip1.y4m")
    assert execute(arguments("intra", "--steps", "2", "--validate", clips)) == 0
    assert "step 2, intra: " in capsys.readouterr().err
    rows = (tmp_path / "run" / "validation.csv").read_text().splitlines()
    assert rows[0] == "step,time_s,mode,clip,quality,bpp,psnr_db,over_x264_percent" and len(rows) == 1 + len(WHOLE)
    rates = [float(row.split(",")[5]) for row in rows[1:]]
    assert rates == sorted(rates) and rows[1].split(",")[3] == "clip1"

    model, run = tmp_path / "model", tmp_path / "run" / "checkpoint.pt"
    assert (
        execute(
            [
                "train",
                "export",
                str(model),
                str(run),
                "--about",
                "a test",
                "--data",
                "waves",
                "--validate",
                str(clips),
                "--mode",
                "intra",
                "--cache",
                str(tmp_path / "cache2"),
            ]
        )
        == 0
    )
    manifest = json.loads((model / "manifest.json").read_text())
    assert manifest["alpha"] == 0.5
    assert manifest["data"] == "waves" and manifest["training"][0]["settings"]["batch"] == 2
    measured = manifest["measured"]["intra"]["bpp_psnr_db"]["clip1"]
    assert [f"{bpp:.3f}" for bpp, _ in measured] == [f"{rate:.3f}" for rate in rates]
    assert execute(["train", "export", str(model), str(run), "--about", "again", "--data", "waves"]) == 3
    assert (
        execute(
            [
                "train",
                "export",
                str(tmp_path / "mean"),
                str(run),
                "--about",
                "mean",
                "--data",
                "waves",
                "--average",
                str(model),
            ]
        )
        == 0
    )
    manifest_of_mean = json.loads((tmp_path / "mean" / "manifest.json").read_text())
    assert manifest_of_mean["averaged_with"] == [{"model": manifest["sha256"][:16], "training": manifest["training"]}]
    capsys.readouterr()
    assert (
        execute(["train", "validate", "--clips", str(clips), "--json", "--cache", str(tmp_path / "cache2"), str(run)])
        == 0
    )
    estimated = json.loads(capsys.readouterr().out)[0]["bpp_psnr_db"]["clip1"]
    assert len(estimated) == len(WHOLE) and estimated[0][0] == pytest.approx(rates[0], rel=0.4)
    assert execute(["train", "validate", "--clips", str(clips), "--mode", "lds", str(run)]) == 2


def test_the_bar_tells_rate_psnr_and_time_left(monkeypatch) -> None:
    from lvcodec.cli.train.running import bar
    from lvcodec.train.run.loop import Step

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with bar("intra", 100, 200, True, shown=True) as on_step:
        for number in (101, 102, 103):  # of a resumed run
            on_step(Step(number, number / 200, 1.0, 0.75, 0.5, 33.25))
            time.sleep(0.12)
        on_step(Step(104, 0.52, 1.0, 0.75, 0.5, float("nan")))
    drawn = terminal.getvalue().split("\r")
    full = next(line for line in drawn if "103/200" in line)
    assert "bpp=0.500" in full and "PSNR=33.25 dB" in full and re.search(r"<\d\d:\d\d", full)
    assert "PSNR" not in drawn[-1] and "104/200" in drawn[-1]
    quiet = Terminal()
    monkeypatch.setattr("sys.stderr", quiet)
    with bar("intra", 0, 200, True, shown=False) as on_step:
        on_step(Step(1, 0.1, 1.0, 0.75, 0.5, 33.25))
    assert quiet.getvalue() == ""


def test_the_stage_inter_needs_chains(arguments, tmp_path: Path, capsys) -> None:
    (tmp_path / "empty").mkdir()
    assert execute(arguments("inter", "--steps", "1", data=tmp_path / "empty")) == 3
    assert "no chains in" in capsys.readouterr().err


def test_chains_are_collected_from_videos_that_are_large_enough(
    videos: Path, with_path, make_clip, tmp_path: Path, capsys
) -> None:
    from lvcodec.train.data import chains
    from lvcodec.train.data.collect import HEIGHT, WIDTH

    collect = ["train", "collect", str(tmp_path / "chains"), "--model", str(with_path.path), "--chains", "1", "--data"]
    assert execute([*collect, str(videos)]) == 3
    assert "are too small" in capsys.readouterr().err
    (tmp_path / "large").mkdir()
    with open_sink(tmp_path / "large" / "one.y4m", VideoFormat(WIDTH, HEIGHT + 16, Fraction(25))) as sink:
        for picture in make_clip(WIDTH, HEIGHT + 16, 4):
            sink.write(picture)
    assert execute([*collect, str(tmp_path / "large")]) == 0
    chain = chains.load(chains.stored(tmp_path / "chains")[0])
    assert chain.source.shape == (4, HEIGHT * 3 // 2, WIDTH)
    assert sorted(chain.steps[:, 0].tolist()) == [1, 2, 3]
    assert chain.field.shape == (3, 2, HEIGHT // chain.side, WIDTH // chain.side)


def test_a_model_without_an_inter_path_gets_one_that_collects(
    arguments, with_path, chains_folder: Path, make_waves, tmp_path: Path, capsys
) -> None:
    """From a checkpoint of the first stages to one of inter, validated by streams of aligned."""
    from lvcodec.models import store
    from lvcodec.train.data.collect import HEIGHT, WIDTH, of_pictures
    from lvcodec.train.results.export import has_inter
    from lvcodec.train.run import first_path

    (tmp_path / "clips").mkdir()
    with open_sink(tmp_path / "clips" / "one.y4m", VideoFormat(WIDTH, HEIGHT, Fraction(25))) as sink:
        for picture in make_waves(WIDTH, HEIGHT, 14):
            sink.write(picture)
    assert execute(arguments("intra", "--steps", "1", "--run", tmp_path / "first")) == 0
    plain, started = tmp_path / "plain", tmp_path / "started"
    exported = ["train", "export", str(plain), str(tmp_path / "first" / "checkpoint.pt"), "--about", "a", "--data", "b"]
    assert execute(exported) == 0
    assert not has_inter(store.read_info(plain))
    videos = [tmp_path / "clips" / "one.y4m"]
    info = first_path.with_path(started, store.read_info(plain), videos, seed=1, rounds=(1, 1))
    assert has_inter(info)
    pictures = make_waves(64, 64, 4)
    chain = of_pictures(pictures, Fraction(25), info, 60)
    assert np.abs(chain.start.astype(int) - chain.source[0]).mean() < 60
    more = ["--start", tmp_path / "first" / "checkpoint.pt", "--steps", "1", "--validate", tmp_path / "clips"]
    assert execute(arguments("inter", *more, data=chains_folder)) == 0
    assert "step 1, aligned: " in capsys.readouterr().err
    rows = (tmp_path / "run" / "validation.csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows[1:]] == ["aligned"] * len(WHOLE)
