"""How long the compiled kernels take, with each set of instructions, and what computes the same without them.

    OMP_NUM_THREADS=1 python tools/kernels.py [--size 1920x1080] [--block 8] [--rounds 7]

Milliseconds of processor time, the best of so many rounds in turn. What is computed is made up: vectors that differ
from block to block, symbols of half a bit each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module

import click
import numpy as np
import torch

from lvcodec import native
from lvcodec.codec.counts import Counts
from lvcodec.encoder.errors import ErrorsOfBoth, ErrorsOfOne, phases
from lvcodec.encoder.rates import Rates
from lvcodec.encoder.tree import Tree
from lvcodec.entropy import grid
from lvcodec.entropy.builders import scale_grid_tables
from lvcodec.entropy.coder import Reader, Writer
from lvcodec.exact import warp
from lvcodec.exact.backends import layers_of, works
from lvcodec.exact.formats import INT8
from lvcodec.exact.layers import Layers
from lvcodec.exact.ops import Conv, layers, use_backend
from lvcodec.exact.packed import Packed
from lvcodec.nets.layers import Residual
from lvcodec.nets.linear import LINEAR

Run = Callable[[], object]


def jobs(width: int, height: int, side: int) -> Iterator[tuple[str, Run]]:
    """What is timed, by name. side: of the blocks of fields, in luma pels."""
    random = np.random.Generator(np.random.PCG64(0))
    plane, other = (random.integers(0, 256, (height, width)).astype(np.uint8) for _ in range(2))
    chroma = plane[: (height + 1) // 2, : (width + 1) // 2].copy()
    shape = warp.field_shape(height, width, side)
    field = random.integers(-40, 41, shape).astype(np.int32)
    blocks = np.arange(field[0].size)
    both = (np.ones(shape[1:], dtype=bool),) * 2
    yield "warp, Y", lambda: warp.warp(plane, field, side)
    yield "warp, Y, one vector for all", lambda: warp.warp(plane, field * 0 + 5, side)
    yield "warp, U", lambda: warp.warp(chroma, field, side, chroma=True)
    yield "warp of two, Y", lambda: warp.warp_both((plane, other), (field, -field), both, side)

    rows, columns = -(-height // 16), -(-width // 16)
    level = np.clip(random.normal(8, 8, 256 * rows * columns).round(), 0, grid.LEVELS - 1).astype(np.int32)
    index, centre, sign = grid.locate(random.integers(-3, 4, level.size).astype(np.int32), level)
    values = np.round(random.laplace(0, grid.scales()[level] / 1.4) + centre).astype(np.int32)
    tables = scale_grid_tables("laplace", grid.scales(), grid.fractions())
    writer = Writer()
    writer.code(values, tables, index, centre, sign)
    payload = writer.finish()
    yield "symbols written", lambda: Writer().code(values, tables, index, centre, sign)
    yield "symbols read", lambda: Reader(payload).code(None, tables, index, centre, sign)

    yield "planes at quarters of a pel", lambda: phases(plane)
    mended = 20.0
    two = ErrorsOfBoth(plane, other, plane, field * 0, side, 1, 1, 0.0, mended)
    vectors = field.reshape(2, -1)
    yield "an error of each block", lambda: ErrorsOfOne(plane, other, shape, side, mended)(vectors, blocks)
    yield "the three of a B-picture", lambda: two.by_direction(vectors, blocks)
    rates = Rates.of(Counts.fresh(), two=True)
    yield "blocks decided once", lambda: Tree(field, field * 0, side, two, 0.1, rates).decide(1)
    yield from of_layers(rows, columns)


def of_layers(rows: int, columns: int) -> Iterator[tuple[str, Run]]:
    """Layers at 1/8 and 1/16, by the kernels; without them in torch's fastest backend."""
    torch.manual_seed(0)
    forms: list[tuple[str, torch.nn.Module, int, int]] = [
        ("block 64-128-64 at 1/8", Residual(64, "depthwise"), 64, 2),
        ("block 128-256-128 at 1/8", Residual(128, "depthwise"), 128, 2),
        ("block 192-384-192 at 1/16", Residual(192, "depthwise"), 192, 1),
        ("3x3, 96 to 128 at 1/8", Conv(96, 128, 3, fmt=INT8, in_max=128), 96, 2),
        ("linear path, 256 to 384", Conv(256, 384, fmt=LINEAR, act="wide"), 256, 1),
    ]
    for name, module, channels, scale in forms:
        for layer_name, layer in layers(module):
            weight = torch.randint(-64, 65, layer.weight.shape, dtype=torch.int32)
            shift = torch.full((len(layer.bias),), 9, dtype=torch.int32)
            layer.load_integers(layer_name, weight, torch.zeros(len(layer.bias), dtype=torch.int32), shift)
        arrays = {
            f"m.0.{name}{'.' * bool(name)}{part}": getattr(layer.integers, part).numpy()
            for name, layer in layers(module)
            for part in ("weight", "bias", "shift")
        }
        data = torch.randint(0, 256, (scale * rows, scale * columns, channels), dtype=torch.uint8)
        yield name, partial(_computed, module, Layers(arrays, ""), data)


def limit_to(level: str) -> None:
    """Compute with a set of instructions, or without kernels, from now on."""
    os.environ[native.VARIABLE] = level
    native._found.cache_clear()
    native.kernels()


def _computed(module: torch.nn.Module, own: Layers, data: torch.Tensor) -> object:
    is_linear = isinstance(module, Conv) and module.fmt is LINEAR
    if native.kernels() is not None:
        if is_linear:
            return own.transform("m.0", data.numpy().astype(np.float64), LINEAR)
        return own.clamp("m.0", data.numpy()) if isinstance(module, Conv) else own.blocks("m", data.numpy())
    backend = layers_of("int8" if works("int8", "cpu") else "float")
    _, first = next(layers(module))
    if first.backend is not backend:
        use_backend(module, backend)
    x = data.permute(2, 0, 1)[None]
    with torch.inference_mode():
        return module(x.double() if is_linear else Packed(x))


@click.command()
@click.option("--size", default="1920x1080", show_default=True, help="Of the picture, WxH.")
@click.option(
    "--block",
    type=click.Choice([str(side) for side in warp.SIDES]),
    default=str(warp.COARSE_SIDE),
    show_default=True,
    help="Luma pels of the side of the smallest blocks of motion.",
)
@click.option("--rounds", default=7, show_default=True, help="How often each is run.")
def main(size: str, block: str, rounds: int) -> None:
    """Time the kernels."""
    torch.set_num_threads(1)
    compiled = import_module("lvcodec.native._kernels")
    levels = native.LEVELS[: compiled.best() + 1]
    width, height = (int(side) for side in size.split("x"))
    click.echo(f"| {size}, ms | without | {' | '.join(levels)} |")
    click.echo("| --- |" + " --- |" * (len(levels) + 1))
    for name, run in jobs(width, height, int(block)):
        best = dict.fromkeys((native.OFF, *levels), float("inf"))
        for _ in range(rounds):
            for level in best:
                limit_to(level)
                run()  # lays weights out
                start = time.process_time()
                run()
                best[level] = min(best[level], 1000 * (time.process_time() - start))
        click.echo(f"| {name} | {' | '.join(f'{ms:.2f}' for ms in best.values())} |")


if __name__ == "__main__":
    main()
