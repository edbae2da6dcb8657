"""A model's integer layers by their names, computed in numpy by the compiled kernels: no torch.

    bytes (H, W, C), channels last ─► a layer of 8 bits ─► bytes, or whole numbers in float32
    whole numbers in float64 (H, W, C) ─► a layer of the linear path ─► the same

One picture at a time. Of signed activations a byte of 128 stands for 0, of rectified ones a byte of 0. What the kernels
have no form for is a product of floats that cannot round (bounds.py). The layers are those of ops.py, to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.arrays import Floats, Indices, Reals
from lvcodec.errors import WeightsError
from lvcodec.exact import bounds
from lvcodec.exact.formats import INT8, Format
from lvcodec.native.layers import Block, Given, Layer, Linear

Bytes = NDArray[np.uint8]
SIGNED, RECTIFIED = 128, 0  # the bytes that stand for 0
PARTS = "weight", "bias", "shift"
ACTS = {  # of a residual block's layers (nets/layers.py), with the zeros of their inputs
    "dense": (("relu", SIGNED), ("wide", RECTIFIED)),
    "depthwise": (("clamp", SIGNED), ("relu", SIGNED), ("wide", RECTIFIED)),
}


class Layers:
    """The layers under a prefix of a model's integers, each laid out when it is first used.

    Methods raise WeightsError where the weights lack a layer, have another shape than they are used with, or sums could
    round.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], prefix: str) -> None:
        self._arrays, self._prefix = arrays, prefix
        self._ready: dict[tuple[str, int], tuple[int, Any]] = {}  # with the channels that each takes

    def clamp(
        self, name: str, x: Bytes, places: Indices | None = None, *, zero: int = SIGNED, stride: int = 1
    ) -> Bytes:
        """A layer that puts out -128 ... 127. x: (H, W, I). Returns (H, W, O), or (n, O) at places, flat in H * W."""
        out: Bytes = self._dense(name, x, "clamp", places, zero, stride)
        return out

    def relu(self, name: str, x: Bytes, places: Indices | None = None, *, zero: int = SIGNED, stride: int = 1) -> Bytes:
        """A layer that puts out 0 ... 255."""
        out: Bytes = self._dense(name, x, "relu", places, zero, stride)
        return out

    def wide(
        self, name: str, x: Bytes, places: Indices | None = None, *, zero: int = SIGNED, stride: int = 1
    ) -> Floats:
        """A layer that puts out whole numbers."""
        out: Floats = self._dense(name, x, "wide", places, zero, stride)
        return out

    def blocks(self, name: str, x: Bytes) -> Bytes:
        """All residual blocks of that name, one after the other. x: (H, W, C) signed; returns the same."""
        for each in self._blocks(name, x.shape[2]):
            x = each(x)
        return x

    def blocks_at(self, name: str, rows: Bytes, places: Indices, shape: tuple[int, int]) -> Bytes:
        """The same at some places alone, (n, C), as if all else were 0. places: flat in shape, (H, W)."""
        for each in self._blocks(name, rows.shape[1]):
            rows = each.at(rows, places, (1, *shape))
        return rows

    def transform(self, name: str, x: Reals, fmt: Format) -> Reals:
        """A layer of the linear path. x: (..., I) whole, within the format. Returns (..., O) whole."""
        return self._laid_out(name, fmt.high, x.shape[-1], lambda: self._transform(name, fmt))(x)  # type: ignore[no-any-return]

    # ---- how they are laid out --------------------------------------------------------------------------------------

    def _dense(self, name: str, x: Bytes, act: str, places: Indices | None, zero: int, stride: int) -> Any:
        layer = self._laid_out(name, zero, x.shape[2], lambda: self._of_bytes(self._given(name, act, zero), zero))
        if stride == 1:
            return layer(x, places)
        rows, columns = (-(-size // stride) for size in x.shape[:2])
        kept = np.arange(rows)[:, None] * (stride * x.shape[1]) + np.arange(columns) * stride
        return layer(x, kept.ravel()).reshape(rows, columns, -1)

    def _laid_out(self, name: str, key: int, channels: int, lay_out: Callable[[], tuple[int, Any]]) -> Any:
        """What computes a layer, or blocks. key: what its form depends on besides the name; channels: of its input."""
        if (name, key) not in self._ready:
            self._ready[name, key] = lay_out()
        takes, layer = self._ready[name, key]
        if takes != channels:
            raise WeightsError(f"layer {self._prefix}{name} takes {takes} channels, not {channels}")
        return layer

    def _of_bytes(self, given: Given, zero: int) -> tuple[int, Callable[..., Any]]:
        kernels, takes = native.kernels(), given.weight.shape[1] * given.groups
        if kernels is not None and Layer.fits(given):
            return takes, Layer(kernels, given, zero)
        return takes, _Product(given, zero)

    def _transform(self, name: str, fmt: Format) -> tuple[int, Callable[[Reals], Reals]]:
        given, kernels = self._given(name, "wide", fmt.high, fmt=fmt), native.kernels()
        takes = given.weight.shape[1]
        if kernels is not None and Linear.fits(given, fmt.high):
            return takes, Linear(kernels, given)
        return takes, lambda x: _requantised(_products(x, given), given)

    def _blocks(self, name: str, channels: int) -> list[Block | _Block]:
        return self._laid_out(name, SIGNED, channels, lambda: self._all_blocks(name))  # type: ignore[no-any-return]

    def _all_blocks(self, name: str) -> tuple[int, list[Block | _Block]]:
        blocks: list[Block | _Block] = []
        takes, kernels = 0, native.kernels()
        while self._has(f"{name}.{len(blocks)}.body.0"):
            body = f"{name}.{len(blocks)}.body"
            acts = ACTS["depthwise" if self._has(f"{body}.2") else "dense"]
            groups = (len(self._integers(f"{body}.0")[0]) if len(acts) == 3 else 1, 1, 1)
            given = [
                self._given(f"{body}.{number}", act, zero, groups=count)
                for number, ((act, zero), count) in enumerate(zip(acts, groups, strict=False))
            ]
            if kernels is not None and len(given) == 3 and Block.fits(*given):
                blocks.append(Block(kernels, *given))
            else:
                each = [self._of_bytes(layer, zero)[1] for layer, (_, zero) in zip(given, acts, strict=True)]
                blocks.append(_Block(each))
            takes = len(given[-1].weight)
        return takes, blocks

    def _has(self, name: str) -> bool:
        return f"{self._prefix}{name}.weight" in self._arrays

    def _given(self, name: str, act: str, in_max: int, *, groups: int = 1, fmt: Format = INT8) -> Given:
        """A layer's integers, proved. in_max: of the input; of bytes their zero."""
        weight, bias, shift = self._integers(name)
        in_max = INT8.high_relu if in_max == RECTIFIED else in_max
        bounds.prove(name, weight.reshape(len(weight), -1), bias, in_max, fmt.limit, fmt.weight_max)
        return Given(weight, bias, shift, act, groups)

    def _integers(self, name: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        try:
            weight, bias, shift = (self._arrays[f"{self._prefix}{name}.{part}"] for part in PARTS)
        except KeyError as error:
            raise WeightsError(f"the weights lack {error.args[0]}") from error
        if weight.ndim != 4 or not (len(weight) == bias.size == shift.size):
            raise WeightsError(f"layer {self._prefix}{name}: weights of {weight.shape} with {bias.size} biases")
        return weight, bias, shift


class _Block:
    """A residual block that the kernels have no form for, layer by layer."""

    def __init__(self, layers: Sequence[Callable[[Bytes, Indices | None], Any]]) -> None:
        self._layers = layers

    def __call__(self, x: Bytes) -> Bytes:
        change: Any = x
        for layer in self._layers:
            change = layer(change, None)
        return added(x, change)

    def at(self, rows: Bytes, places: Indices, shape: tuple[int, int, int]) -> Bytes:
        _, height, width = shape
        spread = np.full((height * width, rows.shape[1]), SIGNED, dtype=np.uint8)
        spread[places] = rows
        return self(spread.reshape(height, width, -1)).reshape(len(spread), -1)[places]


class _Product:
    """A layer of 8 bits that the kernels have no form for, in float32."""

    def __init__(self, given: Given, zero: int) -> None:
        self._given, self._zero = given, zero

    def __call__(self, x: Bytes, places: Indices | None = None) -> Any:
        out = _requantised(_products(x.astype(np.float32) - np.float32(self._zero), self._given), self._given)
        if places is not None:
            out = out.reshape(-1, out.shape[2])[places]
        if self._given.act == "wide":
            return out
        zero = SIGNED if self._given.act == "clamp" else RECTIFIED
        return np.asarray(np.clip(out + np.float32(zero), 0, 255), dtype=np.uint8)


def _products(x: NDArray[Any], given: Given) -> NDArray[Any]:
    """The sums of a convolution of whole numbers, (..., I) to (..., O), in x's type: tap by tap."""
    weight = given.weight.astype(x.dtype)
    side = weight.shape[2]
    if side == 1:
        return np.asarray(x @ weight[:, :, 0, 0].T)
    height, width, _ = x.shape
    grown = np.pad(x, ((side // 2, side // 2), (side // 2, side // 2), (0, 0)))
    sums = np.zeros((height, width, len(weight)), dtype=x.dtype)
    for row in range(side):
        for column in range(side):
            tap, seen = weight[:, :, row, column], grown[row : row + height, column : column + width]
            sums += seen * tap[:, 0] if given.groups > 1 else seen @ tap.T
    return sums


def _requantised(sums: NDArray[Any], given: Given) -> NDArray[Any]:
    """Sums, used up, in units: each step is exact but the rounding, half to even."""
    sums += given.bias.astype(sums.dtype)
    sums *= np.ldexp(1.0, -given.shift.astype(np.int32)).astype(sums.dtype)
    np.rint(sums, out=sums)
    return sums


# ---- between the layers ---------------------------------------------------------------------------------------------


def added(x: Bytes, change: NDArray[Any]) -> Bytes:
    """x + change, clamped. x: signed bytes; change: whole numbers of the same shape."""
    return np.clip(change + x, 0, 255).astype(np.uint8)


def units(x: NDArray[Any], factor: NDArray[Any] | float) -> Bytes:
    """x * factor as signed bytes, rounded half to even and clamped. Exact as far as the product is."""
    scaled = x * factor
    np.rint(scaled, out=scaled)
    np.clip(scaled, -SIGNED, SIGNED - 1, out=scaled)
    scaled += SIGNED
    return scaled.astype(np.uint8)


def unshuffled(x: NDArray[Any], factor: int) -> NDArray[Any]:
    """Squares of factor x factor positions as channels: (H, W, C) to (H / factor, W / factor, C * factor^2)."""
    height, width, channels = x.shape
    split = x.reshape(height // factor, factor, width // factor, factor, channels)
    out = np.empty((height // factor, width // factor, channels, factor * factor), dtype=x.dtype)
    for number in range(factor * factor):  # a copy for each: one that permutes all has an inner loop of `factor`
        out[..., number] = split[:, number // factor, :, number % factor]
    return out.reshape(*out.shape[:2], -1)


def shuffled(x: NDArray[Any], factor: int) -> NDArray[Any]:
    """The inverse of `unshuffled`."""
    height, width, channels = x.shape
    channels //= factor * factor
    split = x.reshape(height, width, channels, factor * factor)
    out = np.empty((height, factor, width, factor, channels), dtype=x.dtype)
    for number in range(factor * factor):
        out[:, number // factor, :, number % factor] = split[..., number]
    return out.reshape(height * factor, width * factor, channels)
