"""`lvcodec train`: a command a stage, and what comes after. A command imports the modules that it needs."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lvcodec.cli.output import Output, output_options
from lvcodec.errors import InputError, UsageError

if TYPE_CHECKING:
    from lvcodec.train.run.loop import Step

FOLDER = click.Path(path_type=Path)
RATE = click.FloatRange(0, 1)
MODES = ["intra", "mfvc", "lds", "aligned"]


@click.group(epilog="Example: lvcodec train intra --run runs/intra --data PHOTOS --data VIDEOS --minutes 60")
def train() -> None:
    """Train weights, stage by stage, and make models of them.

    The stages are intra, p, shift and joint. A run that was stopped, or killed, goes on when the same command is
    given again. Needs pip install 'lvcodec[train]'; docs/training.md tells the whole way.
    """


def stage_options(command: Callable[..., None]) -> Callable[..., None]:
    """What all stages can be told."""
    options = [
        click.option("--run", "folder", type=FOLDER, required=True, help="Checkpoint, log and curves go here."),
        click.option(
            "--data",
            type=FOLDER,
            multiple=True,
            required=True,
            help="Folder of videos and photographs, or a Vimeo-90k tree; may be repeated.",
        ),
        click.option(
            "--minutes",
            type=click.FloatRange(min=0, min_open=True),
            help="Training time in all, over resumes: the processor's, divided by threads.",
        ),
        click.option("--steps", type=click.IntRange(min=1), help="Steps in all, in place of a time."),
        click.option(
            "--preset",
            type=click.Choice(["short", "paper"]),
            default="short",
            show_default=True,
            help="short: a few hours on a small machine. paper: Kim et al. 2022. Options below override it.",
        ),
        click.option(
            "--family",
            type=click.Choice(["swift", "cheng2020"]),
            default="swift",
            show_default=True,
            help="The networks.",
        ),
        click.option("-q", "--quality", type=click.IntRange(1, 6), help="Of cheng2020, which has a network a quality."),
        click.option(
            "--start",
            type=FOLDER,
            multiple=True,
            help="Begin with this checkpoint or model (of cheng2020: or a CompressAI checkpoint); of further "
            "ones what their stage trained is taken.",
        ),
        click.option("--loss", type=click.Choice(["mse", "ms-ssim"]), help="What distortion is.  [default: mse]"),
        click.option("--batch", type=click.IntRange(min=1), help="Samples a step (and process).  [default: 12]"),
        click.option("--crop", type=click.IntRange(min=64), help="Pixels of a sample's side.  [default: 192]"),
        click.option(
            "--optimiser",
            type=click.Choice(["muon", "adam"]),
            help="Of hidden layers; Adam for the rest.  [default: muon]",
        ),
        click.option("--muon-lr", type=RATE, help="Muon's learning rate.  [default: 0.005]"),
        click.option("--adam-lr", type=RATE, help="Adam's learning rate.  [default: 0.0015]"),
        click.option("--linear-lr", type=RATE, help="Adam's for the linear path.  [default: 0.0003]"),
        click.option(
            "--schedule",
            type=click.Choice(["cosine", "steps", "constant"]),
            help="Of the learning rates: constant for 60 % and then a cosine, or the paper's, or no fall.  "
            "[default: cosine]",
        ),
        click.option(
            "--simulate",
            "simulated",
            type=click.FloatRange(0, 1),
            help="Last part of the run in which weights and activations are rounded.  [default: 0.35]",
        ),
        click.option(
            "--animate",
            "animated",
            type=click.FloatRange(0, 1),
            help="Share of samples of several pictures that are photographs set in motion.  [default: 0]",
        ),
        click.option("--shape", multiple=True, metavar="NAME=VALUE", help="A size of a new model; may be repeated."),
        click.option(
            "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of weights, crops and noise."
        ),
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "cuda"]),
            default="auto",
            show_default=True,
            help="Where to train.",
        ),
        click.option(
            "--cache",
            type=FOLDER,
            default=Path("runs/cache"),
            show_default=True,
            help="Where pictures are kept as raw video.",
        ),
        click.option(
            "--validate",
            "held_out",
            type=FOLDER,
            metavar="CLIPS",
            help="Folder of clips that are not trained on: code them now and then.",
        ),
        click.option(
            "--validate-every",
            type=click.FloatRange(min=0, min_open=True),
            default=30.0,
            show_default=True,
            metavar="MINUTES",
            help="Of training time, from one validation to the next.",
        ),
        click.option(
            "--save-every",
            type=click.FloatRange(min=0, min_open=True),
            default=5.0,
            show_default=True,
            metavar="MINUTES",
            help="Of training time, from one checkpoint to the next.",
        ),
        click.option(
            "--log-every",
            type=click.IntRange(min=1),
            default=100,
            show_default=True,
            metavar="STEPS",
            help="From one line of the log to the next.",
        ),
    ]
    command = output_options(command)
    for option in reversed(options):
        command = option(command)
    return command


@train.command(epilog="Example: lvcodec train intra --run runs/intra --data PHOTOS --data VIDEOS --minutes 60")
@stage_options
def intra(**options: Any) -> None:
    """Train what codes single pictures.

    U_ENC, U_DEC, hyper-prior, contexts and quantiser steps, by rate and distortion.
    """
    _train("intra", **options)


@train.command(
    epilog="Example: lvcodec train p --run runs/p --start runs/intra/checkpoint.pt --data VIDEOS --minutes 30"
)
@stage_options
def p(**options: Any) -> None:
    """Train the entropy model of P-pictures.

    P-HE, P-HD, TPM and EPM, by the rate of residuals of two pictures; latents stay as they are.
    """
    _train("p", **options)


@train.command(
    epilog="Example: lvcodec train shift --run runs/shift --start runs/p/checkpoint.pt --data VIDEOS --minutes 20"
)
@stage_options
def shift(**options: Any) -> None:
    """Train what repairs shifted latents, for the mode lds.

    BFD-E, BFD-D and LCM, by rate and distortion over three P-pictures.
    """
    _train("shift", **options)


@train.command(
    epilog="Example: lvcodec train joint --run runs/joint --start runs/shift/checkpoint.pt --data VIDEOS "
    "--data PHOTOS --minutes 60"
)
@stage_options
def joint(**options: Any) -> None:
    """Train pictures and P-pictures together, for the mode aligned.

    Four pictures in the real loop with its search for motion; a quarter of the samples are single pictures, so that the
    mode intra stays as good as it was.
    """
    _train("joint", **options)


def _train(
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
    if shape and start:
        raise UsageError("--shape is of new models", "leave it out where --start gives the model")
    check_exist(*data, *start, *([held_out] if held_out else []))
    from lvcodec.cli.failures import Stopped
    from lvcodec.train.run import loop
    from lvcodec.train.run import start as begin
    from lvcodec.train.settings import settings_of

    settings = settings_of(preset, stage, minutes=minutes, steps=steps, given=given)
    request = begin.Request(folder, settings, data, cache, start, ",".join(shape), seed, device, held_out)
    with out.progress("reading pictures", unit="files") as step:
        run, clips = begin.ready(request, notice=out.notice, on_file=step)
    first = run.workers.rank == 0
    pace = loop.Pace(log_every, 60 * save_every, 60 * validate_every)

    def tell(found: Any) -> None:
        for mode in sorted({m.mode for m in found}):
            over = {m.clip: m.over_x264_percent for m in found if m.mode == mode}
            out.notice(f"step {found[0].step}, {mode}: {over_x264(over)}")

    done, total = run.part * settings.total, settings.total
    with bar(stage, done, total, settings.by_steps, shown=first and not out.quiet) as on_step:
        ended = loop.train(run, folder, pace=pace, held_out=clips, on_step=on_step, on_validated=tell)
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


@train.command(
    epilog='Example: lvcodec train export weights/mine runs/joint/checkpoint.pt --about "60 minutes" '
    '--data "holiday videos of mine"'
)
@click.argument("target", type=FOLDER)
@click.argument("checkpoints", nargs=-1, required=True, type=FOLDER, metavar="CHECKPOINT...")
@click.option("--about", required=True, help="One line for `lvcodec models list`.")
@click.option("--data", required=True, metavar="TEXT", help="What it was trained on, and under which licences.")
@click.option("--licence", metavar="TEXT", default="MIT", show_default=True, help="Of the weights.")
@click.option(
    "--average",
    "averaged",
    type=FOLDER,
    multiple=True,
    metavar="CHECKPOINT|MODEL",
    help="Take the mean of all networks with these, of runs from one start; may be repeated. Of swift.",
)
@click.option(
    "--validate",
    "clips",
    type=FOLDER,
    metavar="CLIPS",
    help="Code these clips with the model and write the figures into its manifest.",
)
@click.option(
    "--mode",
    "modes",
    type=click.Choice(MODES),
    multiple=True,
    default=("intra", "aligned"),
    show_default=True,
    help="In which modes; may be repeated.",
)
@click.option(
    "--cache",
    type=FOLDER,
    default=Path("runs/cache-heldout"),
    show_default=True,
    help="Where the clips are kept as raw video.",
)
@click.option("-y", "overwrite", is_flag=True, help="Replace the model in TARGET.")
@output_options
def export(
    target: Path,
    checkpoints: tuple[Path, ...],
    about: str,
    data: str,
    licence: str,
    averaged: tuple[Path, ...],
    clips: Path | None,
    modes: tuple[str, ...],
    cache: Path,
    overwrite: bool,
    out: Output,
) -> None:
    """Make a model of checkpoints, in the folder TARGET.

    The first checkpoint (or model) gives all networks, each other one those that its stage trained. TARGET gets the
    integers for the codec, masters for training on, and a manifest with what each stage's training was.
    """
    check_exist(*checkpoints, *averaged, *([clips] if clips else []))
    from lvcodec.cli.models import check_folder

    check_folder(str(target), overwrite=overwrite)
    from lvcodec.models import store
    from lvcodec.train.data.crops import prepare
    from lvcodec.train.results import export as making
    from lvcodec.train.results.judge import judge

    info = making.ship(
        target, checkpoints, about=about, data=data, licence=licence, averaged=averaged, overwrite=overwrite
    )
    if clips is not None:
        held_out = prepare([clips], cache, notice=out.notice)
        making.note_measured(info, {mode: next(judge([target], held_out, mode)) for mode in modes})
    masters = target / store.MASTERS
    out.summary(
        {"path": str(target), "weights_id": info.weights_id, "size_bytes": info.size_bytes},
        f"{target}: weights {info.weights_id}, {info.size_bytes} bytes of integers"
        + (f", {masters.stat().st_size} of masters" if masters.exists() else ""),
    )


@train.command(epilog="Example: lvcodec train validate --clips HELDOUT --mode aligned weights/swift")
@click.argument("paths", nargs=-1, required=True, type=FOLDER, metavar="CHECKPOINT|MODEL...")
@click.option("--clips", type=FOLDER, required=True, help="Folder of clips that were not trained on.")
@click.option("--mode", type=click.Choice(MODES), default="intra", show_default=True, help="How models code.")
@click.option("--pictures", "count", type=click.IntRange(min=1), help="Of each clip.  [default: 3 for intra, else 24]")
@click.option("--step", type=click.IntRange(min=1), help="From one to the next.  [default: 8 for intra, else 1]")
@click.option("--effort", type=click.IntRange(min=0), default=0, show_default=True, help="The encoder's, of models.")
@click.option(
    "--cache",
    type=FOLDER,
    default=Path("runs/cache-heldout"),
    show_default=True,
    help="Where the clips are kept as raw video.",
)
@output_options
def validate(
    paths: tuple[Path, ...],
    clips: Path,
    mode: str,
    count: int | None,
    step: int | None,
    effort: int,
    cache: Path,
    out: Output,
) -> None:
    """Compare checkpoints and models with x264 on clips.

    Checkpoints are judged by estimated rates of single pictures, models by real streams: against x264 medium -g 1 in
    the mode intra, else veryfast zerolatency with GOPs of 12.
    """
    check_exist(*paths, clips)
    from lvcodec.train.data.crops import prepare
    from lvcodec.train.results.judge import judge

    records, lines = [], []
    for judged in judge(paths, prepare([clips], cache, notice=out.notice), mode, count=count, step=step, effort=effort):
        over = dict(zip(judged.names, judged.over_x264, strict=True))
        lines.append(f"{judged.path} {mode}: {over_x264(over)}")
        lines += [
            "    " + "  ".join(f"{rate:.3f} bpp {psnr:.2f} dB" for rate, psnr in curve) for curve in judged.curves
        ]
        records.append(
            {
                "path": str(judged.path),
                "mode": mode,
                "over_x264_percent": {k: None if math.isnan(v) else v for k, v in over.items()},
                "bpp_psnr_db": dict(zip(judged.names, judged.curves, strict=True)),
            }
        )
    out.answer(records, lines)


def over_x264(percent: dict[str, float]) -> str:
    """What clips cost over x264, as text: NaN is a curve that cannot be compared."""
    each = ", ".join(f"{clip} {'-' if math.isnan(value) else f'{value:+.1f}'}" for clip, value in percent.items())
    known = [value for value in percent.values() if not math.isnan(value)]
    mean = f"{sum(known) / len(known):+.1f} %" if len(known) == len(percent) else "no mean"
    return f"{mean} over x264 ({each})"


def check_exist(*paths: Path) -> None:
    """Raise InputError, before torch is loaded, for the first path that is not there."""
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
