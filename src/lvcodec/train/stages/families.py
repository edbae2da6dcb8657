"""What training has to know of a family: its stages, its networks new and stored, what holds after each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import nn

from lvcodec.nets.swift import Swift, SwiftShape
from lvcodec.train.stages import cheng2020, joint
from lvcodec.train.stages.swift import ALPHA, Priors, Stage

Networks = tuple[Any, Any]  # model and priors: Swift or Cheng2020, and the hyper-latents' priors


@dataclass(frozen=True)
class Family:
    """stages: by name. networks: of a stored shape, to load weights into; shape_of: that shape of a model.

    rounds: whether rounding of a model is simulated, as 8 bits need it. after_step: what training must
    not leave. adam_only: parameters that Muon is not for, by the start of their names. layout: of weights. alpha: the
    length of the shift that LCM is trained for.
    """

    stages: Mapping[str, Stage]
    networks: Callable[[dict[str, Any]], Networks]
    shape_of: Callable[[Any], dict[str, Any]]
    rounds: Callable[[Any], bool]
    after_step: Callable[[Any], None]
    adam_only: tuple[str, ...]
    layout: torch.memory_format
    alpha: Fraction


def _swift(shape: dict[str, Any]) -> tuple[Swift, Priors]:
    model = Swift(SwiftShape(**shape))
    return model, Priors(model)


def _nothing(model: nn.Module) -> None:
    pass


FAMILIES = {
    "swift": Family(
        joint.STAGES,
        _swift,
        lambda model: model.shape.as_dict(),
        lambda model: True,
        _nothing,
        ("enc_linear", "dec_linear", "enc_in", "enc_out", "dec_out", "dec_latent", "dec_pixels", "prior."),
        torch.channels_last,
        ALPHA,
    ),
    "cheng2020": Family(
        cheng2020.STAGES,
        cheng2020.networks,
        cheng2020.shape_of,
        cheng2020.rounds,
        cheng2020.constrain,
        (),
        # its 1x1 layers of stride 2: channels last, torch 2.14's gradient of them overruns memory
        torch.contiguous_format,
        Fraction(1),
    ),
}
