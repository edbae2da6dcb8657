"""CompressAI checkpoints to shipped integers: the cheng2020 family's weights, one network a quality.

A checkpoint is a pickle and is read with `weights_only=True`. CompressAI itself is not needed. Its checkpoints hold
an image codec; the modules of P-pictures are then put in a neutral state (`calm`), unless the checkpoint has them
under "temporal." and "shift.", their priors under "entropy_bottleneck_p." and "entropy_bottleneck_bfd.".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.entropy import grid
from lvcodec.errors import UsageError, WeightsError
from lvcodec.models import canary, export, store

if TYPE_CHECKING:
    from torch import Tensor

    from lvcodec.exact.ops import Conv
    from lvcodec.nets.cheng2020 import Cheng2020

Arrays = dict[str, NDArray[Any]]
Floats = NDArray[np.float64]

LOWEST_SCALE = 0.11  # CompressAI's bound of an I-picture's sigma
QUALITIES = range(1, 7)
PRIORS = {"z_intra": "entropy_bottleneck", "z_p": "entropy_bottleneck_p", "z_bfd": "entropy_bottleneck_bfd"}
MAX_REACH = 1000  # of a hyper-latent's table
CALM_SCALE = 0.3  # of residuals, in symbols, while nothing has learned it
_BOTTLENECK = re.compile(r"^(entropy_bottleneck(?:_p|_bfd)?)\._?(matri|bias|factor)(?:x|ces|es|s)?\.?(\d)$")
_NOT_LAYERS = ("entropy_bottleneck", "gaussian_conditional.")


def import_compressai(
    paths: list[Path], target: Path, *, name: str, overwrite: bool, qualities: list[int] | None = None
) -> store.ModelInfo:
    """Make a model of Cheng2020Anchor checkpoints, one a quality, and record its canary.

    qualities: of each path; without it they are read from the file names ("cheng2020-anchor-3-e49be189.pth.tar",
    "mine-q3.pth", "quality=3.pth"). Raises WeightsError if a file is no such checkpoint, UsageError if a quality is
    unknown or occurs twice.
    """
    numbers = [quality_of(path) for path in paths] if qualities is None else list(qualities)
    if not paths or len(numbers) != len(paths) or len(set(numbers)) != len(numbers):
        raise UsageError(f"{len(paths)} checkpoints for qualities {numbers}", "give one checkpoint a quality")
    if not all(number in QUALITIES for number in numbers):
        raise UsageError(f"qualities {numbers} are not all in 1..6")
    arrays: Arrays = {}
    channels, untrained = {}, []
    for number, path in sorted(zip(numbers, paths, strict=True)):
        state = read_checkpoint(path)
        try:
            model, pmfs, missing = build(state, number)
            arrays.update(network_arrays(model, pmfs, number))
        except WeightsError as error:
            raise WeightsError(f"{path}: {error.message}", error.hint) from error
        channels[str(number)] = model.n
        if missing:
            untrained.append(number)
    about: dict[str, Any] = {
        "about": "Cheng2020Anchor, imported from CompressAI checkpoints",
        "qualities": sorted(numbers),
        "sources": {str(number): path.name for number, path in zip(numbers, paths, strict=True)},
    }
    if untrained:
        about["untrained"] = (
            f"qualities {untrained}: the checkpoints hold an image codec; P-picture modules are in a "
            "neutral state, so modes mfvc and lds decode but compress badly"
        )
    return canary.record(_write(target, name, channels, arrays, about, overwrite=overwrite))


def random_cheng2020(target: Path, qualities: list[int], about: dict[str, Any], *, overwrite: bool) -> store.ModelInfo:
    """A model with random weights, scaled so that all it computes stays in range and is not zero."""
    from lvcodec.nets.cheng2020 import WIDTHS, Cheng2020

    arrays: Arrays = {}
    for number in qualities:
        model = Cheng2020(WIDTHS[number])
        scale_random(model)
        arrays.update(network_arrays(model, {name: export.flat_pmf(model.n) for name in PRIORS}, number))
    channels = {str(number): WIDTHS[number] for number in qualities}
    about = {**about, "qualities": sorted(qualities)}
    return _write(target, target.name, channels, arrays, about, overwrite=overwrite)


def quality_of(path: Path) -> int:
    """The quality that a checkpoint's file name states. Raises UsageError if it does not, or not clearly."""
    stem = path.name.lower()
    named = re.findall(r"(?<![a-z])q(?:uality)?[-_=]?([1-6])(?![0-9])", stem)
    alone = re.findall(r"(?<![a-z0-9.])([1-6])(?![a-z0-9])", stem)
    found = set(named or alone)
    if len(found) != 1:
        raise UsageError(f"{path}: the file's name does not say which quality it is", "name it like anchor-q3.pth.tar")
    return int(found.pop())


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """A checkpoint's tensors, by the keys of today's CompressAI. Raises WeightsError if the file holds none."""
    import torch

    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # whatever a pickle of anything can raise
        raise WeightsError(f"{path}: is not a PyTorch checkpoint of plain tensors ({type(error).__name__})") from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        raise WeightsError(f"{path}: holds no state dict")
    return {rename(key): value for key, value in state.items() if isinstance(value, torch.Tensor)}


