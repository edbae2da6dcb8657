"""Layers that train in floating point and code in integers, with one forward path for both.

All activations are held in *units* (formats.py): the integers that the coder computes with. In training the same
numbers are carried unrounded (or rounded, with `simulate`), so a network is written once:

    training   x (units, float) ── conv with float masters ── [round] ── clamp ──► units
    coding     x (units, whole) ── conv of whole numbers ── · 2^-shift, round half to even, clamp ──► whole units

masters.py is the upper line, a backend (backend.py) the lower one. A backend may hold activations as bytes (packed.py):
networks use that module's functions for all that is no layer.

Only sums of integers below the format's limit (bounds.py) and single correctly rounded operations occur in
coding, so every machine gets the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lvcodec.exact import bounds, convolution
from lvcodec.exact.backend import Backend, Computed, Integers
from lvcodec.exact.floats import FLOAT
from lvcodec.exact.formats import Format
from lvcodec.exact.packed import Shuffle, Units, floats


class Conv(nn.Module):
    """A convolution with bias, requantisation and activation (stride, groups as in torch; zero padding).

    x: (N, in_channels, H, W) units with |x| <= in_max. Returns (N, out_channels, H/stride, W/stride):
    act "relu": units in [0, high_relu] ("leaky" formats: [low, high_relu]); act "clamp": units in [low, high];
    act "wide": whole numbers without a clamp, 2**unit_bits of them where "clamp" has one unit.

    `transposed` makes it the transposed convolution (padding k//2, output padding stride-1).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        *,
        fmt: Format,
        act: str = "clamp",
        stride: int = 1,
        groups: int = 1,
        transposed: bool = False,
        unit_bits: int = 0,
        in_max: int | None = None,
        zero: bool = False,
    ) -> None:
        super().__init__()
        self.fmt, self.act, self.stride, self.groups, self.transposed = fmt, act, stride, groups, transposed
        self.kernel, self.unit_bits = kernel, unit_bits
        self.weight_max = fmt.weight_max  # less where weights are to take less room
        self.in_max = in_max if in_max is not None else max(fmt.high_relu, -fmt.low)
        self.simulate = False
        self.coding = False
        self.backend: Backend = FLOAT
        shape = (
            in_channels if transposed else out_channels,
            (out_channels if transposed else in_channels) // groups,
            kernel,
            kernel,
        )
        self.weight = nn.Parameter(torch.zeros(shape))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        if not zero and not self.weight.is_meta:  # where nothing is held, torch would load its compiler to draw numbers
            fan_in = in_channels // groups * kernel * kernel / (stride * stride if transposed else 1)
            nn.init.normal_(self.weight, std=(2.0 / (1 + fmt.leak**2) / fan_in) ** 0.5 * (1 if act == "relu" else 0.7))
        self.integers: Integers | None = None
        self._computed: Computed | None = None  # by the backend, from the first call on

    def forward(self, x: Units) -> Units:
        if self.coding:
            return (self._computed or self._compute())(x)
        from lvcodec.exact import masters  # not needed to code, and uses what a decoder must not

        return masters.forward(self, floats(x, self.fmt.dtype))

    def _compute(self) -> Computed:
        if self.integers is None:
            raise RuntimeError("a layer was switched to coding before it was given its integers")
        self._computed = self.backend.layer(self.integers)
        return self._computed

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """The layer's convolution with any weight of its shape."""
        return convolution.convolve(x, weight, bias, stride=self.stride, groups=self.groups, transposed=self.transposed)

    def per_output(self, weight: Tensor) -> Tensor:
        """A weight of this layer with its output channels first, as (O, the rest)."""
        if self.transposed:
            weight = weight.transpose(0, 1)
        return weight.reshape(weight.shape[0], -1)

    def shape_back(self, flat: Tensor) -> Tensor:
        """The inverse of per_output."""
        if self.transposed:
            i, o, k, _ = self.weight.shape
            return flat.reshape(o, i, k, k).transpose(0, 1)
        return flat.reshape(self.weight.shape)

    def load_integers(self, name: str, weight: Tensor, bias: Tensor, shift: Tensor) -> None:
        """Switch to coding with these integers. Raises WeightsError if their bound does not hold."""
        flat = self.per_output(weight).cpu().numpy()
        bounds.prove(name, flat, bias.cpu().numpy(), self.in_max, self.fmt.limit, self.fmt.weight_max)
        self.integers = Integers(weight, bias, shift, self.fmt, self.act, self.stride, self.groups, self.transposed)
        self._computed = None
        self.coding = True

    def use(self, backend: Backend) -> None:
        """Let a backend compute the layer when it codes."""
        self.backend, self._computed = backend, None


def subpixel(
    in_channels: int, out_channels: int, *, fmt: Format, act: str = "relu", factor: int = 2, kernel: int = 3
) -> nn.Sequential:
    """Upsampling as the fused int8 convolution can run it: a convolution, then a pixel shuffle.

    With kernel 3 and factor 2 it can do all that a transposed 5x5 convolution of stride 2 does.
    """
    return nn.Sequential(Conv(in_channels, out_channels * factor * factor, kernel, fmt=fmt, act=act), Shuffle(factor))


def layers(model: nn.Module) -> Iterator[tuple[str, Conv]]:
    """All integer layers of a network, by name, in a fixed order."""
    for name, module in model.named_modules():
        if isinstance(module, Conv):
            yield name, module


def use_backend(model: nn.Module, backend: Backend) -> None:
    """Let a backend compute the integer layers of a network when it codes."""
    for _, layer in layers(model):
        layer.use(backend)


def simulate(model: nn.Module, *, on: bool) -> None:
    """Switch rounding of weights and activations in training on or off."""
    for _, layer in layers(model):
        layer.simulate = on
