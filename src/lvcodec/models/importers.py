"""CompressAI checkpoints to shipped integers: the cheng2020 family's weights, one network a quality.

A checkpoint is a pickle and is read with `weights_only=True`. CompressAI itself is not needed. Its checkpoints hold
an image codec; the modules of P-pictures are then put in a neutral state (untrained.calm), unless the checkpoint has
them under "temporal." and "shift.", their priors under "entropy_bottleneck_p." and "entropy_bottleneck_bfd.".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvcodec import quality
from lvcodec.arrays import Reals
from lvcodec.errors import UsageError, WeightsError
from lvcodec.models import canary, cheng2020_arrays, export, store, untrained
from lvcodec.models.store import Arrays

if TYPE_CHECKING:
    from torch import Tensor

    from lvcodec.nets.cheng2020 import Cheng2020


BOTTLENECKS = {  # where a checkpoint holds each prior of a hyper-latent
    "z_intra": "entropy_bottleneck",
    "z_p": "entropy_bottleneck_p",
    "z_bfd": "entropy_bottleneck_bfd",
}
MAX_REACH = 1000  # of a hyper-latent's table
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
    if not all(number in quality.WHOLE for number in numbers):
        raise UsageError(f"qualities {numbers} are not all in {quality.LOWEST}..{quality.HIGHEST}")
    arrays: Arrays = {}
    channels, neutral = {}, []
    for number, path in sorted(zip(numbers, paths, strict=True)):
        state = read_checkpoint(path)
        try:
            model, pmfs, missing = build(state, number)
            arrays.update(cheng2020_arrays.network_arrays(model, pmfs, number))
        except WeightsError as error:
            raise WeightsError(f"{path}: {error.message}", error.hint) from error
        channels[str(number)] = model.n
        if missing:
            neutral.append(number)
    about: dict[str, Any] = {
        "about": "Cheng2020Anchor, imported from CompressAI checkpoints",
        "qualities": sorted(numbers),
        "sources": {str(number): path.name for number, path in zip(numbers, paths, strict=True)},
    }
    if neutral:
        about["untrained"] = (
            f"qualities {neutral}: the checkpoints hold an image codec; P-picture modules are in a "
            "neutral state, so modes mfvc and lds decode but compress badly"
        )
    return canary.record(cheng2020_arrays.write(target, name, channels, arrays, about, overwrite=overwrite))


def quality_of(path: Path) -> int:
    """The quality that a checkpoint's file name states. Raises UsageError if it does not, or not clearly."""
    stem = path.name.lower()
    named = re.findall(r"(?<![a-z])q(?:uality)?[-_=]?([1-6])(?![0-9])", stem)
    alone = re.findall(r"(?<![a-z0-9.])([1-6])(?![a-z0-9])", stem)
    numbers = set(named or alone)
    if len(numbers) != 1:
        raise UsageError(f"{path}: the file's name does not say which quality it is", "name it like anchor-q3.pth.tar")
    return int(numbers.pop())


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


def build(state: Mapping[str, Tensor], seed: int) -> tuple[Cheng2020, dict[str, Reals], bool]:
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
            untrained.calm(model)
    wanted = {
        key: parameter
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
        model.mask_context()
    unknown = sorted(
        key
        for key in state
        if key not in known and key.endswith((".weight", ".bias")) and not key.startswith(_NOT_LAYERS)
    )
    if unknown:
        raise WeightsError(f"has a layer that Cheng2020Anchor lacks, {unknown[0]}")
    present = {name: prefix for name, prefix in BOTTLENECKS.items() if name == "z_intra" or not missing}
    pmfs = {name: bottleneck_pmf(state, prefix, model.n) for name, prefix in present.items()}
    return model, {name: export.flat_pmf(model.n, spread=0.1) for name in export.PRIORS} | pmfs, missing


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


def bottleneck_pmf(state: Mapping[str, Tensor], prefix: str, channels: int) -> Reals:
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
                is_now = "missing" if value is None else tuple(value.shape)
                raise WeightsError(f"{prefix}.{part}.{i} is {is_now}, not {shape}")
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
    rows: Reals = pmf.numpy()
    return rows
