"""The decision of symbols by rate and distortion of the whole picture (`--effort`): costs the decoder nothing.

Rounding a latent gives the nearest picture, not the best one for its bits. From there each pass asks the networks, run
forward and back in floats, what one step up or down would change, for every symbol by itself,

    change = own bits + (slope of lambda * distortion and of the others' bits) * step + trust * curvature * step^2 / 2

takes a random part of the steps that seem to pay, and keeps the picture if it did get better. If not, the curvature is
trusted to be more than was thought, and other steps are tried from the best picture so far. The curvature is that of an
orthonormal transform, which the linear path nearly is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvcodec import names, quality
from lvcodec.arrays import Ints
from lvcodec.encoder.distortion import CHROMA, LUMA, step_weight
from lvcodec.encoder.float_twin import float_twin
from lvcodec.entropy import grid
from lvcodec.entropy.rates import gaussian_bits, laplace_bits, shifted_bits
from lvcodec.errors import UsageError
from lvcodec.exact.planes import planes_to_channels
from lvcodec.models.store import ModelInfo
from lvcodec.nets.coding import Planes
from lvcodec.nets.compensation import shift_undo
from lvcodec.nets.linear import UNITS_PER_LEVEL
from lvcodec.nets.swift import Steps, Swift, parity, steps_from_tables

# docs/decisions.md#steps-of-the-refinement
TAKEN = 0.35  # a pass takes this part of the steps that seem to pay: more would get into each other's way
TRUST, MISTRUST = 0.7, 1.3  # the curvature at first, and its growth when a pass made nothing better

# Of symbols: the picture's cost in bits, and for a step up and down (2, ...) its slope and its curvature / 2.
Costs = tuple[Tensor, Tensor, Tensor]


def refiner_of(info: ModelInfo, quality_index: int, passes: int) -> Refiner:
    """What refines symbols in `passes` rounds (1 or more) at one quality.

    Raises UsageError if the family has none, WeightsError if the weights are damaged.
    """
    if info.family not in names.REFINED_FAMILIES:
        raise UsageError(f"effort is for the swift family, not for {info.family}", "leave --effort out")
    model, steps = float_twin(info.path, info.weights_id)
    return Refiner(model, steps_from_tables(steps, quality_index), quality_index, passes)


class Refiner:
    """Refines the symbols of pictures at one quality.

    model: a float twin of the networks; steps: its quantiser; passes: how many rounds, each about
    as dear as a step of training on the picture.
    """

    def __init__(self, model: Swift, steps: Steps, quality_index: int, passes: int) -> None:
        self.model, self.passes = model, passes
        self.steps = Steps(
            *(part.float() for part in (steps.gain, steps.inverse, steps.mean, steps.offset, steps.plane))
        )
        self.lmbda = quality.lambda_of(quality.of_index(quality_index))
        self.curvature = step_weight(self.steps.size, self.lmbda)  # halved: 2 / 2

    def intra(self, planes: Planes, size: tuple[int, int], z: Ints, symbols: Ints) -> Ints:
        """Better symbols of an I-picture.

        planes: padded levels; size: height and width that count; z: (Z, H/64, W/64); symbols: (M, H/16, W/16).
        """
        with _gradients():
            return self._intra(*_target(planes, size), _batch(z), _batch(symbols))

    def _intra(self, x: Tensor, pixel_weights: Tensor, z: Tensor, symbols: Tensor) -> Ints:

        def costs(s: Tensor) -> Costs:
            leaf = s.clone().requires_grad_()
            bits, up, down = self._intra_bits(leaf, s, z)
            error = self.model.synthesis(leaf * self.steps.inverse, self.steps).float() / UNITS_PER_LEVEL - x
            cost = bits + self.lmbda * (pixel_weights * error.square()).sum()
            (slope,) = torch.autograd.grad(cost, leaf)
            return cost.detach(), torch.stack([up + slope, down - slope]), self.curvature

        return self._descend(costs, symbols)

    def _intra_bits(self, known: Tensor, paid: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Bits of `paid`, and by how many a step up and down of each symbol changes its own.

        They depend on `known` through the contexts.
        """
        model, steps = self.model, self.steps
        latents = known * steps.inverse
        psi = model.hyper_features(z, steps)
        first = model.shape.first_group
        up, down = torch.zeros_like(paid), torch.zeros_like(paid)
        bits = torch.zeros(())
        for step in range(4):
            mean8, level = model.context_step(step, psi, latents, steps)
            group = slice(0, first) if step < 2 else slice(first, None)
            inside = parity(paid, step % 2)
            own = gaussian_bits(paid[:, group], mean8 / grid.MEAN_STEPS, level)
            bits = bits + (own * inside).sum()
            with torch.no_grad():
                for change, by in ((up, 1), (down, -1)):
                    moved = gaussian_bits(paid[:, group] + by, mean8 / grid.MEAN_STEPS, level)
                    change[:, group] += (moved - own) * inside
        return bits, up, down

    def residual(
        self,
        planes: Planes,
        size: tuple[int, int],
        reference: NDArray[Any],
        coded: Ints,
        prior: tuple[Ints, Ints],
        *,
        shifted: bool,
        weight: float,
        z_bfd: Ints | None = None,
    ) -> Ints:
        """Better symbols of a P-picture.

        reference: the latents that the residual is added to, (1, M, H/16, W/16) units; coded: the symbols that are
        sent, (M, H/16, W/16); prior: their means in eighths of a step and levels; shifted: whether the symbols are
        shifted by one; weight: of errors, 1 if nothing mends them later; z_bfd: (Z, H/64, W/64) where LCM repairs what
        the shift lost.
        """
        with _gradients():
            x, pixel_weights = _target(planes, size)
            units = torch.from_numpy(np.ascontiguousarray(reference)).float()
            z = None if z_bfd is None else _batch(z_bfd)
            given = units, _batch(coded), _batch(prior[0]), _batch(prior[1])
            return self._residual(x, pixel_weights, *given, shifted=shifted, weight=weight, z_bfd=z)

    def _residual(
        self,
        x: Tensor,
        pixel_weights: Tensor,
        reference: Tensor,
        coded: Tensor,
        mean8: Tensor,
        level: Tensor,
        *,
        shifted: bool,
        weight: float,
        z_bfd: Tensor | None,
    ) -> Ints:
        mean, count = mean8 / grid.MEAN_STEPS, shifted_bits if shifted else laplace_bits
        lmbda = weight * self.lmbda

        def known(s: Tensor) -> Tensor:
            return s + shift_undo(s, mean8) if shifted else s

        def costs(s: Tensor) -> Costs:
            steps = known(s)
            leaf = steps.clone().requires_grad_()
            change = leaf if z_bfd is None else self.model.compensate(z_bfd, leaf, reference, self.steps)
            synthesised = self.model.synthesis(reference + change * self.steps.inverse, self.steps).float()
            cost = lmbda * (pixel_weights * (synthesised / UNITS_PER_LEVEL - x).square()).sum()
            (slope,) = torch.autograd.grad(cost, leaf)
            own = count(s, mean, level)
            slopes, squares = [], []
            for by in (1, -1):
                moved = known(s + by) - steps
                slopes.append(count(s + by, mean, level) - own + slope * moved)
                squares.append(lmbda / self.lmbda * self.curvature * moved.square())
            return cost.detach() + own.sum(), torch.stack(slopes), torch.stack(squares)

        return self._descend(costs, coded)

    def _descend(self, costs: Callable[[Tensor], Costs], symbols: Tensor) -> Ints:
        random = torch.Generator().manual_seed(0)  # the same stream each time
        tried = best = symbols
        lowest, trust = float("inf"), TRUST
        slope = square = torch.zeros(())
        bfloat16 = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        for number in range(self.passes + 1):
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                cost, new_slope, new_square = costs(tried)
            if float(cost) < lowest:
                lowest, best, slope, square = float(cost), tried, new_slope, new_square
            else:
                trust *= MISTRUST
            if number == self.passes:
                break
            change = slope + trust * square
            step = torch.where(change[1] < change[0], -1.0, 1.0)
            pays = change.amin(dim=0) < 0
            tried = best + step * (pays & (torch.rand(best.shape, generator=random) < TAKEN))
        return np.asarray(best[0].to(torch.int32).numpy())


@contextmanager
def _gradients() -> Iterator[None]:
    """Gradients inside the codec, which works without."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        yield


def _channels(planes: Planes) -> Tensor:
    y, u, v = (torch.from_numpy(plane).float() for plane in planes)
    return planes_to_channels(y, u, v).contiguous(memory_format=torch.channels_last)


def _target(planes: Planes, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The picture as the networks make it, levels - 128, and each squared error's weight: none for padding."""
    masks = []
    for plane, weight, part in zip(planes, (LUMA, CHROMA, CHROMA), (1, 2, 2), strict=True):
        mask = torch.zeros(plane.shape)
        mask[..., : -(-size[0] // part), : -(-size[1] // part)] = weight
        masks.append(mask)
    return _channels(planes), planes_to_channels(*masks) + 128


def _batch(symbols: Ints) -> Tensor:
    """(M, H, W) whole numbers as a float32 batch of one."""
    return torch.from_numpy(np.ascontiguousarray(symbols)).float()[None]
