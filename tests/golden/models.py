"""Tiny models made of integers: no float initialisation, no transcendental function, no library's generator.

Layers, quantiser steps and tables are drawn from numpy's PCG64 by its raw 64-bit words (the only thing that numpy
promises never to change) and integer arithmetic, so the weights' hash is the same everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lvcodec.entropy import grid
from lvcodec.entropy.tables import TOTAL
from lvcodec.exact.formats import INT8, WIDE
from lvcodec.exact.gdn import Gdn
from lvcodec.exact.ops import Conv, layers
from lvcodec.models import store
from lvcodec.nets.cheng2020 import Cheng2020, causal_taps
from lvcodec.nets.inter_context import DEAD_ZONES, LIVE_MIDDLE
from lvcodec.nets.inter_context import INVERSE_BITS as INTER_INVERSE_BITS
from lvcodec.nets.inter_context import OFFSET_BITS as INTER_OFFSET_BITS
from lvcodec.nets.shapes import GAIN_BITS, INVERSE_BITS, MEAN_BITS, NORM_BITS, OFFSET_BITS, SPREAD_BITS, SwiftShape
from lvcodec.nets.swift import Swift
from lvcodec.quality import LAST_INDEX

Arrays = dict[str, np.ndarray]
SWIFT_SHAPE = SwiftShape(
    latent=24,
    width8=12,
    depth8=1,
    width16=14,
    depth16=1,
    hyper=8,
    z_channels=6,
    context=10,
    temporal=8,
    inter=True,
)
INTER_QUALITIES = 201
CHENG2020_WIDTH, CHENG2020_QUALITY = 8, 2


def make(name: str, base: Path) -> store.ModelInfo:
    """One of MODELS, written to a folder in `base`."""
    family, maker = MODELS[name]
    arrays, shape, about = maker()
    return store.write(
        base / f"golden-{name}",
        name=f"golden-{name}",
        family=family,
        shape=shape,
        arrays=arrays,
        about={"about": "integers from PCG64: for tests", **about},
        overwrite=False,
    )


class Draw:
    """Integers from PCG64's raw words, by a name: what is added to a model changes nothing else of it."""

    def __init__(self, name: str) -> None:
        self._bits = np.random.PCG64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
        """low <= v <= high, int64."""
        raw = self._bits.random_raw(int(np.prod(shape))) >> np.uint64(11)
        return (low + (raw % np.uint64(high - low + 1)).astype(np.int64)).reshape(shape)


# ---- layers ---------------------------------------------------------------------------------------------------


def layer_arrays(model: torch.nn.Module, finer: dict[str, int], prefix: str) -> Arrays:
    """Weights, biases and shifts that keep the size of what passes, roughly; `finer`: bits to add to a layer's shift
    (negative ones make its output larger)."""
    arrays: Arrays = {}
    for name, layer in layers(model):
        maker = gdn_integers if isinstance(layer, Gdn) else conv_integers
        weight, bias, shift = maker(layer, Draw(name), finer.get(name, 0))
        if name == "context_prediction":
            weight = weight * causal_taps().numpy()
        arrays |= {
            f"{prefix}{name}.weight": weight.astype(np.int32),
            f"{prefix}{name}.bias": bias,
            f"{prefix}{name}.shift": shift.astype(np.int8),
        }
    return arrays


