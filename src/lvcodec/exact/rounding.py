"""Rounding that training can pass through."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


def round_ste(x: Tensor) -> Tensor:
    """Round half to even; the gradient passes as if nothing had happened."""
    if not x.requires_grad:
        return torch.round(x)
    rounded: Tensor = _Round.apply(x)
    return rounded
