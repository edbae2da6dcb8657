"""A run that is stopped or killed goes on to the same losses and weights, bit by bit; what it leaves in its folder."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path

import pytest
import torch

from lvcodec.train.results import log
from lvcodec.train.settings import Pace

checkpoint = pytest.importorskip("lvcodec.train.results.checkpoint", reason="pip install '.[train]'")
loop = pytest.importorskip("lvcodec.train.run.loop")

STEPS = 9
PACE = Pace(log_steps=2, save_s=1e9)


def losses(folder: Path) -> list[list[str]]:
    """The log without its times."""
    with (folder / loop.LOG).open() as file:
        return [[cell for place, cell in enumerate(row) if place != 1] for row in csv.reader(file)]


def again(fresh, folder: Path, stage: str):
    """The run of a folder, taken up as a new process would: with other random numbers."""
    model, priors, state = checkpoint.load(folder / loop.CHECKPOINT)
    run = fresh(stage, STEPS, schedule="cosine", simulated=0.3)
    torch.manual_seed(99)
    run.crops.random.integers(1000, size=50)
    run = type(run)(run.settings, model, priors, run.crops)
    run.resume(state)
    return run


@pytest.mark.parametrize("stage", ["intra", "temporal"])
def test_a_killed_run_gives_the_same_losses_and_weights(fresh, tmp_path: Path, stage: str) -> None:
    """Stopped by a signal after step 3, killed at step 7 without a checkpoint since, then left alone."""
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    straight.mkdir()
    broken.mkdir()
    whole = fresh(stage, STEPS, schedule="cosine", simulated=0.3)
    assert loop.train(whole, straight, pace=PACE) == loop.Ended(STEPS, None)

    def stopped(step) -> None:
        if step.number == 2:  # noticed after the next step, between two lines of the log
            os.kill(os.getpid(), signal.SIGTERM)

    def killed(step) -> None:
        if step.number == 7:
            raise KeyboardInterrupt

    ended = loop.train(fresh(stage, STEPS, schedule="cosine", simulated=0.3), broken, pace=PACE, on_step=stopped)
    assert ended == loop.Ended(3, signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        loop.train(again(fresh, broken, stage), broken, pace=PACE, on_step=killed)
    assert log.read(broken / loop.LOG)[-1].step == 6  # more than the checkpoint has
    last = again(fresh, broken, stage)
    assert last.progress.step == ended.steps
    assert loop.train(last, broken, pace=PACE) == loop.Ended(STEPS, None)

    assert losses(straight) == losses(broken) and [row[0] for row in losses(straight)] == ["step", *"24689"]
    one, other = (checkpoint.read(folder / loop.CHECKPOINT) for folder in (straight, broken))
    for part in ("model", "priors"):
        for name, value in one[part].items():
            assert torch.equal(value, other[part][name]), name
        for name, value in one["average"][part].items():
            assert torch.equal(value, other["average"][part][name]), name


def test_signals_act_as_before_afterwards(fresh, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    loop.train(fresh("intra", 1), tmp_path, pace=PACE)
    assert signal.getsignal(signal.SIGINT) is before


def test_checkpoints_of_earlier_versions_go_on(fresh, tmp_path: Path) -> None:
    """They lack sums, settings and the states of other processes; their logs have five columns and no names."""
    run = fresh("intra", STEPS)
    run.step()
    state = run.state()
    for name in ("sums", "summed", "settings", "cuda_random", "other_random"):
        del state[name]
    state["step"], state["used_s"] = 200, 61.4
    checkpoint.save(tmp_path / loop.CHECKPOINT, state)
    (tmp_path / loop.LOG).write_text(
        "100,30.4,0.78313,0.49922,29.20498\n200,61.4,0.80273,0.49830,31.97640\n300,92.0,0.5,0.5,30.0\n"
    )
    model, priors, state = checkpoint.load(tmp_path / loop.CHECKPOINT)
    run = type(run)(fresh("intra", 202).settings, model, priors, run.crops)
    run.resume(state)
    loop.train(run, tmp_path, pace=PACE)
    lines = log.read(tmp_path / loop.LOG)
    assert [line.step for line in lines] == [100, 200, 202]
    assert lines[0].loss == pytest.approx(0.78313) and lines[0].psnr_db == pytest.approx(33.476, abs=0.001)


def test_a_run_leaves_log_checkpoint_and_curves(fresh, tmp_path: Path) -> None:
    steps = []
    run = fresh("intra", 0.2, by_steps=False)
    loop.train(run, tmp_path, pace=PACE, on_step=steps.append)
    assert checkpoint.load(tmp_path / loop.CHECKPOINT)[2]["step"] == run.progress.step == steps[-1].number > 0
    assert steps[-1].part == 1 and steps[-1].psnr_db > 15
    assert (tmp_path / loop.CURVES).read_bytes()[:4] == b"\x89PNG"
    assert sorted(p.name for p in tmp_path.iterdir()) == [loop.CHECKPOINT, loop.CURVES, loop.LOG]


def test_psnr_is_that_of_the_squared_error() -> None:
    assert log.psnr_db(255**2 / 1000) == pytest.approx(30)
    assert log.psnr_db(0.0) != log.psnr_db(0.0)  # NaN: no pixels were coded
