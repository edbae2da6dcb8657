"""The encoder's decision on symbols (encoder/symbols.py) in training: for batches, by nearly the same bits.

Gradients pass to the latents as through rounding. All tensors broadcast against (B, M, H, W); mean8: eighths of a step,
whole; weight: bits that a squared step is worth.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.entropy import grid
from lvcodec.entropy.rates import gaussian_bits, laplace_bits


def decide(real: Tensor, mean8: Tensor, level: Tensor, weight: Tensor, *, laplace: bool = False) -> Tensor:
    """An I-picture's symbols of latents in steps; with `laplace` those of a P-picture's residuals."""
    with torch.no_grad():
        nearest, mean = torch.round(real), mean8 / grid.MEAN_STEPS
        other = nearest + torch.sign(_centre(mean8) - nearest)
        count = laplace_bits if laplace else gaussian_bits
        costs = [count(s, mean, level) + weight * (real - s).square() for s in (nearest, other)]
        cheaper = torch.where(costs[1] < costs[0], other, nearest)
    return cheaper + (real - real.detach())


def _centre(mean8: Tensor) -> Tensor:
    return torch.floor(mean8 / grid.MEAN_STEPS + 0.5)
