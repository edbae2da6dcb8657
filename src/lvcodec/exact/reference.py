"""The backend `reference`: sums in int64 and integer shifts, the judge of the others."""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.exact.backend import Backend, Computed, Integers
from lvcodec.exact.convolution import requantise, scale_of_shift
from lvcodec.exact.packed import Units, floats


class ReferenceBackend(Backend):
    """Obviously exact, and slow."""

    name = "reference"

    def layer(self, integers: Integers) -> Computed:
        return ReferenceLayer(integers)


class ReferenceLayer:
    """A layer in int64. Called with units (N, I, H, W), gives floats of the layer's format on the same device."""

    def __init__(self, integers: Integers) -> None:
        self._integers = integers

    def __call__(self, x: Units) -> Tensor:
        layer, dtype = self._integers, self._integers.fmt.dtype
        x = floats(x, dtype)
        # on the processor, whatever the device: GPUs have no convolution of int64
        weight, bias, shift = (part.to("cpu", torch.int64) for part in (layer.weight, layer.bias, layer.shift))
        acc = layer.convolve(x.to("cpu", torch.int64), weight) + bias.view(1, -1, 1, 1)
        if layer.leaks:
            scaled = acc.to(dtype) * scale_of_shift(shift, dtype).view(1, -1, 1, 1)
        else:
            scaled = requantise(acc, shift).to(dtype)
        return layer.activate(scaled).to(x.device)


REFERENCE = ReferenceBackend()
