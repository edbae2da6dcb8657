"""The backend `float`: sums of whole numbers in float32 or float64, which cannot round (bounds.py)."""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.exact.backend import Backend, Computed, Integers
from lvcodec.exact.convolution import scale_of_shift
from lvcodec.exact.packed import Units, floats


class FloatBackend(Backend):
    """torch's convolutions of floats, on any device."""

    name = "float"

    def layer(self, integers: Integers) -> Computed:
        return FloatLayer(integers)


class FloatLayer:
    """A layer in floats. Called with units (N, I, H, W), gives floats of the layer's format."""

    def __init__(self, integers: Integers) -> None:
        self.integers = integers
        self._ready: tuple[Tensor, Tensor, Tensor] | None = None

    def __call__(self, x: Units) -> Tensor:
        dtype = self.integers.fmt.dtype
        x = floats(x, dtype)
        weight, _, _ = self._on(x.device)
        return self.requantised(self.sums(x.to(dtype), weight))

    def sums(self, x: Tensor, weight: Tensor) -> Tensor:
        """The convolution, without bias."""
        return self.integers.convolve(x, weight)

    def requantised(self, acc: Tensor) -> Tensor:
        """Sums, used up, to the layer's output."""
        _, bias, scale = self._on(acc.device)
        acc.add_(bias).mul_(scale)  # both exact: an integer sum below the limit, a power of two
        return self.integers.activate(acc if self.integers.leaks else acc.round_())

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Weight, bias and scale as floats on a device."""
        if self._ready is None or self._ready[0].device != device:
            self._ready = self._prepared(device)
        return self._ready

    def _prepared(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        layer, dtype = self.integers, self.integers.fmt.dtype
        layout = torch.channels_last if dtype == torch.float32 else torch.contiguous_format
        return (
            layer.weight.to(device).to(dtype).contiguous(memory_format=layout),
            layer.bias.to(device).to(dtype).view(1, -1, 1, 1),
            scale_of_shift(layer.shift.to(device), dtype).view(1, -1, 1, 1),
        )


FLOAT = FloatBackend()