def rename(key: str) -> str:
    """Keys of older CompressAI versions, and of models wrapped for several GPUs, as they are today."""
    key = key.removeprefix("module.").replace(".downsample.", ".skip.")
    old = _BOTTLENECK.match(key)
    if old:
        plural = {"matri": "matrices", "bias": "biases", "factor": "factors"}[old[2]]
        return f"{old[1]}.{plural}.{old[3]}"
    return key


def build(state: Mapping[str, Tensor], seed: int) -> tuple[Cheng2020, dict[str, Floats], bool]:
    """A network with a checkpoint's weights, its hyper-latents' probabilities, and whether P-modules were missing.

    seed: of the hidden layers that the checkpoint lacks. Raises WeightsError if the checkpoint is not
    Cheng2020Anchor's.
    """
    import torch

    from lvcodec.nets.cheng2020 import Cheng2020

    first = state.get("g_a.0.conv1.weight")
    if first is None or first.dim() != 4 or first.shape[1:] != (3, 3, 3) or not 0 < first.shape[0] <= 512:
        raise WeightsError("is not a Cheng2020Anchor checkpoint", "its key g_a.0.conv1.weight should be (N, 3, 3, 3)")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Cheng2020(int(first.shape[0]))
        missing = not any(key.startswith(("temporal.", "shift.")) for key in state)
        if missing:
            calm(model)
    wanted = {
        f"{key}": parameter
        for key, parameter in model.named_parameters()
        if not (missing and key.startswith(("temporal.", "shift.")))
    }
    known = set()
    with torch.no_grad():
        for key, parameter in wanted.items():
            source, value = _parameter(state, key)
            if tuple(value.shape) != tuple(parameter.shape):
                raise WeightsError(f"{source} is {tuple(value.shape)}, not {tuple(parameter.shape)}")
            if not torch.isfinite(value).all():
                raise WeightsError(f"{source} has values that are not finite")
            parameter.copy_(value)
            known.add(source)
        _mask(model.context_prediction)
    unknown = sorted(
        key
        for key in state
        if key not in known and key.endswith((".weight", ".bias")) and not key.startswith(_NOT_LAYERS)
    )
    if unknown:
        raise WeightsError(f"has a layer that Cheng2020Anchor lacks, {unknown[0]}")
    present = {name: prefix for name, prefix in PRIORS.items() if name == "z_intra" or not missing}
    pmfs = {name: bottleneck_pmf(state, prefix, model.n) for name, prefix in present.items()}
    return model, {name: export.flat_pmf(model.n, spread=0.1) for name in PRIORS} | pmfs, missing


def _parameter(state: Mapping[str, Tensor], key: str) -> tuple[str, Tensor]:
    """The checkpoint's key and value of one of our parameters; undoes the reparametrisation of GDN."""
    gdn = re.match(r"^(.*\.i?gdn)\.(weight|bias)$", key)
    source = f"{gdn[1]}.{'gamma' if gdn[2] == 'weight' else 'beta'}" if gdn else key
    if source not in state:
        raise WeightsError(f"is not a Cheng2020Anchor checkpoint: it lacks {source}")
    value = state[source].double()
    if gdn is None:
        return source, value
    # CompressAI trains sqrt(v + 2^-36), held at sqrt(minimum + 2^-36) or above; the least beta is 10^-6
    pedestal = 2.0**-36
    least = (1e-6 if gdn[2] == "bias" else 0.0) + pedestal
    value = value.clamp(min=math.sqrt(least)).square() - pedestal
    return source, value[:, :, None, None] if gdn[2] == "weight" else value


