"""What a swift shape costs before it is trained: python tools/shapes.py NAME=VALUE,... [...]

For each shape: multiply-accumulates a luma pixel of the decoder (lds, P-picture) and of the auto-encoder's halves, and
with random weights, backend by backend: P-pictures decoded and encoded a second through networks and entropy coding,
and the milliseconds of a decoded picture's 8-bit layers. Backends take turns, so that their ratios hold on a shared
machine.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import cast

import click
import numpy as np
import torch
from torch import nn

from lvcodec.codec.modes import MODES
from lvcodec.codec.network import Network, padded
from lvcodec.codec.picture import decode_picture, encode_picture
from lvcodec.exact.formats import INT8
from lvcodec.exact.ops import Conv, layers
from lvcodec.exact.packed import Units
from lvcodec.models import export, loading, store, untrained
from lvcodec.names import BACKENDS
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
    from lvcodec.train.stages.swift import Priors, intra, shift

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
    temporal = {
        k: v
        for k, v in p_picture.items()
        if k.startswith(("temporal", "shift")) and "ph_e" not in k and "bfd_e" not in k
    }
    per_pixel = {
        name: sum(part.values()) // 64**2
        for name, part in (("U_ENC", encoder), ("U_DEC", decoder), ("temporal", temporal))
    }
    return {**per_pixel, "lds decoder": sum(per_pixel.values())}


@dataclass
class Speed:
    """Seconds of the fastest P-picture decoded and encoded, and of each 8-bit layer of a decoded one."""

    decode_s: float = np.inf
    encode_s: float = np.inf
    layers_s: list[float] = field(default_factory=list)

    def cells(self) -> list[str]:
        return [f"{1 / self.decode_s:.1f}", f"{1 / self.encode_s:.1f}", f"{1e3 * sum(self.layers_s):.1f}"]


@contextmanager
def random_model(model: Swift):
    """The model with random weights, as the codec finds it."""
    untrained.randomise(model)
    shape = model.shape
    widths = zip(export.PRIORS, (shape.z_channels, shape.temporal, shape.temporal), strict=True)
    pmfs = {name: export.flat_pmf(width) for name, width in widths}
    with tempfile.TemporaryDirectory() as folder:
        yield store.write(
            Path(folder) / "random",
            name="random",
            family="swift",
            shape=shape.as_dict(),
            arrays=export.swift_arrays(model, pmfs),
            about={},
            overwrite=True,
        )


def made_up(width: int, height: int) -> list[Picture]:
    """Three pictures of blocks of chance that fade into others."""
    random = np.random.Generator(np.random.PCG64(1))
    ends = random.integers(60, 190, (2, padded(height) // 16, padded(width) // 16))
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    pictures = []
    for part in (0.0, 0.1, 0.2):
        small = ends[0] * (1 - part) + ends[1] * part
        luma = np.kron(small, np.ones((16, 16)))[:height, :width].astype(np.uint8)
        pictures.append(Picture(luma, chroma, chroma))
    return pictures


def speeds(
    info: store.ModelInfo, mode_name: str, width: int, height: int, backends: Sequence[str], times: int
) -> dict[str, Speed]:
    """The best of so many rounds, by backend."""
    mode, one, clip = MODES[mode_name], Fraction(1), made_up(width, height)
    found, steps = {name: Speed() for name in backends}, {}
    with torch.inference_mode():
        for name in backends:
            net = Network(loading.coding(info, 60, backend=name), width, height, torch.device("cpu"), 60)
            _, first, _ = encode_picture(clip[0], None, net, mode, one)
            _, second, _ = encode_picture(clip[1], first, net, mode, one)
            payload, _, _ = encode_picture(clip[2], second, net, mode, one)
            decode = partial(decode_picture, payload, second, net, mode, one)
            steps[name] = decode, partial(encode_picture, clip[2], second, net, mode, one), layer_calls(net, decode)
        for _ in range(times):
            for name, (decode, encode, calls) in steps.items():
                speed = found[name]
                speed.decode_s = min(speed.decode_s, seconds(decode))
                speed.encode_s = min(speed.encode_s, seconds(encode))
                taken = [seconds(call) for call in calls]
                speed.layers_s = list(map(min, taken, speed.layers_s or taken))
    return found


def layer_calls(net: Network, decode: Callable[[], object]) -> list[Callable[[], object]]:
    """The calls of 8-bit layers in one decoding."""
    calls: list[Callable[[], object]] = []

    def note(layer: nn.Module, inputs: tuple[Units, ...], _: Units) -> None:
        calls.append(partial(layer, inputs[0]))

    int8: list[Conv] = [layer for _, layer in layers(cast(SwiftCoding, net.coding).model) if layer.fmt is INT8]
    handles = [layer.register_forward_hook(note) for layer in int8]
    decode()
    for handle in handles:
        handle.remove()
    return calls


def seconds(function: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


@click.command()
@click.argument("shapes", nargs=-1)
@click.option("--threads", type=int, default=2, show_default=True)
@click.option(
    "--mode", type=click.Choice([name for name, mode in MODES.items() if mode]), default="lds", show_default=True
)
@click.option(
    "--backend", "backends", type=click.Choice(BACKENDS), multiple=True, default=("float", "int8"), show_default=True
)
def main(shapes: tuple[str, ...], threads: int, mode: str, backends: tuple[str, ...]) -> None:
    """Print a Markdown table of SHAPES ("latent=192,block=depthwise"; "" is the default)."""
    torch.set_num_threads(threads)
    columns = ["shape", "parameters, M", "U_ENC", "U_DEC", "temporal", "lds decoder", "backend"]
    columns += [f"{size} {what}" for size in SIZES for what in ("decode fps", "encode fps", "layers, ms")]
    click.echo("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for text in shapes or ("",):
        model = Swift(SwiftShape.parse(text))
        size = sum(p.numel() for p in model.parameters()) / 1e6
        common = [text or "default", f"{size:.2f}", *map(str, count_macs(Swift(model.shape)).values())]
        with random_model(model) as info:
            found = [speeds(info, mode, *SIZES[name], backends, 12 if name == "CIF" else 3) for name in SIZES]
        for backend in backends:
            cells = [*common, backend, *(cell for by_backend in found for cell in by_backend[backend].cells())]
            click.echo("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
