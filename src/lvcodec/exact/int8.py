"""The backend `int8`: bytes between the layers, torch's fused convolution where it is exact, floats elsewhere.

The fused operator is private to torch, so each process that may use it first compares it with the reference on a few
small layers.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from lvcodec.exact import fused
from lvcodec.exact.backend import Backend, Computed, Integers
from lvcodec.exact.condition import Condition
from lvcodec.exact.convolution import pointwise, scale_of_shift
from lvcodec.exact.floats import FLOAT, FloatLayer
from lvcodec.exact.formats import INT8
from lvcodec.exact.fused import Digits, Fused
from lvcodec.exact.packed import SIGNED, Packed, Units, floats, pack
from lvcodec.exact.planes import bytes_to_channels
from lvcodec.exact.reference import REFERENCE

# docs/decisions.md#weights-laid-out-for-the-inputs-shape
SHAPES_KEPT = 8  # of inputs, for which a layer's weights are laid out


class Int8Backend(Backend):
    """oneDNN's convolution of bytes, on processors."""

    name = "int8"

    def condition(self, device: str | torch.device) -> Condition:
        if str(device) != "cpu" or not fused.available():
            return Condition.ABSENT
        return Condition.WORKS if fused_agrees() else Condition.WRONG

    @property
    def for_wide_networks(self) -> Backend:
        return FLOAT

    def layer(self, integers: Integers) -> Computed:
        return Int8Layer(integers)

    def units(self, x: Tensor, factor: float | Tensor) -> Units:
        return pack(x, factor)

    def counts(self, x: Tensor) -> Units:
        return Packed((x + SIGNED).contiguous(memory_format=torch.channels_last))

    def levels(self, y: Tensor, u: Tensor, v: Tensor) -> Units:
        return bytes_to_channels(y, u, v)


class Int8Layer:
    """A layer of a network whose activations are bytes.

    Called with (N, I, H, W), it gives a Packed if its output has 8 bits and its input is one, else floats.
    """

    def __init__(self, integers: Integers) -> None:
        self._integers = integers
        # The linear path between packed layers: a matrix product, channels last, is the faster form.
        is_product = integers.weight.shape[-1] == 1 and integers.act == "wide" and integers.fmt.dtype == torch.float64
        self._floats = (_ProductLayer if is_product else FloatLayer)(integers)
        self._laid_out: dict[tuple[int, ...], Fused | Digits | None] = {}

    def __call__(self, x: Units) -> Units:
        if isinstance(x, Tensor):
            return self._floats(x)
        layer = self._for_shape(x)
        if isinstance(layer, Digits):
            return self._floats.requantised(layer(x))
        if layer is not None:
            return layer(x)
        out = self._floats(x)
        return pack(out) if self._integers.fmt is INT8 and self._integers.act != "wide" else out

    def _for_shape(self, x: Packed) -> Fused | Digits | None:
        """The weights as oneDNN wants them for such an input; None where its convolution would not be exact."""
        key = (x.zero, *x.data.shape)
        if key not in self._laid_out:
            if len(self._laid_out) >= SHAPES_KEPT:
                self._laid_out.clear()
            self._laid_out[key] = self._lay_out(x)
        return self._laid_out[key]

    def _lay_out(self, x: Packed) -> Fused | Digits | None:
        own = self._integers
        if own.fmt is not INT8:
            if own.transposed or not Digits.fit(own.weight, own.groups):
                return None
            return Digits(own.weight, stride=own.stride, like=x)
        if not fused.fits(own.shift, own.act):
            return None
        scale = scale_of_shift(own.shift, torch.float32)
        return Fused(own.weight, own.bias, scale, act=own.act, stride=own.stride, groups=own.groups, like=x)


class _ProductLayer(FloatLayer):
    """A 1x1 layer in floats as one matrix product, channels last."""

    def sums(self, x: Tensor, weight: Tensor) -> Tensor:
        return pointwise(x, weight)


INT8_BACKEND = Int8Backend()


# ---- whether the operator computes right ------------------------------------------------------------------------

_SMALL_LAYERS = (  # input and output channels, kernel, stride, groups, activation, zero of the input
    (48, 32, 3, 1, 1, "clamp", 128),
    (48, 32, 1, 1, 1, "relu", 0),
    (20, 24, 5, 2, 1, "wide", 0),
    (32, 32, 3, 1, 32, "clamp", 128),
    (33, 70, 3, 1, 1, "wide", 128),
)


@lru_cache(maxsize=1)
def fused_agrees() -> bool:
    """Whether the fused convolution gives the reference's numbers on a few small layers; found out once a process."""
    try:
        return all(_agrees(*case) for case in _SMALL_LAYERS)
    except (RuntimeError, TypeError):  # a torch whose private operator has other arguments, or none for this machine
        return False


def _agrees(inputs: int, outputs: int, kernel: int, stride: int, groups: int, act: str, zero: int) -> bool:
    count = torch.arange(outputs * (inputs // groups) * kernel * kernel)
    weight = (count * 7919 % 129 - 64).view(outputs, inputs // groups, kernel, kernel)
    bias, shift = torch.arange(outputs) * 331 - 4000, torch.arange(outputs) % 5 + 7
    layer = Integers(weight, bias, shift, INT8, act, stride, groups)
    data = (torch.arange(2 * inputs * 9 * 7) * 104729 % 256).view(2, inputs, 9, 7).to(torch.uint8)
    x = Packed(data.contiguous(memory_format=torch.channels_last), zero)
    expected, ours = (floats(backend.layer(layer)(x), torch.float64).double() for backend in (REFERENCE, INT8_BACKEND))
    return torch.equal(expected, ours)
