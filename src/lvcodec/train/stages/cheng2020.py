"""The stages of the cheng2020 family, after Kim et al. 2022: one network a quality, RGB inside, floats throughout.

    intra   g_a, g_s, h_a, h_s, context, entropy parameters:  rate + lambda * distortion of single pictures
    p       P-HE, P-HD, TPM, EPM:                             rate of the residuals of two pictures, latents fixed
    shift   BFD-E, BFD-D, LCM:                                rate of z_BFD + lambda * distortion over three P-pictures

Distortion is 255^2 * MSE over RGB, or 1 - MS-SSIM of RGB; rates are in bits a luma pixel. A fresh network begins as
CompressAI's does, with the modules of P-pictures in a neutral state (models/untrained.py).
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from lvcodec.entropy import grid
from lvcodec.entropy.rates import gaussian_bits, laplace_bits
from lvcodec.errors import UsageError
from lvcodec.exact.formats import WIDE, clamp
from lvcodec.exact.gdn import Gdn
from lvcodec.exact.ops import layers
from lvcodec.exact.planes import channels_to_planes
from lvcodec.exact.rounding import round_ste
from lvcodec.models import importers
from lvcodec.models.cheng2020_arrays import LOWEST_SCALE
from lvcodec.nets import rgb
from lvcodec.nets.cheng2020 import ONE, WIDTHS, Cheng2020, causal_taps
from lvcodec.nets.cheng2020_coding import LEVEL_OF_ONE, LEVELS_PER_NAT
from lvcodec.nets.compensation import LATENT_GRID, shift_direction
from lvcodec.nets.temporal import PARAMETER_GRID
from lvcodec.train.stages.losses import LUMA_WINDOW, MSE, Measure, ms_ssim
from lvcodec.train.stages.priors import ChannelPrior
from lvcodec.train.stages.swift import Outcome, Stage, noisy, outcome, per_pixel, z_bits

LEAST_BETA = 1e-6  # of a divisive normalisation


class Priors(nn.Module):
    """The factorised priors of the three hyper-latents."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.z_intra, self.z_p, self.z_bfd = (ChannelPrior(n) for _ in range(3))


# ---- networks ---------------------------------------------------------------------------------------------------


def networks(shape: dict[str, int]) -> tuple[Cheng2020, Priors]:
    """Networks of a shape, to load weights into: {"channels": N} and, where weights are to take less room than the
    format gives them, {"weight_bits": bits}."""
    model, priors = Cheng2020(shape["channels"]), Priors(shape["channels"])
    _narrow(model, shape.get("weight_bits"))
    return model, priors


def shape_of(model: Cheng2020) -> dict[str, int]:
    """The inverse of networks."""
    widest = max(layer.weight_max for _, layer in layers(model))
    return {"channels": model.n} | ({"weight_bits": widest.bit_length() + 1} if widest < WIDE.weight_max else {})


def rounds(model: Cheng2020) -> bool:
    """Whether its weights are so short that training should see them rounded."""
    return "weight_bits" in shape_of(model)


def _narrow(model: Cheng2020, bits: int | None) -> None:
    for _, layer in layers(model):
        layer.weight_max = min(layer.weight_max, 2 ** (bits - 1) - 1 if bits else layer.weight_max)


SHAPE = {"channels": (1, 512), "weight_bits": (4, 16)}  # of new networks: least and most


