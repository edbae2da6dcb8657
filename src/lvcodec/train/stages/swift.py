"""One training step of each stage: what is computed, what is paid for.

    intra   U_ENC, U_DEC, hyper-prior, contexts:  rate + lambda * distortion of single pictures
    p       P-HE, P-HD, TPM, EPM:                 rate of the residuals, latents fixed (MFVC, LDS, aligned)
    shift   BFD-E, BFD-D, LCM:                    rate + lambda * distortion over three P-pictures (LDS)

What distortion and lambda are is in losses.py; the stage that trains all of it together is in joint.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lvcodec.codec.modes import MODES
from lvcodec.codec.picture import I_WORTH
from lvcodec.entropy.rates import gaussian_bits, laplace_bits, shifted_bits
from lvcodec.exact.planes import channels_to_planes, planes_to_channels
from lvcodec.exact.rounding import round_ste
from lvcodec.models.steps import steps_for_training
from lvcodec.nets.compensation import shift_direction
from lvcodec.nets.swift import (
    UNITS_PER_LEVEL,
    Steps,
    Swift,
    parity,
)
from lvcodec.train.stages import motion as searching
from lvcodec.train.stages import symbols as choice
from lvcodec.train.stages.losses import MSE, PIXELS, Measure, squared_error
from lvcodec.train.stages.priors import ChannelPrior

Fields = NDArray[np.int32]  # (B, 2, rows, columns)
ALPHA = Fraction(1, 2)  # the shift of lds here: it renames symbols, so that the residual is known and coded as in mfvc


class Priors(nn.Module):
    """The factorised priors of the three hyper-latents."""

    def __init__(self, model: Swift) -> None:
        super().__init__()
        self.z_intra = ChannelPrior(model.shape.z_channels)
        self.z_p = ChannelPrior(model.shape.temporal)
        self.z_bfd = ChannelPrior(model.shape.temporal)


@dataclass(frozen=True)
class Outcome:
    """Per sample of a batch, each (B,): bits a luma pixel, distortion, lambda, weighted squared error in levels.

    weight: what a sample counts, so that high qualities do not outweigh the rest. aside: rates that are paid for and
    not reported, (n,).
    """

    rate: Tensor
    distortion: Tensor
    lmbda: Tensor
    squared: Tensor
    weight: Tensor
    aside: Tensor | None = None

    def loss(self) -> Tensor:
        """The mean of weight * (rate + lambda * distortion)."""
        paid = (self.weight * (self.rate + self.lmbda * self.distortion)).mean()
        return paid if self.aside is None else paid + self.aside.mean()

    def joined(self, other: Outcome) -> Outcome:
        """The samples of both."""
        names = ("rate", "distortion", "lmbda", "squared", "weight")
        return replace(self, **{name: torch.cat([getattr(self, name), getattr(other, name)]) for name in names})


def outcome(rate: Tensor, distortion: Tensor, squared: Tensor, quality: Tensor, measure: Measure) -> Outcome:
    """An Outcome with the lambdas and weights of these qualities."""
    lmbda = measure.lmbda(quality)
    return Outcome(rate, distortion, lmbda, squared, (measure.lambdas[3] / lmbda) ** 0.3)


def errors(x: Tensor, x_hat: Tensor, measure: Measure) -> tuple[Tensor, Tensor]:
    """Distortion and squared error, (B,) each: the second is for the log where it is not the first."""
    found = measure.error(x, x_hat)
    if measure is MSE:
        return found, found.detach()
    with torch.no_grad():
        return found, squared_error(x, x_hat)


def noisy(v: Tensor, hard: bool) -> Tensor:
    """Rounded, or with uniform noise of +-1/2: the rate's stand-in for rounding in training."""
    return torch.round(v) if hard else v + torch.rand_like(v) - 0.5


def per_pixel(bits: Tensor, x: Tensor) -> Tensor:
    """Bits a luma pixel; x: (B, 96, H/8, W/8)."""
    return bits / (PIXELS * x.shape[2] * x.shape[3])


def z_bits(prior: ChannelPrior, z: Tensor, *, hard: bool) -> Tensor:
    """Bits of a hyper-latent (B, C, H, W), (B,)."""
    bits = prior.bits(torch.round(z) if hard else z, noisy=not hard)  # (C, 1, B*H*W)
    return bits.reshape(z.shape[1], z.shape[0], -1).sum(dim=(0, 2))


