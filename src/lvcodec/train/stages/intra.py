"""Stage intra of swift: U_ENC, U_DEC, hyper-prior, contexts and quantiser steps.

They pay for rate + lambda * distortion of single pictures; what distortion and lambda are is in losses.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.encoder.picture import I_DISTORTION_WEIGHT
from lvcodec.entropy import grid
from lvcodec.entropy.rates import gaussian_bits
from lvcodec.exact.rounding import round_ste
from lvcodec.models.steps import steps_for_training
from lvcodec.nets.linear import UNITS_PER_LEVEL
from lvcodec.nets.swift import Steps, Swift, parity
from lvcodec.train.stages.encoder_rules import step_weights
from lvcodec.train.stages.losses import MSE, Measure, errors
from lvcodec.train.stages.priors import Priors
from lvcodec.train.stages.stage import Outcome, Stage, noisy, outcome, per_pixel
from lvcodec.train.stages.symbols import decide


def intra(
    model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, 1, 96, H/8, W/8). `hard` rounds where training adds noise: what a file would cost."""
    return code_intra(model, priors, clip[:, 0], quality, hard=hard, measure=measure)[0]


def code_intra(
    model: Swift, priors: Priors, x: Tensor, quality: Tensor, *, hard: bool, measure: Measure
) -> tuple[Outcome, Tensor, Tensor]:
    """One I-picture, (B, 96, H/8, W/8): what it costs, its symbols, and the picture in UNITS_PER_LEVEL a level.

    A model that rounds as its integers will is given, and pays for, the symbols that the encoder would take; one that
    does not is given the nearest, and pays for noise in their place.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    steps = steps_for_training(model, quality)
    y = model.analysis(x)
    symbols = y * steps.gain
    y_hat = round_ste(symbols)
    paid = y_hat if model.rounds else noisy(symbols, hard=hard)
    weight = I_DISTORTION_WEIGHT * step_weights(steps, quality)
    z = model.hyper_analysis(y, steps)
    psi = model.hyper_features(round_ste(z), steps)
    first = model.shape.first_group
    bits = priors.z_intra.bits(z, hard=hard)
    for step in range(4):
        mean8, level = model.context_step(step, psi, y_hat * steps.inverse, steps)
        group = slice(0, first) if step < 2 else slice(first, None)
        inside = parity(symbols, step % 2)
        if model.rounds:
            decided = decide(symbols[:, group], torch.round(mean8), level, weight[:, group])
            now = torch.where(inside > 0, decided, y_hat[:, group])
            y_hat = torch.cat([now, y_hat[:, first:]] if step < 2 else [y_hat[:, :first], now], dim=1)
            paid = y_hat
        bits_of_step = gaussian_bits(paid[:, group], mean8 / grid.MEAN_STEPS, level) * inside
        bits = bits + bits_of_step.sum(dim=(1, 2, 3))
    x_hat = model.synthesis(y_hat * steps.inverse, steps)
    return outcome(per_pixel(bits, x), *errors(x, x_hat, quality, measure), quality, measure), y_hat, x_hat


def latents(model: Swift, x: Tensor, steps: Steps) -> Tensor:
    """The nearest symbols of pictures in levels - 128, (B, 96, H/8, W/8)."""
    return torch.round(model.analysis(x) * steps.gain)


def as_pixels(x_hat: Tensor) -> Tensor:
    """Pictures in UNITS_PER_LEVEL a level as the decoder shows them, in levels - 128."""
    return torch.round(x_hat / UNITS_PER_LEVEL).clamp(-128, 127)


STAGE = Stage(
    intra,
    length=1,
    trained=("enc_", "enc8", "enc16", "dec_", "dec8", "dec16", "hyper_", "contexts", "log_step"),
    priors=("z_intra",),
    recorded=True,
)
