"""One training step of each stage: what is computed, what is paid for.

    intra   U_ENC, U_DEC, hyper-prior, contexts:  rate + lambda * distortion of single pictures
    p       P-HE, P-HD, TPM, EPM:                 rate of the residuals, latents fixed (MFVC, LDS, aligned)
    shift   BFD-E, BFD-D, LCM:                    rate of z_BFD + lambda * distortion over three P-pictures (LDS)

Distortion is the squared error in levels, planes weighted Y:U:V = 6:1:1 (SSE_Y * 3/4 + SSE_UV * 1/2, a luma pixel),
rate is in bits a luma pixel, lambda is the paper's (Kim et al. 2022; CompressAI), geometric between qualities.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lvcodec.codec import motion
from lvcodec.codec.search import search
from lvcodec.entropy.rates import gaussian_bits, laplace_bits, shifted_bits
from lvcodec.exact.rounding import round_ste
from lvcodec.models.steps import steps_for_training
from lvcodec.nets.shift import shift_direction, shift_undo
from lvcodec.nets.swift import (
    LAMBDAS,
    UNITS_PER_LEVEL,
    Steps,
    Swift,
    channels_to_planes,
    parity,
    planes_to_channels,
)
from lvcodec.train.rates import ChannelPrior
from lvcodec.video.picture import Picture

PIXELS = 64  # luma pixels of one position at 1/8


class Priors(nn.Module):
    """The factorised priors of the three hyper-latents."""

    def __init__(self, model: Swift) -> None:
        super().__init__()
        self.z_intra = ChannelPrior(model.shape.z_channels)
        self.z_p = ChannelPrior(model.shape.temporal)
        self.z_bfd = ChannelPrior(model.shape.temporal)


@dataclass(frozen=True)
class Outcome:
    """Per sample of a batch: bits a luma pixel, weighted squared error in levels, lambda; each (B,)."""

    rate: Tensor
    distortion: Tensor
    lmbda: Tensor

    def loss(self) -> Tensor:
        """The mean of rate + lambda * distortion, high qualities weighted down so that none outweighs the rest."""
        weight = (0.0130 / self.lmbda) ** 0.3
        return (weight * (self.rate + self.lmbda * self.distortion)).mean()


def lmbda_of(quality: Tensor) -> Tensor:
    """The paper's lambda at fractional qualities 1..6, (B,)."""
    logs = torch.log(torch.tensor(LAMBDAS, dtype=quality.dtype, device=quality.device))
    position = (quality - 1).clamp(0, 5)
    low = position.floor().clamp(max=4).long()
    return torch.exp(logs[low] + (position - low) * (logs[low + 1] - logs[low]))


def distortion(x: Tensor, x_hat: Tensor) -> Tensor:
    """(B,) weighted squared error a luma pixel; x in levels - 128, x_hat in UNITS_PER_LEVEL a level."""
    error = (x_hat.float() / UNITS_PER_LEVEL - x).square()
    luma, chroma = error[:, :64].sum(dim=(1, 2, 3)), error[:, 64:].sum(dim=(1, 2, 3))
    return (0.75 * luma + 0.5 * chroma) / (PIXELS * x.shape[2] * x.shape[3])


def _noisy(v: Tensor, hard: bool) -> Tensor:
    return torch.round(v) if hard else v + torch.rand_like(v) - 0.5


def _per_pixel(bits: Tensor, x: Tensor) -> Tensor:
    return bits / (PIXELS * x.shape[2] * x.shape[3])


def _z_bits(prior: ChannelPrior, z: Tensor, *, hard: bool) -> Tensor:
    bits = prior.bits(torch.round(z) if hard else z, noisy=not hard)  # (C, 1, B*H*W)
    return bits.reshape(z.shape[1], z.shape[0], -1).sum(dim=(0, 2))


def intra(model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False) -> Outcome:
    """clip: (B, 1, 96, H/8, W/8). `hard` rounds where training adds noise: what a file would cost."""
    x = clip[:, 0].contiguous(memory_format=torch.channels_last)
    steps = steps_for_training(model, quality)
    y = model.analysis(x)
    symbols = y * steps.gain
    y_hat = round_ste(symbols)
    paid = _noisy(symbols, hard)
    z = model.hyper_analysis(y, steps)
    psi = model.hyper_features(round_ste(z), steps)
    known = y_hat * steps.inverse
    first = model.first_group
    bits = _z_bits(priors.z_intra, z, hard=hard)
    for step in range(4):
        mean8, level = model.context_step(step, psi, known, steps)
        group = paid[:, :first] if step < 2 else paid[:, first:]
        here = gaussian_bits(group, mean8 / 8, level) * parity(group, step % 2)
        bits = bits + here.sum(dim=(1, 2, 3))
    x_hat = model.synthesis(known, steps)
    return Outcome(_per_pixel(bits, x), distortion(x, x_hat), lmbda_of(quality))


def _latents(model: Swift, x: Tensor, steps: Steps) -> Tensor:
    return torch.round(model.analysis(x) * steps.gain)


def _as_pixels(x_hat: Tensor) -> Tensor:
    return torch.round(x_hat / UNITS_PER_LEVEL).clamp(-128, 127)


