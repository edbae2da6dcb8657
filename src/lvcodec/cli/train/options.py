"""Options of `lvcodec train`: what all stages can be told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lvcodec import names, quality
from lvcodec.cli.output import output_options
from lvcodec.cli.train.paths import FOLDER
from lvcodec.sizes import MULTIPLE
from lvcodec.train.settings import LOSSES, OPTIMISERS, PRESETS, SCHEDULES, USUAL_PACE, Settings

PART = click.FloatRange(0, 1)
POSITIVE = click.FloatRange(min=0, min_open=True)


def stage_options(command: Callable[..., None]) -> Callable[..., None]:
    """What all stages can be told."""
    command = output_options(command)
    for option in reversed([*_OF_RUNS, *_OF_SETTINGS, *_OF_PROGRESS]):
        command = option(command)
    return command


def _setting(name: str, kind: Any, text: str, flag: str = "") -> Callable[[Any], Any]:
    """An option for a field of Settings, whose default is the preset's: the one in the help is that of `short`."""
    default = getattr(Settings("", 0), name)
    shown = f"{default:g}" if isinstance(default, float) else default
    return click.option(flag or f"--{name.replace('_', '-')}", name, type=kind, help=f"{text}  [default: {shown}]")


_OF_RUNS = [
    click.option("--run", "folder", type=FOLDER, required=True, help="Checkpoint, log and curves go here."),
    click.option(
        "--data",
        type=FOLDER,
        multiple=True,
        required=True,
        help="Folder of videos and photographs, or a Vimeo-90k tree; may be repeated.",
    ),
    click.option(
        "--minutes", type=POSITIVE, help="Training time in all, over resumes: the processor's, divided by threads."
    ),
    click.option("--steps", type=click.IntRange(min=1), help="Steps in all, in place of a time."),
    click.option(
        "--preset",
        type=click.Choice(PRESETS),
        default=PRESETS[0],
        show_default=True,
        help="short: a few hours on a small machine. paper: Kim et al. 2022. Options below override it.",
    ),
    click.option(
        "--family",
        type=click.Choice(names.FAMILIES),
        default=names.DEFAULT_FAMILY,
        show_default=True,
        help="The networks.",
    ),
    click.option(
        "-q",
        "--quality",
        type=click.IntRange(quality.LOWEST, quality.HIGHEST),
        help="Of cheng2020, which has a network a quality.",
    ),
    click.option(
        "--start",
        type=FOLDER,
        multiple=True,
        help="Begin with this checkpoint or model (of cheng2020: or a CompressAI checkpoint); of further "
        "ones what their stage trained is taken.",
    ),
]

_OF_SETTINGS = [
    _setting("loss", click.Choice(LOSSES), "What distortion is."),
    _setting("batch", click.IntRange(min=1), "Samples a step (and process)."),
    _setting("crop", click.IntRange(min=MULTIPLE), "Pixels of a sample's side."),
    _setting("optimiser", click.Choice(OPTIMISERS), "Of hidden layers; Adam for the rest."),
    _setting("muon_lr", PART, "Muon's learning rate."),
    _setting("adam_lr", PART, "Adam's learning rate."),
    _setting("linear_lr", PART, "Adam's for the linear path."),
    _setting(
        "schedule",
        click.Choice(SCHEDULES),
        "Of the learning rates: constant for 60 % and then a cosine, or the paper's, or no fall.",
    ),
    _setting(
        "simulated", PART, "Last part of the run in which weights and activations are rounded.", flag="--simulate"
    ),
    _setting("highest", click.FloatRange(quality.LOWEST, quality.HIGHEST), "Highest quality that is trained for."),
    _setting(
        "animated", PART, "Share of samples of several pictures that are photographs set in motion.", flag="--animate"
    ),
    click.option("--shape", multiple=True, metavar="NAME=VALUE", help="A size of a new model; may be repeated."),
    click.option(
        "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of weights, crops and noise."
    ),
    click.option(
        "--device",
        type=click.Choice((names.AUTO, *names.DEVICES)),
        default=names.AUTO,
        show_default=True,
        help="Where to train.",
    ),
]

_OF_PROGRESS = [
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
        type=POSITIVE,
        default=USUAL_PACE.validate_s / 60,
        show_default=True,
        metavar="MINUTES",
        help="Of training time, from one validation to the next.",
    ),
    click.option(
        "--save-every",
        type=POSITIVE,
        default=USUAL_PACE.save_s / 60,
        show_default=True,
        metavar="MINUTES",
        help="Of training time, from one checkpoint to the next.",
    ),
    click.option(
        "--log-every",
        type=click.IntRange(min=1),
        default=USUAL_PACE.log_steps,
        show_default=True,
        metavar="STEPS",
        help="From one line of the log to the next.",
    ),
]
