"""Stage joint: an I-picture and P-pictures in the real loop of `aligned`, all of it trained together.

    x_1 ─► U_ENC, round, U_DEC ─► x_hat_1 ─► search, warp ─► aligned ─► U_ENC ─► y_ref ─► ... ─► x_hat_2 ─► ...

What is coded is what the encoder would code: its search, its decoder's warp in whole numbers, the shift, P-pictures
as much coarser as in the mode. Gradients pass from picture to picture, through the warp as if it interpolated
bilinearly, so that a picture also learns what it is worth as a reference. Each picture pays the lambda of its own
quality; motion is free here. So that the other modes keep their rates, P-HE, P-HD, TPM and EPM also pay for the first
residual as `mfvc` and `lds` would code it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from lvcodec.exact import warp
from lvcodec.exact.planes import channels_to_planes, planes_to_channels
from lvcodec.exact.rounding import round_ste
from lvcodec.models.steps import steps_for_training
from lvcodec.nets.compensation import shift_undo
from lvcodec.nets.swift import UNITS_PER_LEVEL, Swift
from lvcodec.train.stages import swift as stages
from lvcodec.train.stages import symbols as choice
from lvcodec.train.stages.losses import MSE, Measure
from lvcodec.train.stages.swift import Fields, Outcome, Priors, Stage, find_motion

ASIDE = 0.3  # what the rates of the other modes count


def joint(
    model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, T, 96, H/8, W/8): an I-picture and T - 1 P-pictures; the outcome has T * B samples."""
    found, y_hat, x_hat = stages.code_intra(model, priors, clip[:, 0], quality, hard=hard, measure=measure)
    aside = _other_modes(model, priors, clip[:, 1], y_hat, quality, hard=hard) * found.weight * ASIDE
    fields: Fields | None = None
    coarser = stages.p_quality("aligned", quality)
    for t in range(1, clip.shape[1]):
        shown = round_ste(x_hat / UNITS_PER_LEVEL).clamp(-128, 127)
        here, x_hat, fields = code_aligned(
            model, priors, clip[:, t], shown, coarser, fields, hard=hard, measure=measure
        )
        found = found.joined(here)
    return replace(found, aside=aside)


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
    """One P-picture of `aligned`. x, shown: (B, 96, H/8, W/8) levels - 128, shown whole; quality: the P-picture's.

    Returns what it costs, the picture in UNITS_PER_LEVEL a level, and the motion, from which the next search begins.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        aligned, fields = find_motion(shown, x, quality, before)
    moved = _with_gradient(aligned, shown, fields)
    steps = steps_for_training(model, quality)
    reference = model.analysis(moved)
    real = (model.analysis(x) - reference) * steps.gain
    worth = stages.worth_in("aligned") * choice.worth_of(steps, quality)
    bits, symbols, whole = stages.p_rate(model, priors, reference, real, steps, worth, hard=hard, shifted=True)
    change = (symbols + shift_undo(symbols.detach(), whole)) * steps.inverse
    x_hat = moved * UNITS_PER_LEVEL + model.synthesis(reference + change, steps) - model.synthesis(reference, steps)
    rate = stages.per_pixel(bits, x)
    return stages.outcome(rate, *stages.errors(x, x_hat, measure), quality, measure), x_hat, fields


def _other_modes(model: Swift, priors: Priors, x: Tensor, y_ref: Tensor, quality: Tensor, *, hard: bool) -> Tensor:
    """(B,) bits a pixel of the residual to the I-picture's latents, as `mfvc` and `lds` code it."""
    with torch.no_grad():
        steps = steps_for_training(model, quality)
        y_ref = y_ref.detach()
        real = model.analysis(x) * steps.gain - y_ref
        worth = stages.worth_in("mfvc") * choice.worth_of(steps, quality)
    bits, _, _ = stages.p_rate(model, priors, y_ref * steps.inverse, real, steps, worth, hard=hard)
    return stages.per_pixel(bits, x)


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


def soft_warp(planes: Tensor, field: Tensor, *, chroma: bool = False) -> Tensor:
    """Planes (B, 1, H, W) seen through fields (B, 2, rows, columns) as exact/warp.py says, but for bilinear taps and
    rounding: differentiable in the planes."""
    side, steps = (warp.BLOCK // 2, 2 * warp.STEPS) if chroma else (warp.BLOCK, warp.STEPS)
    height, width = planes.shape[2:]
    grown = F.pad(field.to(planes.dtype), (1, 1, 1, 1), mode="replicate") / steps
    (rows, down), (columns, across) = (_blocks(size, side, planes) for size in (height, width))
    place = torch.stack(
        torch.meshgrid(
            torch.arange(height, device=planes.device), torch.arange(width, device=planes.device), indexing="ij"
        )
    ).to(planes.dtype)
    last = torch.tensor([height - 1, width - 1], device=planes.device).view(1, 2, 1, 1)
    seen = torch.zeros_like(planes)
    for i, j in product((0, 1), (0, 1)):  # the four blocks that make a pel
        at = place + grown[:, :, rows + i][:, :, :, columns + j]
        grid = (at * 2 / last - 1).flip(1).permute(0, 2, 3, 1)
        weight = (down if i else 1 - down)[:, None] * (across if j else 1 - across)
        seen = seen + weight * F.grid_sample(planes, grid, padding_mode="border", align_corners=True)
    return seen


def _blocks(size: int, side: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Of each pel along a side: the nearer block before it, in a field grown by one, and the weight of the next."""
    at = (torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) / side + 0.5
    first = at.floor()
    return first.long(), at - first


STAGES = stages.STAGES | {
    "joint": Stage(joint, 4, (*stages.INTRA, "temporal"), ("z_intra", "z_p"), alone=0.25),
}
