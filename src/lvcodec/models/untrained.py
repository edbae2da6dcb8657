"""Networks that nothing has trained: random models of both families, and neutral P-picture modules."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvcodec import quality
from lvcodec.errors import UsageError
from lvcodec.models import cheng2020_arrays, export, store

if TYPE_CHECKING:
    from torch import Tensor

    from lvcodec.exact.ops import Conv
    from lvcodec.nets.cheng2020 import Cheng2020
    from lvcodec.nets.inter import Inter
    from lvcodec.nets.swift import Swift

CALM_SCALE = 0.3  # of residuals, in symbols, while nothing has learned it
# Of random inter paths: the step of quality 1, in levels; by what it falls a quality; how large residuals are beside
# pictures.
INTER_STEP, INTER_FALL, INTER_SHARE = 140.0, 1.39, 0.25


def init_random(
    family: str, target: Path, *, seed: int = 0, overwrite: bool = False, qualities: list[int] | None = None
) -> store.ModelInfo:
    """A model with random weights, for tests and timings: it codes exactly and compresses badly.

    family: of names.FAMILIES; qualities: of cheng2020, whole ones (a network each); a swift model always has all.
    """
    import torch

    torch.manual_seed(seed)
    about: dict[str, Any] = {"about": f"random weights, seed {seed}: for tests and timings"}
    if family == "swift":
        return random_swift(target, about, overwrite=overwrite)
    if family == "cheng2020":
        return random_cheng2020(target, qualities or [quality.LOWEST], about, overwrite=overwrite)
    raise UsageError(f"no untrained networks of the family {family!r} can be made")


def random_swift(target: Path, about: dict[str, Any], *, overwrite: bool) -> store.ModelInfo:
    """A swift model of the default shape, with an inter path, with random weights."""
    from lvcodec.nets.shapes import SwiftShape
    from lvcodec.nets.swift import Swift

    shape = SwiftShape(inter=True)
    model = Swift(shape)
    randomise(model)
    widths = zip(export.PRIORS, (shape.z_channels, shape.temporal, shape.temporal), strict=True)
    return store.write(
        target,
        name=target.name,
        family="swift",
        shape=shape.as_dict(),
        arrays=export.swift_arrays(model, {name: export.flat_pmf(width) for name, width in widths}),
        about=about,
        overwrite=overwrite,
    )


# ---- swift --------------------------------------------------------------------------------------------------------


def randomise(model: Swift) -> None:
    """Make an untrained swift model code something.

    It gets a block cosine transform as linear path, steps and deviations to match, and small random numbers in the
    layers that start at zero.
    """
    import torch

    from lvcodec.exact.ops import layers
    from lvcodec.models.steps import start_quantiser

    basis, frequency = _cosine_patches()
    order = np.argsort(frequency, kind="stable")[: model.shape.latent]
    deviation = torch.from_numpy(_deviation(frequency[order])).float()
    centre = 1 if model.shape.lapped else 0
    with torch.no_grad():
        for _, layer in layers(model):
            if not layer.weight.any():
                fan_in = layer.weight[0].numel()
                layer.weight.normal_(std=0.1 / fan_in**0.5)
        _set_linear(model.enc_linear, basis[order], centre)
        _set_linear(model.dec_linear, basis[order].T, centre)
    start_quantiser(model, deviation)
    if model.shape.inter:
        _start_inter(model.inter, basis, frequency)


def _set_linear(linear: Conv, rows: NDArray[np.float64], centre: int = 0) -> None:
    """Make a layer the product with a matrix."""
    import torch

    linear.weight.zero_()
    linear.weight[:, :, centre, centre] = torch.from_numpy(np.ascontiguousarray(rows)).float()


def _start_inter(model: Inter, basis: NDArray[np.float64], frequency: NDArray[np.float64]) -> None:
    """The same transform for residuals, with steps, scales and odds by which some places are live."""
    import torch

    from lvcodec.nets.inter_context import KNOTS

    order = np.argsort(frequency, kind="stable")[: model.shape.latent]
    deviation = torch.from_numpy(INTER_SHARE * _deviation(frequency[order])).float()
    with torch.no_grad():
        _set_linear(model.enc_linear, basis[order])
        _set_linear(model.dec_linear, basis[order].T)
        log_step = math.log(INTER_STEP) - math.log(INTER_FALL) * torch.arange(KNOTS)[:, None]
        model.log_step.copy_(log_step.expand_as(model.log_step))
        model.log_scale.copy_(deviation.log() - log_step)


def _deviation(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of coefficients of pictures, in levels."""
    return np.asarray(400.0 / (1 + frequency) ** 1.3)


