"""The decoder's warp (exact/warp.py), differentiable in what it moves: for gradients alone."""

from __future__ import annotations

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from lvcodec.exact import warp


def soft_warp(planes: Tensor, field: Tensor, share: Tensor, side: int, *, chroma: bool = False) -> Tensor:
    """Planes (B, 1, H, W) moved by fields (B, 2, rows, columns) as by exact/warp.py, differentiable in the planes.

    side: of blocks, in luma pels. share: (B, rows, columns), what part of a block shows this plane: of two planes whose
    shares sum to 1, the sum is what `warp_both` makes of them. It differs in taps, which are bilinear, and in rounding,
    of which there is none.
    """
    side, steps = (side // 2, 2 * warp.STEPS) if chroma else (side, warp.STEPS)
    height, width = planes.shape[2:]
    grown = F.pad(field.to(planes.dtype), (1, 1, 1, 1), mode="replicate") / steps
    shares = F.pad(share[:, None].to(planes.dtype), (1, 1, 1, 1), mode="replicate")
    (rows, down), (columns, across) = (_blocks(size, side, planes) for size in (height, width))
    place = torch.stack(
        torch.meshgrid(
            torch.arange(height, device=planes.device), torch.arange(width, device=planes.device), indexing="ij"
        )
    ).to(planes.dtype)
    last = torch.tensor([height - 1, width - 1], device=planes.device).view(1, 2, 1, 1)
    moved = torch.zeros_like(planes)
    for i, j in product((0, 1), (0, 1)):  # the four blocks that make a pel
        at = place + grown[:, :, rows + i][:, :, :, columns + j]
        grid = (at * 2 / last - 1).flip(1).permute(0, 2, 3, 1)
        weight = (down if i else 1 - down)[:, None] * (across if j else 1 - across)
        weight = weight * shares[:, :, rows + i][:, :, :, columns + j]
        moved = moved + weight * F.grid_sample(planes, grid, padding_mode="border", align_corners=True)
    return moved


def _blocks(size: int, side: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Of each pel along a side: the nearer block before it, in a field grown by one, and the weight of the next."""
    at = (torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) / side + 0.5
    first = at.floor()
    return first.long(), at - first
