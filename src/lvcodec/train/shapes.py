"""What a swift shape costs before it is trained: python -m lvcodec.train.shapes NAME=VALUE,... [...]

For each shape: multiply-accumulates a luma pixel of the decoder (lds, P-picture) and of the auto-encoder's halves,
pictures decoded a second with random weights through the exact layers, networks and entropy decoding, and the
milliseconds of its 8-bit layers, as they run now (float32 sums, requantised after) and in torch's fused int8
convolution.
"""
from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import cast

import click
import numpy as np
import torch
from torch import Tensor, nn

from lvcodec.codec.modes import MODES
from lvcodec.codec.network import Network, padded
from lvcodec.codec.picture import decode_picture, encode_picture
from lvcodec.exact.ops import INT8, Conv, layers
from lvcodec.models import export, loading, store
from lvcodec.nets.swift import Swift, SwiftShape
from lvcodec.nets.swift_coding import SwiftCoding
from lvcodec.video.picture import Picture

SIZES = {"CIF": (352, 288), "1080p": (1920, 1080)}


def count_macs(model: Swift) -> dict[str, int]:
    """Multiply-accumulates by layer for one pass of each method that a test picture of 64x64 goes through."""
    found: dict[str, int] = {}

    def hook(name: str, layer: Conv):
        def count(_module, _inputs, output):
            per_output = layer.weight[0].numel() if not layer.transposed else layer.weight[:, 0].numel()
            found[name] = found.get(name, 0) + per_output * output.numel()
        return count

    handles = [layer.register_forward_hook(hook(name, layer)) for name, layer in layers(model)]
    from lvcodec.train.stages import Priors, intra, shift

    with torch.no_grad():
        clip = torch.zeros(1, 2, 96, 8, 8)
        priors = Priors(model)
        found.clear()
        shift(model, priors, clip, torch.tensor([4.0]))
        p_picture = dict(found)
        found.clear()
        intra(model, priors, clip[:, :1], torch.tensor([4.0]))
    for handle in handles:
        handle.remove()
    encoder = {k: v for k, v in found.items() if k.startswith("enc")}
    decoder = {k: v for k, v in found.items() if k.startswith("dec")}
    temporal = {k: v for k, v in p_picture.items()
                if k.startswith(("temporal", "shift")) and "ph_e" not in k and "bfd_e" not in k}
    per_pixel = {name: sum(part.values()) // 64**2 for name, part in
                 (("U_ENC", encoder), ("U_DEC", decoder), ("temporal", temporal))}
    return {**per_pixel, "lds decoder": sum(per_pixel.values())}


@dataclass(frozen=True)
class Speed:
    """Of the lds decoder's P-pictures: pictures a second, and milliseconds a picture in the 8-bit layers."""

    fps: float
    layers_ms: float
    fused_ms: float


def decode_speed(model: Swift, width: int, height: int, pictures: int) -> Speed:
    """Best of `pictures`, random weights."""
    export.randomise(model)
    shape = model.shape
    pmfs = {"z_intra": export.flat_pmf(shape.z_channels), "z_p": export.flat_pmf(shape.temporal),
            "z_bfd": export.flat_pmf(shape.temporal)}
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        info = store.write(Path(folder) / "random", name="random", family="swift", shape=shape.as_dict(),
                           arrays=export.swift_arrays(model, pmfs), about={}, overwrite=True)
        net = Network(loading.coding(info, 60), width, height, torch.device("cpu"))
        random = np.random.Generator(np.random.PCG64(1))
        small = random.integers(60, 190, (padded(height) // 16, padded(width) // 16))
        luma = np.kron(small, np.ones((16, 16)))[:height, :width].astype(np.uint8)
        chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
        picture = Picture(luma, chroma, chroma)
        mode, one = MODES["lds"], Fraction(1)
        _, state, _ = encode_picture(picture, None, net, mode, one)
        payload, _, _ = encode_picture(picture, state, net, mode, one)

        def decode() -> None:
            decode_picture(payload, state, net, mode, one)

        seconds = _best(decode, pictures)
        calls: list[tuple[Conv, Tensor]] = []

        def note(layer: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
            if isinstance(layer, Conv):
                calls.append((layer, inputs[0]))

        handles = [layer.register_forward_hook(note) for _, layer in layers(cast(SwiftCoding, net.coding).model)
                   if layer.fmt is INT8]
        decode()
        for handle in handles:
            handle.remove()
        layers_s = sum(_best(partial(layer, x), pictures) for layer, x in calls)
        fused_s = sum(_best(fused(layer, x), pictures) for layer, x in calls)
    return Speed(1 / seconds, 1e3 * layers_s, 1e3 * fused_s)


def _best(function: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of so many calls, after one to warm up."""
    taken = []
    for _ in range(times + 1):
        began = time.perf_counter()
        function()
        taken.append(time.perf_counter() - began)
    return min(taken[1:])


def fused(layer: Conv, x: Tensor) -> Callable[[], Tensor]:
    """The same layer in torch's fused int8 convolution, on inputs that are in 8 bits already (zero point 128)."""
    if layer.integers is None:
        raise ValueError("the layer has no integers")
    weight, bias, shift = layer.integers
    operator = torch.ops.onednn
    scale = torch.from_numpy(np.ldexp(np.float32(1), -shift.numpy()))
    zero = 0 if layer.in_max > 128 else 128
    pads, strides = [layer.kernel // 2] * 2, [layer.stride] * 2
    packed = operator.qconv_prepack(weight.to(torch.int8), scale, 1.0, zero, strides, pads, [1, 1], layer.groups, None)
    as_u8 = (x + zero).clamp(0, 255).to(torch.uint8).contiguous(memory_format=torch.channels_last)
    zeros = torch.zeros(len(shift), dtype=torch.int64)
    wide, relu = layer.act == "wide", layer.act == "relu"
    return lambda: operator.qconv2d_pointwise(
        as_u8, 1.0, zero, packed, scale, zeros, bias.float() * scale, strides, pads, [1, 1], layer.groups, 1.0,
        0 if relu or wide else 128, torch.float32 if wide else torch.uint8, "relu" if relu else "none", [], "")


@click.command()
@click.argument("shapes", nargs=-1)
@click.option("--threads", type=int, default=2, show_default=True)
def main(shapes: tuple[str, ...], threads: int) -> None:
    """Print a Markdown table of SHAPES ("latent=192,block=depthwise"; "" is the default)."""
    torch.set_num_threads(threads)
    click.echo("| shape | parameters, M | U_ENC | U_DEC | temporal | lds decoder | CIF fps | layers, ms | fused, ms "
               "| 1080p fps | layers, ms | fused, ms |")
    click.echo("|---" * 12 + "|")
    for text in shapes or ("",):
        model = Swift(SwiftShape.parse(text))
        size = sum(p.numel() for p in model.parameters()) / 1e6
        speeds = [decode_speed(model, *SIZES[name], 8 if name == "CIF" else 3) for name in SIZES]
        cells = [text or "default", f"{size:.2f}", *count_macs(Swift(model.shape)).values()]
        for speed in speeds:
            cells += [f"{speed.fps:.1f}", f"{speed.layers_ms:.1f}", f"{speed.fused_ms:.1f}"]
        click.echo("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
