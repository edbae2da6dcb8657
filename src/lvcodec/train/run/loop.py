"""The loop around a run's steps: log, curves, checkpoints, validation, and a stop that loses nothing.

RUN/checkpoint.pt   all that the run needs to go on, written beside its place and renamed
RUN/log.csv         a line every so many steps        RUN/validation.csv    held-out clips, real streams
RUN/curves.png      both as curves
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from lvcodec.train.results import checkpoint, curves, log
from lvcodec.train.results import held_out as validation
from lvcodec.train.results.held_out import HeldOut
from lvcodec.train.run.run import Run

CHECKPOINT, LOG, VALIDATION, CURVES = "checkpoint.pt", "log.csv", "validation.csv", "curves.png"


@dataclass(frozen=True)
class Pace:
    """How often: log lines in steps, checkpoints and validations in seconds of training time."""

    log_steps: int = 100
    save_s: float = 300.0
    validate_s: float = 1800.0


USUAL = Pace()


@dataclass(frozen=True)
class Step:
    """What is told after each step: how many are done, the part of the run 0..1, seconds of training time in all, means
    since the last log line (PSNR: NaN in a stage that codes no pixels).
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


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], int]]:
    """Give a function that tells which of SIGINT, SIGTERM, SIGHUP has come, 0 for none. A second one acts as always."""
    came = 0
    before: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = number
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup's stays ignored
                before[number] = signal.signal(number, note)
    try:
        yield lambda: came
    finally:
        restore()


def train(
    run: Run,
    folder: Path,
    *,
    pace: Pace = USUAL,
    held_out: HeldOut | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
    on_validated: Callable[[list[validation.Measured]], None] = lambda found: None,
) -> Ended:
    """Train to the end or until a signal; the folder then holds a checkpoint of the last step."""
    first = run.workers.rank == 0
    progress = run.progress
    if first:
        log.cut(folder / LOG, progress.step)
    saved_s, validated_s = progress.used_s, progress.used_s
    with asked_to_stop() as asked:
        stop = 0
        while run.part < 1 and not stop:
            run.step()
            progress.used_s, came = run.workers.largest(progress.used_s, asked())
            stop = int(came)
            on_step(_told(run))
            if progress.step % pace.log_steps == 0 or run.part >= 1:
                loss, rate, squared = run.means()
                if first:
                    log.append(
                        folder / LOG,
                        log.Line(progress.step, progress.used_s, loss, rate, log.psnr_db(squared), run.learning_rate),
                    )
            if progress.used_s - saved_s >= pace.save_s or run.part >= 1 or stop:
                save(run, folder)
                saved_s = progress.used_s
            if held_out and not stop and (progress.used_s - validated_s >= pace.validate_s or run.part >= 1):
                if saved_s != progress.used_s:
                    save(run, folder)
                    saved_s = progress.used_s
                validated_s = progress.used_s
                if first:
                    on_validated(validate(run, folder, held_out, asked))
                run.workers.wait()
        return Ended(progress.step, stop or None)


def save(run: Run, folder: Path) -> None:
    """Write checkpoint and curves; with several processes, all of them wait until they are there."""
    state = run.state()
    if run.workers.rank == 0:
        checkpoint.save(folder / CHECKPOINT, state)
        _draw(run, folder)
    run.workers.wait()


def validate(run: Run, folder: Path, held_out: HeldOut, asked: Callable[[], object]) -> list[validation.Measured]:
    """Code held-out clips with the checkpoint's weights; the run's random numbers stay what they were."""
    with torch.random.fork_rng(devices=[]):
        found = list(
            held_out.measure(folder / CHECKPOINT, step=run.progress.step, time_s=run.progress.used_s, stop=asked)
        )
    validation.append(folder / VALIDATION, found)
    _draw(run, folder)
    return found


def _draw(run: Run, folder: Path) -> None:
    settings = run.settings
    curves.draw(
        folder / CURVES,
        log.read(folder / LOG),
        validation.read(folder / VALIDATION),
        f"{settings.family} {settings.stage}: {run.progress.step} steps, {run.progress.used_s / 3600:.2f} h",
    )


def _told(run: Run) -> Step:
    progress = run.progress
    loss, rate, squared = (value / max(progress.summed, 1) for value in progress.sums)
    return Step(progress.step, run.part, progress.used_s, loss, rate, log.psnr_db(squared))
