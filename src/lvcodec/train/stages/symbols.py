"""The encoder's choice of symbols (encoder/symbols.py) in training: for batches, by nearly the same bits.

Gradients pass to the latents as through rounding. All tensors broadcast against (B, M, H, W); mean8: eighths of a step,
whole; worth: as `worth_of` gives it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.encoder.distortion import step_weight
from lvcodec.entropy import grid
from lvcodec.entropy.rates import gaussian_bits, laplace_bits, shifted_bits
from lvcodec.nets.compensation import shift_direction, shift_undo
from lvcodec.nets.swift import Steps
from lvcodec.train.stages.losses import MSE


def worth_of(steps: Steps, quality: Tensor) -> Tensor:
    """What a squared step is worth in bits at these qualities 1..6, (B, M, 1, 1). The encoder's lambdas are of MSE."""
    return step_weight(steps.size.detach(), MSE.lmbda(quality)[:, None, None, None])


def choose(real: Tensor, mean8: Tensor, level: Tensor, worth: Tensor, *, laplace: bool = False) -> Tensor:
    """An I-picture's symbols of latents in steps; with `laplace` those of a P-picture's residuals."""
    with torch.no_grad():
        nearest, mean = torch.round(real), mean8 / grid.MEAN_STEPS
        other = nearest + torch.sign(_centre(mean8) - nearest)
        count = laplace_bits if laplace else gaussian_bits
        costs = [count(s, mean, level) + worth * (real - s).square() for s in (nearest, other)]
        chosen = torch.where(costs[1] < costs[0], other, nearest)
    return chosen + (real - real.detach())


def choose_shifted(real: Tensor, mean8: Tensor, level: Tensor, worth: Tensor) -> Tensor:
    """A P-picture's symbols of residuals in steps, after the shift by one."""
    with torch.no_grad():
        mean, y_res = mean8 / grid.MEAN_STEPS, torch.round(real)
        shifted = y_res - shift_direction(y_res, mean8)
        error = real - shifted - shift_undo(shifted, mean8)
        other = shifted + torch.where(error.abs() > 0.5, torch.sign(error), torch.sign(_centre(mean8) - shifted))
        costs = [
            shifted_bits(s, mean, level) + worth * (real - s - shift_undo(s, mean8)).square() for s in (shifted, other)
        ]
        chosen = torch.where(costs[1] < costs[0], other, shifted)
    return chosen + (real - real.detach())


def _centre(mean8: Tensor) -> Tensor:
    return torch.floor(mean8 / grid.MEAN_STEPS + 0.5)
