"""Blocks of the swift family: residual, dense or depthwise, all in 8-bit units."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from lvcodec.exact.formats import INT8
from lvcodec.exact.ops import Conv
from lvcodec.exact.packed import Units, add, at_places, spread


class Residual(nn.Module):
    """x + f(x), clamped; f starts at zero. x: (B, C, H, W) units in [-128, 127]; same shape out.

    kind "dense": 3x3, ReLU, 3x3. kind "depthwise": depthwise 3x3, pointwise to widen * C, ReLU, pointwise to C.
    """

    def __init__(self, channels: int, kind: str, widen: int = 2) -> None:
        super().__init__()
        if kind == "dense":
            self.body = nn.Sequential(
                Conv(channels, channels, 3, fmt=INT8, act="relu", in_max=128),
                Conv(channels, channels, 3, fmt=INT8, act="wide", zero=True),
            )
        elif kind == "depthwise":
            self.body = nn.Sequential(
                Conv(channels, channels, 3, fmt=INT8, groups=channels, in_max=128),
                Conv(channels, widen * channels, fmt=INT8, act="relu", in_max=128),
                Conv(widen * channels, channels, fmt=INT8, act="wide", zero=True),
            )
        else:
            raise ValueError(f"unknown block kind {kind!r}")

    def forward(self, x: Units) -> Units:
        return add(x, self.body(x), INT8)

    def at(self, x: Units, places: Tensor, shape: Sequence[int]) -> Units:
        """The same of a depthwise block at some places alone, (1, C, 1, n): right where all around one is among them.

        places: (n,), flat in N * H * W; shape: N, H, W.
        """
        moved = at_places(self.body[0](spread(x, places, shape)), places)
        return add(x, self.body[2](self.body[1](moved)), INT8)


def residuals(channels: int, depth: int, kind: str, widen: int = 2) -> nn.Sequential:
    """`depth` residual blocks."""
    return nn.Sequential(*(Residual(channels, kind, widen) for _ in range(depth)))