def intra(
    model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, 1, 96, H/8, W/8). `hard` rounds where training adds noise: what a file would cost."""
    return code_intra(model, priors, clip[:, 0], quality, hard=hard, measure=measure)[0]


def code_intra(
    model: Swift, priors: Priors, x: Tensor, quality: Tensor, *, hard: bool, measure: Measure
) -> tuple[Outcome, Tensor, Tensor]:
    """One I-picture, (B, 96, H/8, W/8): what it costs, its symbols, and the picture in UNITS_PER_LEVEL a level.

    A model that rounds as its integers will is given, and pays for, the symbols that the encoder would choose; one that
    does not is given the nearest, and pays for noise in their place.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    steps = steps_for_training(model, quality)
    y = model.analysis(x)
    symbols = y * steps.gain
    y_hat = round_ste(symbols)
    paid = y_hat if model.rounds else noisy(symbols, hard)
    worth = I_WORTH * choice.worth_of(steps, quality)
    z = model.hyper_analysis(y, steps)
    psi = model.hyper_features(round_ste(z), steps)
    first = model.first_group
    bits = z_bits(priors.z_intra, z, hard=hard)
    for step in range(4):
        mean8, level = model.context_step(step, psi, y_hat * steps.inverse, steps)
        group = slice(0, first) if step < 2 else slice(first, None)
        inside = parity(symbols, step % 2)
        if model.rounds:
            found = choice.choose(symbols[:, group], torch.round(mean8), level, worth[:, group])
            now = torch.where(inside > 0, found, y_hat[:, group])
            y_hat = torch.cat([now, y_hat[:, first:]] if step < 2 else [y_hat[:, :first], now], dim=1)
            paid = y_hat
        here = gaussian_bits(paid[:, group], mean8 / 8, level) * inside
        bits = bits + here.sum(dim=(1, 2, 3))
    x_hat = model.synthesis(y_hat * steps.inverse, steps)
    return outcome(per_pixel(bits, x), *errors(x, x_hat, measure), quality, measure), y_hat, x_hat


def latents(model: Swift, x: Tensor, steps: Steps) -> Tensor:
    return torch.round(model.analysis(x) * steps.gain)


def as_pixels(x_hat: Tensor) -> Tensor:
    return torch.round(x_hat / UNITS_PER_LEVEL).clamp(-128, 127)


