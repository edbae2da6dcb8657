"""What a swift shape costs before it is trained: python -m lvcodec.train.shapes NAME=VALUE,... [...]

For each shape: multiply-accumulates a luma pixel of the decoder (lds, P-picture) and of the auto-encoder's halves,
and pictures decoded a second with random weights through the exact layers, networks and entropy decoding.
"""
from __future__ import annotations

import tempfile
import time
from fractions import Fraction
from pathlib import Path

import click
import numpy as np
import torch

from lvcodec.codec.modes import MODES
from lvcodec.codec.network import Network, padded
from lvcodec.codec.picture import decode_picture, encode_picture
from lvcodec.exact.ops import Conv, layers
from lvcodec.models import export, loading, store
from lvcodec.nets.swift import Swift, SwiftShape
from lvcodec.video.picture import Picture

SIZES = {"CIF": (352, 288), "1080p": (1920, 1080)}


def parse(text: str) -> SwiftShape:
    """A shape from "latent=192,block=depthwise"; empty for the default."""
    kinds = {k: type(v) for k, v in SwiftShape().as_dict().items()}
    pairs = dict(item.split("=", 1) for item in text.split(",") if item)
    return SwiftShape(**{k: v == "True" if kinds[k] is bool else kinds[k](v) for k, v in pairs.items()})


def count_macs(model: Swift) -> dict[str, int]:
    """Multiply-accumulates by layer for one pass of each method that a test picture of 64x64 goes through."""
    found: dict[str, int] = {}

    def hook(name: str, layer: Conv):  # type: ignore[no-untyped-def]
        def count(_module, _inputs, output):  # type: ignore[no-untyped-def]
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
        intra(model, priors, clip[:, 0], torch.tensor([4.0]))
    for handle in handles:
        handle.remove()
    encoder = {k: v for k, v in found.items() if k.startswith("enc")}
    decoder = {k: v for k, v in found.items() if k.startswith("dec")}
    temporal = {k: v for k, v in p_picture.items()
                if k.startswith(("temporal", "shift")) and "ph_e" not in k and "bfd_e" not in k}
    per_pixel = {name: sum(part.values()) // 64**2 for name, part in
                 (("U_ENC", encoder), ("U_DEC", decoder), ("temporal", temporal))}
    return {**per_pixel, "lds decoder": sum(per_pixel.values())}


def decode_fps(model: Swift, width: int, height: int, pictures: int) -> float:
    """Pictures a second of the lds decoder's P-pictures, best of `pictures`, random weights."""
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
        times = []
        for _ in range(pictures + 1):
            began = time.perf_counter()
            decode_picture(payload, state, net, mode, one)
            times.append(time.perf_counter() - began)
    return 1 / min(times[1:])


@click.command()
@click.argument("shapes", nargs=-1)
@click.option("--threads", type=int, default=2, show_default=True)
def main(shapes: tuple[str, ...], threads: int) -> None:
    """Print a Markdown table of SHAPES ("latent=192,block=depthwise"; "" is the default)."""
    torch.set_num_threads(threads)
    click.echo("| shape | parameters, M | U_ENC | U_DEC | temporal | lds decoder | CIF fps | 1080p fps |")
    click.echo("|---|---|---|---|---|---|---|---|")
    for text in shapes or ("",):
        model = Swift(parse(text))
        size = sum(p.numel() for p in model.parameters()) / 1e6
        macs = count_macs(model)
        fps = [decode_fps(model, *SIZES[name], 8 if name == "CIF" else 3) for name in SIZES]
        click.echo(f"| {text or 'default'} | {size:.2f} | " + " | ".join(str(v) for v in macs.values())
                   + " | " + " | ".join(f"{v:.1f}" for v in fps) + " |")


if __name__ == "__main__":
    main()
