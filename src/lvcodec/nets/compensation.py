"""Latent shifting and its compensation (Kim et al. 2022, equations 4 to 6, Table 1): BFD-E, BFD-D, LCM.

The encoder moves each residual one step, or half a step, towards its mean where it is half a step or more away
(`shift_direction`), sends what a whole step destroys in a small hyper-latent (BFD-E), and the decoder's LCM repairs the
latent.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lvcodec.entropy import grid
from lvcodec.exact.formats import Format
from lvcodec.exact.ops import Conv
from lvcodec.exact.packed import Units, join
from lvcodec.nets.shapes import LATENT_GRID
from lvcodec.nets.temporal import hyper_decoder, hyper_encoder, unit_bits_for

HALF_STEP = grid.MEAN_STEPS // 2  # of the quantiser, in eighths


def shift_direction(y_res: Tensor, mean8: Tensor) -> Tensor:
    """Which way each residual lies from its mean (Kim et al. 2022, eq. 4): BFD.

    y_res: (B, M, H, W) whole numbers, |v| <= 2**15; mean8: the same shape, means in eighths of a step, whole.
    Returns the same shape: 0 where |y_res - mean| < 1/2, else the sign of y_res - mean. codec/shift.py has the same in
    whole numbers.
    """
    apart = y_res * grid.MEAN_STEPS - mean8
    return torch.sign(apart) * (apart.abs() >= HALF_STEP)


def shift_undo(y_shift: Tensor, mean8: Tensor) -> Tensor:
    """What most likely takes a shift by one back; arguments as for `shift_direction`.

    Returns 0 where |y_shift - mean| < 1/2; the sign of y_shift - mean where it is more than 1/2, and its opposite
    where it is 1/2: from the other side of the mean is likelier than from three halves away. codec/shift.py has the
    same in whole numbers.
    """
    direction = shift_direction(y_shift, mean8)
    return torch.where((y_shift * grid.MEAN_STEPS - mean8).abs() == HALF_STEP, -direction, direction)


class ShiftCompensation(nn.Module):
    """BFD-E, BFD-D and LCM. m: latent channels; n: hidden width; extra: channels the family adds to LCM's input."""

    def __init__(self, m: int, n: int, fmt: Format, *, extra: int = 0) -> None:
        super().__init__()
        self.bfd_e = hyper_encoder(2 * m, n, fmt)
        self.bfd_d = hyper_decoder(n, fmt)
        self.lcm = nn.Sequential(
            Conv(2 * n + 2 * m + extra, 3 * n, 3, fmt=fmt, act="relu"),
            Conv(3 * n, 2 * n, 3, fmt=fmt, act="relu"),
            Conv(2 * n, m, fmt=fmt, act="wide", unit_bits=unit_bits_for(fmt, LATENT_GRID), zero=True),
        )

    def correction(self, z: Units, y_shift: Units, y_ref: Units, *extra: Units) -> Tensor:
        """LCM's output, (B, M, H, W), LATENT_GRID whole numbers for each quantiser step.

        z: (B, N, H/4, W/4) units; y_shift, y_ref: (B, M, H, W) units.
        """
        return self.lcm(join([self.bfd_d(z), y_shift, y_ref, *extra]))