def p_rate(
    model: Swift,
    priors: Priors,
    ref_units: Tensor,
    real: Tensor,
    steps: Steps,
    worth: Tensor,
    *,
    hard: bool,
    shifted: Tensor | bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Bits of one P-picture's residual and hyper-latent, (B,); the symbols that the encoder would choose; and their
    means in eighths of a symbol, whole.

    ref_units: latents of the reference, in units; real: residuals in steps, not rounded; worth: of a squared step.
    shifted: whether the residual is coded after the shift, of all samples or (B, 1, 1, 1), 1 where it is.
    """
    z = model.p_hyper(ref_units, round_ste(real))
    mean8, level = model.p_parameters(round_ste(z), ref_units, steps)
    whole = torch.round(mean8.detach())
    if shifted is True:
        symbols = choice.choose_shifted(real, whole, level, worth)
        each = shifted_bits(symbols, mean8 / 8, level)
    else:
        symbols = choice.choose(real, whole, level, worth, laplace=True)
        each = laplace_bits(symbols, mean8 / 8, level)
        if shifted is not False:
            moved = choice.choose_shifted(real, whole, level, worth)
            each = torch.where(shifted > 0, shifted_bits(moved, mean8 / 8, level), each)
            symbols = torch.where(shifted > 0, moved, symbols)
    return each.sum(dim=(1, 2, 3)) + z_bits(priors.z_p, z, hard=hard), symbols, whole


def align(shown: Tensor, x: Tensor, quality: Tensor) -> Tensor:
    """Pictures in levels - 128, (B, 96, H/8, W/8), seen through the motion to x that the encoder would find."""
    return find_motion(shown, x, quality)[0]


def find_motion(shown: Tensor, x: Tensor, quality: Tensor, fields: Fields | None = None) -> tuple[Tensor, Fields]:
    """The same and the motion itself, (B, 2, rows, columns); `fields`: that of the pictures before, if there is any."""
    sides = [
        [plane.detach().to(torch.uint8).cpu().numpy()[:, 0] for plane in channels_to_planes(side)]
        for side in (shown, x)
    ]
    with torch.autocast(x.device.type, enabled=False):  # the warp is the decoder's: whole numbers
        found = searching.search_all(
            [
                searching.Task(before, after, None if fields is None else fields[number], float(q))
                for number, (before, after, q) in enumerate(
                    zip(zip(*sides[0], strict=True), zip(*sides[1], strict=True), quality.tolist(), strict=True)
                )
            ],
            processes=searching.beside(x.device),
        )
    y, u, v = (
        torch.from_numpy(np.stack(part)[:, None]).float() for part in zip(*(moved for _, moved in found), strict=True)
    )
    aligned = planes_to_channels(y, u, v).to(x.device).contiguous(memory_format=torch.channels_last)
    return aligned, np.stack([field for field, _ in found])


def p(
    model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, 2, 96, H/8, W/8). Samples in turn are coded as by mfvc and aligned, and every sixth as by lds."""
    before, x = clip[:, 0], clip[:, 1]
    number = torch.arange(len(x), device=x.device)
    aligned, again = number % 2 == 1, number % 6 == 0
    with torch.no_grad():
        _, y_ref, made = code_intra(model, priors, before, quality, hard=True, measure=measure)
        shown, shifted = as_pixels(made), torch.zeros_like(quality)
        worth = torch.full_like(quality, worth_in("mfvc"))
        if not hard:
            for chosen, mode in ((aligned, "aligned"), (again, "lds")):
                quality = torch.where(chosen, p_quality(mode, quality), quality)
                worth[chosen] = worth_in(mode)
            shifted[aligned] = 1  # by one, which merges symbols: that of lds, by a half, renames them
        steps = steps_for_training(model, quality)
        ref_units = y_ref * steps.inverse
        if not hard:
            y_ref[again] = latents(model, shown, steps)[again]
            ref_units[again] = (y_ref * steps.inverse)[again]
            ref_units[aligned] = model.analysis(align(shown[aligned], x[aligned], quality[aligned]))
            y_ref[aligned] = (ref_units * steps.gain)[aligned]
        real = model.analysis(x) * steps.gain - y_ref
        each = worth[:, None, None, None] * choice.worth_of(steps, quality)
    bits, _, _ = p_rate(model, priors, ref_units, real, steps, each, hard=hard, shifted=shifted[:, None, None, None])
    nothing = torch.zeros_like(bits)
    return outcome(per_pixel(bits, x), nothing, nothing, quality, measure)


def worth_in(mode: str) -> float:
    """What the encoder takes errors of P-pictures to be worth."""
    coding = MODES[mode]
    assert coding is not None
    return coding.worth_at(coding.alpha or ALPHA)


def p_quality(mode: str, quality: Tensor) -> Tensor:
    """The quality 1..6 of P-pictures where their I-picture has this one."""
    coding = MODES[mode]
    assert coding is not None
    return (quality - coding.coarser / 20).clamp(min=1)


def shift(
    model: Swift, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, T, 96, H/8, W/8): an I-picture and T - 1 P-pictures through the real reference loop."""
    with torch.no_grad():
        _, y_ref, _ = code_intra(model, priors, clip[:, 0], quality, hard=True, measure=measure)
    found: Outcome | None = None
    for t in range(1, clip.shape[1]):
        here, x_hat = code_shifted(model, priors, clip[:, t], y_ref, quality, hard=hard, measure=measure)
        found = here if found is None else found.joined(here)
        with torch.no_grad():
            y_ref = latents(model, as_pixels(x_hat), steps_for_training(model, quality))
    if found is None:
        raise ValueError("a sample of this stage needs two pictures")
    return found


def code_shifted(
    model: Swift, priors: Priors, x: Tensor, y_ref: Tensor, quality: Tensor, *, hard: bool, measure: Measure
) -> tuple[Outcome, Tensor]:
    """One P-picture of `lds`, shifted by a half. x: (B, 96, H/8, W/8) levels - 128; y_ref: its reference's symbols.

    Returns what it costs, and the picture in UNITS_PER_LEVEL a level.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    steps = steps_for_training(model, quality)
    ref_units = y_ref * steps.inverse
    y_units = model.analysis(x)
    real = y_units * steps.gain - y_ref
    worth = worth_in("lds") * choice.worth_of(steps, quality)
    bits, symbols, whole = p_rate(model, priors, ref_units, real, steps, worth, hard=hard)
    z = model.shift_hyper(shift_direction(torch.round(real.detach()), whole), y_units)
    change = model.compensate(round_ste(z), symbols, ref_units, steps)
    x_hat = model.synthesis((y_ref + change) * steps.inverse, steps)
    rate = per_pixel(bits + z_bits(priors.z_bfd, z, hard=hard), x)
    return outcome(rate, *errors(x, x_hat, measure), quality, measure), x_hat


@dataclass(frozen=True)
class Stage:
    """What a stage trains and on what.

    step: (model, priors, clip, quality, measure=...) to an Outcome. length: pictures of a sample. trained: parameters
    by the start of their names; priors: those of hyper-latents. alone: share of the samples that are single pictures,
    coded as in the stage intra. recorded: whether a GPU can do it without the host (replay.py).
    """

    step: Callable[..., Outcome]
    length: int
    trained: tuple[str, ...]
    priors: tuple[str, ...]
    alone: float = 0.0
    recorded: bool = False


INTRA = ("enc_", "enc8", "enc16", "dec_", "dec8", "dec16", "hyper_", "contexts", "log_step")
STAGES = {
    "intra": Stage(intra, 1, INTRA, ("z_intra",), recorded=True),
    "p": Stage(p, 2, ("temporal",), ("z_p",)),
    "shift": Stage(shift, 4, ("shift",), ("z_bfd",), recorded=True),
}
