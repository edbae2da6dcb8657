"""The learned rates of hyper-latents, differentiable; those of latents are entropy/rates.py."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from lvcodec.entropy.rates import FLOOR
from lvcodec.errors import InputError
from lvcodec.nets.swift import Swift


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

    def bits(self, z: Tensor, *, hard: bool) -> Tensor:
        """Bits of a hyper-latent (B, C, H, W), (B,): rounded, or with noise of +-1/2 where it is not `hard`."""
        z = torch.round(z) if hard else z + torch.rand_like(z) - 0.5
        flat = z.float().permute(1, 0, 2, 3).reshape(z.shape[1], 1, -1)
        with torch.autocast(z.device.type, enabled=False):
            likelihood = self._likelihood(flat)
        bits = -torch.log2(likelihood.clamp_min(FLOOR))  # (C, 1, B*H*W)
        return bits.reshape(z.shape[1], z.shape[0], -1).sum(dim=(0, 2))

    def pmf(self, reach: int = 127) -> Tensor:
        """(C, 2*reach+1) probabilities of -reach..reach, float64."""
        with torch.no_grad():
            values = torch.arange(-reach, reach + 1, dtype=torch.float32)
            p = self._likelihood(values.expand(self.bottleneck.channels, 1, -1).contiguous()).squeeze(1).double()
            return p / p.sum(dim=1, keepdim=True).clamp_min(1.0)

    def _likelihood(self, values: Tensor) -> Tensor:
        likelihood = self.bottleneck._likelihood(values)
        return likelihood[0] if isinstance(likelihood, tuple) else likelihood


class Priors(nn.Module):
    """The factorised priors of the three hyper-latents, of so many channels."""

    def __init__(self, z_intra: int, z_p: int, z_bfd: int) -> None:
        super().__init__()
        self.z_intra, self.z_p, self.z_bfd = (ChannelPrior(channels) for channels in (z_intra, z_p, z_bfd))


def swift_priors(model: Swift) -> Priors:
    """New priors for the hyper-latents of a model of swift."""
    return Priors(model.shape.z_channels, model.shape.temporal, model.shape.temporal)
