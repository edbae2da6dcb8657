"""Planes of a 4:2:0 picture as channels at an eighth of its sides, and back: pixels as activations hold them.

    Y (B, 1, H, W), U and V (B, 1, H/2, W/2) ──► (B, 64 + 16 + 16, H/8, W/8), levels - 128

H, W: multiples of 8. Each channel is one place of a block of 8x8 pels of Y, or 4x4 of U or V.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lvcodec.exact.packed import SIGNED, Packed, Units

SIDES = (8, 4, 4)  # of the blocks, by plane
CHANNELS = [side * side for side in SIDES]


def planes_to_channels(y: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Planes in levels, floats, to channels."""
    return torch.cat([F.pixel_unshuffle(plane, side) for plane, side in zip((y, u, v), SIDES, strict=True)], 1) - SIGNED


def bytes_to_channels(y: Tensor, u: Tensor, v: Tensor) -> Packed:
    """planes_to_channels of bytes, packed: a level is the byte of level - 128."""
    blocks = [_blocks(plane, side).permute(0, 2, 3, 1) for plane, side in zip((y, u, v), SIDES, strict=True)]
    return Packed(torch.cat(blocks, dim=3).permute(0, 3, 1, 2))


def channels_to_planes(x: Units) -> tuple[Tensor, Tensor, Tensor]:
    """The inverse of both: planes of levels, bytes if x is packed (and signed)."""
    if isinstance(x, Packed):
        y, u, v = (_plane(part, side) for part, side in zip(torch.split(x.data, CHANNELS, dim=1), SIDES, strict=True))
    else:
        parts = torch.split(x + SIGNED, CHANNELS, dim=1)
        y, u, v = (F.pixel_shuffle(part, side) for part, side in zip(parts, SIDES, strict=True))
    return y, u, v


def _blocks(plane: Tensor, side: int) -> Tensor:
    """Bytes (N, 1, H, W) to (N, side * side, H / side, W / side), channels last: pixel_unshuffle of one plane."""
    n, _, h, w = plane.shape
    return plane.reshape(n, h // side, side, w // side, side).permute(0, 2, 4, 1, 3).flatten(1, 2)


def _plane(x: Tensor, side: int) -> Tensor:
    """The inverse of `_blocks`, for channels last."""
    n, _, h, w = x.shape
    return x.permute(0, 2, 3, 1).reshape(n, h, w, side, side).permute(0, 1, 3, 2, 4).reshape(n, 1, h * side, w * side)
