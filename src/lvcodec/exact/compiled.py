"""The backend `native`: our own compiled kernels for layers of 8 bits and whole residual blocks (lvcodec/native).

What they have no form for is computed as `int8` does, or in floats where torch has no fused convolution.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvcodec import native
from lvcodec.exact.backend import Computed, Condition, InOne, Integers
from lvcodec.exact.formats import INT8
from lvcodec.exact.fused import Digits, Fused
from lvcodec.exact.int8 import INT8_BACKEND, Int8Backend, Int8Layer
from lvcodec.exact.packed import SIGNED, Packed, Units
from lvcodec.native.layers import Block, Given, Layer, Linear

Bytes = NDArray[np.uint8]


class NativeBackend(Int8Backend):
    """Bytes between the layers, as in `int8`; on processors."""

    name = "native"

    def condition(self, device: torch.device) -> Condition:
        if native.wrong():
            return Condition.WRONG
        return Condition.WORKS if device.type == "cpu" and native.multiplies() else Condition.ABSENT

    def layer(self, integers: Integers) -> Computed:
        return NativeLayer(integers)

    def residual(self, layers: Sequence[Integers]) -> InOne | None:
        kernels = native.kernels()
        if kernels is None or len(layers) != 3 or not all(layer.fmt is INT8 and layer.stride == 1 for layer in layers):
            return None
        each, up, down = (_given(layer) for layer in layers)
        return NativeBlock(Block(kernels, each, up, down)) if Block.fits(each, up, down) else None


class NativeLayer(Int8Layer):
    """A layer of a network whose activations are bytes; called as Int8Layer is."""

    def __init__(self, integers: Integers) -> None:
        super().__init__(integers)
        self._products: dict[int, NativeProduct | None] = {}  # by the zero of the input
        given, kernels = _given(integers), native.kernels()
        fits = kernels is not None and not integers.transposed and integers.fmt.dtype == torch.float64
        self._linear = Linear(kernels, given) if kernels and fits and Linear.fits(given, integers.fmt.high) else None

    def __call__(self, x: Units) -> Units:
        if isinstance(x, Packed):
            product = self._product(x.zero)
            return product(x) if product else super().__call__(x)
        if self._linear is None:
            return super().__call__(x)
        return torch.from_numpy(self._linear(x.permute(0, 2, 3, 1).contiguous().numpy())).permute(0, 3, 1, 2)

    def _product(self, zero: int) -> NativeProduct | None:
        """The layer by the kernels, if they have the form; its weights lie the same for inputs of all shapes."""
        if zero not in self._products:
            own, kernels, given = self._integers, native.kernels(), _given(self._integers)
            fits = own.fmt is INT8 and own.stride == 1 and not own.transposed and Layer.fits(given)
            product = NativeProduct(Layer(kernels, given, zero), own.act) if kernels and fits else None
            self._products[zero] = product
        return self._products[zero]

    def _lay_out(self, x: Packed) -> Fused | Digits | None:
        return super()._lay_out(x) if INT8_BACKEND.works(x.data.device) else None


class NativeProduct:
    """A layer by the kernels. Called with a Packed (N, I, H, W), gives a Packed, or float32 of a wide layer."""

    def __init__(self, layer: Layer, act: str) -> None:
        self._layer, self._wide, self._zero_out = layer, act == "wide", SIGNED if act == "clamp" else 0

    def __call__(self, x: Units) -> Units:
        out = _stacked([self._layer(picture) for picture in _pictures(x)])
        return out if self._wide else Packed(out, self._zero_out)


class NativeBlock(InOne):
    """A residual block by the kernels. Called with a signed Packed (N, C, H, W), gives the same."""

    def __init__(self, block: Block) -> None:
        self._block = block

    def __call__(self, x: Units) -> Units:
        return Packed(_stacked([self._block(picture) for picture in _pictures(x)]))

    def at(self, x: Units, places: Tensor, shape: Sequence[int]) -> Units:
        (rows,) = _pictures(x)
        return Packed(_stacked([self._block.at(rows[0], places.numpy(), shape)[None]]))


def _given(layer: Integers) -> Given:
    weight, bias, shift = (part.cpu().numpy() for part in (layer.weight, layer.bias, layer.shift))
    return Given(weight, bias, shift, layer.act, layer.groups)


def _pictures(x: Units) -> list[Bytes]:
    """Each of a batch, (H, W, C), channels last."""
    if not isinstance(x, Packed):
        raise TypeError("the kernels take bytes")
    return list(x.data.permute(0, 2, 3, 1).contiguous().numpy())


def _stacked(pictures: list[NDArray[np.generic]]) -> Tensor:
    """(N, C, H, W), channels last in memory."""
    first = pictures[0][None] if len(pictures) == 1 else np.stack(pictures)
    return torch.from_numpy(first).permute(0, 3, 1, 2)


NATIVE = NativeBackend()
