"""What a stage is, and what the pictures of one step come to: the same for all families."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from lvcodec.train.stages.losses import PIXELS, Measure


@dataclass(frozen=True)
class Outcome:
    """What samples of a batch cost.

    Each (B,): bits a luma pixel, distortion, lambda, weighted squared error in levels. weight: what a sample counts, so
    that high qualities do not outweigh the rest.
    """

    rate: Tensor
    distortion: Tensor
    lmbda: Tensor
    squared: Tensor
    weight: Tensor

    def loss(self) -> Tensor:
        """The mean of weight * (rate + lambda * distortion)."""
        return (self.weight * (self.rate + self.lmbda * self.distortion)).mean()

    def joined(self, other: Outcome) -> Outcome:
        """The samples of both."""
        names = [field.name for field in fields(Outcome)]
        return Outcome(**{name: torch.cat([getattr(self, name), getattr(other, name)]) for name in names})


@dataclass(frozen=True)
class Stage:
    """What a stage trains and on what.

    step: (model, priors, clip, quality, measure=...) to an Outcome. length: pictures of a sample. trained: parameters
    by the start of their names; still: those of them that stay as they began; priors: those of hyper-latents. recorded:
    whether a GPU can do it without the host (run/cuda_graph.py).
    """

    step: Callable[..., Outcome]
    length: int
    trained: tuple[str, ...]
    priors: tuple[str, ...]
    still: tuple[str, ...] = ()
    recorded: bool = False


def outcome(rate: Tensor, distortion: Tensor, squared: Tensor, quality: Tensor, measure: Measure) -> Outcome:
    """An Outcome with the lambdas and weights of these qualities."""
    lmbda = measure.lmbda(quality)
    return Outcome(rate, distortion, lmbda, squared, (measure.lambdas[3] / lmbda) ** 0.3)


def noisy(v: Tensor, *, hard: bool) -> Tensor:
    """Rounded, or with uniform noise of +-1/2: the rate's stand-in for rounding in training."""
    return torch.round(v) if hard else v + torch.rand_like(v) - 0.5


def per_pixel(bits: Tensor, x: Tensor) -> Tensor:
    """Bits a luma pixel; x: (B, 96, H/8, W/8)."""
    return bits / (PIXELS * x.shape[2] * x.shape[3])
