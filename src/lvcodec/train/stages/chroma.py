"""How much more chroma counts in training than the planes' 6:1:1 of squared errors says.

PSNR 6:1:1 is a mean of decibels, in which a plane's error counts by its size: chroma's are the smaller ones. And x264
and x265 give chroma finer steps than luma, the more the coarser both are. (docs/decisions.md#chroma)
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from lvcodec.encoder.distortion import CHROMA, LUMA
from lvcodec.models.inter_steps import between_knots
from lvcodec.models.steps import between_qualities
from lvcodec.nets.linear import PATCH_CHANNELS
from lvcodec.nets.swift import Swift

FINER = (1.6, 1.6, 1.5, 1.4, 1.25, 1.1, 1.0, 1.0, 1.0)  # times, than luma's steps, at the whole qualities
# The same of the inter path's steps, 1 ... KNOTS (docs/decisions.md#the-inter-path).
INTER_FINER = (3.9, 3.9, 3.6, 3.3, 2.7, 2.25, 2.15, 1.95, 1.9, 1.9, 1.9)
SHARE = 0.5  # of what a latent makes of pixels, from which on it is one of chroma


def weight(quality: Tensor) -> Tensor:
    """What squared errors of chroma count at these qualities, times their part in 6:1:1, (B,)."""
    return between_qualities(_finer(FINER, quality.dtype, quality.device), quality).square()


def inter_weight(quality: Tensor) -> Tensor:
    """The same in the inter path, whose qualities go on to KNOTS, (B,)."""
    return between_knots(_finer(INTER_FINER, quality.dtype, quality.device), quality).square()


@lru_cache
def _finer(times: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Kept on the device: what is recorded there (train/run/cuda_graph.py) cannot copy from the host."""
    return torch.tensor(times, dtype=dtype, device=device)


def make_finer(model: Swift) -> None:
    """Make the steps of I-pictures' latents of chroma finer, as their errors weigh more: D = step^2 / 12."""
    with torch.no_grad():
        energy = model.dec_linear.weight.square().sum(dim=(2, 3))
        energy[: PATCH_CHANNELS * 2 // 3] *= LUMA / CHROMA
        chroma = energy[PATCH_CHANNELS * 2 // 3 :].sum(dim=0) / energy.sum(dim=0) > SHARE
        model.log_step[:, chroma] -= torch.tensor(FINER).log()[:, None]
