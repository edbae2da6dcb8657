"""Activations between layers: floats in units, or the same numbers packed into bytes for the fused convolution.

    Tensor   (N, C, H, W) units, whole when coding; any backend, training
    Packed   (N, C, H, W) bytes, channels last in memory; a byte stands for byte - zero

Networks are written with the functions below, which take either. All that a Packed goes through are permutations,
clamps and sums of small integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lvcodec.exact.formats import Format, clamp

SIGNED = 128  # the zero of -128..127; rectified activations, 0..255, have 0
CHANGE_MAX = 2.0**12  # units: beyond it a changed activation is at an end of its range, whatever it was


@dataclass(frozen=True, eq=False)
class Packed:
    """8-bit activations. data: (N, C, H, W) uint8, channels last; zero: the byte that stands for 0."""

    data: Tensor
    zero: int = SIGNED

    @property
    def shape(self) -> torch.Size:
        return self.data.shape

    def unpacked(self, dtype: torch.dtype) -> Tensor:
        """The same units in floating point."""
        return self.data.to(dtype).sub_(self.zero)


Units = Tensor | Packed


def floats(x: Units, dtype: torch.dtype) -> Tensor:
    """Units in floating point: bytes as `dtype`, floats as they are."""
    return x.unpacked(dtype) if isinstance(x, Packed) else x


def pack(x: Tensor, factor: float | Tensor = 1.0) -> Packed:
    """x * factor, rounded half to even and clamped to -128..127. Exact as far as the product is."""
    scaled = (x * factor).round_().clamp_(-SIGNED, SIGNED - 1).add_(SIGNED)
    return Packed(scaled.to(torch.uint8).contiguous(memory_format=torch.channels_last))


def join(parts: Sequence[Units]) -> Units:
    """Channels after one another; a part may be a view that repeats itself. All packed, and signed, or none."""
    packed = [part for part in parts if isinstance(part, Packed)]
    if not packed:
        return torch.cat([part for part in parts if isinstance(part, Tensor)], dim=1)
    if len(packed) < len(parts) or any(part.zero != SIGNED for part in packed):
        raise ValueError("activations of different kinds cannot be joined")
    return Packed(torch.cat([part.data.permute(0, 2, 3, 1) for part in packed], dim=3).permute(0, 3, 1, 2))


def keep(x: Units, mask: Tensor) -> Units:
    """x where the mask, (1, 1, H, W) of ones and zeros, is 1; 0 elsewhere."""
    if isinstance(x, Packed):
        return Packed(x.data.masked_fill(mask == 0, x.zero), x.zero)
    return x * mask


def rectified(x: Units) -> Units:
    """max(x, 0), held as before."""
    return Packed(x.data.clamp_min(x.zero), x.zero) if isinstance(x, Packed) else x.clamp_min(0)


def at_places(x: Units, places: Tensor) -> Units:
    """The channels at some places alone, as a row: (N, C, H, W) to (1, C, 1, n). places: (n,), flat in N * H * W."""
    data = x.data if isinstance(x, Packed) else x
    row = data.permute(0, 2, 3, 1).flatten(0, 2)[places].view(1, 1, -1, x.shape[1]).permute(0, 3, 1, 2)
    return Packed(row, x.zero) if isinstance(x, Packed) else row


def spread(row: Units, places: Tensor, shape: Sequence[int]) -> Units:
    """The inverse of at_places: (1, C, 1, n) to (N, C, H, W), 0 at all other places. shape: N, H, W."""
    channels, (n, h, w) = row.shape[1], shape
    if isinstance(row, Packed):
        data = row.data.new_full((n * h * w, channels), row.zero)
        data[places] = row.data.permute(0, 2, 3, 1).view(-1, channels)
        return Packed(data.view(n, h, w, channels).permute(0, 3, 1, 2), row.zero)
    rows = row.permute(0, 2, 3, 1).reshape(-1, channels)
    return rows.new_zeros(n * h * w, channels).index_put((places,), rows).view(n, h, w, channels).permute(0, 3, 1, 2)


def replaced(x: Units, places: Tensor, row: Units) -> Units:
    """x with (1, C, 1, n) of the same kind at some places. x: (N, C, H, W); places: (n,), flat in N * H * W."""
    data, new = (part.data if isinstance(part, Packed) else part for part in (x, row))
    n, c, h, w = data.shape
    rows = data.permute(0, 2, 3, 1).reshape(-1, c).clone()
    rows[places] = new.permute(0, 2, 3, 1).view(-1, c)
    changed = rows.view(n, h, w, c).permute(0, 3, 1, 2)
    return Packed(changed, x.zero) if isinstance(x, Packed) else changed


def expand(x: Units, like: Units) -> Units:
    """x, (N or 1, C, 1, 1), as a view at all places of `like`, (N, ., H, W)."""
    shape = like.shape[0], x.shape[1], *like.shape[2:]
    return Packed(x.data.expand(shape), x.zero) if isinstance(x, Packed) else x.expand(shape)


def add(x: Units, change: Units, fmt: Format) -> Units:
    """x + change, clamped to the signed range of `fmt`. Packed if x is, and then signed.

    x, change: (N, C, H, W), whole when coding. A packed x may be changed by floats, as wide layers put them out; they
    are used up.
    """
    if isinstance(x, Tensor):
        return clamp(x + floats(change, x.dtype), fmt)
    if isinstance(change, Packed):
        wide = x.data.to(torch.int16).add_(change.data).sub_(change.zero)
    else:
        wide = change.add_(x.data)
    return Packed(wide.clamp_(fmt.low + x.zero, fmt.high + x.zero).to(torch.uint8), x.zero)


def add_parts(x: Units, change: Tensor, part: float, fmt: Format) -> Units:
    """x + change * part, rounded half to even and clamped to the signed range of `fmt`. Packed if x is.

    x: (N, C, H, W) whole; change: the same shape, float64, whole, used up; part: a power of two, 2^-11 or more, so that
    all of the sum is exact.
    """
    if isinstance(x, Tensor):
        return clamp(change.mul_(part).add_(x).round_(), fmt)
    # Up to CHANGE_MAX float32 holds all parts.
    sums = change.clamp_(-CHANGE_MAX / part, CHANGE_MAX / part).to(torch.float32).mul_(part).add_(x.data)
    return Packed(sums.round_().clamp_(fmt.low + x.zero, fmt.high + x.zero).to(torch.uint8), x.zero)


def unshuffle(x: Units, factor: int) -> Units:
    """torch's pixel_unshuffle; of bytes in (N, C, H, W) or channels last, channels last."""
    if isinstance(x, Tensor):
        return F.pixel_unshuffle(x, factor)
    n, c, h, w = x.shape
    split = x.data.permute(0, 2, 3, 1).reshape(n, h // factor, factor, w // factor, factor, c)
    # One copy for each offset: a single permuting copy has an inner loop of `factor` elements.
    parts = [split[:, :, a, :, b] for a in range(factor) for b in range(factor)]
    return Packed(torch.stack(parts, dim=4).flatten(3).permute(0, 3, 1, 2), x.zero)


@overload
def shuffle(x: Tensor, factor: int) -> Tensor: ...
@overload
def shuffle(x: Packed, factor: int) -> Packed: ...
def shuffle(x: Units, factor: int) -> Units:
    """torch's pixel_shuffle; channels last stay so where they are packed or float64."""
    if isinstance(x, Packed):
        return Packed(_spread(x.data, factor), x.zero)
    if x.dtype == torch.float64 and x.is_contiguous(memory_format=torch.channels_last) and not x.requires_grad:
        return _spread(x, factor)
    return F.pixel_shuffle(x, factor)


def _spread(x: Tensor, factor: int) -> Tensor:
    """pixel_shuffle from channels last to channels last, of any type."""
    n, c, h, w = x.shape
    c //= factor * factor
    source = x.permute(0, 2, 3, 1).reshape(n, h, w, c, factor * factor)
    out = x.new_empty(n, h, factor, w, factor, c)
    for a in range(factor):
        for b in range(factor):
            out[:, :, a, :, b] = source[..., a * factor + b]
    return out.view(n, h * factor, w * factor, c).permute(0, 3, 1, 2)


def planar(x: Tensor) -> Tensor:
    """The same numbers, channel by channel in memory. Two dimensions at a time torch transposes three times faster."""
    n, c, h, w = x.shape
    if n != 1 or x.is_contiguous():
        return x.contiguous()
    return x.permute(0, 2, 3, 1).reshape(h * w, c).t().contiguous().view(n, c, h, w)


class Shuffle(nn.Module):
    """`shuffle` as a layer."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Units) -> Units:
        return shuffle(x, self.factor)
