"""What one picture costs in the inter path, for a batch: symbols as the encoder decides them, bits, distortion.

Symbols are hard decisions by rate and distortion. Gradients of the distortion pass through them where one is not 0, as
if it followed the residual: there the reference's errors are mended, whatever they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lvcodec.encoder.inter import PRICE_OF_PLACE, PRICE_OF_SYMBOL, lambdas
from lvcodec.entropy import grid
from lvcodec.exact.packed import floats, spread
from lvcodec.models.inter_steps import between_knots, dead_zone_for_training, steps_for_training
from lvcodec.nets.inter import Inter, InterSteps, magnitudes, remembered
from lvcodec.nets.inter_context import HEADS, LIVE_MIDDLE, LIVE_PER_UNIT, LIVE_UNITS, group_of
from lvcodec.nets.linear import UNITS_PER_COEFFICIENT, UNITS_PER_LEVEL
from lvcodec.train.stages.chroma import inter_weight
from lvcodec.train.stages.losses import squared_error
from lvcodec.train.stages.stage import Outcome, per_pixel

# What pictures cost as a rule, rate and lambda times distortion: by that and its own cost a picture's is divided, so
# that a saving of so many per cent counts alike in easy and difficult pictures, at all qualities.
USUAL_COST, USUAL_LAMBDA, COST_GROWS = 0.075, 0.00325, 0.65
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
    """Lambda of pictures at qualities 1 ... KNOTS, (B,)."""
    logs = torch.tensor(lambdas(), dtype=quality.dtype, device=quality.device).log()
    return torch.exp(between_knots(logs, quality))


def code(model: Inter, batch: PictureBatch) -> CodedBatch:
    """Decide, count and reconstruct."""
    steps = steps_for_training(model, batch.quality)
    lmbda = lmbda_of(batch.quality)
    with torch.autocast(batch.x.device.type, enabled=False):
        real = model.analysis(batch.x.float() - batch.prediction.float()) / steps.inverse
    symbols, bits = _decide(model, batch, real.detach(), steps, lmbda)
    with torch.autocast(batch.x.device.type, enabled=False):
        units = model.dequantised(symbols, steps) + (symbols != 0) * (real - real.detach()) * steps.inverse.detach()
    x_hat = reconstructed(model, batch, symbols, units)
    distortion = squared_error(batch.x, x_hat, inter_weight(batch.quality))
    with torch.no_grad():
        squared = squared_error(batch.x, x_hat)
    rate = per_pixel(bits, batch.x)
    usual = USUAL_COST * (lmbda / USUAL_LAMBDA) ** COST_GROWS
    weight = 1 / ((rate + lmbda * distortion).detach() + usual)
    outcome = Outcome(rate, distortion, lmbda, squared, weight)
    return CodedBatch(outcome, x_hat, symbols, remembered(batch.history, symbols))


def reconstructed(model: Inter, batch: PictureBatch, symbols: Tensor, units: Tensor) -> Tensor:
    """The pictures, (B, 96, H/8, W/8) in UNITS_PER_LEVEL a level, of symbols and their units, (B, M, H/16, W/16)."""
    some = (symbols != 0).any(dim=1)
    x_hat = batch.prediction * UNITS_PER_LEVEL
    if not some.any():
        return x_hat
    places, rows = model.change(batch.prediction, units.permute(0, 2, 3, 1)[some], some, batch.change)
    count, _, height, width = x_hat.shape
    row = rows.float().t().view(1, rows.shape[1], 1, -1)
    return x_hat + floats(spread(row, places, (count, height, width)), torch.float32)


@dataclass(frozen=True)
class _Residual:
    """A batch's residual, with a row for each place, flat in B * H * W: what is to be coded, and by which rules.

    rows: (n, M) steps; worth: (n, M) bits for a squared step; offset: (n, M) scale levels; sample: (n,) place in the
    batch; odd: (n,), whether row + column is; even: (1, 1, H, W), ones where it is not.
    """

    rows: Tensor
    worth: Tensor
    offset: Tensor
    sample: Tensor
    odd: Tensor
    even: Tensor

    @classmethod
    def of(cls, real: Tensor, steps: InterSteps, lmbda: Tensor) -> _Residual:
        """real: (B, M, H, W) steps."""
        count, _, height, width = real.shape
        # of an orthonormal transform of what the distortion weighs, where steps are coarsest (encoder/inter.py)
        coarsest = steps.inverse.detach().flatten(1).amax(dim=1, keepdim=True)
        worth = (lmbda[:, None] * (coarsest / UNITS_PER_COEFFICIENT).square()).expand(-1, real.shape[1])
        sample = torch.arange(count).repeat_interleave(height * width)
        odd = (torch.arange(height)[:, None] + torch.arange(width)) % 2 == 1
        rows = real.permute(0, 2, 3, 1).flatten(0, 2)
        offset = steps.offset.flatten(1)[sample]
        return cls(rows, worth[sample], offset, sample, odd.flatten().repeat(count), (~odd).float()[None, None])

    def planes(self, rows: Tensor) -> Tensor:
        """Rows (n, C) as (B, C, H, W)."""
        height, width = self.even.shape[2:]
        return rows.view(-1, height, width, rows.shape[1]).permute(0, 3, 1, 2)


def _decide(model: Inter, batch: PictureBatch, real: Tensor, steps: InterSteps, lmbda: Tensor) -> tuple[Tensor, Tensor]:
    """Symbols, (B, M, H, W), and their bits, (B,). real: the residual in steps."""
    residual = _Residual.of(real, steps, lmbda)
    features = floats(model.features(batch.history, batch.motion, batch.context), torch.float32)
    with torch.no_grad():  # which places gain by their symbols, for the walk that counts
        tried, _, _ = _walk(model, residual, features, steps, promising(residual.rows, residual.worth))
    live, symbols, bits = _walk(model, residual, features, steps, tried)
    return residual.planes(symbols * live[:, None]), torch.zeros_like(lmbda).index_add(0, residual.sample, bits)


def _walk(
    model: Inter, residual: _Residual, features: Tensor, steps: InterSteps, tried: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The walk of the coder, where places that are tried are shown as live.

    Returns those that gain, (n,), symbols, (n, M), and bits, (n,), of places that do not gain as if they were dead.
    """
    shown = residual.planes(tried.float()[:, None] * LIVE_UNITS)
    dead_bits, live_bits = _live_bits(model, residual, features, shown, steps)
    dead_zone, outward = dead_zone_for_training(model), steps.outward.detach().flatten()
    symbols, sizes = torch.zeros_like(residual.rows), torch.zeros_like(residual.rows)
    gained, paid = torch.zeros_like(dead_bits), torch.zeros_like(dead_bits)
    for number in range(HEADS):
        places = torch.nonzero(tried & (residual.odd == bool(number % 2)))[:, 0]
        if not len(places):
            continue
        group = group_of(number, model.shape)
        known = residual.planes(sizes).clone()  # gradients need what the head saw
        seen = (shown, known[:, : model.shape.first], known[:, model.shape.first :])
        level = model.levels(number, features, seen, residual.even, places, residual.offset[places][:, group])
        rates, wanted = Rates.at(level.float(), dead_zone[group]), residual.rows[places][:, group]
        worth = residual.worth[places][:, group]
        with torch.no_grad():
            chosen = rates.decided(wanted, worth, outward[group])
            put = chosen + outward[group] * chosen.sign()
            gained.index_add_(0, places, (worth * (wanted.square() - (wanted - put).square())).sum(dim=1))
        symbols[places, group], sizes[places, group] = chosen, magnitudes(chosen)
        paid = paid.index_add(0, places, rates.of(chosen.abs()).sum(dim=1))
    with torch.no_grad():
        live = tried & (symbols != 0).any(dim=1) & (gained + dead_bits > paid + live_bits)
    return live, symbols, torch.where(live, live_bits + paid, dead_bits)


def promising(rows: Tensor, worth: Tensor) -> Tensor:
    """Places at which symbols may pay, (n,). rows: (n, M) steps; worth: (n, M) bits for a squared step."""
    size = rows.abs()
    near = size.round()
    gain = worth * near * (2 * size - near) - PRICE_OF_SYMBOL
    return gain.clamp_min(0).sum(dim=1) > PRICE_OF_PLACE


def _live_bits(
    model: Inter, residual: _Residual, features: Tensor, live: Tensor, steps: InterSteps
) -> tuple[Tensor, Tensor]:
    """Bits of every place, (n,), if it is dead, and if it is live."""
    even, odd = (model.live_levels(n, features, live, residual.even, steps).float().flatten() for n in (0, 1))
    odds = (torch.where(residual.odd, odd, even) - LIVE_MIDDLE) / LIVE_PER_UNIT
    return F.softplus(odds) / math.log(2), F.softplus(-odds) / math.log(2)


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