def _mask(layer: Conv) -> None:
    from lvcodec.nets.cheng2020 import causal_taps

    layer.weight.data *= causal_taps()


def bottleneck_pmf(state: Mapping[str, Tensor], prefix: str, channels: int) -> Floats:
    """Probabilities of whole numbers around zero, (channels, odd), by the state of a CompressAI EntropyBottleneck.

    Raises WeightsError if the state lacks it or has it in other sizes.
    """
    import torch
    import torch.nn.functional as F

    widths = (1, 3, 3, 3, 3, 1)
    stages = []
    for i in range(5):
        shapes = {"matrices": (channels, widths[i + 1], widths[i]), "biases": (channels, widths[i + 1], 1)}
        if i < 4:
            shapes["factors"] = (channels, widths[i + 1], 1)
        for part, shape in shapes.items():
            value = state.get(f"{prefix}.{part}.{i}")
            if value is None or tuple(value.shape) != shape:
                got = "missing" if value is None else tuple(value.shape)
                raise WeightsError(f"{prefix}.{part}.{i} is {got}, not {shape}")
        stages.append([state[f"{prefix}.{part}.{i}"].double() for part in shapes])
    quantiles = state.get(f"{prefix}.quantiles")
    reach = export.PMF_REACH if quantiles is None else int(quantiles.abs().max().nan_to_num(0).ceil()) + 2
    reach = min(max(reach, export.PMF_REACH), MAX_REACH)
    # the edges of the cells: P(v) = F(v + 1/2) - F(v - 1/2)
    logits = (torch.arange(-reach, reach + 2, dtype=torch.float64) - 0.5).expand(channels, 1, -1)
    for matrix, bias, *factor in stages:
        logits = F.softplus(matrix) @ logits + bias
        if factor:
            logits = logits + torch.tanh(factor[0]) * torch.tanh(logits)
    # a difference of small numbers, from the side where they are small
    side = -torch.sign(logits[..., :-1] + logits[..., 1:])
    pmf = (torch.sigmoid(side * logits[..., 1:]) - torch.sigmoid(side * logits[..., :-1])).abs().squeeze(1)
    if not (torch.isfinite(pmf).all() and (pmf.sum(dim=1) > 0.5).all()):
        raise WeightsError(f"{prefix} gives no distribution within +-{reach}")
    found: Floats = pmf.numpy()
    return found


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
        _mask(model.context_prediction)
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


def thresholds() -> NDArray[np.int32]:
    """Where an I-picture's scale, ONE to a symbol, steps to the next level: half way between, geometrically.

    Levels below CompressAI's least scale are never reached. (LEVELS - 1,) int32.
    """
    from lvcodec.nets.cheng2020 import ONE

    steps = np.rint(grid.scales()[:-1] * (ONE * 2.0 ** (0.5 / grid.PER_OCTAVE))).astype(np.int32)
    return np.where(steps <= LOWEST_SCALE * ONE, np.iinfo(np.int32).min, steps).astype(np.int32)


def network_arrays(model: Cheng2020, pmfs: Mapping[str, Floats], quality: int) -> Arrays:
    """The integers of one quality's network and of its hyper-latents' tables, under its prefix."""
    arrays: Arrays = export.layer_arrays(model, f"q{quality}.layers.")
    for name, pmf in pmfs.items():
        arrays.update(export.prior_arrays(name, pmf, f"q{quality}.tables."))
    return arrays


def _write(
    target: Path, name: str, channels: dict[str, int], arrays: Arrays, about: dict[str, Any], *, overwrite: bool
) -> store.ModelInfo:
    arrays = {**arrays, **export.table_arrays(), "grid.thresholds": thresholds()}
    return store.write(
        target,
        name=name,
        family="cheng2020",
        shape={"channels": channels},
        arrays=arrays,
        about=about,
        overwrite=overwrite,
    )
