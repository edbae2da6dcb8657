"""What a swift shape costs before it is trained.

    python tools/shapes.py NAME=VALUE,... [...]

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

from lvcodec import names
from lvcodec.codec.modes import MODES
from lvcodec.codec.network import Network
from lvcodec.codec.picture import decode_picture
from lvcodec.encoder.decisions import DECISIONS
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.picture import encode_intra, encode_predicted
from lvcodec.exact.formats import INT8
from lvcodec.exact.ops import Conv, layers
from lvcodec.exact.packed import Units
from lvcodec.models import export, loading, store, untrained
from lvcodec.nets.shapes import SwiftShape
from lvcodec.nets.swift import Swift
from lvcodec.nets.swift_coding import SwiftCoding
from lvcodec.sizes import padded
from lvcodec.stream.structure import Structure
from lvcodec.train.stages.compensation import compensation
from lvcodec.train.stages.intra import intra
from lvcodec.train.stages.priors import swift_priors
from lvcodec.video.picture import Picture

SIZES = {"CIF": (352, 288), "1080p": (1920, 1080)}
SIDE = 64  # pixels of the picture that multiply-accumulates are counted on: hyper-latents are at 1/64
OF_P_PICTURES = ("temporal.ph_d", "temporal.tpm", "temporal.epm", "shift.bfd_d", "shift.lcm")  # of the decoder


def count_macs(model: Swift) -> dict[str, int]:
    """Multiply-accumulates a luma pixel: U_ENC, U_DEC, what else decodes a P-picture of lds, and that decoder's sum."""
    clip, quality, priors = torch.zeros(1, 2, 96, SIDE // 8, SIDE // 8), torch.tensor([4.0]), swift_priors(model)
    with torch.no_grad():
        of_p = macs_by_layer(model, lambda: compensation(model, priors, clip, quality))
        of_i = macs_by_layer(model, lambda: intra(model, priors, clip[:, :1], quality))
    parts = {
        "U_ENC": [count for name, count in of_i.items() if name.startswith("enc")],
        "U_DEC": [count for name, count in of_i.items() if name.startswith("dec")],
        "temporal": [count for name, count in of_p.items() if name.startswith(OF_P_PICTURES)],
    }
    per_pixel = {name: sum(counts) // SIDE**2 for name, counts in parts.items()}
    return {**per_pixel, "lds decoder": sum(per_pixel.values())}


def macs_by_layer(model: Swift, function: Callable[[], object]) -> dict[str, int]:
    """Multiply-accumulates of each layer in all that a function does with a model."""
    counts: dict[str, int] = {}

    def hook(name: str, layer: Conv):
        def count(_module, _inputs, output):
            per_output = layer.weight[:, 0].numel() if layer.transposed else layer.weight[0].numel()
            counts[name] = counts.get(name, 0) + per_output * output.numel()

        return count

    handles = [layer.register_forward_hook(hook(name, layer)) for name, layer in layers(model)]
    function()
    for handle in handles:
        handle.remove()
    return counts


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
    pmfs = {
        "z_intra": export.flat_pmf(shape.z_channels),
        "z_p": export.flat_pmf(shape.temporal),
        "z_bfd": export.flat_pmf(shape.temporal),
    }
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
    mode, decisions, one, clip = MODES[mode_name], DECISIONS[mode_name], Fraction(1), made_up(width, height)
    best, steps = {name: Speed() for name in backends}, {}
    with torch.inference_mode():
        for name in backends:
            net = EncoderNetwork(loading.coding(info, 60, backend=name), width, height, 60)
            _, first, _ = encode_intra(clip[0], net, two_steps=False)
            if decisions is None:
                encode = partial(encode_intra, clip[2], net, two_steps=False)
                decode = partial(decode_picture, encode()[0], (), None, net, mode, one)
            else:
                [step] = Structure(1).steps
                _, second, _ = encode_predicted(clip[1], (first,), step, net, decisions, one)
                encode = partial(encode_predicted, clip[2], (second,), step, net, decisions, one)
                decode = partial(decode_picture, encode()[0], (second,), step, net, mode, one)
            steps[name] = decode, encode, layer_calls(net, decode)
        for _ in range(times):
            for name, (decode, encode, calls) in steps.items():
                speed = best[name]
                speed.decode_s = min(speed.decode_s, seconds(decode))
                speed.encode_s = min(speed.encode_s, seconds(encode))
                taken = [seconds(call) for call in calls]
                speed.layers_s = list(map(min, taken, speed.layers_s or taken))
    return best


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
    "--backend",
    "backends",
    type=click.Choice(names.BACKENDS[1:]),
    multiple=True,
    default=("float", "int8"),
    show_default=True,
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
            of_sizes = [speeds(info, mode, *SIZES[name], backends, 12 if name == "CIF" else 3) for name in SIZES]
        for backend in backends:
            cells = [*common, backend, *(cell for by_backend in of_sizes for cell in by_backend[backend].cells())]
            click.echo("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
