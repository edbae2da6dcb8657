"""Shipped integers as floats that gradients pass through: what the refiner asks for slopes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from lvcodec.exact.convolution import scale_of_shift
from lvcodec.exact.ops import layers
from lvcodec.models import store
from lvcodec.nets.shapes import SwiftShape
from lvcodec.nets.swift import Swift, load_constants, step_tables


@lru_cache(maxsize=1)
def float_twin(path: Path, weights_id: str) -> tuple[Swift, dict[str, Tensor]]:
    """The networks of a swift model in float32, and the quantiser's integer tables; kept for the weights used last.

    path: the model's folder; weights_id keys the cache. Raises WeightsError if the weights are damaged.
    """
    arrays = store.cached_integers(path, weights_id)
    steps = step_tables(arrays)
    model = Swift(SwiftShape(**store.read_info(path).manifest["shape"]))
    with torch.no_grad():
        for name, layer in layers(model):
            weight, bias, shift = (
                torch.from_numpy(arrays[f"layers.{name}.{part}"]).float() for part in ("weight", "bias", "shift")
            )
            scale = scale_of_shift(shift + layer.unit_bits, torch.float32)
            layer.weight.copy_(layer.shape_back(layer.per_output(weight) * scale[:, None]))
            layer.bias.copy_(bias * scale / layer.fmt.one)
        load_constants(model, steps)
        model.norm, model.spread = model.norm.float(), model.spread.float()
    model.requires_grad_(False).eval()
    return model.to(memory_format=torch.channels_last), steps
