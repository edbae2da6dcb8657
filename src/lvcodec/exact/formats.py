"""How layers hold numbers: formats, and the clamps, roundings and rectifiers that bring numbers into them.

All activations are held in *units*: the integers that the coder computes with. A format says how many units make 1.0
and what range they have. Training carries the same numbers unrounded, so each function here passes gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Format:
    """How a family's layers hold numbers.

    one: units that make 1.0; per_symbol: units that one quantiser step takes where integers enter a network;
    low, high: range of a signed activation; high_relu: top of a rectified one;
    weight_max: largest absolute integer weight; limit: no sum may reach it; leak: slope of the rectifier below zero (0
    for ReLU).
    """

    one: int
    per_symbol: int
    low: int
    high: int
    high_relu: int
    weight_max: int
    limit: int
    leak: float

    @property
    def dtype(self) -> torch.dtype:
        """What torch computes sums in: the shortest floats that hold all below the limit."""
        import torch

        return torch.float32 if self.limit <= 2**24 else torch.float64


# The form that fused int8 convolutions run: 8-bit activations, weights within +-64 (pairs of products then stay
# below 2^15, so processors that add them in 16 bits do not saturate), power-of-two scales.
# docs/decisions.md#eight-bit-layers
INT8 = Format(
    one=16,
    per_symbol=8,
    low=-128,
    high=127,
    high_relu=255,
    weight_max=64,
    limit=2**24,
    leak=0.0,
)
# For networks that were not trained for 8 bits: 24-bit activations in steps of 2^-12, 16-bit weights (half the file
# of 20-bit ones, and still 80 dB and more above what they round away), sums in float64.
# docs/decisions.md#wide-layers
WIDE = Format(
    one=4096,
    per_symbol=4096,
    low=-(2**23),
    high=2**23 - 1,
    high_relu=2**23 - 1,
    weight_max=2**15 - 1,
    limit=2**53,
    leak=0.01,
)


def to_units(x: Tensor, factor: float | Tensor, fmt: Format, *, rounded: bool) -> Tensor:
    """Bring numbers into a network: one product, one rounding (if `rounded`), one clamp to the signed range."""
    scaled = x * factor
    if rounded:
        from lvcodec.exact.rounding import round_ste

        scaled = round_ste(scaled)
    return clamp(scaled, fmt)


def clamp(x: Tensor, fmt: Format) -> Tensor:
    """Bring a sum of activations back into the format's signed range."""
    return _between(x, fmt.low, fmt.high)


def leaks(fmt: Format, act: str) -> bool:
    """Whether a layer's rectifier lets a part of what is below zero pass, and rounds after it in place of before."""
    return act == "relu" and fmt.leak > 0


def activate(acc: Tensor, fmt: Format, act: str, *, whole: bool) -> Tensor:
    """The activation of a layer (exact/ops.py) on its sums, in units; whole: round what leaks, as coding does."""
    if act == "wide":
        return acc
    if act == "clamp":
        return clamp(acc, fmt)
    if not fmt.leak:
        return _between(acc, 0, fmt.high_relu)
    import torch

    leaked = torch.where(acc < 0, acc * fmt.leak, acc)
    return _between(leaked.round_() if whole else leaked, fmt.low, fmt.high_relu)


def _between(x: Tensor, low: int, high: int) -> Tensor:
    """A clamp; in training the form whose gradient is one pass instead of four."""
    if not x.requires_grad:
        return x.clamp(low, high)
    import torch.nn.functional as F

    return F.hardtanh(x, low, high)
