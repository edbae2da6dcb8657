"""Float masters beside the shipped integers, so that training can go on from the repository alone.

A weight's master is (integer + fraction) * 2^-bits, and the integers are shipped anyway: only the fraction that
rounding took away is kept, in four bits, two to a byte. That is ten bits and more a weight for half a byte, where
half precision would take two bytes (docs/decisions.md#masters-in-four-bits). Everything that is not a layer's weight
is kept in float32.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvcodec.errors import WeightsError
from lvcodec.exact import masters
from lvcodec.exact.ops import layers
from lvcodec.models import store
from lvcodec.models.store import Arrays
from lvcodec.nets.shapes import SwiftShape
from lvcodec.nets.swift import Swift
from lvcodec.train.stages.priors import Priors, swift_priors


def pack(model: Swift, priors: Priors) -> Arrays:
    """Masters of a model and its priors, as store.MASTERS holds them."""
    arrays: Arrays = {}
    weights = set()
    with torch.no_grad():
        for name, layer in layers(model):
            weights.add(f"{name}.weight")
            flat = layer.per_output(layer.weight.detach().float().cpu())
            scaled = flat * torch.exp2(masters.weight_bits(layer, flat))
            whole = torch.round(scaled).clamp(-layer.fmt.weight_max, layer.fmt.weight_max)
            arrays[f"fractions.{name}"] = _nibbles(layer.shape_back(scaled - whole).contiguous())
    rest = {f"model.{k}": v for k, v in model.state_dict().items() if k not in weights}
    rest |= {f"priors.{k}": v for k, v in priors.state_dict().items()}
    arrays |= {k: v.float().cpu().numpy() for k, v in rest.items() if v.is_floating_point()}
    return arrays


def unpack(folder: Path) -> tuple[Swift, Priors]:
    """A model and its priors from a model's folder. Raises WeightsError if there are no masters."""
    from safetensors.numpy import load_file

    info = store.read_info(folder)
    if not (folder / store.MASTERS).is_file():
        raise WeightsError(f"{folder} has no {store.MASTERS}, from which training could go on")
    arrays, integers = load_file(folder / store.MASTERS), store.read_integers(info)
    model = Swift(SwiftShape(**info.manifest["shape"]))
    priors = swift_priors(model)
    state: dict[str, Tensor] = {k[6:]: torch.from_numpy(v) for k, v in arrays.items() if k.startswith("model.")}
    for name, layer in layers(model):
        whole = torch.from_numpy(integers[f"layers.{name}.weight"]).float()
        shift = torch.from_numpy(integers[f"layers.{name}.shift"]).float() + layer.unit_bits
        value = layer.per_output(whole + _from_nibbles(arrays[f"fractions.{name}"], whole.shape))
        state[f"{name}.weight"] = layer.shape_back(value * torch.exp2(-shift)[:, None]).contiguous()
    try:
        model.load_state_dict(state)
    except RuntimeError as error:  # of other shapes
        raise WeightsError(f"the masters in {folder} are of another lvcodec", "take newer weights") from error
    known = priors.state_dict()
    priors.load_state_dict(known | {k[7:]: torch.from_numpy(v) for k, v in arrays.items() if k.startswith("priors.")})
    return model, priors


def _nibbles(fractions: Tensor) -> NDArray[np.uint8]:
    """Fractions within +-1/2 as sixteenths, two to a byte."""
    values = np.floor(fractions.numpy().ravel() * 16).clip(-8, 7).astype(np.int8) + 8
    even = np.append(values, 8) if values.size % 2 else values
    packed: NDArray[np.uint8] = (even[::2] | even[1::2] << 4).astype(np.uint8)
    return packed


def _from_nibbles(packed: NDArray[np.uint8], shape: torch.Size) -> Tensor:
    values = np.stack([packed & 15, packed >> 4], axis=1).ravel()[: shape.numel()]
    return torch.from_numpy((values.astype(np.float32) - 7.5) / 16).reshape(shape)
