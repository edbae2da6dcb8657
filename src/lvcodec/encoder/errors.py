"""Squared errors of blocks moved by vectors, as the search for motion asks for them, thousands at a time.

The reference is interpolated once at every quarter of a pel. Blocks do not overlap here as they do in the warp.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.arrays import Floats
from lvcodec.codec.motion import Field
from lvcodec.exact import warp

# docs/decisions.md#constants-of-the-search-that-only-save-time
SLOTS = 8  # of each part of a vector: a block keeps the errors of SLOTS^2 vectors, those tried last
BORDER = 24  # pels around a picture: a block, and what taps reach
NONE = np.int64(2**62)  # no vector


class BlockErrors:
    """Mean squared errors of blocks' luma, in levels; blocks at the edges as if they went on.

    y, ref: the picture and its reference; shape: of a field, (2, rows, columns).
    """

    def __init__(self, y: NDArray[np.uint8], ref: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
        side, (rows, columns) = warp.BLOCK, shape[1:]
        self._columns, self._size = columns, ref.shape
        self._seen = phases(ref)
        wanted = whole_groups(y, side).reshape(rows, side, columns, side).transpose(0, 2, 1, 3)
        self._wanted = np.ascontiguousarray(wanted).reshape(-1, side, side)
        # What a block's error with a vector is, is kept: most candidates are what was tried before.
        self._vectors = np.full((rows * columns, SLOTS**2), NONE)
        self._found = np.zeros((rows * columns, SLOTS**2), dtype=np.float32)

    def __call__(self, vectors: Field, blocks: NDArray[np.intp]) -> Floats:
        """(n,): errors of blocks, by their numbers (n,), each with its vector of (2, n)."""
        if native.kernels() is not None:
            return self._compared(vectors, blocks)  # no slower than to look it up
        vector = vectors[0].astype(np.int64) * 2**32 + vectors[1]
        slot = vectors[0] % SLOTS * SLOTS + vectors[1] % SLOTS
        error: Floats = self._found[blocks, slot]
        new = np.flatnonzero(self._vectors[blocks, slot] != vector)
        if new.size:
            at, slot = blocks[new], slot[new]
            error[new] = self._compared(vectors[:, new], at)
            self._found[at, slot], self._vectors[at, slot] = error[new], vector[new]
        return error

    def of(self, field: Field) -> Floats:
        """(rows, columns): each block's error with its vector of the field."""
        return self(field.reshape(2, -1), np.arange(len(self._wanted))).reshape(field.shape[1:])

    def _compared(self, vectors: Field, blocks: NDArray[np.intp]) -> Floats:
        kernels = native.kernels()
        squared = np.empty(len(blocks), dtype=np.uint32)
        if kernels is not None:
            pairs = np.ascontiguousarray(vectors, dtype=np.int32), np.ascontiguousarray(blocks, dtype=np.int64)
            form = *self._seen.shape[1:], BORDER, warp.STEPS, warp.BLOCK, self._columns
            kernels.errors(squared, self._seen, self._wanted, *pairs, *form)
        else:
            squared[:] = self._slowly(vectors, blocks)
        return squared.astype(np.float32) / np.float32(warp.BLOCK**2)

    def _slowly(self, vectors: Field, blocks: NDArray[np.intp]) -> NDArray[np.int64]:
        side = warp.BLOCK
        seen = np.lib.stride_tricks.sliding_window_view(self._seen, (1, side, side))[..., 0, :, :]
        whole, part = np.divmod(vectors, warp.STEPS)
        corners = side * np.stack(np.divmod(blocks, self._columns)) + whole
        ends = (size + BORDER - side for size in self._size)
        top, left = (np.clip(c, -BORDER, end) + BORDER for c, end in zip(corners, ends, strict=True))
        apart = seen[part[0] * warp.STEPS + part[1], top, left].astype(np.float32) - self._wanted[blocks]
        squared: NDArray[np.int64] = np.einsum("nij,nij->n", apart, apart).astype(np.int64)
        return squared


def phases(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The plane at every quarter of a pel down and to the right, as the warp shows it, gone on beyond its edges.

    Returns (STEPS^2, H + 2 BORDER, W + 2 BORDER), rounded half to even.
    """
    height, width = plane.shape
    shown = np.empty((warp.STEPS**2, height + 2 * BORDER, width + 2 * BORDER), dtype=np.uint8)
    kernels = native.kernels()
    if kernels is not None:
        taps = np.array(warp.LUMA_TAPS, dtype=np.int16)
        kernels.phases(shown, np.ascontiguousarray(plane), taps, height, width, BORDER, *taps.shape)
        return shown
    import cv2

    grown = np.pad(plane, BORDER, mode="edge")
    parts = np.array(warp.LUMA_TAPS, dtype=np.float32) / warp.ONE
    anchor = (parts.shape[1] // 2 - 1,) * 2
    for number, (down, across) in enumerate(product(parts, parts)):
        cv2.sepFilter2D(grown, -1, across, down, shown[number], anchor, borderType=cv2.BORDER_REPLICATE)
    return shown


def whole_groups(array: NDArray[Any], side: int) -> NDArray[Any]:
    """An array (..., H, W), made to go on at its lower and right edge up to multiples of `side`."""
    beyond = [(0, -size % side) for size in array.shape[-2:]]
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + beyond, mode="edge")
