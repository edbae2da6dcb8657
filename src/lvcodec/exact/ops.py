"""Layers that train in floating point and code in integers, with one forward path for both.

All activations are held in *units*: the integers that the coder computes with. A format says how many units make
1.0 and what range they have. In training the same numbers are carried unrounded (or rounded, with `simulate`), so
a network is written once:

    training   x (units, float) ── conv with float masters ── [round] ── clamp ──► units
    coding     x (units, whole) ── conv of whole numbers ── · 2^-shift, round half to even, clamp ──► whole units

Between layers in 8 bits, coding may hold activations as bytes (packed.py): networks use its functions for all that is
no layer, and `backends.py` says who computes a layer.

Only sums of integers below the format's limit (bounds.py) and single correctly rounded operations occur in
coding, so every machine gets the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lvcodec.exact import backends, bounds, fused, packed
from lvcodec.exact.fused import Digits, Fused
from lvcodec.exact.packed import Packed, Shuffle, Units
from lvcodec.exact.rounding import round_ste


@dataclass(frozen=True)
class Format:
    """How a family's layers hold numbers.

    one: units that make 1.0; per_symbol: units that one quantiser step takes where integers enter a network;
    low, high: range of a signed activation; high_relu: top of a rectified one;
    weight_max: largest absolute integer weight; limit: no sum may reach it; dtype: what sums are computed in;
    leak: slope of the rectifier below zero (0 for ReLU).
    """

    one: int
    per_symbol: int
    low: int
    high: int
    high_relu: int
    weight_max: int
    limit: int
    dtype: torch.dtype
    leak: float


# The form that fused int8 convolutions run: 8-bit activations, weights within +-64 (pairs of products then stay
# below 2^15, so processors that add them in 16 bits do not saturate), power-of-two scales.
INT8 = Format(
    one=16,
    per_symbol=8,
    low=-128,
    high=127,
    high_relu=255,
    weight_max=64,
    limit=2**24,
    dtype=torch.float32,
    leak=0.0,
)
# For networks that were not trained for 8 bits: 24-bit activations in steps of 2^-12, 16-bit weights (half the file
# of 20-bit ones, and still 80 dB and more above what they round away), sums in float64.
WIDE = Format(
    one=4096,
    per_symbol=4096,
    low=-(2**23),
    high=2**23 - 1,
    high_relu=2**23 - 1,
    weight_max=2**15 - 1,
    limit=2**53,
    dtype=torch.float64,
    leak=0.01,
)


def to_units(x: Tensor, factor: float | Tensor, fmt: Format, *, rounded: bool) -> Tensor:
    """Bring numbers into a network: one product, one rounding (if `rounded`), one clamp to the signed range."""
    scaled = x * factor
    if rounded:
        scaled = round_ste(scaled)
    return clamp(scaled, fmt)


def clamp(x: Tensor, fmt: Format) -> Tensor:
    """Bring a sum of activations back into the format's signed range."""
    return _between(x, fmt.low, fmt.high)


def add(x: Units, change: Units, fmt: Format) -> Units:
    """A sum of activations, brought back into the format's signed range; the change is used up."""
    return packed.add(x, change, fmt.low, fmt.high)


def _between(x: Tensor, low: int, high: int) -> Tensor:
    """A clamp; in training the form whose gradient is one pass instead of four."""
    return F.hardtanh(x, low, high) if x.requires_grad else x.clamp(low, high)