def p_rate(model: Swift, priors: Priors, ref_units: Tensor, y_res: Tensor, steps: Steps, *, hard: bool,
           shifted: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Bits of one P-picture's residual and hyper-latent, (B,), and the means in eighths of a symbol.

    ref_units: latents of the reference, in units. shifted: (B, 1, 1, 1), 1 where the residual is coded after the shift.
    """
    z = model.p_hyper(ref_units, y_res)
    mean8, level = model.p_parameters(round_ste(z), ref_units, steps)
    each = laplace_bits(y_res, mean8 / 8, level)
    if shifted is not None:
        y_shift = y_res - shift_direction(y_res, torch.round(mean8.detach()))
        each = torch.where(shifted > 0, shifted_bits(y_shift, mean8 / 8, level), each)
    return each.sum(dim=(1, 2, 3)) + _z_bits(priors.z_p, z, hard=hard), mean8


def align(shown: Tensor, x: Tensor, quality: Tensor) -> Tensor:
    """Pictures in levels - 128, (B, 96, H/8, W/8), seen through the motion to x that the encoder would find."""
    planes = [[plane.to(torch.uint8).numpy()[:, 0] for plane in channels_to_planes(side)] for side in (shown, x)]
    found = []
    with torch.autocast(x.device.type, enabled=False):  # the warp is the decoder's: whole numbers
        for before, after, q in zip(zip(*planes[0], strict=True), zip(*planes[1], strict=True), quality, strict=True):
            reference, picture = Picture(*before), Picture(*after)
            field = search(picture, reference, motion.before(reference, None), float(q))
            found.append(motion.align(reference, field).planes)
    y, u, v = (torch.from_numpy(np.stack(part)[:, None]).float() for part in zip(*found, strict=True))
    return planes_to_channels(y, u, v).contiguous(memory_format=torch.channels_last)


def p(model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False) -> Outcome:
    """clip: (B, 2, 96, H/8, W/8). Samples in turn are coded as by mfvc and aligned, and every sixth as by lds."""
    before, x = clip[:, 0], clip[:, 1]
    steps = steps_for_training(model, quality)
    number = torch.arange(len(x), device=x.device)
    aligned, again = number % 2 == 1, number % 6 == 0
    with torch.no_grad():
        y_units = model.analysis(x)
        y, y_ref = torch.round(y_units * steps.gain), _latents(model, before, steps)
        shown = _as_pixels(model.synthesis(y_ref * steps.inverse, steps))
        if not hard:
            y_ref[again] = _latents(model, shown, steps)[again]
            y_res, ref_units = y - y_ref, y_ref * steps.inverse
            moved = align(shown[aligned], x[aligned], quality[aligned])
            ref_units[aligned] = model.analysis(moved)
            y_res[aligned] = torch.round((y_units - ref_units) * steps.gain)[aligned]
            shifted = (aligned | again).to(y)[:, None, None, None]
        else:
            y_res, ref_units, shifted = y - y_ref, y_ref * steps.inverse, None
    bits, _ = p_rate(model, priors, ref_units, y_res, steps, hard=hard, shifted=shifted)
    return Outcome(_per_pixel(bits, x), torch.zeros_like(bits), lmbda_of(quality))


def shift(model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False) -> Outcome:
    """clip: (B, T, 96, H/8, W/8): an I-picture and T - 1 P-pictures through the real reference loop."""
    with torch.no_grad():
        steps = steps_for_training(model, quality)
        y_ref = _latents(model, clip[:, 0], steps)
    rate, error = torch.zeros_like(quality), torch.zeros_like(quality)
    count = clip.shape[1] - 1
    for t in range(1, clip.shape[1]):
        x = clip[:, t]
        with torch.no_grad():
            y_units = model.analysis(x)
            y_res = torch.round(y_units * steps.gain) - y_ref
            _, mean8 = p_rate(model, priors, y_ref * steps.inverse, y_res, steps, hard=True)
            mean8 = torch.round(mean8)
            direction = shift_direction(y_res, mean8)
            y_shift = y_res - direction
            y_known = y_shift + shift_undo(y_shift, mean8)
        z = model.shift_hyper(direction, y_units)
        change = model.compensate(round_ste(z), y_known, y_ref * steps.inverse, steps)
        x_hat = model.synthesis((y_ref + change) * steps.inverse, steps)
        rate = rate + _per_pixel(_z_bits(priors.z_bfd, z, hard=hard), x) / count
        error = error + distortion(x, x_hat) / count
        if t < count:
            with torch.no_grad():
                y_ref = _latents(model, _as_pixels(x_hat), steps)
    return Outcome(rate, error, lmbda_of(quality))


STAGES = {"intra": intra, "p": p, "shift": shift}
LENGTHS = {"intra": 1, "p": 2, "shift": 4}
TRAINED = {  # parameters of each stage, by the start of their names in the model, and its prior
    "intra": (("enc_", "enc8", "enc16", "dec_", "dec8", "dec16", "hyper_", "contexts", "log_step"), "z_intra"),
    "p": (("temporal",), "z_p"),
    "shift": (("shift",), "z_bfd"),
}
