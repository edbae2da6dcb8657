"""Numbers, layers and shuffles, the same for both families: sections "Numbers" and "A layer"."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .symbols import Ints, TableSet
from .weights import Weights

Floats = NDArray[np.float64]
SHARED_TABLES = ("gaussian", "laplace", "laplace_shifted")  # of all qualities


def whole(x: NDArray[Any]) -> Ints:
    """round(x), ties to even."""
    return np.rint(x).astype(np.int64)


def whole_within(x: NDArray[Any], low: int, high: int) -> Ints:
    """clamp(round(x), low, high)."""
    return np.clip(np.rint(x), low, high).astype(np.int64)


def join(*parts: Ints) -> Ints:
    """[a, b, ...]: channels one after the other."""
    return np.concatenate(parts)


def shuffle(x: Ints, factor: int) -> Ints:
    """Pixel shuffle: (C * factor^2, h, w) to (C, factor * h, factor * w)."""
    channels, rows, columns = len(x) // factor**2, *x.shape[1:]
    split = x.reshape(channels, factor, factor, rows, columns)
    return split.transpose(0, 3, 1, 4, 2).reshape(channels, factor * rows, factor * columns)


def unshuffle(x: Ints, factor: int) -> Ints:
    """Pixel unshuffle, the inverse."""
    channels, rows, columns = len(x), x.shape[1] // factor, x.shape[2] // factor
    split = x.reshape(channels, rows, factor, columns, factor)
    return split.transpose(0, 2, 4, 1, 3).reshape(channels * factor**2, rows, columns)


class Networks:
    """What the networks of both families are made of. prefix: of this quality's arrays, "" or "q<n>."."""

    def __init__(self, weights: Weights, prefix: str) -> None:
        self.weights, self.prefix = weights, prefix

    def tables(self, name: str) -> TableSet:
        """A set of tables by its name in "The arrays"."""
        return self.weights.tables(f"{'' if name in SHARED_TABLES else self.prefix}tables.{name}")

    def acc(self, name: str, x: Ints, stride: int = 1, *, transposed: bool = False) -> Floats:
        """acc of a layer, not yet rounded; exact, as its sums are below 2^53."""
        weight, bias, shift = self.weights.layer(f"{self.prefix}layers.{name}")
        sums = spread_sums(weight, x) if transposed else gathered_sums(weight, x, stride)
        return np.ldexp((sums + bias[:, None, None]).astype(np.float64), -shift.astype(np.int32)[:, None, None])

    def wide(self, name: str, x: Ints) -> Ints:
        """A layer with the activation "wide"."""
        return whole(self.acc(name, x))


def gathered_sums(weight: Ints, x: Ints, stride: int) -> Ints:
    """Sums of a plain layer (weight (O, I, K, K)) or of a depthwise one ((O, 1, K, K)), without the bias."""
    side = weight.shape[2]
    depthwise = weight.shape[1] == 1 and len(x) > 1
    padded = np.pad(x, ((0, 0), (side // 2, side // 2), (side // 2, side // 2)))
    rows, columns = x.shape[1] // stride, x.shape[2] // stride
    sums = np.zeros((len(weight), rows, columns), dtype=np.int64)
    for u, v in np.ndindex(side, side):
        seen = padded[:, u : u + stride * rows : stride, v : v + stride * columns : stride]
        tap = weight[:, :, u, v]
        sums += tap[:, :, None] * seen if depthwise else np.tensordot(tap, seen, axes=1)
    return sums


def spread_sums(weight: Ints, x: Ints) -> Ints:
    """Sums of a transposed layer of stride 2 (weight (I, O, 5, 5)), without the bias: twice the rows and columns."""
    side, rows, columns = weight.shape[2], 2 * x.shape[1], 2 * x.shape[2]
    framed = np.zeros((weight.shape[1], rows + side, columns + side), dtype=np.int64)  # row r is at r + 2
    for u, v in np.ndindex(side, side):
        framed[:, u : u + rows : 2, v : v + columns : 2] += np.tensordot(weight[:, :, u, v].T, x, axes=1)
    return framed[:, 2 : 2 + rows, 2 : 2 + columns]
