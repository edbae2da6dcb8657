"""The networks of cheng2020 to train: new, stored, or of CompressAI, and what holds of them after each step.

A fresh network begins as CompressAI's does, with the modules of P-pictures in a neutral state (models/untrained.py).
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor

from lvcodec.errors import UsageError
from lvcodec.exact.formats import WIDE
from lvcodec.exact.gdn import Gdn
from lvcodec.exact.ops import layers
from lvcodec.models import importers
from lvcodec.nets.cheng2020 import WIDTHS, Cheng2020, causal_taps
from lvcodec.train.stages.priors import Priors

LEAST_BETA = 1e-6  # of a divisive normalisation
SHAPE = {"channels": (1, 512), "weight_bits": (4, 16)}  # of new networks: least and most


def networks(shape: dict[str, int]) -> tuple[Cheng2020, Priors]:
    """Networks of a shape, to load weights into.

    shape: {"channels": N} and, where weights are to take less room than the format gives them, {"weight_bits": bits}.
    """
    model, priors = Cheng2020(shape["channels"]), _priors(shape["channels"])
    _narrow(model, shape.get("weight_bits"))
    return model, priors


def shape_of(model: Cheng2020) -> dict[str, int]:
    """The inverse of networks."""
    widest = max(layer.weight_max for _, layer in layers(model))
    return {"channels": model.n} | ({"weight_bits": widest.bit_length() + 1} if widest < WIDE.weight_max else {})


def rounds(model: Cheng2020) -> bool:
    """Whether its weights are so short that training should see them rounded."""
    return "weight_bits" in shape_of(model)


def _narrow(model: Cheng2020, bits: int | None) -> None:
    for _, layer in layers(model):
        layer.weight_max = min(layer.weight_max, 2 ** (bits - 1) - 1 if bits else layer.weight_max)


def fresh(quality: int, shape: str) -> tuple[Cheng2020, Priors]:
    """Untrained networks of a quality 1..6.

    shape: "channels=N,weight_bits=B" for others than the published ones, or part of it. Raises UsageError for another.
    """
    given = dict(item.partition("=")[::2] for item in filter(None, shape.split(",")))
    if not all(
        name in SHAPE and value.isdecimal() and SHAPE[name][0] <= int(value) <= SHAPE[name][1]
        for name, value in given.items()
    ):
        raise UsageError("the shape of a cheng2020 network is channels=N (1 to 512), weight_bits=B (4 to 16)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from compressai.models import Cheng2020Anchor
    state = Cheng2020Anchor(int(given.get("channels", WIDTHS[quality]))).state_dict()
    model, priors = from_compressai({importers.rename(key): part for key, part in state.items()}, quality)
    _narrow(model, int(given.get("weight_bits", 0)) or None)
    return model, priors


def from_file(path: Path, quality: int) -> tuple[Cheng2020, Priors]:
    """The networks of a CompressAI checkpoint. Raises WeightsError if the file is none."""
    return from_compressai(importers.read_checkpoint(path), quality)


def from_compressai(state: dict[str, Tensor], quality: int) -> tuple[Cheng2020, Priors]:
    """Networks with the weights of a Cheng2020Anchor, by the keys of today's CompressAI."""
    model, _, _ = importers.build(state, quality)
    priors = _priors(model.n)
    for name, prefix in importers.BOTTLENECKS.items():
        bottleneck = getattr(priors, name).bottleneck
        theirs = {
            key: importers.rename(f"entropy_bottleneck.{key}").replace("entropy_bottleneck", prefix, 1)
            for key, _ in bottleneck.named_parameters()
        }
        published = {key: state[their] for key, their in theirs.items() if their in state}
        bottleneck.load_state_dict(bottleneck.state_dict() | published)
    return model, priors


def _priors(n: int) -> Priors:
    return Priors(n, n, n)


@torch.no_grad()
def constrain(model: Cheng2020) -> None:
    """After a step: what normalises stays positive, the masked convolution sees what comes before alone."""
    context = model.context_prediction.weight
    context.mul_(causal_taps().to(context.device))
    for module in model.modules():
        if isinstance(module, Gdn):
            module.bias.clamp_(min=LEAST_BETA)
            module.weight.clamp_(min=0)
