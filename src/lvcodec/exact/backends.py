"""Who computes a convolution of integers.

One backend: torch's convolution in float32 or float64 on integer values, exact because no sum can round
(bounds.py). On a GPU, TF32 and algorithms that transform the numbers (Winograd, FFT) are kept out.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int, groups: int, transposed: bool
             ) -> Tensor:
    """The sums of a convolution, zero padded by half the kernel; shapes as torch's conv2d. Coding adds its bias later:
    here it is training's."""
    padding = weight.shape[-1] // 2
    if transposed:
        return F.conv_transpose2d(x, weight, bias, stride=stride, padding=padding, output_padding=stride - 1,
                                  groups=groups)
    if x.dtype == torch.float64 and padding and bias is None:
        return _in_bands(x, weight, stride=stride, groups=groups)
    return F.conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups)


COLUMN_BYTES = 2**25  # what float64's columns may take at a time


def _in_bands(x: Tensor, weight: Tensor, *, stride: int, groups: int) -> Tensor:
    """The same sums, a band of rows at a time.

    torch's float64 convolution copies its input once for each tap: 5 GB for 128 channels at half of 1080p. In bands
    that fit the cache it is also a third faster.
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


def pick_device(name: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda", set up so that its sums are exact.

    Raises UsageError if "cuda" is asked for where there is none.
    """
    from lvcodec.errors import UsageError

    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is available", "use --device cpu")
    # float64 would be needed to keep cuDNN from Winograd in float32; until a CUDA backend is proved exact by its
    # own tests, "auto" stays on the processor.
    if name != "cuda":
        return torch.device("cpu")
    torch.backends.cudnn.enabled = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda")
