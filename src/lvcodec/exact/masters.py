"""From float masters to integers: for training with simulated rounding, and for export. No decoder loads this."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lvcodec.exact import bounds, formats
from lvcodec.exact.formats import INT8
from lvcodec.exact.rounding import round_ste

if TYPE_CHECKING:
    from lvcodec.exact.ops import Conv

MAX_SHIFT = 24


def weight_bits(layer: Conv, flat: Tensor) -> Tensor:
    """How many binary places each output channel's weights get: (O, 1) float, from (O, the rest) masters.

    As many as the format's largest weight and, by half, the limit of sums allow.
    """
    fmt = layer.fmt
    peak = flat.detach().abs().amax(dim=1, keepdim=True).clamp_min(layer.weight_max * 2.0**-MAX_SHIFT)
    total = flat.detach().abs().sum(dim=1, keepdim=True).clamp_min(1e-9)
    bits = torch.floor(torch.log2(layer.weight_max / peak))
    room = torch.floor(torch.log2(0.5 * fmt.limit / layer.in_max / total))
    return torch.minimum(bits, room).clamp(max=MAX_SHIFT)


def simulated_weight(layer: Conv) -> Tensor:
    """The master weight as its integers will have it; the gradient passes through."""
    flat = layer.per_output(layer.weight)
    scale = torch.exp2(weight_bits(layer, flat))
    return layer.shape_back(round_ste(flat * scale) / scale)


def sums(layer: Conv, x: Tensor) -> Tensor:
    """What the layer computes from its masters before rounding and activation, in units, bias included."""
    weight = simulated_weight(layer) if layer.simulate else layer.weight
    factor = 2.0**layer.unit_bits
    if layer.unit_bits:
        weight = weight * factor
    bias = layer.bias * (layer.fmt.one * factor)
    if layer.fmt.dtype == torch.float64:  # carries more than the eight bits of bfloat16
        with torch.autocast(x.device.type, enabled=False):
            return layer.convolve(x.to(weight.dtype), weight, bias)
    return layer.convolve(x, weight, bias)


def forward(layer: Conv, x: Tensor) -> Tensor:
    """The layer in training: units from masters, rounded where `layer.simulate` is set."""
    acc = sums(layer, x)
    if layer.simulate and not formats.leaks(layer.fmt, layer.act):
        acc = round_ste(acc)
    return formats.activate(acc, layer.fmt, layer.act, whole=False)


def root(x: Tensor) -> Tensor:
    """torch's square root, for training: it is not correctly rounded, so coding takes numpy's."""
    return torch.sqrt(x)


def integers(name: str, layer: Conv) -> tuple[Tensor, Tensor, Tensor]:
    """A layer's integers: weight (of the master's shape), bias (O,), shift (O,).

    Raises WeightsError if the sums could reach the format's limit.
    """
    with torch.no_grad():
        flat = layer.per_output(layer.weight.detach().to(torch.float32).cpu())
        bits = weight_bits(layer, flat)
        whole = torch.round(flat * torch.exp2(bits)).clamp(-layer.weight_max, layer.weight_max)
        shift = bits.squeeze(1) - layer.unit_bits
        bias = layer.bias.detach().to(torch.float64).cpu() * layer.fmt.one * 2.0**layer.unit_bits
        bias = torch.round(bias * torch.exp2(shift.double()))
        weight = layer.shape_back(whole).to(torch.int32).contiguous()
    rows = layer.per_output(weight).numpy()
    bounds.prove(name, rows, bias.numpy(), layer.in_max, layer.fmt.limit, layer.fmt.weight_max)
    return weight, bias.to(torch.int32 if layer.fmt is INT8 else torch.int64), shift.to(torch.int32)
