"""Stage temporal of swift: P-HE, P-HD, TPM and EPM (nets/temporal.py), the entropy model of P-pictures.

They pay for the rate of residuals as mfvc, lds and aligned code them; latents stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.entropy import grid
from lvcodec.entropy.rates import laplace_bits, shifted_bits
from lvcodec.exact.rounding import round_ste
from lvcodec.models.steps import steps_for_training
from lvcodec.nets.swift import Steps, Swift
from lvcodec.train.stages.encoder_rules import distortion_weight, p_quality, step_weights
from lvcodec.train.stages.intra import as_pixels, code_intra, latents
from lvcodec.train.stages.losses import MSE, Measure
from lvcodec.train.stages.motion import align
from lvcodec.train.stages.priors import Priors
from lvcodec.train.stages.stage import Outcome, Stage, outcome, per_pixel
from lvcodec.train.stages.symbols import decide, decide_shifted


def temporal(
    model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, 2, 96, H/8, W/8). Every second sample is coded as in aligned, every sixth as in lds, others as in mfvc.

    With `hard`, which rounds where training adds noise, all are coded as in mfvc.
    """
    before, x = clip[:, 0], clip[:, 1]
    number = torch.arange(len(x), device=x.device)
    as_aligned, as_lds = number % 2 == 1, number % 6 == 0
    with torch.no_grad():
        _, y_ref, x_hat = code_intra(model, priors, before, quality, hard=True, measure=measure)
        shown, shifted = as_pixels(x_hat), torch.zeros_like(quality)
        weight = torch.full_like(quality, distortion_weight("mfvc"))
        if not hard:
            for samples, mode in ((as_aligned, "aligned"), (as_lds, "lds")):
                quality = torch.where(samples, p_quality(mode, quality), quality)
                weight[samples] = distortion_weight(mode)
            shifted[as_aligned] = 1  # by one, which merges symbols: that of lds, by a half, renames them
        steps = steps_for_training(model, quality)
        ref_units = y_ref * steps.inverse
        if not hard:
            y_ref[as_lds] = latents(model, shown, steps)[as_lds]
            ref_units[as_lds] = (y_ref * steps.inverse)[as_lds]
            ref_units[as_aligned] = model.analysis(align(shown[as_aligned], x[as_aligned], quality[as_aligned])[0])
            y_ref[as_aligned] = (ref_units * steps.gain)[as_aligned]
        real = model.analysis(x) * steps.gain - y_ref
        weight = weight[:, None, None, None] * step_weights(steps, quality)
    shifted = shifted[:, None, None, None]
    bits, _, _ = residual_bits(model, priors, ref_units, real, steps, weight, hard=hard, shifted=shifted)
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
    shifted: Tensor | bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Bits of one P-picture's residual and hyper-latent, the symbols that the encoder would take, and their means.

    ref_units: latents of the reference, in units; real: residuals in steps, not rounded; weight: bits that a squared
    step is worth. shifted: whether the residual is coded after the shift, of all samples or (B, 1, 1, 1), 1 where it
    is. Bits are (B,); means are in eighths of a symbol, whole.
    """
    z = model.p_hyper(ref_units, round_ste(real))
    mean8, level = model.p_parameters(round_ste(z), ref_units, steps)
    whole = torch.round(mean8.detach())
    if shifted is True:
        symbols = decide_shifted(real, whole, level, weight)
        bits = shifted_bits(symbols, mean8 / grid.MEAN_STEPS, level)
    else:
        symbols = decide(real, whole, level, weight, laplace=True)
        bits = laplace_bits(symbols, mean8 / grid.MEAN_STEPS, level)
        if shifted is not False:
            moved = decide_shifted(real, whole, level, weight)
            bits = torch.where(shifted > 0, shifted_bits(moved, mean8 / grid.MEAN_STEPS, level), bits)
            symbols = torch.where(shifted > 0, moved, symbols)
    return bits.sum(dim=(1, 2, 3)) + priors.z_p.bits(z, hard=hard), symbols, whole


STAGE = Stage(temporal, length=2, trained=("temporal",), priors=("z_p",))
