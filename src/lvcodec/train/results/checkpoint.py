"""Training states: what a run needs to go on, and what several runs are put together from.

A checkpoint holds the stage that it trained. `assemble` takes the networks of each stage from the last checkpoint
that trained it, so that the stages can be trained one after another or side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lvcodec.errors import InputError
from lvcodec.nets.swift import Swift
from lvcodec.train.results import masters
from lvcodec.train.stages import cheng2020_networks
from lvcodec.train.stages.families import FAMILIES, ModelAndPriors


class Average:
    """A moving average of the trained weights, over about the last EVERY / (1 - DECAY) steps."""

    EVERY, DECAY = 10, 0.98

    def __init__(self, networks: dict[str, nn.Module], state: dict[str, dict[str, Tensor]] | None) -> None:
        self._trained = {k: {n: p for n, p in m.named_parameters() if p.requires_grad} for k, m in networks.items()}
        self._kept = {k: {n: p.detach().clone() for n, p in named.items()} for k, named in self._trained.items()}
        for key, named in (state or {}).items():
            self._kept[key].update({n: t.to(self._kept[key][n].device) for n, t in named.items()})

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After each training step; at first the weight is larger, so that the start is forgotten."""
        if step % self.EVERY:
            return
        weight = max(1 - self.DECAY, 1 / (1 + step / self.EVERY))
        for key, named in self._trained.items():
            if not named:  # a stage need not train a prior
                continue
            torch._foreach_lerp_([self._kept[key][n] for n in named], list(named.values()), weight)

    def state(self) -> dict[str, dict[str, Tensor]]:
        return self._kept


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint beside its place and rename it."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def read(path: Path) -> dict[str, Any]:
    """A checkpoint as it was saved. Raises InputError if the file is none."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # whatever a pickle of anything can raise
        raise InputError(f"{path} is no checkpoint ({type(error).__name__})") from error
    if not isinstance(state, dict) or not state.keys() >= {"stage", "shape", "model", "priors", "step", "used_s"}:
        raise InputError(f"{path} is no checkpoint of a training run")
    return state


def family_of(state: dict[str, Any]) -> str:
    """The family of a checkpoint's networks; the first ones did not say, and were of swift."""
    name: str = state.get("family", "swift")
    return name


def load(path: Path, *, average: bool = False) -> tuple[Any, Any, dict[str, Any]]:
    """Model, priors and the rest of a checkpoint; `average`: the moving average of the weights in their place."""
    state = read(path)
    model, priors = FAMILIES[family_of(state)].networks(state["shape"])
    try:
        model.load_state_dict(state["model"] | (state["average"]["model"] if average else {}))
        priors.load_state_dict(state["priors"] | (state["average"]["priors"] if average else {}))
    except RuntimeError as error:  # of other shapes
        raise InputError(f"{path} is of another lvcodec, whose networks have other shapes") from error
    return model, priors, state


def assemble(paths: Sequence[Path], family: str = "swift", quality: int | None = None) -> ModelAndPriors:
    """Averaged weights of checkpoints: all of the first, and of each other one what its stage trained.

    The first may also be a model's folder (of swift) or a CompressAI checkpoint (of cheng2020).
    Raises InputError if they do not belong together.
    """
    model, priors = _first(paths[0], family, quality)
    for path in paths[1:]:
        other, other_priors, state = load(path, average=True)
        stage = FAMILIES[family_of(state)].stages.get(state["stage"])
        if stage is None:
            raise InputError(f"{path} trained the stage {state['stage']}, which {family_of(state)} does not have")
        if isinstance(other, Swift) and other.shape.inter and not model.shape.inter:
            model = with_inter(model)
        mine = {k: v for k, v in other.state_dict().items() if k.startswith(stage.trained)}
        try:
            model.load_state_dict(model.state_dict() | mine)
        except RuntimeError as error:
            raise InputError(f"{path} is of another shape than {paths[0]}") from error
        for prior in stage.priors:
            getattr(priors, prior).load_state_dict(getattr(other_priors, prior).state_dict())
    return model, priors


def with_inter(model: Swift) -> Swift:
    """The same networks of swift, and an inter path that nothing has trained."""
    grown = Swift(replace(model.shape, inter=True))
    grown.load_state_dict(grown.state_dict() | model.state_dict())
    return grown


def average(networks: ModelAndPriors, others: Sequence[Path]) -> None:
    """Put the mean of these networks of swift and those of other checkpoints or model folders in their place.

    Runs that began with the same weights and ended with small learning rates lie on a plain, the middle of which is
    better than its edge (Izmailov et al. 2018). Raises InputError if they are of another shape.
    """
    every = [networks, *(assemble([path]) for path in others)]
    for number in range(len(networks)):
        states = [part[number].state_dict() for part in every]
        shapes = [{name: value.shape for name, value in state.items()} for state in states]
        if any(shape != shapes[0] for shape in shapes):
            raise InputError("networks of other shapes have no mean")
        mean = {
            name: torch.stack([state[name] for state in states]).mean(dim=0)
            for name, value in states[0].items()
            if value.is_floating_point()
        }
        networks[number].load_state_dict(states[0] | mean)


def _first(path: Path, family: str, quality: int | None) -> ModelAndPriors:
    if path.is_dir():
        if family != "swift":
            raise InputError(f"{path} is a folder", "name a checkpoint")
        return masters.unpack(path)
    try:
        state = read(path)
    except InputError:
        if family != "cheng2020" or quality is None:
            raise
        return cheng2020_networks.from_file(path, quality)
    stored, wanted = (family_of(state), state.get("quality")), (family, quality)
    if stored != wanted:
        names = [" ".join(str(part) for part in pair if part is not None) for pair in (stored, wanted)]
        raise InputError(f"{path} has networks of {names[0]}, not {names[1]}")
    return load(path, average=True)[:2]
