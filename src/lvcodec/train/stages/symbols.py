"""The encoder's decision on symbols (encoder/symbols.py) in training: for batches, by nearly the same bits.

Gradients pass to the latents as through rounding. All tensors broadcast against (B, M, H, W); mean8: eighths of a step,
whole; weight: bits that a squared step is worth.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.entropy import grid
from lvcodec.entropy.rates import gaussian_bits, laplace_bits, shifted_bits
from lvcodec.nets.compensation import shift_direction, shift_undo


def decide(real: Tensor, mean8: Tensor, level: Tensor, weight: Tensor, *, laplace: bool = False) -> Tensor:
    """An I-picture's symbols of latents in steps; with `laplace` those of a P-picture's residuals."""
    with torch.no_grad():
        nearest, mean = torch.round(real), mean8 / grid.MEAN_STEPS
        other = nearest + torch.sign(_centre(mean8) - nearest)
        count = laplace_bits if laplace else gaussian_bits
        costs = [count(s, mean, level) + weight * (real - s).square() for s in (nearest, other)]
        cheaper = torch.where(costs[1] < costs[0], other, nearest)
    return cheaper + (real - real.detach())


def decide_known(real: Tensor, mean8: Tensor, level: Tensor, weight: Tensor) -> Tensor:
    """A P-picture's residuals as a decoder knows them where they are shifted by one: see encoder/symbols.py."""
    with torch.no_grad():
        mean, y_res = mean8 / grid.MEAN_STEPS, torch.round(real)
        shifted = y_res - shift_direction(y_res, mean8)
        error = real - (shifted + shift_undo(shifted, mean8))
        away = torch.sign(error) * (error.abs() > 0.5)
        other = shifted + torch.where(away != 0, away, torch.sign(_centre(mean8) - shifted))
        candidates = [(s, s + shift_undo(s, mean8)) for s in (shifted, other)]
        costs = [shifted_bits(s, mean, level) + weight * (real - known).square() for s, known in candidates]
        return torch.where(costs[1] < costs[0], candidates[1][1], candidates[0][1])


def _centre(mean8: Tensor) -> Tensor:
    return torch.floor(mean8 / grid.MEAN_STEPS + 0.5)
