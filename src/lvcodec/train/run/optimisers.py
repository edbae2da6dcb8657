"""Muon for hidden convolutions, Adam for the rest (docs/decisions.md#optimisers)."""

from __future__ import annotations

import math
from collections import defaultdict

import torch
from torch import Tensor, nn


def _orthogonalised(update: Tensor) -> Tensor:
    """Five Newton-Schulz steps towards the nearest semi-orthogonal matrices. update: (N, rows, columns)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = (update / (update.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(update.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum (Nesterov, 0.95), orthogonalised: for weights of hidden convolutions seen as (out, in * k * k)."""

    def __init__(self, params: list[nn.Parameter], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            for p in params:
                if "momentum" not in self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
            momenta, grads = [self.state[p]["momentum"] for p in params], [p.grad for p in params]
            torch._foreach_mul_(momenta, 0.95)
            torch._foreach_add_(momenta, grads)
            alike: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
            for p, update in zip(params, torch._foreach_add(grads, momenta, alpha=0.95), strict=True):
                alike[p.flatten(1).shape].append((p, update.reshape(p.shape[0], -1)))
            for shape, pairs in alike.items():  # matrices of one shape together: a GPU has fewer operations to start
                size = math.sqrt(max(1.0, shape[0] / shape[1]))
                for (p, _), step in zip(pairs, _orthogonalised(torch.stack([u for _, u in pairs])), strict=True):
                    p.add_(step.reshape(p.shape), alpha=-group["lr"] * size)


def optimisers(
    named: list[tuple[str, nn.Parameter]],
    *,
    muon_lr: float,
    adam_lr: float,
    linear_lr: float,
    plain: tuple[str, ...],
    muon: bool = True,
) -> list[torch.optim.Optimizer]:
    """Muon (if `muon`) for the weights of hidden convolutions, Adam for the rest.

    Not for Muon: names that start with one of `plain`, depthwise and one-dimensional weights. The linear path, which
    starts well and spoils easily, has a rate of its own.
    """
    hidden: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    linear: list[nn.Parameter] = []
    for name, p in named:
        is_hidden = muon and p.ndim == 4 and p.shape[1] > 1 and not name.startswith(plain)
        is_linear = name.endswith(("enc_linear.weight", "dec_linear.weight")) and linear_lr != adam_lr
        (hidden if is_hidden else linear if is_linear else rest).append(p)
    every: list[torch.optim.Optimizer] = [Muon(hidden, muon_lr)] if hidden else []
    if rest:
        groups = [{"params": rest, "lr": adam_lr}] + ([{"params": linear, "lr": linear_lr}] if linear else [])
        every.append(torch.optim.Adam(groups, adam_lr, betas=(0.9, 0.98)))
    return every
