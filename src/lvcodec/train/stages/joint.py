"""Stage joint of swift: an I-picture and P-pictures in the real loop of `aligned`, all of it trained together.

    x_1 ─► U_ENC, round, U_DEC ─► x_hat_1 ─► search, warp ─► aligned ─► U_ENC ─► y_ref ─► ... ─► x_hat_2 ─► ...

What is coded is what the encoder would code: its search, its decoder's warp in whole numbers, the shift, P-pictures
as much coarser as in the mode. Gradients pass from picture to picture, through the warp as if it interpolated
bilinearly, so that a picture also learns what it is worth as a reference. Each picture pays the lambda of its own
quality; motion is free here. So that the other modes keep their rates, P-HE, P-HD, TPM and EPM also pay for the first
residual as `mfvc` and `lds` would code it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lvcodec.exact.planes import channels_to_planes, planes_to_channels
from lvcodec.exact.rounding import round_ste
from lvcodec.models.steps import steps_for_training
from lvcodec.nets.compensation import shift_undo
from lvcodec.nets.linear import UNITS_PER_LEVEL
from lvcodec.nets.swift import Swift
from lvcodec.train.stages import intra, temporal
from lvcodec.train.stages.encoder_rules import distortion_weight, p_quality, step_weights
from lvcodec.train.stages.intra import code_intra
from lvcodec.train.stages.losses import MSE, Measure, errors
from lvcodec.train.stages.motion import Fields, align
from lvcodec.train.stages.priors import Priors
from lvcodec.train.stages.soft_warp import soft_warp
from lvcodec.train.stages.stage import Outcome, Stage, outcome, per_pixel
from lvcodec.train.stages.temporal import residual_bits

# docs/decisions.md#what-the-stage-joint-trains
ASIDE = 0.3  # what the rates of the other modes count


def joint(
    model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, T, 96, H/8, W/8): an I-picture and T - 1 P-pictures; the outcome has T * B samples."""
    total, y_hat, x_hat = code_intra(model, priors, clip[:, 0], quality, hard=hard, measure=measure)
    aside = _other_modes(model, priors, clip[:, 1], y_hat, quality, hard=hard) * total.weight * ASIDE
    fields: Fields | None = None
    coarser = p_quality("aligned", quality)
    for t in range(1, clip.shape[1]):
        shown = round_ste(x_hat / UNITS_PER_LEVEL).clamp(-128, 127)
        of_picture, x_hat, fields = code_aligned(
            model, priors, clip[:, t], shown, coarser, fields, hard=hard, measure=measure
        )
        total = total.joined(of_picture)
    return replace(total, aside=aside)


def code_aligned(
    model: Swift,
    priors: Priors,
    x: Tensor,
    shown: Tensor,
    quality: Tensor,
    before: Fields | None,
    *,
    hard: bool,
    measure: Measure,
) -> tuple[Outcome, Tensor, Fields]:
    """One P-picture of aligned: what it costs, the picture in UNITS_PER_LEVEL a level, and its motion.

    x, shown: (B, 96, H/8, W/8) levels - 128, shown whole; quality: the P-picture's; before: the motion of the picture
    before, from which the search begins.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        aligned, fields = align(shown, x, quality, before)
    moved = _with_gradient(aligned, shown, fields)
    steps = steps_for_training(model, quality)
    reference = model.analysis(moved)
    real = (model.analysis(x) - reference) * steps.gain
    weight = distortion_weight("aligned") * step_weights(steps, quality)
    bits, symbols, mean8 = residual_bits(model, priors, reference, real, steps, weight, hard=hard, shifted=True)
    change = (symbols + shift_undo(symbols.detach(), mean8)) * steps.inverse
    x_hat = moved * UNITS_PER_LEVEL + model.synthesis(reference + change, steps) - model.synthesis(reference, steps)
    return outcome(per_pixel(bits, x), *errors(x, x_hat, measure), quality, measure), x_hat, fields


def _other_modes(model: Swift, priors: Priors, x: Tensor, y_ref: Tensor, quality: Tensor, *, hard: bool) -> Tensor:
    """(B,) bits a pixel of the residual to the I-picture's latents, as mfvc and lds code it."""
    with torch.no_grad():
        steps = steps_for_training(model, quality)
        y_ref = y_ref.detach()
        real = model.analysis(x) * steps.gain - y_ref
        weight = distortion_weight("mfvc") * step_weights(steps, quality)
    bits, _, _ = residual_bits(model, priors, y_ref * steps.inverse, real, steps, weight, hard=hard)
    return per_pixel(bits, x)


def _with_gradient(aligned: Tensor, shown: Tensor, fields: Fields) -> Tensor:
    """The aligned pictures, whose gradient goes to what was shown as through a bilinear warp."""
    if not shown.requires_grad:
        return aligned
    field = torch.from_numpy(fields).to(shown.device)
    with torch.autocast(shown.device.type, enabled=False):
        y, u, v = channels_to_planes(shown.float())
        soft = planes_to_channels(
            soft_warp(y, field), soft_warp(u, field, chroma=True), soft_warp(v, field, chroma=True)
        )
        return aligned + (soft - soft.detach())


STAGE = Stage(
    joint,
    length=4,
    trained=(*intra.STAGE.trained, *temporal.STAGE.trained),
    priors=(*intra.STAGE.priors, *temporal.STAGE.priors),
    alone=0.25,
)
