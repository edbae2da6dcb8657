"""What the encoder does that training must follow: what it weighs errors by, and how coarse it codes P-pictures."""

from __future__ import annotations

from fractions import Fraction

from torch import Tensor

from lvcodec import quality as quality_scale
from lvcodec.encoder.decisions import DECISIONS, LatentDecisions
from lvcodec.encoder.distortion import step_weight
from lvcodec.nets.swift import Steps
from lvcodec.stream.structure import LAYER_CHAIN
from lvcodec.train.stages.losses import MSE

# docs/decisions.md#the-shift-of-lds-is-a-half
LDS_ALPHA = Fraction(1, 2)  # swift's shift in lds: it renames symbols, so the residual is known and coded as in mfvc


def distortion_weight(mode: str) -> float:
    """What the encoder weighs the distortion of P-pictures by in a mode."""
    decisions = _of_p_pictures(mode)
    return decisions.distortion_weight_at(decisions.alpha or LDS_ALPHA)


def p_quality(mode: str, quality: Tensor) -> Tensor:
    """The quality 1..6 of P-pictures where their I-picture has this one."""
    coarser = _of_p_pictures(mode).layers[LAYER_CHAIN - 1] / quality_scale.INDICES_A_QUALITY
    return (quality - coarser).clamp(min=quality_scale.LOWEST)


def step_weights(steps: Steps, quality: Tensor) -> Tensor:
    """Bits that a squared step is worth at these qualities 1..6, (B, M, 1, 1). The encoder's lambdas are of MSE."""
    return step_weight(steps.size.detach(), MSE.lmbda(quality)[:, None, None, None])


def _of_p_pictures(mode: str) -> LatentDecisions:
    decisions = DECISIONS[mode]
    if not isinstance(decisions, LatentDecisions):
        raise ValueError(f"the mode {mode} has no P-pictures of latents")
    return decisions
