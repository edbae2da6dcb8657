"""Stage compensation of swift: BFD-E, BFD-D and LCM (nets/compensation.py), which repair shifted latents in lds.

They pay for rate + lambda * distortion over three P-pictures.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from lvcodec.exact.rounding import round_ste
from lvcodec.models.steps import steps_for_training
from lvcodec.nets.compensation import shift_direction
from lvcodec.nets.swift import Swift
from lvcodec.train.stages.encoder_rules import distortion_weight, hardly_moves, step_weights
from lvcodec.train.stages.intra import code_intra, latents
from lvcodec.train.stages.losses import MSE, Measure, errors
from lvcodec.train.stages.priors import Priors
from lvcodec.train.stages.stage import Outcome, Stage, outcome, per_pixel
from lvcodec.train.stages.symbols import decide_known
from lvcodec.train.stages.temporal import residual_bits


def compensation(
    model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, T, 96, H/8, W/8), T > 1: an I-picture and T - 1 P-pictures through the real reference loop."""
    with torch.no_grad():
        _, y_ref, _ = code_intra(model, priors, clip[:, 0], quality, hard=True, measure=measure)
        steps = steps_for_training(model, quality)
        by_one = hardly_moves(latents(model, clip[:, 0], steps), latents(model, clip[:, 1], steps))
    total: Outcome | None = None
    for t in range(1, clip.shape[1]):
        of_picture, y_ref = code_shifted(model, priors, clip[:, t], y_ref, quality, by_one, hard=hard, measure=measure)
        total = of_picture if total is None else total.joined(of_picture)
    if total is None:
        raise ValueError("a sample of this stage needs two pictures")
    return total


def code_shifted(
    model: Swift,
    priors: Priors,
    x: Tensor,
    y_ref: Tensor,
    quality: Tensor,
    by_one: Tensor,
    *,
    hard: bool,
    measure: Measure,
) -> tuple[Outcome, Tensor]:
    """One P-picture of lds, shifted by a half or by one: what it costs, and the symbols that the next one refers to.

    x: (B, 96, H/8, W/8) levels - 128; y_ref: its reference's symbols; by_one: samples that are shifted by one, (B,).
    The residual's bits, which nothing trained here changes, are those of a shift by a half.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    steps = steps_for_training(model, quality)
    ref_units = y_ref * steps.inverse
    y_units = model.analysis(x)
    real = y_units * steps.gain - y_ref
    weight = distortion_weight("lds") * step_weights(steps, quality)
    bits, symbols, mean8, level = residual_bits(model, priors, ref_units, real, steps, weight, hard=hard)
    weight = distortion_weight("lds", Fraction(1)) * step_weights(steps, quality)
    symbols = torch.where(by_one[:, None, None, None], decide_known(real, mean8, level, weight), symbols)
    z = model.shift_hyper(shift_direction(torch.round(real.detach()), mean8), y_units)
    change = model.compensate(round_ste(z), symbols, ref_units, steps)
    x_hat = model.synthesis((y_ref + change) * steps.inverse, steps)
    rate = per_pixel(bits + priors.z_bfd.bits(z, hard=hard), x)
    return outcome(rate, *errors(x, x_hat, measure), quality, measure), (y_ref + symbols).detach()


STAGE = Stage(compensation, length=4, trained=("shift",), priors=("z_bfd",), recorded=True)
