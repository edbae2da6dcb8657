"""What distortion is to the encoder: squared errors of pixels, planes weighted 6:1:1, and latents' share in them."""

from __future__ import annotations

from typing import Any

PLANES = (6 / 8, 1 / 8, 1 / 8)  # weights of the planes' mean squared errors
LUMA, CHROMA = 0.75, 0.5  # weights of squared errors: 6:1:1 of the planes' means, a luma pixel


def step_weight(step_size: Any, lmbda: Any) -> Any:
    """Bits that a squared quantiser step of each latent is worth, of the shape of both.

    Lambda times the squared error of luma that the step makes through the linear path, which is nearly orthonormal.
    step_size: of a step in coefficients of the picture's levels, (..., M, 1, 1), torch's or numpy's.
    """
    return lmbda * LUMA * step_size**2
