"""The stages of the cheng2020 family, after Kim et al. 2022: one network a quality, RGB inside, floats throughout.

    intra         g_a, g_s, h_a, h_s, context,    rate + lambda * distortion of single pictures
                  entropy parameters
    temporal      P-HE, P-HD, TPM, EPM            rate of the residuals of two pictures, latents fixed
    compensation  BFD-E, BFD-D, LCM               rate of z_BFD + lambda * distortion over three P-pictures

Distortion is 255^2 * MSE over RGB, or 1 - MS-SSIM of RGB; rates are in bits a luma pixel. Where the networks come from
is in cheng2020_networks.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.entropy import grid
from lvcodec.entropy.rates import gaussian_bits, laplace_bits
from lvcodec.exact.formats import WIDE, clamp
from lvcodec.exact.planes import channels_to_planes
from lvcodec.exact.rounding import round_ste
from lvcodec.models.cheng2020_arrays import LOWEST_SCALE
from lvcodec.nets import rgb
from lvcodec.nets.cheng2020 import ONE, Cheng2020
from lvcodec.nets.cheng2020_coding import LEVEL_OF_ONE, LEVELS_PER_NAT
from lvcodec.nets.compensation import shift_direction
from lvcodec.nets.shapes import LATENT_GRID, PARAMETER_GRID
from lvcodec.train.stages.losses import LUMA_WINDOW, MSE, Measure, ms_ssim
from lvcodec.train.stages.priors import Priors
from lvcodec.train.stages.stage import Outcome, Stage, noisy, outcome, per_pixel

# ---- pictures ---------------------------------------------------------------------------------------------------


def to_rgb(x: Tensor) -> Tensor:
    """(B, 96, H/8, W/8) levels - 128 to RGB (B, 3, H, W), ONE units for white."""
    y, u, v = channels_to_planes(x.double())
    return rgb.to_rgb(y, u, v, ONE).float()


def rgb_errors(x: Tensor, x_hat: Tensor, measure: Measure) -> tuple[Tensor, Tensor]:
    """Distortion and squared error in 255ths, (B,) each. x: RGB, ONE for white; x_hat: g_s's, 2**RGB_BITS for white."""
    want, got = x / ONE, x_hat.float() * 2.0**-rgb.RGB_BITS
    squared = (255 * (got - want)).square().mean(dim=(1, 2, 3))
    if measure is MSE:
        return squared, squared.detach()
    return 1 - ms_ssim(want, got, 1.0, LUMA_WINDOW), squared.detach()


def as_shown(x_hat: Tensor) -> Tensor:
    """What a decoder shows of g_s's output, as RGB again: by way of 4:2:0 and whole levels."""
    y, u, v = (plane.clamp(0, 255) for plane in rgb.to_planes(x_hat.double().round()))
    return rgb.to_rgb(y, u, v, ONE).float()


def latents(model: Cheng2020, x: Tensor) -> Tensor:
    """round(U_ENC(x)), in symbols. x: RGB."""
    return torch.round(model.g_a(x) / ONE)


def units(symbols: Tensor) -> Tensor:
    """Symbols as the networks see them."""
    return clamp(symbols * ONE, WIDE)


class _AtLeast(torch.autograd.Function):
    """max(x, least) whose gradient passes below too, where it would raise x."""

    @staticmethod
    def forward(ctx, x: Tensor, least: float) -> Tensor:
        ctx.save_for_backward(x < least)
        return x.clamp_min(least)

    @staticmethod
    def backward(ctx, grad: Tensor):
        (below,) = ctx.saved_tensors
        return torch.where(below & (grad > 0), 0, grad), None


# ---- stages -----------------------------------------------------------------------------------------------------