def conv_integers(layer: Conv, draw: Draw, finer: int) -> tuple[np.ndarray, ...]:
    """Uniform weights; 2^shift is near the deviation of their sum with inputs of deviation 1."""
    outputs = layer.bias.shape[0]
    fan_in = layer.weight.numel() // outputs
    top, top_bits = (64, 5) if layer.fmt is INT8 else (2**14, 13)
    shift = np.full(outputs, top_bits + fan_in.bit_length() // 2 - layer.unit_bits + finer)
    weight = draw.integers(-top, top, tuple(layer.weight.shape))
    bias_max = 4 << top_bits if layer.fmt is INT8 else layer.fmt.one << (top_bits - 4)
    return weight, draw.integers(-bias_max, bias_max, (outputs,)), shift


def gdn_integers(layer: Gdn, draw: Draw, finer: int) -> tuple[np.ndarray, ...]:
    """beta near 1, gamma near 0.1 on its diagonal and up to 0.02 beside it, as they enter the sum."""
    n = layer.bias.shape[0]
    gamma = draw.integers(0, 1300, (n, n)) + 6554 * np.eye(n, dtype=np.int64)
    return gamma[:, :, None, None], 2**32 + draw.integers(-(2**28), 2**28, (n,)), np.zeros(n, dtype=np.int64)


# ---- tables ---------------------------------------------------------------------------------------------------


def geometric(decay: int, reach: int, lean: int = 0) -> np.ndarray:
    """Counts of 0, 1, -1, 2, -2 ... reach, -reach, escape; each ring has decay / 256 of the one before it.

    lean: 0..4 eighths by which positive values are likelier.
    """
    weight, counts = 1 << 40, [1 << 40]
    for _ in range(reach):
        weight = weight * decay >> 8
        counts += [weight * (16 + lean) >> 4, weight * (16 - lean) >> 4]
    counts.append(weight >> 4)
    room, total = TOTAL - len(counts), sum(counts)
    whole = np.array([1 + count * room // total for count in counts], dtype=np.int64)
    whole[0] += TOTAL - int(whole.sum())
    return whole.astype(np.int32)


def set_arrays(name: str, tables: list[np.ndarray]) -> Arrays:
    return {
        f"{name}.counts": np.concatenate(tables),
        f"{name}.lengths": np.array([table.size for table in tables], dtype=np.int32),
    }


def grid_arrays(prefix: str = "tables.") -> Arrays:
    """Tables that widen with the level, narrow enough at its top for escapes."""
    arrays: Arrays = {}
    for name, start in (("gaussian", 4), ("laplace", 12), ("laplace_shifted", 2)):
        arrays |= set_arrays(
            prefix + name,
            [
                geometric(min(start + 5 * level, 250), min(2 + level, 40), lean)
                for level in range(grid.LEVELS)
                for lean in range(grid.FRACTIONS)
            ],
        )
    return arrays


def prior_arrays(name: str, channels: int, prefix: str = "tables.") -> Arrays:
    """Tables of a hyper-latent, with centres -2, -1, 0, 1, 2, -2 ..."""
    tables = [geometric(120 + 8 * (channel % 8), 12) for channel in range(channels)]
    return {
        **set_arrays(prefix + name, tables),
        f"{prefix}{name}.centres": (np.arange(channels) % 5 - 2).astype(np.int32),
    }


# ---- swift ----------------------------------------------------------------------------------------------------


def swift() -> tuple[Arrays, dict[str, Any], dict[str, Any]]:
    shape = SWIFT_SHAPE
    with torch.device("meta"):
        model = Swift(shape)
    # Bits that make hyper-latents, means and scales vary, and keep what LCM adds below a symbol.
    finer = {"hyper_enc.2": -2, "temporal.ph_e.2": -2, "shift.bfd_e.2": -2, "temporal.epm.2": -2, "shift.lcm.2": 1}
    finer |= {f"contexts.{step}.2": -1 for step in range(4)} | {"enc_out": 2, "dec_out": 2}
    finer |= {f"inter.head_out.{number}": 3 for number in range(4)}
    arrays = layer_arrays(model, finer, "layers.")
    arrays |= linear_path()
    arrays |= inter_linear_path(model.inter.shape.latent)
    arrays |= {f"steps.inter.{name}": table for name, table in inter_steps(model.inter.shape.latent).items()}
    arrays |= inter_tables()
    arrays |= {f"steps.{name}": table for name, table in swift_steps().items()}
    arrays |= grid_arrays()
    for name, channels in (("z_intra", shape.z_channels), ("z_p", shape.temporal), ("z_bfd", shape.temporal)):
        arrays |= prior_arrays(name, channels)
    return arrays, shape.as_dict(), {}


def linear_path() -> Arrays:
    """Rows of +-1 over the patch, nearly orthogonal: the means of Y, U and V, their slopes, then random ones."""
    draw = Draw("linear path")
    signs = 2 * draw.integers(0, 1, (SWIFT_SHAPE.latent, 384)) - 1
    plane = np.repeat([0, 1, 2], [256, 64, 64])  # of a channel; its place within 2x2, then 8x8 or 4x4 blocks, is below
    for row in range(3):
        signs[row] = np.where(plane == row, 1, 0)
    signs[3] = np.where(plane == 0, 1 - 2 * (np.arange(384) % 4 // 2), 0)  # top against bottom
    signs[4] = np.where(plane == 0, 1 - 2 * (np.arange(384) % 2), 0)  # left against right
    scale = np.full(SWIFT_SHAPE.latent, 209)  # 2^12 / sqrt(384)
    scale[[0, 3, 4]], scale[1:3] = 256, 512
    forth = (signs * scale[:, None]).astype(np.int32)
    small, zeros = draw.integers(-64, 64, (SWIFT_SHAPE.latent,)), np.zeros(384, dtype=np.int64)
    return {
        "layers.enc_linear.weight": forth[:, :, None, None],
        "layers.enc_linear.bias": small,
        "layers.enc_linear.shift": np.full(SWIFT_SHAPE.latent, 8, dtype=np.int8),
        "layers.dec_linear.weight": np.ascontiguousarray(forth.T)[:, :, None, None],
        "layers.dec_linear.bias": zeros,
        "layers.dec_linear.shift": np.full(384, 12, dtype=np.int8),
    }


def swift_steps() -> dict[str, np.ndarray]:
    """Quantiser steps from 40 levels (quality 1) to 4 (quality 9), a bit wider in later channels."""
    m, quality = SWIFT_SHAPE.latent, np.arange(LAST_INDEX + 1, dtype=np.int64)[:, None]
    units = 640 - 3 * quality - 6 * quality // 10 + 4 * np.arange(m)  # latent units to a symbol
    deviation = np.int64(2048)  # latent units
    offset = 36 * 2**OFFSET_BITS + quality * (27 * 2**OFFSET_BITS) // LAST_INDEX + 0 * units
    tables = {
        "gain": 2**GAIN_BITS // units,
        "inverse": units << INVERSE_BITS,
        "mean": (deviation << MEAN_BITS) // (32 * units),
        "offset": offset,
        "norm": np.full(m, (16 << NORM_BITS) // deviation),
        "spread": np.full(m, (deviation << SPREAD_BITS) // 256),
    }
    return {name: table.astype(np.int32) for name, table in tables.items()}


def inter_linear_path(channels: int) -> Arrays:
    """Walsh functions of the patch's three planes, orthonormal but for rounding, those with few changes first."""
    patch = np.arange(384)
    rows = []
    for first, size, count in ((0, 256, channels - 128), (256, 64, 64), (320, 64, 64)):
        inside = (patch >= first) & (patch < first + size)
        for number in sorted(range(size), key=lambda number: (number.bit_count(), number))[:count]:
            odd = np.array([((at - first) & number).bit_count() % 2 for at in patch.tolist()])
            rows.append(np.where(inside, (1 - 2 * odd) * (256 if size == 256 else 512), 0))  # 2^12 / sqrt(size)
    forth, draw = np.array(rows, dtype=np.int32), Draw("inter linear path")
    return {
        "layers.inter.enc_linear.weight": forth[:, :, None, None],
        "layers.inter.enc_linear.bias": draw.integers(-64, 64, (channels,)),
        "layers.inter.enc_linear.shift": np.full(channels, 8, dtype=np.int8),
        "layers.inter.dec_linear.weight": np.ascontiguousarray(forth.T)[:, :, None, None],
        "layers.inter.dec_linear.bias": draw.integers(-(2**14), 2**14, (384,)),
        "layers.inter.dec_linear.shift": np.full(384, 12, dtype=np.int8),
    }


def inter_steps(channels: int) -> dict[str, np.ndarray]:
    """Steps from 140 levels (quality 1) to 20 (quality 9), a bit smaller in later channels."""
    draw, quality = Draw("inter path"), np.arange(INTER_QUALITIES, dtype=np.int64)[:, None]
    tables = {
        "inverse": (2240 - 12 * quality - np.arange(channels) // 8) << INTER_INVERSE_BITS,
        "offset": (20 << INTER_OFFSET_BITS) + quality * (10 << INTER_OFFSET_BITS) // 160 + 0 * np.arange(channels),
        "odds": (LIVE_MIDDLE - 4 << INTER_OFFSET_BITS) + quality,
        "outward": draw.integers(-60, 60, (channels,)),
        "classes": draw.integers(0, len(DEAD_ZONES) - 1, (channels,)),
    }
    return {name: table.astype(np.int32) for name, table in tables.items()}


def inter_tables() -> Arrays:
    """Symbols' tables widen with the level and narrow with the class; a place is the likelier live the higher it is."""
    symbols = [
        geometric(min(6 + 4 * level, 250) - zone, min(2 + level, 40))
        for level in range(grid.LEVELS)
        for zone in range(len(DEAD_ZONES))
    ]
    live = [np.array([TOTAL - one - 1, one, 1], dtype=np.int32) for one in (TOTAL * (n + 1) // 66 for n in range(65))]
    return set_arrays("tables.inter", symbols) | set_arrays("tables.live", live)


# ---- cheng2020 ------------------------------------------------------------------------------------------------


def cheng2020() -> tuple[Arrays, dict[str, Any], dict[str, Any]]:
    n, quality = CHENG2020_WIDTH, CHENG2020_QUALITY
    with torch.device("meta"):
        model = Cheng2020(n)
    prefix = f"q{quality}."
    arrays = layer_arrays(model, CHENG2020_FINER, prefix + "layers.")
    scale_bias = arrays[f"{prefix}layers.entropy_parameters.4.bias"]
    shift = int(arrays[f"{prefix}layers.entropy_parameters.4.shift"][0])
    scale_bias[:n] = 3 * WIDE.one << shift  # scales around three symbols
    pixels = f"{prefix}layers.g_s.7.0"
    arrays[f"{pixels}.bias"][:] = 2**15 << int(arrays[f"{pixels}.shift"][0])  # around grey
    arrays |= grid_arrays()
    for name in ("z_intra", "z_p", "z_bfd"):
        arrays |= prior_arrays(name, n, prefix + "tables.")
    arrays["grid.thresholds"] = np.array(list(thresholds()), dtype=np.int32)
    return arrays, {"channels": {str(quality): n}}, {"qualities": [quality]}


# Bits that make latents and hyper-latents of a few steps, and pictures that are not flat.
CHENG2020_FINER = {
    "temporal.ph_e.2": -2,
    "shift.bfd_e.2": -2,
    "g_a.6": -1,
    "g_s.1.conv": 3,
    "g_s.3.conv": 4,
    "g_s.5.conv": 4,
    "g_s.7.0": 6,
}


def thresholds() -> Iterator[int]:
    """LEVELS - 1 scales in 4096ths of a symbol, six to the octave from 1/20 of one."""
    octave = (217, 244, 273, 307, 345, 387)
    for level in range(grid.LEVELS - 1):
        yield octave[level % 6] << (level // 6)


# A network that comes later is for a further model: streams are bound to all integers of theirs.
MODELS = {"swift": ("swift", swift), "cheng2020": ("cheng2020", cheng2020)}
