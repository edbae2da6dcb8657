"""The loop around a run's steps: log, curves, checkpoints, validation, and a stop that loses nothing.

RUN/checkpoint.pt   all that the run needs to go on, written beside its place and renamed
RUN/log.csv         a line every so many steps        RUN/validation.csv    held-out clips, real streams
RUN/curves.png      both as curves
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from lvcodec.train.results import checkpoint, curves, held_out, log
from lvcodec.train.results.held_out import HeldOut, HeldOutPoint
from lvcodec.train.run.run import Run
from lvcodec.train.run.signals import asked_to_stop
from lvcodec.train.settings import USUAL_PACE, Pace

CHECKPOINT, LOG, VALIDATION, CURVES = "checkpoint.pt", "log.csv", "validation.csv", "curves.png"


@dataclass(frozen=True)
class Step:
    """Where training stands after a step.

    number: steps done; part: of the run, 0..1; used_s: training time in all; the rest are means since the last log line
    (PSNR: NaN in a stage that codes no pixels).
    """

    number: int
    part: float
    used_s: float
    loss: float
    rate_bpp: float
    psnr_db: float


@dataclass(frozen=True)
class Ended:
    """How training ended: after so many steps, and by which signal if not because it was done."""

    steps: int
    signal: int | None


def train(
    run: Run,
    folder: Path,
    *,
    pace: Pace = USUAL_PACE,
    clips: HeldOut | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
    on_validated: Callable[[list[HeldOutPoint]], None] = lambda points: None,
) -> Ended:
    """Train to the end or until a signal; the folder then holds a checkpoint of the last step.

    clips: what to validate on now and then, if anything.
    """
    first, progress = run.workers.rank == 0, run.progress
    if first:
        log.cut(folder / LOG, progress.step)
    saved_s, validated_s = progress.used_s, progress.used_s

    def due(since_s: float, every_s: float) -> bool:
        return run.part >= 1 or progress.used_s - since_s >= every_s

    with asked_to_stop() as asked:
        stop = 0
        while run.part < 1 and not stop:
            run.step()
            progress.used_s, came = run.workers.largest(progress.used_s, asked())
            stop = int(came)
            on_step(_state(run))
            if progress.step % pace.log_steps == 0 or run.part >= 1:
                _log(run, folder)
            validates = clips is not None and not stop and due(validated_s, pace.validate_s)
            if stop or validates or due(saved_s, pace.save_s):
                save(run, folder)
                saved_s = progress.used_s
            if clips is not None and validates:
                validated_s = progress.used_s
                if first:
                    on_validated(validate(run, folder, clips, asked))
                run.workers.wait()
        return Ended(progress.step, stop or None)


def save(run: Run, folder: Path) -> None:
    """Write checkpoint and curves; with several processes, all of them wait until they are there."""
    state = run.state()
    if run.workers.rank == 0:
        checkpoint.save(folder / CHECKPOINT, state)
        _draw(run, folder)
    run.workers.wait()


def validate(run: Run, folder: Path, clips: HeldOut, asked: Callable[[], object]) -> list[HeldOutPoint]:
    """Code held-out clips with the checkpoint's weights; the run's random numbers stay what they were."""
    with torch.random.fork_rng(devices=[]):
        points = list(
            clips.measure(folder / CHECKPOINT, step=run.progress.step, time_s=run.progress.used_s, stop=asked)
        )
    held_out.append(folder / VALIDATION, points)
    _draw(run, folder)
    return points


def _log(run: Run, folder: Path) -> None:
    """A line of the means since the last one, which begin anew in every process."""
    loss, rate, squared = run.means()
    if run.workers.rank == 0:
        progress = run.progress
        line = log.Line(progress.step, progress.used_s, loss, rate, log.psnr_db(squared), run.learning_rate)
        log.append(folder / LOG, line)


def _draw(run: Run, folder: Path) -> None:
    settings = run.settings
    curves.draw(
        folder / CURVES,
        log.read(folder / LOG),
        held_out.read(folder / VALIDATION),
        f"{settings.family} {settings.stage}: {run.progress.step} steps, {run.progress.used_s / 3600:.2f} h",
    )


def _state(run: Run) -> Step:
    progress = run.progress
    loss, rate, squared = (value / max(progress.summed, 1) for value in progress.sums)
    return Step(progress.step, run.part, progress.used_s, loss, rate, log.psnr_db(squared))