def intra(
    model: Cheng2020, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, 1, 96, H/8, W/8). `hard` rounds where training adds noise."""
    x = to_rgb(clip[:, 0])
    y = model.g_a(x) / ONE
    y_hat = round_ste(y)
    z = model.h_a(y * ONE)
    psi = model.h_s(units(round_ste(z)))
    scale, mean = model.parameters_from(psi, model.context_prediction(units(y_hat)))
    scale = _AtLeast.apply(scale / ONE, LOWEST_SCALE)
    level = grid.PER_OCTAVE * torch.log2(scale / grid.LOWEST_SCALE)
    bits = gaussian_bits(noisy(y, hard=hard), mean / ONE, level).sum(dim=(1, 2, 3)) + priors.z_intra.bits(z, hard=hard)
    x_hat = model.g_s(units(y_hat))
    return outcome(per_pixel(bits, clip[:, 0]), *rgb_errors(x, x_hat, measure), quality, measure)


def residual_bits(
    model: Cheng2020, priors: Priors, y_ref: Tensor, y_res: Tensor, *, hard: bool
) -> tuple[Tensor, Tensor]:
    """Bits of a P-picture's residual and hyper-latent, (B,), and the means; y_ref, y_res: symbols."""
    z = model.temporal.ph_e(torch.cat([units(y_ref), units(y_ref + y_res)], dim=1))
    mean, log_scale = model.temporal.parameters_of(units(round_ste(z)), units(y_ref))
    mean = mean / PARAMETER_GRID
    level = (log_scale * (LEVELS_PER_NAT / PARAMETER_GRID) + LEVEL_OF_ONE).clamp(0, grid.LEVELS - 1)
    bits = laplace_bits(y_res, mean, level).sum(dim=(1, 2, 3)) + priors.z_p.bits(z, hard=hard)
    return bits, mean


def temporal(
    model: Cheng2020, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, 2, 96, H/8, W/8), coded as by mfvc."""
    with torch.no_grad():
        y_ref, y = (latents(model, to_rgb(clip[:, t])) for t in (0, 1))
    bits, _ = residual_bits(model, priors, y_ref, y - y_ref, hard=hard)
    nothing = torch.zeros_like(bits)
    return outcome(per_pixel(bits, clip[:, 1]), nothing, nothing, quality, measure)


def compensation(
    model: Cheng2020, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, T, 96, H/8, W/8): an I-picture and T - 1 P-pictures through the real reference loop of lds."""
    with torch.no_grad():
        y_ref = latents(model, to_rgb(clip[:, 0]))
    rate, error, squared = (torch.zeros_like(quality) for _ in range(3))
    count = clip.shape[1] - 1
    for t in range(1, clip.shape[1]):
        x = to_rgb(clip[:, t])
        with torch.no_grad():
            y = latents(model, x)
            _, mean = residual_bits(model, priors, y_ref, y - y_ref, hard=True)
            direction = shift_direction(y - y_ref, torch.round(mean * grid.MEAN_STEPS))
            y_shift = y - y_ref - direction
        z = model.shift.bfd_e(torch.cat([units(direction), units(y)], dim=1))
        change = model.shift.correction(units(round_ste(z)), units(y_shift), units(y_ref)) / LATENT_GRID
        x_hat = model.g_s(units(y_ref + change))
        errors = rgb_errors(x, x_hat, measure)
        rate = rate + per_pixel(priors.z_bfd.bits(z, hard=hard), clip[:, t]) / count
        error, squared = error + errors[0] / count, squared + errors[1] / count
        if t < count:
            with torch.no_grad():
                y_ref = latents(model, as_shown(x_hat))
    return outcome(rate, error, squared, quality, measure)


STAGES = {
    "intra": Stage(
        intra,
        length=1,
        trained=("g_a", "g_s", "h_a", "h_s", "context_prediction", "entropy_parameters"),
        priors=("z_intra",),
        recorded=True,
    ),
    "temporal": Stage(temporal, length=2, trained=("temporal",), priors=("z_p",), recorded=True),
    "compensation": Stage(compensation, length=4, trained=("shift",), priors=("z_bfd",), recorded=True),
}
