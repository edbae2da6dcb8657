"""Generalised divisive normalisation in whole numbers, and its inverse (Balle et al. 2016).

squares = clamp(round(x^2 * 2^-8))                    2^16 squares make 1.0; x^2 itself is exact
acc     = beta + sum_j gamma_j squares_j              a 1x1 convolution of integers, proved like any (bounds.py)
y       = x / sqrt(acc), inverse: x * sqrt(acc)       numpy's root (torch's is not correctly rounded), one
                                                      division or product, one rounding, one clamp
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lvcodec.exact.formats import Format
from lvcodec.exact.ops import Conv
from lvcodec.exact.packed import Units, floats
from lvcodec.exact.rounding import round_ste

SQUARE_MAX = 2**36  # |x| up to 1024; larger ones normalise as if they were 1024
# 2^-16 for a square, 2^-32 for the sum under the root: what it needs above 2^53 is never kept.
SQUARES = Format(
    one=2**16,
    per_symbol=1,
    low=0,
    high=SQUARE_MAX,
    high_relu=SQUARE_MAX,
    weight_max=2**15 - 1,
    limit=2**53,
    leak=0.0,
)
ROOT_BITS = 16


class Gdn(Conv):
    """x / sqrt(beta + gamma x^2), or times the root. x: (N, C, H, W) units of `fmt`; the same shape and units out.

    bias is beta (C,), weight is gamma (C, C, 1, 1), both >= 0 and as they enter the sum: CompressAI's checkpoints
    hold them reparametrised (models/importers.py).
    """

    def __init__(self, channels: int, *, fmt: Format, inverse: bool = False) -> None:
        super().__init__(channels, channels, fmt=SQUARES, act="wide", unit_bits=ROOT_BITS, in_max=SQUARE_MAX, zero=True)
        self.outer, self.inverse = fmt, inverse
        with torch.no_grad():
            self.bias.fill_(1.0)
            self.weight.copy_(0.1 * torch.eye(channels).view(channels, channels, 1, 1))

    def forward(self, x: Units) -> Tensor:
        x = floats(x, self.outer.dtype)
        squares = (x * x) * (SQUARES.one / self.outer.one**2)
        if self.simulate or self.coding:
            squares = round_ste(squares)
        acc = floats(super().forward(squares.clamp(max=SQUARE_MAX)), SQUARES.dtype).clamp(min=1.0)
        if self.coding:
            return self._exact(x, acc)
        from lvcodec.exact import masters  # not needed to code, and uses what a decoder must not

        root = masters.root(acc) * 2.0**-ROOT_BITS
        y = x * root if self.inverse else x / root
        return (round_ste(y) if self.simulate else y).clamp(self.outer.low, self.outer.high)

    def _exact(self, x: Tensor, acc: Tensor) -> Tensor:
        root = acc.cpu().numpy()
        np.sqrt(root, out=root)
        root *= 2.0**-ROOT_BITS  # exact
        values = x.cpu().numpy()
        out = np.multiply(values, root, out=root) if self.inverse else np.divide(values, root, out=root)
        np.rint(out, out=out)
        np.clip(out, self.outer.low, self.outer.high, out=out)
        return torch.from_numpy(out).to(x.device)