def _cosine_patches() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The cosine basis of a 4:2:0 patch, and the frequency of each of its rows relative to its block.

    Returns (384, 384), orthonormal, its columns in the networks' order of channels, and (384,).
    """
    rows, frequencies = np.zeros((384, 384)), np.zeros(384)
    start = 0
    for side, first in ((16, 0), (8, 64), (8, 80)):
        n = np.arange(side)
        cosines = np.cos(np.pi * (2 * n[None] + 1) * n[:, None] / (2 * side)) * (2 / side) ** 0.5
        cosines[0] *= 0.5**0.5
        half = side // 2
        # pixel (a * half + i, b * half + j) is channel ((first + i * half + j), a, b) of the two pixel unshuffles
        row, column = np.divmod(np.arange(side * side), side)
        channel = (first + (row % half) * half + column % half) * 4 + (row // half) * 2 + column // half
        for u in range(side):
            for v in range(side):
                rows[start, channel] = np.outer(cosines[u], cosines[v]).ravel()[np.arange(side * side)]
                frequencies[start] = (u + v) * 16 / side
                start += 1
    return rows, frequencies


# ---- cheng2020 ----------------------------------------------------------------------------------------------------


def random_cheng2020(target: Path, qualities: list[int], about: dict[str, Any], *, overwrite: bool) -> store.ModelInfo:
    """A model with random weights, scaled so that all it computes stays in range and is not zero."""
    from lvcodec.nets.cheng2020 import WIDTHS, Cheng2020

    arrays: store.Arrays = {}
    for number in qualities:
        model = Cheng2020(WIDTHS[number])
        scale_random(model)
        pmfs = {name: export.flat_pmf(model.n) for name in export.PRIORS}
        arrays.update(cheng2020_arrays.network_arrays(model, pmfs, number))
    channels = {str(number): WIDTHS[number] for number in qualities}
    about = {**about, "qualities": sorted(qualities)}
    return cheng2020_arrays.write(target, target.name, channels, arrays, about, overwrite=overwrite)


def calm(network: Cheng2020) -> None:
    """A start for P-picture modules that nothing has trained: what they send is zero and they pass on what they get.

    Hyper-latents are zero; residuals have mean 0 and one scale; LCM's way through its rectifiers adds the shifted
    residual to y_ref. Hidden layers elsewhere stay random, so that training can start from here.
    """
    import torch

    model: Any = network  # its layers are in Sequentials, whose items have no types
    n = network.n
    rise = 1 + model.shift.lcm[0].fmt.leak  # leaky(x) - leaky(-x) = (1 + slope) x
    one = torch.eye(n)
    with torch.no_grad():
        for head in (model.temporal.ph_e[2], model.temporal.epm[2], model.shift.bfd_e[2]):
            head.weight.zero_()
            head.bias.zero_()
        model.temporal.epm[2].bias[n:] = math.log(CALM_SCALE)
        first, second, last = model.shift.lcm
        for layer in (first, second, last):
            layer.bias.zero_()
        # in: 2n of BFD-D, then y_shift, then y_ref
        first.weight[: 2 * n].zero_()
        first.weight[: 2 * n, 2 * n : 3 * n, 1, 1] = torch.cat([one, -one])
        second.weight.zero_()
        second.weight[:, : 2 * n, 1, 1] = torch.cat([torch.cat([one, -one], 1), torch.cat([-one, one], 1)]) / rise
        last.weight[:, :, 0, 0] = torch.cat([one, -one], 1) / rise


def scale_random(network: Cheng2020) -> None:
    """Scale the last layers of freshly made networks so that their outputs have these deviations on a noisy picture."""
    import torch

    from lvcodec.nets.cheng2020 import ONE
    from lvcodec.nets.rgb import RGB_BITS

    model: Any = network
    with torch.no_grad():
        network.mask_context()
        x = torch.rand(1, 3, 16, 16).repeat_interleave(8, 2).repeat_interleave(8, 3) + 0.1 * torch.randn(1, 3, 128, 128)
        x = x * ONE
        y = _settle(model.g_a[6], 3.0, lambda: model.g_a(x))
        z = _settle(model.h_a[-1], 3.0 / ONE, lambda: model.h_a(y)).round() * ONE
        y = (y / ONE).round() * ONE
        _settle(model.g_s[7][0], 0.2 * 2**RGB_BITS / ONE, lambda: model.g_s(y))
        model.g_s[7][0].bias.fill_(0.5)
        context = model.context_prediction(y)
        _settle(model.entropy_parameters[-1], 1.0, lambda: torch.cat(model.parameters_from(model.h_s(z), context), 1))
        model.entropy_parameters[-1].bias[: model.n] = 3.0
        shift = y.roll(1, 3)
        pair = torch.cat([y, shift], dim=1)
        temporal, bfd = model.temporal, model.shift
        z = _settle(temporal.ph_e[2], 2.0 / ONE, lambda: temporal.ph_e(pair)).round() * ONE
        _settle(temporal.epm[2], 0.7 * 256 / ONE, lambda: torch.cat(temporal.parameters_of(z, y), 1))
        z = _settle(bfd.bfd_e[2], 2.0 / ONE, lambda: bfd.bfd_e(pair)).round() * ONE
        torch.nn.init.normal_(bfd.lcm[2].weight, std=0.1)
        _settle(bfd.lcm[2], 1.0 * 64 / ONE, lambda: bfd.correction(z, shift - y, y))


def _settle(layer: Conv, deviation: float, forward: Any) -> Tensor:
    """Scale a layer so that the output of `forward` has this standard deviation (in ONEs); returns the new output."""
    from lvcodec.nets.cheng2020 import ONE

    layer.weight.mul_(deviation * ONE / forward().std().clamp(min=1e-6))
    result: Tensor = forward()
    return result
