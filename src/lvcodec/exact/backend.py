"""What a backend of torch is: who computes a network's layers from their integers, and how activations lie between.

    reference.py   sums in int64, requantised by integer shifts: obviously exact, and slow. The judge of the others
    floats.py      sums in float32 or float64 that cannot round (bounds.py)
    int8.py        bytes and fused convolutions for the layers in 8 bits, floats for the rest

All give the same numbers; tests/exact/test_backends.py compares them. backends.py lists and picks them. A further one
is a module with a class like theirs and a place in that list: networks ask a backend for what they hold
(`units`, `levels`) and never which one it is. Our own kernels compute whole networks, without torch (layers.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lvcodec.exact import convolution, formats
from lvcodec.exact.condition import Condition
from lvcodec.exact.formats import INT8, Format, to_units
from lvcodec.exact.packed import Units
from lvcodec.exact.planes import planes_to_channels

Computed = Callable[[Units], Units]  # a layer, ready to compute


@dataclass(frozen=True, eq=False)
class Integers:
    """A layer as coding has it.

    weight: (O, I / groups, k, k), transposed (I, O / groups, k, k); bias: (O,); shift: (O,), the binary places by
    which each sum is brought to units; the rest as in ops.Conv.
    """

    weight: Tensor
    bias: Tensor
    shift: Tensor
    fmt: Format
    act: str
    stride: int = 1
    groups: int = 1
    transposed: bool = False

    @property
    def leaks(self) -> bool:
        """Whether sums are rounded after the rectifier in place of before."""
        return formats.leaks(self.fmt, self.act)

    def convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        """The sums, without bias, of x and `weight`, which are of one type."""
        return convolution.convolve(x, weight, stride=self.stride, groups=self.groups, transposed=self.transposed)

    def activate(self, acc: Tensor) -> Tensor:
        """Units of sums that were brought to units; rounded before, unless it leaks."""
        return formats.activate(acc, self.fmt, self.act, whole=True)


class Backend(ABC):
    """Who computes layers, and what lies between them: floats, unless a class says otherwise.

    name: one of names.BACKENDS.
    """

    name: ClassVar[str]

    def condition(self, device: str | torch.device) -> Condition:
        """Whether it can be used on a device."""
        return Condition.WORKS

    @property
    def for_wide_networks(self) -> Backend:
        """Who computes networks without layers in 8 bits for this one."""
        return self

    @abstractmethod
    def layer(self, integers: Integers) -> Computed:
        """What computes a layer: called with (N, I, H, W) units, as this backend holds them."""

    def units(self, x: Tensor, factor: float | Tensor) -> Units:
        """x * factor as 8-bit units: rounded half to even, clamped to -128..127. Exact as far as the product is."""
        return to_units(x, factor, INT8, rounded=True).to(INT8.dtype)

    def counts(self, x: Tensor) -> Units:
        """Bytes 0 ... 127, (N, C, H, W), as as many 8-bit units."""
        return x.to(INT8.dtype)

    def levels(self, y: Tensor, u: Tensor, v: Tensor) -> Units:
        """Planes of bytes as channels of 8-bit units (planes.py): levels - 128."""
        return planes_to_channels(y.float(), u.float(), v.float())
