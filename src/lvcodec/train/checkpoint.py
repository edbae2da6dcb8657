"""Training states: what a run needs to go on, and what several runs are put together from.

A checkpoint holds the stage that it trained. `assemble` takes the networks of each stage from the last checkpoint
that trained it, so that the stages can be trained one after another or side by side.
"""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lvcodec.errors import InputError
from lvcodec.nets.swift import Swift, SwiftShape
from lvcodec.train import masters
from lvcodec.train.joint import STAGES
from lvcodec.train.stages import Priors


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


def load(path: Path, *, average: bool = False) -> tuple[Swift, Priors, dict[str, Any]]:
    """Model, priors and the rest of a checkpoint; `average`: the moving average of the weights in their place."""
    state = read(path)
    model = Swift(SwiftShape(**state["shape"]))
    priors = Priors(model)
    model.load_state_dict(state["model"] | (state["average"]["model"] if average else {}))
    priors.load_state_dict(state["priors"] | (state["average"]["priors"] if average else {}))
    return model, priors, state


def assemble(paths: Sequence[Path]) -> tuple[Swift, Priors]:
    """Averaged weights: all of the first checkpoint (or model folder), and of each other one what its stage trained."""
    if paths[0].is_dir():
        model, priors = masters.unpack(paths[0])
    else:
        model, priors, _ = load(paths[0], average=True)
    for path in paths[1:]:
        other, other_priors, state = load(path, average=True)
        stage = STAGES[state["stage"]]
        mine = {k: v for k, v in other.state_dict().items() if k.startswith(stage.trained)}
        try:
            model.load_state_dict(model.state_dict() | mine)
        except RuntimeError as error:
            raise InputError(f"{path} is of another shape than {paths[0]}") from error
        for prior in stage.priors:
            getattr(priors, prior).load_state_dict(getattr(other_priors, prior).state_dict())
    return model, priors
