"""What the encoder does that training must follow: what it weighs errors by."""

from __future__ import annotations

from fractions import Fraction

from torch import Tensor

from lvcodec.encoder.decisions import DECISIONS, LatentDecisions
from lvcodec.encoder.distortion import step_weight
from lvcodec.nets.swift import Steps
from lvcodec.train.stages.losses import MSE

# docs/decisions.md#the-shift-of-lds-is-a-half
LDS_ALPHA = Fraction(1, 2)  # swift's shift in lds: it renames symbols, so the residual is known and coded as in mfvc


# Share of latents that change where hardly anything moves; docs/decisions.md#where-hardly-anything-moves
STILL = 0.16


def distortion_weight(mode: str, alpha: Fraction = LDS_ALPHA) -> float:
    """What the encoder weighs the distortion of P-pictures by in mfvc or lds, where the shift has this length."""
    decisions = DECISIONS[mode]
    if not isinstance(decisions, LatentDecisions):
        raise ValueError(f"the mode {mode} has no P-pictures of latents")
    return decisions.distortion_weight_at(alpha)


def hardly_moves(first: Tensor, second: Tensor) -> Tensor:
    """Of which samples the residuals are shifted by one, (B,), by two pictures' symbols.

    (The encoder tries what is cheapest in a GOP, encoder/alpha.py, and comes to about the same.)
    """
    changed, coded = (part.sum(dim=(1, 2, 3)) for part in (first != second, second != 0))
    return (changed > 0) & (changed < STILL * coded)


def step_weights(steps: Steps, quality: Tensor) -> Tensor:
    """Bits that a squared step is worth at these qualities 1..9, (B, M, 1, 1). The encoder's lambdas are of MSE."""
    return step_weight(steps.size.detach(), MSE.lmbda(quality)[:, None, None, None])
