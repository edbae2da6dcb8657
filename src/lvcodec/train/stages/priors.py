"""The learned rates of hyper-latents, differentiable; those of latents are entropy/rates.py."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from lvcodec.entropy.rates import FLOOR
from lvcodec.errors import InputError


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
