"""Who computes a convolution of integers.

One backend: torch's convolution in float32 or float64 on integer values, exact because no sum can round
(bounds.py). On a GPU, TF32 and algorithms that transform the numbers (Winograd, FFT) are kept out.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def convolve(x: Tensor, weight: Tensor, *, stride: int, groups: int, transposed: bool) -> Tensor:
    """The sums of a convolution without bias, zero padded by half the kernel; shapes as torch's conv2d."""
    padding = weight.shape[-1] // 2
    if transposed:
        return F.conv_transpose2d(x, weight, stride=stride, padding=padding, output_padding=stride - 1, groups=groups)
    return F.conv2d(x, weight, stride=stride, padding=padding, groups=groups)


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
