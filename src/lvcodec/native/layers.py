"""Layers of 8 bits as the compiled kernels want them: weights laid out, bytes of positions, channels last.

`Layer` is a dense layer, `Block` a residual block of three (nets/layers.py). What they compute is what the integer
layers of exact/ops.py say; here all are arrays of numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
LANES = 64  # outputs that are computed together
MOST_CHANNELS, MOST_HIDDEN = 256, 512  # as in native/kernels.h
MOST_INPUTS = 1021  # there it is 1024, of inputs in whole fours
MOST_LINEAR, MOST_LINEAR_SHIFT = 512, 62
SHIFTS = range(-6, 31)
SIDES = 1, 3, 5  # of a layer's taps
RELU, CLAMP, WIDE = range(3)
KINDS = {"relu": RELU, "clamp": CLAMP, "wide": WIDE}
SIGNED = 128  # the byte that stands for 0 of -128..127


@dataclass(frozen=True, eq=False)
class Given:
    """A layer's integers. weight: (O, I / groups, k, k) within +-64; bias, shift: (O,); act: one of KINDS."""

    weight: NDArray[Any]
    bias: NDArray[Any]
    shift: NDArray[Any]
    act: str
    groups: int = 1

    @property
    def has_known_shifts(self) -> bool:
        """Whether the kernels can requantise it."""
        return int(self.shift.min()) in SHIFTS and int(self.shift.max()) in SHIFTS


class Layer:
    """A 1x1, 3x3 or 5x5 layer, stride 1. zero: the byte that stands for 0 in its input."""

    def __init__(self, kernels: ModuleType, given: Given, zero: int) -> None:
        self._kernels, self._zero, self._kind = kernels, zero, KINDS[given.act]
        self.outputs, self.inputs, side, _ = given.weight.shape
        self._taps = side * side
        self._parts = _dense(given, zero)

    @staticmethod
    def fits(given: Given) -> bool:
        """Whether the kernel can be such a layer."""
        _, inputs, side, _ = given.weight.shape
        channels = _channels(inputs, side * side)
        return side in SIDES and given.groups == 1 and channels <= MOST_INPUTS and given.has_known_shifts

    def __call__(self, x: Bytes, places: NDArray[np.int64] | None = None) -> NDArray[Any]:
        """x: (H, W, I). Returns (H, W, O) bytes, float32 of a wide layer; (n, O) at places (n,), numbers in H * W."""
        if (wanted := _channels(x.shape[2], self._taps)) > x.shape[2]:
            grown = np.full((*x.shape[:2], wanted), self._zero, dtype=np.uint8)
            grown[..., : x.shape[2]] = x
            x = grown
        height, width, channels = x.shape
        shape = (height, width) if places is None else (places.size,)
        out = np.empty((*shape, self.outputs), dtype=np.float32 if self._kind == WIDE else np.uint8)
        form = height, width, channels, self.outputs, self._taps, self._zero, self._kind
        if x.size:
            self._kernels.layer(out, x, *form, *self._parts, places)
        return out


class Block:
    """x + f(x), clamped: a depthwise 3x3 layer, one to `hidden` channels with ReLU, one back; bytes in and out."""

    def __init__(self, kernels: ModuleType, each: Given, up: Given, down: Given) -> None:
        self._kernels = kernels
        self._form = len(each.weight), len(up.weight)
        self._parts = *_each_channel(each), *_dense(up, SIGNED), *_dense(down, 0)

    @staticmethod
    def fits(each: Given, up: Given, down: Given) -> bool:
        """Whether the kernel can be such a block."""
        channels, hidden = len(each.weight), len(up.weight)
        forms = each.weight.shape == (channels, 1, 3, 3), up.weight.shape == (hidden, channels, 1, 1)
        acts = (each.act, up.act, down.act) == ("clamp", "relu", "wide") and each.groups == channels
        whole = channels % LANES == 0 and hidden % LANES == 0 and channels <= MOST_CHANNELS and hidden <= MOST_HIDDEN
        shifts = all(given.has_known_shifts for given in (each, up, down))
        return all(forms) and down.weight.shape == (channels, hidden, 1, 1) and acts and whole and shifts

    def __call__(self, x: Bytes, places: NDArray[np.int64] | None = None) -> Bytes:
        """x: (H, W, C), 128 standing for 0. Returns the same; where places, numbers in H * W, are given only there.

        What stands elsewhere is not said.
        """
        out = np.empty_like(x)
        self._kernels.block(out, x, 1, *x.shape[:2], *self._form, *self._parts, places, None)
        return out

    def at(self, x: Bytes, places: NDArray[np.int64], shape: Sequence[int]) -> Bytes:
        """At some places alone, as if x were 0 at all others. x: (n, C); places: (n,), flat in shape, N * H * W."""
        out = np.empty_like(x)
        rows = np.full(tuple(shape), -1, dtype=np.int32)
        rows.reshape(-1)[places] = np.arange(len(places), dtype=np.int32)
        self._kernels.block(out, x, *shape, *self._form, *self._parts, places, rows)
        return out