SHAPES_KEPT = 8  # of inputs, for which a layer's weights are laid out


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
        self.backend = "float"
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
        self.integers: tuple[Tensor, Tensor, Tensor] | None = None
        self._ready: tuple[Tensor, Tensor, Tensor] | None = None
        self._fused: dict[tuple[int, ...], Fused | Digits | None] = {}

    def forward(self, x: Units) -> Units:
        return self._forward_packed(x) if isinstance(x, Packed) else self.forward_floats(x)

    def forward_floats(self, x: Tensor) -> Tensor:
        """The layer in training, or in coding by a backend that holds units in floating point."""
        if self.coding:
            return self._forward_integers(x)
        from lvcodec.exact import masters  # not needed to code, and uses what a decoder must not

        acc = masters.sums(self, x)
        return self._activate(round_ste(acc) if self.simulate and not self._leaky else acc)

    @property
    def _leaky(self) -> bool:
        return self.act == "relu" and self.fmt.leak > 0

    def _forward_packed(self, x: Packed) -> Units:
        layer = self._laid_out(x)
        if isinstance(layer, Fused):
            return layer(x)
        if isinstance(layer, Digits):
            return self._requantised(layer(x))
        found = self._forward_integers(x.unpacked(self.fmt.dtype))
        return packed.pack(found) if self.fmt is INT8 else found

    def _laid_out(self, x: Packed) -> Fused | Digits | None:
        """The weights as oneDNN wants them for such an input; None where its convolution would not be exact."""
        key = (x.zero, *x.data.shape)
        if key not in self._fused:
            if len(self._fused) >= SHAPES_KEPT:
                self._fused.clear()
            weight, bias, shift = self._given()
            layer: Fused | Digits | None = None
            if self.fmt is not INT8:
                if not self.transposed and Digits.fit(weight, self.groups):
                    layer = Digits(weight, stride=self.stride, like=x)
            elif fused.fits(shift, self.act):
                layer = Fused(
                    weight,
                    bias,
                    backends.scale_of(shift, torch.float32),
                    act=self.act,
                    stride=self.stride,
                    groups=self.groups,
                    like=x,
                )
            self._fused[key] = layer
        return self._fused[key]

    def _forward_integers(self, x: Tensor) -> Tensor:
        if self.backend == "reference":
            return self._forward_reference(x)
        weight, _, _ = self._on(x.device)
        x = x.to(self.fmt.dtype)
        return self._requantised(backends.pointwise(x, weight) if self._is_product else self.convolve(x, weight))

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Weight, bias and scale as floats on a device."""
        if self._ready is None or self._ready[0].device != device:
            self._ready = self._prepare(device)
        return self._ready

    def _requantised(self, acc: Tensor) -> Tensor:
        """Sums, used up, to the layer's output."""
        _, bias, scale = self._on(acc.device)
        acc.add_(bias).mul_(scale)  # both exact: an integer sum below the limit, a power of two
        return self._activate(acc if self._leaky else acc.round_())

    def _forward_reference(self, x: Tensor) -> Tensor:
        # on the processor, whatever the device: GPUs have no convolution of int64
        weight, bias, shift = (t.to("cpu", torch.int64) for t in self._given())
        acc = self.convolve(x.to("cpu", torch.int64), weight) + bias.view(1, -1, 1, 1)
        if self._leaky:
            found = acc.to(self.fmt.dtype) * backends.scale_of(shift, self.fmt.dtype).view(1, -1, 1, 1)
        else:
            found = backends.requantise(acc, shift).to(self.fmt.dtype)
        return self._activate(found).to(x.device)

    @property
    def _is_product(self) -> bool:
        """Whether a matrix product, channels last, is the faster form: the linear path between packed layers."""
        return self.backend == "int8" and self.kernel == 1 and self.act == "wide" and self.fmt.dtype == torch.float64

    def _given(self) -> tuple[Tensor, Tensor, Tensor]:
        if self.integers is None:
            raise RuntimeError("a layer was switched to coding before it was given its integers")
        return self.integers

    def _prepare(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        weight, bias, shift = (t.to(device) for t in self._given())
        dtype = self.fmt.dtype
        layout = torch.channels_last if dtype == torch.float32 else torch.contiguous_format
        return (
            weight.to(dtype).contiguous(memory_format=layout),
            bias.to(dtype).view(1, -1, 1, 1),
            backends.scale_of(shift, self.fmt.dtype).view(1, -1, 1, 1),
        )

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """The layer's convolution with any weight of its shape."""
        return backends.convolve(x, weight, bias, stride=self.stride, groups=self.groups, transposed=self.transposed)

    def _activate(self, acc: Tensor) -> Tensor:
        fmt = self.fmt
        if self.act == "wide":
            return acc
        if self.act == "clamp":
            return clamp(acc, fmt)
        if fmt.leak:
            leaked = torch.where(acc < 0, acc * fmt.leak, acc)
            if self.coding:
                leaked = leaked.round_()
            return _between(leaked, fmt.low, fmt.high_relu)
        return _between(acc, 0, fmt.high_relu)

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
        bounds.prove(name, self.per_output(weight), bias, self.in_max, self.fmt.limit, self.fmt.weight_max)
        self.integers = (weight, bias, shift)
        self._ready, self._fused = None, {}
        self.coding = True


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


def use_backend(model: nn.Module, name: str) -> None:
    """Choose who computes the integer layers of a network: one of backends.BACKENDS."""
    for _, layer in layers(model):
        layer.backend = name


def simulate(model: nn.Module, on: bool) -> None:
    """Switch rounding of weights and activations in training on or off."""
    for _, layer in layers(model):
        layer.simulate = on
