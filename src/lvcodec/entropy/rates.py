"""Rates in floats, differentiable: nearly what the integer tables charge. For training and the encoder's search."""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.entropy import grid

FLOOR = 2.0**-22  # about the least probability in a table, whose counts are 1 or more of 2^24; never a log of 0


def scale_of(level: Tensor) -> Tensor:
    """Scale in quantiser steps of a level of the scale grid (a real number in training)."""
    return grid.LOWEST_SCALE * torch.exp2(level / grid.PER_OCTAVE)


def gaussian_bits(symbols: Tensor, mean: Tensor, level: Tensor) -> Tensor:
    """-log2 of the Gaussian's integral over symbol +- 1/2, element by element."""
    scale = scale_of(level)
    distance = (symbols - mean).abs()
    root = 2.0**-0.5
    upper = torch.erfc((distance - 0.5) / scale * root)
    lower = torch.erfc((distance + 0.5) / scale * root)
    return -torch.log2((0.5 * (upper - lower)).clamp_min(FLOOR))


def _laplace_mass(symbols: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    def below(t: Tensor) -> Tensor:
        tail = 0.5 * torch.exp(-t.abs() / scale)
        return torch.where(t < 0, tail, 1 - tail)

    distance = (symbols - mean).abs()
    return below(0.5 - distance) - below(-0.5 - distance)


def laplace_bits(symbols: Tensor, mean: Tensor, level: Tensor) -> Tensor:
    """-log2 of the Laplace distribution's integral over symbol +- 1/2, element by element."""
    return -torch.log2(_laplace_mass(symbols, mean, scale_of(level)).clamp_min(FLOOR))


def shifted_bits(symbols: Tensor, mean: Tensor, level: Tensor) -> Tensor:
    """-log2 of the mass of symbols that were moved one step towards their mean: the distribution's push-forward."""
    scale, apart = scale_of(level), (symbols - mean).detach()
    mass = (apart.abs() < 0.5) * _laplace_mass(symbols, mean, scale)
    mass = mass + (apart >= -0.5) * _laplace_mass(symbols + 1, mean, scale)
    mass = mass + (apart <= 0.5) * _laplace_mass(symbols - 1, mean, scale)
    return -torch.log2(mass.clamp_min(FLOOR))