def _channels(inputs: int, taps: int) -> int:
    """How many channels the kernel wants of a layer's input: whole fours where it has several taps."""
    return inputs + (-inputs % 4 if taps > 1 else 0)


def _aligned(array: NDArray[Any]) -> NDArray[Any]:
    """The array where a cache line begins."""
    room = np.empty(array.nbytes + LANES, dtype=np.uint8)
    start = -room.ctypes.data % LANES
    placed = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    placed[...] = array
    return placed


def _up_to_lanes(array: NDArray[Any], size: int) -> NDArray[Any]:
    return np.pad(array, [(0, size - len(array))] + [(0, 0)] * (array.ndim - 1))


def _dense(given: Given, zero: int) -> tuple[NDArray[Any], ...]:
    outputs, inputs, side, _ = given.weight.shape
    size = -(-outputs // LANES) * LANES
    weight = np.pad(given.weight.reshape(outputs, inputs, -1), ((0, size - outputs), (0, -inputs % 4), (0, 0)))
    tiles = weight.reshape(size // LANES, LANES, -1, 4, side * side).transpose(0, 4, 2, 1, 3)
    bias = given.bias.astype(np.int64) - zero * given.weight.reshape(outputs, -1).astype(np.int64).sum(axis=1)
    each = (_up_to_lanes(part, size).astype(np.int32) for part in (bias, given.shift))
    return tuple(_aligned(np.ascontiguousarray(part)) for part in (tiles.astype(np.int8), *each))


def _each_channel(given: Given) -> tuple[NDArray[Any], ...]:
    channels = len(given.weight)
    taps = np.pad(given.weight.reshape(channels, 9), ((0, 0), (0, 3)))
    lanes = taps.reshape(-1, 4, 4, 4, 3, 4).transpose(0, 4, 2, 1, 3, 5)  # lane, part, channel, four, tap
    bias = given.bias.astype(np.int64) - SIGNED * given.weight.reshape(channels, -1).astype(np.int64).sum(axis=1)
    order = (part.reshape(-1, 4, 4, 4).transpose(0, 2, 1, 3).astype(np.int32) for part in (bias, given.shift))
    return tuple(_aligned(np.ascontiguousarray(part)) for part in (lanes.astype(np.int8), *order))


class Linear:
    """A 1x1 layer of more than 8 bits: whole numbers times weights within 2^16, in float64, channels last."""

    def __init__(self, kernels: ModuleType, given: Given) -> None:
        self._kernels = kernels
        self.outputs, self.inputs = given.weight.shape[:2]
        low, high = digits(given)
        # (outputs / 16, 16, inputs / 2, 2) with the pairs of inputs before the outputs
        tiles = (part.reshape(-1, 16, self.inputs // 2, 2).transpose(0, 2, 1, 3) for part in (low, high))
        parts = *(tile.astype(np.int16) for tile in tiles), given.bias.astype(np.int64), given.shift.astype(np.int32)
        self._parts = tuple(_aligned(np.ascontiguousarray(part)) for part in parts)

    @staticmethod
    def fits(given: Given, in_max: int) -> bool:
        """Whether the kernel's sums are exact. in_max: bound of the absolute inputs, below 2^31."""
        outputs, inputs, side, _ = given.weight.shape
        if side > 1 or given.groups > 1 or given.act != "wide" or inputs % 2 or inputs > MOST_LINEAR or outputs % 16:
            return False
        weights = np.abs(given.weight.reshape(outputs, -1).astype(np.int64))
        bound = int((weights.sum(axis=1) * in_max + np.abs(given.bias.astype(np.int64))).max())
        sums = max(int(np.abs(digit).sum(axis=1).max()) for digit in digits(given))
        in_range = int(given.shift.min()) >= 0 and int(given.shift.max()) <= MOST_LINEAR_SHIFT
        return in_range and bound < 2**53 and sums * 2**15 < 2**31

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """x: (..., I) whole. Returns (..., O) whole."""
        out = np.empty((*x.shape[:-1], self.outputs))
        self._kernels.linear(out, x, self.inputs, self.outputs, *self._parts)
        return out


def digits(given: Given) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(O, I) each: weights are 256 * high + low, low from -128 to 127; low first."""
    weight = given.weight.reshape(len(given.weight), -1).astype(np.int64)
    low = ((weight + 128) & 255) - 128
    return low, (weight - low) >> 8
