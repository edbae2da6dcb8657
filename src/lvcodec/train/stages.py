"""One training step of each stage: what is computed, what is paid for.

    intra   U_ENC, U_DEC, hyper-prior, contexts:  rate + lambda * distortion of single pictures
    p       P-HE, P-HD, TPM, EPM:                 rate of the residuals, latents fixed (MFVC)
    shift   BFD-E, BFD-D, LCM:                    rate of z_BFD + lambda * distortion over two P-pictures (LDS)

Distortion is the squared error in levels, planes weighted Y:U:V = 6:1:1 (SSE_Y * 3/4 + SSE_UV * 1/2, a luma pixel),
rate is in bits a luma pixel, lambda is the paper's (Kim et al. 2022; CompressAI), geometric between qualities.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lvcodec.exact.rounding import round_ste
from lvcodec.models.steps import steps_for_training
from lvcodec.nets.shift import shift_direction, shift_undo
from lvcodec.nets.swift import LAMBDAS, UNITS_PER_LEVEL, Steps, Swift, parity
from lvcodec.train.rates import ChannelPrior, gaussian_bits, laplace_bits

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


def p_rate(model: Swift, priors: Priors, y_ref: Tensor, y_res: Tensor, steps: Steps, *, hard: bool
           ) -> tuple[Tensor, Tensor]:
    """Bits of one P-picture's residual and hyper-latent, (B,), and the means in eighths of a symbol."""
    ref_units = y_ref * steps.inverse
    z = model.p_hyper(ref_units, y_res)
    mean8, level = model.p_parameters(round_ste(z), ref_units, steps)
    bits = laplace_bits(y_res, mean8 / 8, level).sum(dim=(1, 2, 3)) + _z_bits(priors.z_p, z, hard=hard)
    return bits, mean8


def p(model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False) -> Outcome:
    """clip: (B, 2, 96, H/8, W/8). Half of the samples predict from the decoded picture's latents, as LDS does."""
    before, x = clip[:, 0], clip[:, 1]
    with torch.no_grad():
        steps = steps_for_training(model, quality)
        y_ref, y = _latents(model, before, steps), _latents(model, x, steps)
        if not hard:
            again = _as_pixels(model.synthesis(y_ref * steps.inverse, steps))
            swap = (torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5).to(y_ref)
            y_ref = y_ref + swap * (_latents(model, again, steps) - y_ref)
    bits, _ = p_rate(model, priors, y_ref, y - y_ref, steps, hard=hard)
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
            _, mean8 = p_rate(model, priors, y_ref, y_res, steps, hard=True)
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
