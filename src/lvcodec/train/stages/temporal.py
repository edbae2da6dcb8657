"""Stage temporal of swift: P-HE, P-HD, TPM and EPM (nets/temporal.py), the entropy model of P-pictures.

They pay for the rate of residuals as mfvc and lds code them; latents stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.entropy import grid
from lvcodec.entropy.rates import laplace_bits
from lvcodec.exact.rounding import round_ste
from lvcodec.models.steps import steps_for_training
from lvcodec.nets.swift import Steps, Swift
from lvcodec.train.stages.encoder_rules import distortion_weight, step_weights
from lvcodec.train.stages.intra import code_intra
from lvcodec.train.stages.losses import MSE, Measure
from lvcodec.train.stages.priors import Priors
from lvcodec.train.stages.stage import Outcome, Stage, outcome, per_pixel
from lvcodec.train.stages.symbols import decide


def temporal(
    model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, 2, 96, H/8, W/8), coded as by mfvc, and by lds after a shift that loses nothing.

    `hard` rounds where training adds noise.
    """
    before, x = clip[:, 0], clip[:, 1]
    with torch.no_grad():
        _, y_ref, _ = code_intra(model, priors, before, quality, hard=True, measure=measure)
        steps = steps_for_training(model, quality)
        real = model.analysis(x) * steps.gain - y_ref
        weight = distortion_weight("mfvc") * step_weights(steps, quality)
    bits, *_ = residual_bits(model, priors, y_ref * steps.inverse, real, steps, weight, hard=hard)
    nothing = torch.zeros_like(bits)
    return outcome(per_pixel(bits, x), nothing, nothing, quality, measure)


def residual_bits(
    model: Swift,
    priors: Priors,
    ref_units: Tensor,
    real: Tensor,
    steps: Steps,
    weight: Tensor,
    *,
    hard: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Bits of a P-picture's residual and hyper-latent, the symbols that the encoder would take, their means and levels.

    ref_units: latents of the reference, in units; real: residuals in steps, not rounded; weight: bits that a squared
    step is worth. Bits are (B,); means are in eighths of a symbol, whole.
    """
    z = model.p_hyper(ref_units, round_ste(real))
    mean8, level = model.p_parameters(round_ste(z), ref_units, steps)
    whole = torch.round(mean8.detach())
    symbols = decide(real, whole, level, weight, laplace=True)
    bits = laplace_bits(symbols, mean8 / grid.MEAN_STEPS, level)
    return bits.sum(dim=(1, 2, 3)) + priors.z_p.bits(z, hard=hard), symbols, whole, level


STAGE = Stage(temporal, length=2, trained=("temporal",), priors=("z_p",))
