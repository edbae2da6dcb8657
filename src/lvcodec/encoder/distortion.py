"""What errors are worth in bits at a quality of swift, for the encoder's choices. No decoder loads this."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from lvcodec.nets.swift import UNITS_PER_COEFFICIENT
from lvcodec.quality import LAMBDAS

LUMA, CHROMA = 0.75, 0.5  # weights of squared errors: 6:1:1 of the planes' means, a luma pixel


def lambda_of(quality: float) -> float:
    """lambda of a quality 1..6, geometric between the six."""
    return float(np.exp(np.interp(quality, np.arange(1, len(LAMBDAS) + 1), np.log(LAMBDAS))))


def step_worth(inverse: Tensor, lmbda: float | Tensor) -> Tensor:
    """Bits that a squared quantiser step of each latent is worth: lambda times the squared error of luma that it makes
    through the linear path, which is nearly orthonormal. inverse: latent units of a step, (..., M, 1, 1)."""
    return lmbda * LUMA * (inverse / UNITS_PER_COEFFICIENT) ** 2
