"""Estimated rates, in floats: what the integer tables will charge, differentiable. Training only."""
from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from lvcodec.entropy import grid
from lvcodec.errors import InputError

FLOOR = 2.0**-22  # no table gives a symbol less than about this


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
    """The same of symbols that were moved one step towards their mean: the push-forward of the distribution."""
    scale, apart = scale_of(level), (symbols - mean).detach()
    mass = (apart.abs() < 0.5) * _laplace_mass(symbols, mean, scale)
    mass = mass + (apart >= -0.5) * _laplace_mass(symbols + 1, mean, scale)
    mass = mass + (apart <= 0.5) * _laplace_mass(symbols - 1, mean, scale)
    return -torch.log2(mass.clamp_min(FLOOR))


class ChannelPrior(nn.Module):
    """The factorised prior of a hyper-latent: CompressAI's EntropyBottleneck, its table on request."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of torch, about what compressai imports
                from compressai.entropy_models import EntropyBottleneck  # seconds to import, and training is long
        except ImportError as error:
            raise InputError("training needs the package compressai", "pip install 'lvcodec[train]'") from error
        self.bottleneck = EntropyBottleneck(channels, init_scale=6.0)

    def bits(self, z: Tensor, *, noisy: bool) -> Tensor:
        """-log2 P, element by element; z: (B, C, H, W), noise of +-1/2 added if `noisy`."""
        if noisy:
            z = z + torch.rand_like(z) - 0.5
        flat = z.float().permute(1, 0, 2, 3).reshape(z.shape[1], 1, -1)
        with torch.autocast(z.device.type, enabled=False):
            likelihood = self.bottleneck._likelihood(flat)
        likelihood = likelihood[0] if isinstance(likelihood, tuple) else likelihood
        return -torch.log2(likelihood.clamp_min(FLOOR))

    def pmf(self, reach: int = 127) -> Tensor:
        """(C, 2*reach+1) probabilities of -reach..reach, float64."""
        with torch.no_grad():
            values = torch.arange(-reach, reach + 1, dtype=torch.float32)
            channels = self.bottleneck.channels
            likelihood = self.bottleneck._likelihood(values.expand(channels, 1, -1).contiguous())
            likelihood = likelihood[0] if isinstance(likelihood, tuple) else likelihood
            p = likelihood.squeeze(1).double()
            return p / p.sum(dim=1, keepdim=True).clamp_min(1.0)
