"""From what a user asks for to a run that is ready: checked before slow work, begun anew or taken up again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from lvcodec.errors import UsageError
from lvcodec.nets.shapes import SwiftShape
from lvcodec.nets.swift import Swift
from lvcodec.report import OnFile, OnNotice
from lvcodec.train.data.crops import Crops, gather, prepare
from lvcodec.train.results import checkpoint, curves
from lvcodec.train.results.held_out import HeldOut
from lvcodec.train.run import loop, parallel
from lvcodec.train.run.chain_run import CHAINS_A_SAMPLE, ChainRun
from lvcodec.train.run.run import Run
from lvcodec.train.settings import Settings
from lvcodec.train.stages import cheng2020_networks, losses
from lvcodec.train.stages.families import FAMILIES, ModelAndPriors
from lvcodec.train.stages.inter.pool import Pool
from lvcodec.train.stages.inter.start import start as start_inter
from lvcodec.train.stages.klt import start_from_klt
from lvcodec.train.stages.priors import swift_priors


@dataclass(frozen=True)
class TrainingRequest:
    """A stage to train in `folder`.

    start: checkpoints or a model's folder to begin with, later ones give what their stage trained. shape:
    "name=value,..." of a new model. held_out: folder of clips to validate on.
    """

    folder: Path
    settings: Settings
    data: Sequence[Path]
    cache: Path
    start: Sequence[Path] = ()
    shape: str = ""
    seed: int = 1
    device: str = "auto"
    held_out: Path | None = None


def ready(
    request: TrainingRequest, *, notice: OnNotice = lambda text: None, on_file: OnFile = lambda done, total: None
) -> tuple[Run, HeldOut | None]:
    """The run and its held-out clips.

    Raises UsageError or InputError if it cannot be trained as asked, or the folder holds another run.
    """
    settings, folder = request.settings, request.folder
    curves.check()
    losses.check_crop(settings.loss, settings.crop)
    if settings.family == "swift":
        _check_shape(request.shape)
    workers = parallel.start(request.device)
    torch.manual_seed(request.seed + workers.rank)
    folder.mkdir(parents=True, exist_ok=True)
    begun = (folder / loop.CHECKPOINT).exists()
    if begun:
        _check_same(settings, folder)
    if workers.rank:
        notice, on_file = _unheard, _unheard  # the first tells
    if settings.stage == "inter":
        with _first_alone(workers):
            clips = _held_out(request, notice)
        return _of_chains(request, workers, begun=begun, notice=notice), clips
    crops, clips = _pictures(request, workers, notice, on_file)
    crops.check(FAMILIES[settings.family].stages[settings.stage].length)
    if begun:
        run = resumed(settings, folder, crops, workers)
        notice(f"going on after step {run.progress.step}")
        return run, clips
    if request.start:
        networks = checkpoint.assemble(request.start, settings.family, settings.quality)
    else:
        networks = _new_networks(request, crops)
    return Run(settings, *networks, crops, workers), clips


def _of_chains(request: TrainingRequest, workers: parallel.Workers, *, begun: bool, notice: OnNotice) -> ChainRun:
    """The run of the stage inter, whose data is a folder of chains; what begins it may have no inter path yet."""
    settings, folder = request.settings, request.folder
    pool = Pool(request.data, CHAINS_A_SAMPLE * settings.batch, request.seed + workers.rank)
    pool.check(1)
    if begun:
        model, priors, state = checkpoint.load(folder / loop.CHECKPOINT)
        run = ChainRun(settings, model, priors, pool, workers)
        run.resume(state)
        notice(f"going on after step {run.progress.step}")
        return run
    model, priors = checkpoint.assemble(request.start, settings.family) if request.start else fresh(request.shape)
    if not model.shape.inter:
        model = checkpoint.with_inter(model)
        start_inter(model.inter, pool)
    return ChainRun(settings, model, priors, pool, workers)


def fresh(shape: str) -> ModelAndPriors:
    """New networks that nothing has trained."""
    model = Swift(SwiftShape.parse(shape))
    return model, swift_priors(model)


def _pictures(
    request: TrainingRequest, workers: parallel.Workers, notice: OnNotice, on_file: OnFile
) -> tuple[Crops, HeldOut | None]:
    """What to train on, and what to validate on."""
    settings = request.settings
    with _first_alone(workers):
        sources = gather(request.data, request.cache, least=settings.crop, notice=notice, on_file=on_file)
        clips = _held_out(request, notice)
    return Crops(sources, request.seed + workers.rank, animated=settings.animated), clips


@contextmanager
def _first_alone(workers: parallel.Workers) -> Iterator[None]:
    """The first process fills the cache, and the others wait for that."""
    if workers.rank:
        workers.wait()
    yield
    if not workers.rank:
        workers.wait()


def _held_out(request: TrainingRequest, notice: OnNotice) -> HeldOut | None:
    """What to validate on, if anything."""
    if request.held_out is None:
        return None
    prepared = prepare([request.held_out], request.cache / "held-out", notice=notice)
    return HeldOut(prepared, request.settings.stage)


def _unheard(*_: object) -> None:
    pass


def resumed(settings: Settings, folder: Path, crops: Crops, workers: parallel.Workers) -> Run:
    """The run of a folder, as its checkpoint has it."""
    model, priors, state = checkpoint.load(folder / loop.CHECKPOINT)
    run = Run(settings, model, priors, crops, workers)
    run.resume(state)
    return run


def _new_networks(request: TrainingRequest, crops: Crops) -> ModelAndPriors:
    if request.settings.quality is not None:
        return cheng2020_networks.fresh(request.settings.quality, request.shape)
    model = Swift(SwiftShape.parse(request.shape))
    start_from_klt(model, crops, size=min(192, request.settings.crop))
    return model, swift_priors(model)


def _check_shape(text: str) -> None:
    """Raise UsageError for a shape that no swift model can have."""
    try:
        with torch.device("meta"):
            Swift(SwiftShape.parse(text))
    except UsageError:
        raise
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"no swift model has the shape {text} ({error})") from error


def _check_same(settings: Settings, folder: Path) -> None:
    """Refuse to go on with a run that was another one's."""
    state = checkpoint.read(folder / loop.CHECKPOINT)
    if state["stage"] != settings.stage:
        raise UsageError(f"{folder} holds a run of the stage {state['stage']}", "name another folder")
    earlier = {"family": checkpoint.family_of(state), **state.get("settings", {})}
    for name in ("family", "quality", "loss", "optimiser"):
        if name in earlier and earlier[name] != getattr(settings, name):
            raise UsageError(f"{folder} holds a run with {name} {earlier[name]}", "name another folder")
