"""From what a user asks for to a run that is ready: checked before slow work, begun anew or taken up again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lvcodec.errors import UsageError
from lvcodec.nets.swift import Swift, SwiftShape
from lvcodec.train.data.crops import Crops, gather, prepare
from lvcodec.train.results import checkpoint, curves
from lvcodec.train.results.held_out import HeldOut
from lvcodec.train.run import loop, parallel
from lvcodec.train.run.run import Run
from lvcodec.train.settings import Settings
from lvcodec.train.stages import cheng2020, losses
from lvcodec.train.stages.families import FAMILIES, Networks
from lvcodec.train.stages.klt import start_from_klt
from lvcodec.train.stages.swift import Priors

Notice = Callable[[str], None]
OnFile = Callable[[int, "int | None"], None]


@dataclass(frozen=True)
class Request:
    """A stage to train in `folder`. start: checkpoints or a model's folder to begin with, later ones give what their
    stage trained. shape: "name=value,..." of a new model. held_out: folder of clips to validate on.
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
    request: Request, *, notice: Notice = lambda text: None, on_file: OnFile = lambda done, total: None
) -> tuple[Run, HeldOut | None]:
    """The run and its held-out clips.

    Raises UsageError or InputError if it cannot be trained as asked, or the folder holds another run.
    """
    settings = request.settings
    curves.check()
    losses.check_crop(settings.loss, settings.crop)
    stage = FAMILIES[settings.family].stages[settings.stage]
    if settings.family == "swift":
        _check_shape(request.shape)
    workers = parallel.start(request.device)
    torch.manual_seed(request.seed + workers.rank)
    request.folder.mkdir(parents=True, exist_ok=True)
    earlier = request.folder / loop.CHECKPOINT
    state = checkpoint.read(earlier) if earlier.exists() else None
    if state is not None:
        _check_same(
            settings,
            state["stage"],
            {"family": checkpoint.family_of(state), **state.get("settings", {})},
            request.folder,
        )
    if workers.rank:
        notice, on_file = _unheard, _unheard  # the first tells
        workers.wait()  # until it has filled the cache
    crops = Crops(
        gather(request.data, request.cache, least=settings.crop, notice=notice, on_file=on_file),
        request.seed + workers.rank,
        animated=settings.animated,
    )
    held_out = None
    if request.held_out is not None:
        held_out = HeldOut(
            prepare([request.held_out], request.cache / "held-out", notice=notice), settings.stage, settings.family
        )
    if not workers.rank:
        workers.wait()
    crops.check(stage.length)
    if state is not None:
        run = resumed(settings, request.folder, crops, workers)
        notice(f"going on after step {run.progress.step}")
    else:
        model, priors = (
            checkpoint.assemble(request.start, settings.family, settings.quality)
            if request.start
            else _new_model(request, crops)
        )
        run = Run(settings, model, priors, crops, workers)
    return run, held_out


def _unheard(*_: object) -> None:
    pass


def resumed(settings: Settings, folder: Path, crops: Crops, workers: parallel.Workers) -> Run:
    """The run of a folder, as its checkpoint has it."""
    model, priors, state = checkpoint.load(folder / loop.CHECKPOINT)
    run = Run(settings, model, priors, crops, workers)
    run.resume(state)
    return run


def _new_model(request: Request, crops: Crops) -> Networks:
    if request.settings.quality is not None:
        return cheng2020.fresh(request.settings.quality, request.shape)
    model = Swift(SwiftShape.parse(request.shape))
    start_from_klt(model, crops, size=min(192, request.settings.crop))
    return model, Priors(model)


def _check_shape(text: str) -> None:
    """Raise UsageError for a shape that no swift model can have."""
    try:
        with torch.device("meta"):
            Swift(SwiftShape.parse(text))
    except UsageError:
        raise
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"no swift model has the shape {text} ({error})") from error


def _check_same(settings: Settings, stage: str, earlier: dict[str, object], folder: Path) -> None:
    """Refuse to go on with a run that was another one's."""
    if stage != settings.stage:
        raise UsageError(f"{folder} holds a run of the stage {stage}", "name another folder")
    for name in ("family", "quality", "loss", "optimiser"):
        if name in earlier and earlier[name] != getattr(settings, name):
            raise UsageError(f"{folder} holds a run with {name} {earlier[name]}", "name another folder")
