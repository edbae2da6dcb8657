"""Who computes a layer of integers. All give the same bits; tests/exact/test_backends.py compares them.

    reference   sums in int64, requantised by integer shifts: obviously exact, and slow. The judge of the others
    float       sums in float32 or float64 that cannot round (bounds.py)
    int8        fused.py for the layers in 8 bits, float for the rest

On a GPU, TF32 and algorithms that transform the numbers (Winograd, FFT) are kept out.
"""

from __future__ import annotations

import os
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lvcodec.errors import UsageError
from lvcodec.exact import fused
from lvcodec.exact.packed import Packed

VARIABLE = "LVCODEC_BACKEND"
BACKENDS = ("reference", "float", "int8")
FALLBACK = ("int8", "float", "reference")  # the fastest first; models/canary.py goes on to the next


def pick_backend(name: str, device: torch.device) -> str:
    """The backend for "auto" or one of BACKENDS; the environment variable LVCODEC_BACKEND stands for "auto".

    Raises UsageError if there is no such backend, or it cannot be had on this machine.
    """
    if name == "auto":
        name = os.environ.get(VARIABLE) or "auto"
    if name not in ("auto", *BACKENDS):
        raise UsageError(f"there is no backend {name!r}", f"choose one of auto, {', '.join(BACKENDS)}")
    if name in ("auto", "int8"):
        works = device.type == "cpu" and int8_works()
        if name == "int8" and not works:
            raise UsageError("the int8 backend does not work on this machine", "use --backend auto")
        return "int8" if works else "float"
    return name


@lru_cache(maxsize=1)
def int8_works() -> bool:
    """Whether the fused convolution is there and gives the reference's numbers on a few small layers (the canary)."""
    if not fused.available():
        return False
    try:
        return all(_canary(*case) for case in _CANARIES)
    except (RuntimeError, TypeError):  # a torch whose private operator has other arguments, or none for this machine
        return False


def int8_fails(device: torch.device) -> bool:
    """Whether the fused convolution is there, and wrong."""
    return device.type == "cpu" and fused.available() and not int8_works()


_CANARIES = (  # input and output channels, kernel, stride, groups, activation, zero of the input
    (48, 32, 3, 1, 1, "clamp", 128),
    (48, 32, 1, 1, 1, "relu", 0),
    (20, 24, 5, 2, 1, "wide", 0),
    (32, 32, 3, 1, 32, "clamp", 128),
    (33, 70, 3, 1, 1, "wide", 128),
)


def _canary(inputs: int, outputs: int, kernel: int, stride: int, groups: int, act: str, zero: int) -> bool:
    count = torch.arange(outputs * (inputs // groups) * kernel * kernel)
    weight = (count * 7919 % 129 - 64).view(outputs, inputs // groups, kernel, kernel)
    bias, shift = torch.arange(outputs) * 331 - 4000, torch.arange(outputs) % 5 + 7
    data = (torch.arange(2 * inputs * 9 * 7) * 104729 % 256).view(2, inputs, 9, 7).to(torch.uint8)
    x = Packed(data.contiguous(memory_format=torch.channels_last), zero)
    sums = convolve(x.data.to(torch.int64) - zero, weight, stride=stride, groups=groups, transposed=False)
    expected = requantise(sums + bias.view(1, -1, 1, 1), shift)
    if act != "wide":
        expected = expected.clamp(0, 255) if act == "relu" else expected.clamp(-128, 127)
    scale = scale_of(shift, torch.float32)
    got = fused.Fused(weight, bias, scale, act=act, stride=stride, groups=groups, like=x)(x)
    return torch.equal(expected.double(), got.unpacked(torch.float64) if isinstance(got, Packed) else got.double())


def scale_of(shift: Tensor, dtype: torch.dtype) -> Tensor:
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


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int, groups: int, transposed: bool
) -> Tensor:
    """The sums of a convolution, zero padded by half the kernel; shapes as torch's conv2d. Coding adds its bias later:
    here it is training's.
    """
    padding = weight.shape[-1] // 2
    if transposed:
        return F.conv_transpose2d(
            x, weight, bias, stride=stride, padding=padding, output_padding=stride - 1, groups=groups
        )
    if x.dtype == torch.float64 and padding and bias is None:
        return _in_bands(x, weight, stride=stride, groups=groups)
    return F.conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups)


def pointwise(x: Tensor, weight: Tensor) -> Tensor:
    """The sums of a 1x1 convolution of any layout as one matrix product: (N, C, H, W) to channels last."""
    n, c, h, w = x.shape
    out = x.permute(0, 2, 3, 1).reshape(n * h * w, c) @ weight.flatten(1).t()
    return out.view(n, h, w, -1).permute(0, 3, 1, 2)


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
