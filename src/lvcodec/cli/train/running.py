"""One stage from its options to its end: what the commands of stages do, and the bar that they draw."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvcodec.cli.output import Output
from lvcodec.cli.signals import Stopped
from lvcodec.cli.train.paths import check_exist
from lvcodec.cli.train.validate import over_x264
from lvcodec.errors import UsageError
from lvcodec.train.settings import Pace, settings_of

if TYPE_CHECKING:
    from lvcodec.train.results.held_out import HeldOutPoint
    from lvcodec.train.run.loop import Step


def train_stage(
    stage: str,
    *,
    folder: Path,
    data: tuple[Path, ...],
    minutes: float | None,
    steps: int | None,
    preset: str,
    start: tuple[Path, ...],
    shape: tuple[str, ...],
    seed: int,
    device: str,
    cache: Path,
    held_out: Path | None,
    validate_every: float,
    save_every: float,
    log_every: int,
    out: Output,
    **given: Any,
) -> None:
    """Train a stage as the options say; `given` are those that override the preset's settings, by their names.

    Raises UsageError or InputError if it cannot be trained as asked, Stopped if a signal has ended it.
    """
    if shape and start:
        raise UsageError("--shape is of new models", "leave it out where --start gives the model")
    check_exist(*data, *start, *([held_out] if held_out else []))
    from lvcodec.train.run import loop
    from lvcodec.train.run.start import TrainingRequest, ready

    settings = settings_of(preset, stage, minutes=minutes, steps=steps, given=given)
    request = TrainingRequest(folder, settings, data, cache, start, ",".join(shape), seed, device, held_out)
    with out.progress("reading pictures", unit="files") as on_file:
        run, clips = ready(request, notice=out.notice, on_file=on_file)
    first = run.workers.rank == 0
    pace = Pace(log_every, 60 * save_every, 60 * validate_every)

    def tell(points: list[HeldOutPoint]) -> None:
        for mode in sorted({point.mode for point in points}):
            over = {point.clip: point.over_x264_percent for point in points if point.mode == mode}
            out.notice(f"step {points[0].step}, {mode}: {over_x264(over)}")

    done, total = run.part * settings.total, settings.total
    with bar(stage, done, total, settings.by_steps, shown=first and not out.quiet) as on_step:
        ended = loop.train(run, folder, pace=pace, clips=clips, on_step=on_step, on_validated=tell)
    run.workers.close()
    if not first:
        return
    if ended.signal is not None:
        out.notice(f"stopped after step {ended.steps}, nothing is lost: the same command goes on from there")
        raise Stopped(ended.signal)
    target = folder / loop.CHECKPOINT
    out.summary(
        {"checkpoint": str(target), "stage": stage, "steps": ended.steps, "seconds": round(run.progress.used_s, 1)},
        f"{target}: {ended.steps} steps in {run.progress.used_s / 60:.1f} minutes",
    )


@contextmanager
def bar(label: str, done: float, total: float, by_steps: bool, *, shown: bool) -> Iterator[Callable[[Step], None]]:
    """Give a function that draws how far training is, with rate, PSNR and the time left; on a terminal only.

    done: what earlier processes did of the total, steps or seconds.
    """
    if not shown or sys.stderr is None or not sys.stderr.isatty():
        yield lambda step: None
        return
    from tqdm import tqdm

    with tqdm(
        desc=label,
        total=round(total),
        initial=round(done),
        unit="step" if by_steps else "s",
        miniters=1,
        file=sys.stderr,
    ) as drawn:

        def on_step(step: Step) -> None:
            psnr = {} if math.isnan(step.psnr_db) else {"PSNR": f"{step.psnr_db:.2f} dB"}
            drawn.set_postfix(loss=f"{step.loss:.4f}", bpp=f"{step.rate_bpp:.3f}", refresh=False, **psnr)
            drawn.update(round(step.part * total) - drawn.n)

        yield on_step