def fresh(quality: int, shape: str) -> tuple[Cheng2020, Priors]:
    """Untrained networks. shape: "channels=N,weight_bits=B" for others than the published ones, or part of it."""
    given = dict(item.partition("=")[::2] for item in filter(None, shape.split(",")))
    if not all(
        name in SHAPE and value.isdecimal() and SHAPE[name][0] <= int(value) <= SHAPE[name][1]
        for name, value in given.items()
    ):
        raise UsageError("the shape of a cheng2020 network is channels=N (1 to 512), weight_bits=B (4 to 16)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from compressai.models import Cheng2020Anchor
    state = Cheng2020Anchor(int(given.get("channels", WIDTHS[quality]))).state_dict()
    model, priors = from_compressai({importers.rename(key): part for key, part in state.items()}, quality)
    _narrow(model, int(given.get("weight_bits", 0)) or None)
    return model, priors


def from_file(path: Path, quality: int) -> tuple[Cheng2020, Priors]:
    """The networks of a CompressAI checkpoint. Raises WeightsError if the file is none."""
    return from_compressai(importers.read_checkpoint(path), quality)


def from_compressai(state: dict[str, Tensor], quality: int) -> tuple[Cheng2020, Priors]:
    """Networks with the weights of a Cheng2020Anchor, by the keys of today's CompressAI."""
    model, _, _ = importers.build(state, quality)
    priors = Priors(model.n)
    for name, prefix in importers.BOTTLENECKS.items():
        bottleneck = getattr(priors, name).bottleneck
        own = {
            key: importers.rename(f"entropy_bottleneck.{key}").removeprefix("entropy_bottleneck.")
            for key, _ in bottleneck.named_parameters()
        }
        found = {key: state[f"{prefix}.{given}"] for key, given in own.items() if f"{prefix}.{given}" in state}
        bottleneck.load_state_dict(bottleneck.state_dict() | found)
    return model, priors


@torch.no_grad()
def constrain(model: Cheng2020) -> None:
    """After a step: what normalises stays positive, the masked convolution sees what comes before alone."""
    context = model.context_prediction.weight
    context.mul_(causal_taps().to(context.device))
    for module in model.modules():
        if isinstance(module, Gdn):
            module.bias.clamp_(min=LEAST_BETA)
            module.weight.clamp_(min=0)


# ---- pictures ---------------------------------------------------------------------------------------------------


def to_rgb(x: Tensor) -> Tensor:
    """(B, 96, H/8, W/8) levels - 128 to RGB (B, 3, H, W), ONE units for white."""
    y, u, v = channels_to_planes(x.double())
    return rgb.to_rgb(y, u, v, ONE).float()


def errors(x: Tensor, made: Tensor, measure: Measure) -> tuple[Tensor, Tensor]:
    """Distortion and squared error in 255ths, (B,) each. x: RGB, ONE for white; made: g_s's, 2**RGB_BITS for white."""
    want, got = x / ONE, made.float() * 2.0**-rgb.RGB_BITS
    squared = (255 * (got - want)).square().mean(dim=(1, 2, 3))
    if measure is MSE:
        return squared, squared.detach()
    return 1 - ms_ssim(want, got, 1.0, LUMA_WINDOW), squared.detach()


def as_shown(made: Tensor) -> Tensor:
    """What a decoder shows of g_s's output, as RGB again: by way of 4:2:0 and whole levels."""
    y, u, v = (plane.clamp(0, 255) for plane in rgb.to_planes(made.double().round()))
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
    bits = gaussian_bits(noisy(y, hard), mean / ONE, level).sum(dim=(1, 2, 3)) + z_bits(priors.z_intra, z, hard=hard)
    made = model.g_s(units(y_hat))
    return outcome(per_pixel(bits, clip[:, 0]), *errors(x, made, measure), quality, measure)


def p_rate(model: Cheng2020, priors: Priors, y_ref: Tensor, y_res: Tensor, *, hard: bool) -> tuple[Tensor, Tensor]:
    """Bits of a P-picture's residual and hyper-latent, (B,), and the means; y_ref, y_res: symbols."""
    z = model.temporal.ph_e(torch.cat([units(y_ref), units(y_ref + y_res)], dim=1))
    mean, log_scale = model.temporal.parameters_of(units(round_ste(z)), units(y_ref))
    mean = mean / PARAMETER_GRID
    level = (log_scale * (LEVELS_PER_NAT / PARAMETER_GRID) + LEVEL_OF_ONE).clamp(0, grid.LEVELS - 1)
    bits = laplace_bits(y_res, mean, level).sum(dim=(1, 2, 3)) + z_bits(priors.z_p, z, hard=hard)
    return bits, mean


def p(
    model: Cheng2020, priors: Priors, clip: Tensor, quality: Tensor, *, hard: bool = False, measure: Measure = MSE
) -> Outcome:
    """clip: (B, 2, 96, H/8, W/8), coded as by mfvc."""
    with torch.no_grad():
        y_ref, y = (latents(model, to_rgb(clip[:, t])) for t in (0, 1))
    bits, _ = p_rate(model, priors, y_ref, y - y_ref, hard=hard)
    nothing = torch.zeros_like(bits)
    return outcome(per_pixel(bits, clip[:, 1]), nothing, nothing, quality, measure)


def shift(
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
            _, mean = p_rate(model, priors, y_ref, y - y_ref, hard=True)
            direction = shift_direction(y - y_ref, torch.round(mean * grid.MEAN_STEPS))
            y_shift = y - y_ref - direction
        z = model.shift.bfd_e(torch.cat([units(direction), units(y)], dim=1))
        change = model.shift.correction(units(round_ste(z)), units(y_shift), units(y_ref)) / LATENT_GRID
        made = model.g_s(units(y_ref + change))
        here = errors(x, made, measure)
        rate = rate + per_pixel(z_bits(priors.z_bfd, z, hard=hard), clip[:, t]) / count
        error, squared = error + here[0] / count, squared + here[1] / count
        if t < count:
            with torch.no_grad():
                y_ref = latents(model, as_shown(made))
    return outcome(rate, error, squared, quality, measure)


STAGES = {
    "intra": Stage(
        intra, 1, ("g_a", "g_s", "h_a", "h_s", "context_prediction", "entropy_parameters"), ("z_intra",), recorded=True
    ),
    "p": Stage(p, 2, ("temporal",), ("z_p",), recorded=True),
    "shift": Stage(shift, 4, ("shift",), ("z_bfd",), recorded=True),
}
