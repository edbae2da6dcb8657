"""torch's fused int8 convolution (oneDNN): sums of bytes, bias, requantisation and rectifier in one pass.

    Packed ─► Σ (byte - zero) · weight ─► + bias ─► · 2^-shift ─► [round half to even, clamp] ─► Packed or float32

Its integer sums are exact on any processor as long as weights stay within +-64 (docs/decisions.md#eight-bit-layers).
It requantises in float32: exact, since sums stay below 2^24 and scales are powers of two, with one exception that
`fits` keeps out. The operator is private to torch, so int8.py uses it only where it agrees with the reference.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.exact.formats import INT8
from lvcodec.exact.packed import SIGNED, Packed

OPERATOR, PREPACK = "qconv2d_pointwise", "qconv_prepack"
# docs/decisions.md#signed-shifts-up-to-16
MAX_SIGNED_SHIFT = 16


def available() -> bool:
    """Whether this torch has the operators."""
    return hasattr(torch.ops.onednn, OPERATOR) and hasattr(torch.ops.onednn, PREPACK)


def fits(shift: Tensor, act: str) -> bool:
    """Whether requantisation cannot round twice.

    A signed output is rounded after its zero point, 128, was added: up to 255 and 16 binary places are 24 bits.
    """
    return act != "clamp" or int(shift.max()) <= MAX_SIGNED_SHIFT


class Fused:
    """A layer's integers, packed for one zero point and shape of its input.

    Other shapes give the same numbers, but oneDNN then lays the weights out anew at each call, which can take ten times
    as long as the convolution.

    weight: (O, I / groups, k, k), within +-64; bias: (O,); scale: (O,) float32, powers of two. act: "relu", "clamp"
    (both give a Packed) or "wide": float32, rounded to whole numbers.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, scale: Tensor, *, act: str, stride: int, groups: int, like: Packed
    ) -> None:
        self.act, self.zero, self._zero_out = act, like.zero, SIGNED if act == "clamp" else 0
        self._scale, self._bias = scale, bias.to(torch.float32) * scale
        self._zeros = torch.zeros(len(scale), dtype=torch.int64)
        self._geometry = [stride] * 2, [weight.shape[-1] // 2] * 2, [1, 1], groups
        self._packed = torch.ops.onednn.qconv_prepack(
            weight.to(torch.int8).contiguous(), self._scale, 1.0, self.zero, *self._geometry, list(like.data.shape)
        )
        self._operator = torch.ops.onednn.qconv2d_pointwise.default

    def __call__(self, x: Packed) -> Packed | Tensor:
        out = self.run(x)
        return out if self.act == "wide" else Packed(out, self._zero_out)

    def run(self, x: Packed) -> Tensor:
        """The operator's output: bytes, of a wide layer whole numbers in float32."""
        wide, rectified = self.act == "wide", self.act == "relu"
        out: Tensor = self._operator(
            x.data,
            1.0,
            self.zero,
            self._packed,
            self._scale,
            self._zeros,
            self._bias,
            *self._geometry,
            1.0,
            self._zero_out,
            torch.float32 if wide else torch.uint8,
            "relu" if rectified else "none",
            [],
            "",
        )
        return out.round_() if wide else out


# docs/decisions.md#wide-weights-by-digits
DIGIT_BITS = 7


class Digits:
    """The sums of bytes times weights of more than 8 bits.

    They are a fused convolution with each digit of the weights, put together in float64, which is faster than a product
    in float64 (docs/performance.md).

    weight: (O, I, k, k) whole numbers; see `fit`. Called with the input, gives (N, O, H, W) float64.
    """

    def __init__(self, weight: Tensor, *, stride: int, like: Packed) -> None:
        digits: list[Tensor] = []
        rest = weight.to(torch.int64)
        while rest.any() or not digits:
            digits.append((rest + 64 & 127) - 64)  # from -64 to 63
            rest = rest - digits[-1] >> DIGIT_BITS
        self._count, outputs = len(digits), len(digits) * len(weight)
        self._layer = Fused(
            torch.cat(digits), torch.zeros(outputs), torch.ones(outputs), act="wide", stride=stride, groups=1, like=like
        )

    @staticmethod
    def fit(weight: Tensor, groups: int) -> bool:
        """Whether the sums of each digit are exact: |byte - zero| is at most 255."""
        return groups == 1 and 255 * 64 * weight[0].numel() < INT8.limit

    def __call__(self, x: Packed) -> Tensor:
        first, *others = reversed(self._layer.run(x).chunk(self._count, dim=1))
        total = first.double()
        for part in others:
            total.mul_(2.0**DIGIT_BITS).add_(part)
        return total
