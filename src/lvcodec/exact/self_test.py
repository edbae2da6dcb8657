"""Layers of every form, run on fixed integers: one hash for all backends and devices.

`lvcodec doctor` compares it. A model's own networks are its canary's business (models/canary.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor

from lvcodec.exact.backend import Backend
from lvcodec.exact.formats import INT8, WIDE
from lvcodec.exact.gdn import Gdn
from lvcodec.exact.ops import Conv
from lvcodec.exact.packed import Units, floats
from lvcodec.exact.settings import whole_products
from lvcodec.native import self_test

LAYERS_SHA256 = "89a8a6df00bb22602db08299cc810b104cb39ac71905cd4fdd43716d8654e4d0"


def layer_digest(backend: Backend, device: str | torch.device) -> str:
    """SHA-256, hexadecimal, of what layers of all forms put out; LAYERS_SHA256 if the backend is right."""
    digest = hashlib.sha256()
    with whole_products(), torch.inference_mode():
        for layer, whole_numbers in _layers():
            x = whole_numbers.to(device, layer.fmt.dtype)
            in_bytes = layer.fmt is INT8
            layer.use(backend if in_bytes else backend.for_wide_networks)
            out = layer(backend.units(x, 1.0) if in_bytes else x)
            digest.update(whole(out).numpy().astype("<i8").tobytes())
    return digest.hexdigest()


def whole(x: Units, factor: int = 1) -> Tensor:
    """Units, or multiples of 1 / factor, as int64 on the processor, planar."""
    return (floats(x, torch.float64).to(torch.float64) * factor).to(torch.int64).cpu().contiguous()


def numbers(shape: tuple[int, ...], low: int, high: int, step: int) -> Tensor:
    """See native/self_test.py."""
    return torch.from_numpy(self_test.numbers(shape, low, high, step))


def _layers() -> Iterator[tuple[Conv, Tensor]]:
    """Layers with their integers, and an input each, int64."""
    forms = [
        Conv(33, 24, 3, fmt=INT8, act="relu", in_max=128),
        Conv(48, 17, fmt=INT8, in_max=128),
        Conv(20, 24, 5, fmt=INT8, act="wide", stride=2, in_max=128),
        Conv(32, 32, 3, fmt=INT8, groups=32, in_max=128),
        Conv(12, 16, 3, fmt=WIDE, act="relu"),
        Conv(12, 16, 3, fmt=WIDE, act="wide", stride=2),
        Conv(8, 10, 5, fmt=WIDE, act="relu", stride=2, transposed=True),
        Conv(24, 8, fmt=WIDE),
    ]
    for layer in forms:
        narrow = layer.fmt is INT8
        top, bits = (64, 10) if narrow else (2**15 - 1, 17)
        outputs, inputs = len(layer.bias), layer.weight.shape[0 if layer.transposed else 1] * layer.groups
        layer.load_integers(
            "self-test",
            numbers(tuple(layer.weight.shape), -top, top, 48271).to(torch.int32),
            numbers((outputs,), -(2**bits), 2**bits, 69621),
            (bits - 2 + torch.arange(outputs) % 5).to(torch.int32),
        )
        yield layer, numbers((1, inputs, 10, 12), layer.fmt.low, layer.fmt.high, 40692)
    for inverse in (False, True):
        gdn = Gdn(9, fmt=WIDE, inverse=inverse)
        gamma = numbers((9, 9, 1, 1), 0, 3000, 48271).to(torch.int32)
        gdn.load_integers("self-test", gamma, numbers((9,), 2**31, 2**33, 69621), torch.zeros(9, dtype=torch.int32))
        yield gdn, numbers((1, 9, 10, 12), -(2**16), 2**16, 40692)
