"""The sums of a convolution, and powers of two: the operations that all layers are made of.

On a GPU, TF32 and algorithms that transform the numbers (Winograd, FFT) are kept out (exact/backends.py).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# docs/decisions.md#bands-of-rows
COLUMN_BYTES = 2**25  # what float64's columns may take at a time


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int, groups: int, transposed: bool
) -> Tensor:
    """The sums of a convolution, zero padded by half the kernel; shapes as torch's conv2d.

    bias: training's; coding adds its own later.
    """
    padding = weight.shape[-1] // 2
    if transposed:
        return F.conv_transpose2d(
            x, weight, bias, stride=stride, padding=padding, output_padding=stride - 1, groups=groups
        )
    if x.dtype == torch.float64 and padding and bias is None:
        return _in_bands(x, weight, stride=stride, groups=groups)
    return F.conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups)


def _in_bands(x: Tensor, weight: Tensor, *, stride: int, groups: int) -> Tensor:
    """The same sums, a band of rows at a time.

    torch's float64 convolution copies its input once for each tap (docs/decisions.md#bands-of-rows).
    """
    kernel, padding = weight.shape[-1], weight.shape[-1] // 2
    rows, columns = (-(-size // stride) for size in x.shape[2:])
    row_bytes = 8 * x.shape[1] * kernel * kernel * columns
    band = max(1, COLUMN_BYTES // row_bytes)
    if band >= rows:
        return F.conv2d(x, weight, stride=stride, padding=padding, groups=groups)
    tall = F.pad(x, (0, 0, padding, padding))
    parts = []
    for first in range(0, rows, band):
        end = min(first + band, rows)
        piece = tall[:, :, first * stride : (end - 1) * stride + kernel]
        parts.append(F.conv2d(piece, weight, stride=stride, padding=(0, padding), groups=groups))
    return torch.cat(parts, dim=2)


def pointwise(x: Tensor, weight: Tensor) -> Tensor:
    """The sums of a 1x1 convolution of any layout as one matrix product: (N, C, H, W) to channels last."""
    n, c, h, w = x.shape
    out = x.permute(0, 2, 3, 1).reshape(n * h * w, c) @ weight.flatten(1).t()
    return out.view(n, h, w, -1).permute(0, 3, 1, 2)


def scale_of_shift(shift: Tensor, dtype: torch.dtype) -> Tensor:
    """2^-shift, exact: numpy's ldexp is, torch's goes through pow."""
    scale = np.ldexp(1.0, -shift.cpu().numpy().astype(np.int32))
    return torch.from_numpy(scale).to(shift.device, dtype)


def requantise(acc: Tensor, shift: Tensor) -> Tensor:
    """round(acc * 2^-shift), half to even, in integers. acc: (N, O, H, W) int64; shift: (O,)."""
    bits = shift.to(torch.int64).view(1, -1, 1, 1)
    down, up = bits.clamp(min=0), (-bits).clamp(min=0)
    half = torch.where(down > 0, (torch.ones_like(down) << down) >> 1, 0)
    odd = torch.where(down > 0, (acc >> down) & 1, 1)
    return ((acc + half - 1 + odd) >> down) << up
