"""What training has to know of a family: its stages, its networks new and stored, what holds after each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import nn

from lvcodec.nets.shapes import SwiftShape
from lvcodec.nets.swift import Swift
from lvcodec.train.stages import cheng2020, cheng2020_networks, compensation, intra, temporal
from lvcodec.train.stages.encoder_rules import LDS_ALPHA
from lvcodec.train.stages.inter import unrolled
from lvcodec.train.stages.priors import Priors, swift_priors
from lvcodec.train.stages.stage import Stage

ModelAndPriors = tuple[Any, Priors]  # the model, Swift or Cheng2020, and the priors of its hyper-latents


@dataclass(frozen=True)
class Family:
    """A family of networks in training.

    stages: by name. networks: of a stored shape, to load weights into; shape_of: that shape of a model.
    rounds: whether rounding of a model is simulated, as 8 bits need it. after_step: brings weights back to where they
    must be. adam_only: parameters that Muon is not for, by the start of their names. layout: of weights. alpha: the
    length of the shift that LCM is trained for.
    """

    stages: Mapping[str, Stage]
    networks: Callable[[dict[str, Any]], ModelAndPriors]
    shape_of: Callable[[Any], dict[str, Any]]
    rounds: Callable[[Any], bool]
    after_step: Callable[[Any], None]
    adam_only: tuple[str, ...]
    layout: torch.memory_format
    alpha: Fraction


def _swift(shape: dict[str, Any]) -> ModelAndPriors:
    model = Swift(SwiftShape(**shape))
    return model, swift_priors(model)


def _nothing(model: nn.Module) -> None:
    pass


FAMILIES = {
    "swift": Family(
        stages={
            "intra": intra.STAGE,
            "temporal": temporal.STAGE,
            "compensation": compensation.STAGE,
            "inter": unrolled.STAGE,
        },
        networks=_swift,
        shape_of=lambda model: model.shape.as_dict(),
        rounds=lambda model: True,
        after_step=_nothing,
        adam_only=(
            *("enc_linear", "dec_linear", "enc_in", "enc_out", "dec_out", "dec_latent", "dec_pixels", "prior."),
            *("inter.dec_linear", "inter.live_out", "inter.head_out", "inter.change_out"),
        ),
        layout=torch.channels_last,
        alpha=LDS_ALPHA,
    ),
    "cheng2020": Family(
        stages=cheng2020.STAGES,
        networks=cheng2020_networks.networks,
        shape_of=cheng2020_networks.shape_of,
        rounds=cheng2020_networks.rounds,
        after_step=cheng2020_networks.constrain,
        adam_only=(),
        # its 1x1 layers of stride 2: channels last, torch 2.14's gradient of them overruns memory
        layout=torch.contiguous_format,
        alpha=Fraction(1),
    ),
}
