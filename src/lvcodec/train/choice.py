"""The encoder's choice of symbols (codec/choice.py) in training: for batches, by nearly the same bits.

Gradients pass to the latents as through rounding. All tensors broadcast against (B, M, H, W); mean8: eighths of a step,
whole; worth: as `worth_of` gives it.
"""
from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.entropy import grid
from lvcodec.entropy.rates import gaussian_bits, laplace_bits, shifted_bits
from lvcodec.nets.shift import shift_direction, shift_undo
from lvcodec.nets.swift import UNITS_PER_COEFFICIENT, Steps
from lvcodec.nets.swift_worth import LUMA
from lvcodec.train.losses import MSE


def worth_of(steps: Steps, quality: Tensor) -> Tensor:
    """nets/swift_worth.py's step_worth at these qualities 1..6, (B, M, 1, 1). The encoder's lambdas are of MSE."""
    return MSE.lmbda(quality)[:, None, None, None] * LUMA * (steps.inverse.detach() / UNITS_PER_COEFFICIENT) ** 2


def choose(real: Tensor, mean8: Tensor, level: Tensor, worth: Tensor) -> Tensor:
    """An I-picture's symbols of latents in steps."""
    with torch.no_grad():
        nearest = torch.round(real)
        other = nearest + torch.sign(_centre(mean8) - nearest)
        mean = mean8 / grid.MEAN_STEPS
        costs = [gaussian_bits(s, mean, level) + worth * (real - s).square() for s in (nearest, other)]
        chosen = torch.where(costs[1] < costs[0], other, nearest)
    return real + (chosen - real).detach()


def choose_residual(real: Tensor, mean8: Tensor, level: Tensor, worth: Tensor, *, shifted: bool) -> Tensor:
    """A P-picture's symbols of residuals in steps, after the shift by one if `shifted`."""
    with torch.no_grad():
        mean, start = mean8 / grid.MEAN_STEPS, torch.round(real)
        if shifted:
            start = start - shift_direction(start, mean8)

        def known(s: Tensor) -> Tensor:
            return s + shift_undo(s, mean8) if shifted else s

        error = real - known(start)
        other = start + torch.where(error.abs() > 0.5, torch.sign(error), torch.sign(_centre(mean8) - start))
        count = shifted_bits if shifted else laplace_bits
        costs = [count(s, mean, level) + worth * (real - known(s)).square() for s in (start, other)]
        chosen = torch.where(costs[1] < costs[0], other, start)
    return real + (chosen - real).detach()


def _centre(mean8: Tensor) -> Tensor:
    return torch.floor(mean8 / grid.MEAN_STEPS + 0.5)
