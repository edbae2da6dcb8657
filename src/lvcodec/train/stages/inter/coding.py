"""What one picture costs in the inter path, for a batch: symbols as the encoder decides them, bits, distortion.

Symbols are hard decisions by rate and distortion. Gradients of the distortion pass through them where one is not 0, as
if it followed the residual: there the reference's errors are mended, whatever they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lvcodec.entropy import grid
from lvcodec.exact.rounding import round_ste
from lvcodec.nets.inter import HEADS, KNOTS, Inter, InterSteps, magnitudes, near_symbols, remembered
from lvcodec.nets.linear import UNITS_PER_COEFFICIENT, UNITS_PER_LEVEL
from lvcodec.quality import LAMBDAS
from lvcodec.train.stages.losses import MSE, errors
from lvcodec.train.stages.stage import Outcome, per_pixel

SHARE = 0.25  # of a quality's lambda that P- and B-pictures of that quality pay: later pictures mend their errors
DEAD_ZONE_CLASSES, DEAD_ZONE_STEPS, DEAD_ZONE_FIRST = 6, 8, -1  # -1/8 ... 4/8 of a step
OUTWARD_MAX = 0.45
MOST_BITS = 30.0  # that a symbol is taken to cost


@dataclass(frozen=True)
class PictureBatch:
    """What is known of pictures before they are coded, of swift's inter path.

    x, prediction: (B, 96, H/8, W/8) levels - 128; history: (B, M, H/16, W/16) units; motion: (B, MOTION_FEATURES, H/16,
    W/16) units; context, change: (B, planes, 1, 1) units; quality: (B,) 1 ... KNOTS.
    """

    x: Tensor
    prediction: Tensor
    history: Tensor
    motion: Tensor
    context: Tensor
    change: Tensor
    quality: Tensor


@dataclass(frozen=True)
class CodedBatch:
    """What came of them: x_hat in UNITS_PER_LEVEL a level; symbols, history: (B, M, H/16, W/16)."""

    outcome: Outcome
    x_hat: Tensor
    symbols: Tensor
    history: Tensor


def lmbda_of(quality: Tensor) -> Tensor:
    """Lambda of P- and B-pictures at qualities 1 ... KNOTS, (B,)."""
    return SHARE * torch.exp(between(_log_lambdas(quality), quality))


def _log_lambdas(like: Tensor) -> Tensor:
    logs = [math.log(value) for value in LAMBDAS]
    while len(logs) < KNOTS:  # beyond the scale's end it goes on as it ended
        logs.append(2 * logs[-1] - logs[-2])
    return torch.tensor(logs, dtype=like.dtype, device=like.device)


def between(rows: Tensor, quality: Tensor) -> Tensor:
    """Values at fractional qualities, linear between those of the whole ones. rows: (KNOTS, ...); quality: (B,)."""
    position = (quality - 1).clamp(0, KNOTS - 1)
    low = position.floor().clamp(max=KNOTS - 2).long()
    part = (position - low).view(-1, *[1] * (rows.ndim - 1))
    return rows[low] * (1 - part) + rows[low + 1] * part


def steps_of(model: Inter, quality: Tensor) -> InterSteps:
    """The quantiser at these qualities, differentiable in what is learned."""
    inverse = UNITS_PER_COEFFICIENT * between(model.log_step, quality).exp()[:, :, None, None]
    offset = grid.PER_OCTAVE * (between(model.log_scale, quality)[:, :, None, None] / math.log(2) - math.log2(grid.LOWEST_SCALE))
    outward = model.outward.clamp(-OUTWARD_MAX, OUTWARD_MAX)[None, :, None, None]
    return InterSteps(inverse, outward, offset)


def dead_zone_of(model: Inter) -> Tensor:
    """(M, 1): by how much a symbol of 0 stands for more than half a step to either side, on the grid of tables."""
    top = DEAD_ZONE_FIRST + DEAD_ZONE_CLASSES - 1
    return round_ste(model.dead_zone * DEAD_ZONE_STEPS).clamp(DEAD_ZONE_FIRST, top)[:, None] / DEAD_ZONE_STEPS


def code(model: Inter, batch: PictureBatch) -> CodedBatch:
    """Decide, count and reconstruct."""
    steps = steps_of(model, batch.quality)
    lmbda = lmbda_of(batch.quality)
    with torch.autocast(batch.x.device.type, enabled=False):
        real = model.analysis(batch.x.float() - batch.prediction.float()) / steps.inverse
    symbols, bits = _decide(model, batch, real.detach(), steps, lmbda)
    with torch.autocast(batch.x.device.type, enabled=False):
        units = model.dequantised(symbols, steps) + (symbols != 0) * (real - real.detach()) * steps.inverse.detach()
    change = model.change(batch.prediction, units, near_symbols(symbols), batch.change)
    x_hat = batch.prediction * UNITS_PER_LEVEL + change.float()
    distortion, squared = errors(batch.x, x_hat, MSE)
    weight = (LAMBDAS[3] / lmbda) ** 0.3
    outcome = Outcome(per_pixel(bits, batch.x), distortion, lmbda, squared, weight)
    return CodedBatch(outcome, x_hat, symbols, remembered(batch.history, symbols))


def _decide(
    model: Inter, batch: PictureBatch, real: Tensor, steps: InterSteps, lmbda: Tensor
) -> tuple[Tensor, Tensor]:
    """Symbols, (B, M, H, W), and their bits, (B,)."""
    count, channels, height, width = real.shape
    # an orthonormal transform of what the distortion weighs
    worth = lmbda[:, None, None, None] * (steps.inverse.detach() / UNITS_PER_COEFFICIENT).square()
    dead_zone, outward = dead_zone_of(model), steps.outward.detach()
    features = model.features(batch.history, batch.motion, batch.context)
    odd = (torch.arange(height)[:, None] + torch.arange(width)) % 2
    places = [torch.nonzero((odd == parity).flatten())[:, 0] for parity in (0, 1)]
    even = (odd == 0).float()[None, None]
    symbols = real.new_zeros(count, channels, height * width)
    sizes = torch.zeros_like(symbols)
    bits = real.new_zeros(count)
    for number in range(HEADS):
        at, group = places[number % 2], model.group(number)
        # a copy, since gradients need what the head saw
        known = sizes.view_as(real).clone().split([model.shape.first, channels - model.shape.first], dim=1)
        level = model.levels(number, features, known, steps, even).float().flatten(2)[:, :, at]
        wanted = real[:, group].flatten(2)[:, :, at]
        rates = Rates.at(level, dead_zone[group])
        with torch.no_grad():
            chosen = rates.decided(wanted, worth[:, group, :, 0], outward[:, group, :, 0])
        symbols[:, group, at], sizes[:, group, at] = chosen, magnitudes(chosen)
        bits = bits + rates.of(chosen.abs()).sum(dim=(1, 2))
    return symbols.view_as(real), bits





@dataclass(frozen=True)
class Rates:
    """Bits of a Laplace variable whose zero is wider by a dead zone: of 0, of 1 and -1, of each further step."""

    zero: Tensor
    one: Tensor
    further: Tensor

    @classmethod
    def at(cls, level: Tensor, dead_zone: Tensor) -> Rates:
        """level: of the grid of scales, any real number; dead_zone: broadcasts against it."""
        rate = torch.exp2(level / -grid.PER_OCTAVE) / grid.LOWEST_SCALE  # 1 / scale
        edge = (0.5 + dead_zone) * rate
        zero = -torch.log2((-torch.expm1(-edge)).clamp_min(2e-7))
        one = 1 + (edge - torch.log((-torch.expm1(-rate)).clamp_min(1e-9))) / math.log(2)
        return cls(zero, one, rate / math.log(2))

    def of(self, size: Tensor) -> Tensor:
        """Bits of symbols of these magnitudes."""
        return torch.where(size < 0.5, self.zero, self.one + (size - 1) * self.further).clamp(max=MOST_BITS)

    def decided(self, real: Tensor, worth: Tensor, outward: Tensor) -> Tensor:
        """The cheapest of 0, the nearest and the one below it. worth: bits for a squared step."""
        size = real.abs()
        near = size.round().clamp_min(1)
        below = (near - 1).clamp_min(1)
        costs = [self.of(k) + worth * (size - k - outward).square() for k in (near, below)]
        best = torch.where(costs[1] < costs[0], below, near)
        zero = self.zero + worth * size.square()
        nothing = (zero < torch.minimum(costs[0], costs[1])) | (size < 0.5)
        return torch.where(nothing, torch.zeros_like(size), best) * real.sign()
