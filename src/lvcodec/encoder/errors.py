"""How far blocks are from what vectors show of references: what the search compares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Floats, Indices
from lvcodec.codec.motion import Field, both_fields
from lvcodec.exact import warp

# docs/decisions.md#constants-of-the-search-that-only-save-time
SLOTS = 8  # of each part of a vector, a power of 2: a block keeps the errors of SLOTS^2 vectors, those tried last
BORDER = 24  # pels around a picture: a block, and what taps reach
NONE = np.int64(2**62)  # no vector
STEP_BITS = warp.STEPS.bit_length() - 1
BATCH = 4096  # blocks that are compared at a time, which keeps them in the caches
TOO_FAR = np.float32(1e9)  # the error of a vector that may not be


class Shown:
    """The luma of a reference as blocks show it, in steps of a quarter of a pel, rounded to whole levels."""

    def __init__(self, plane: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
        side = warp.BLOCK
        self._size = plane.shape
        self._windows = np.lib.stride_tricks.sliding_window_view(_phases(plane), (1, side, side))[..., 0, :, :]
        self._corners = side * np.indices(shape[1:], dtype=np.int32).reshape(2, -1)

    def __call__(self, vectors: Field, blocks: Indices) -> NDArray[np.uint8]:
        """(n, BLOCK, BLOCK): blocks of the field by their numbers (n,), each moved by its vector of (2, n)."""
        part = vectors & (warp.STEPS - 1)  # divmod takes ten times as long
        corners = self._corners[:, blocks] + (vectors >> STEP_BITS)
        top, left = (np.clip(c, -BORDER, size) + BORDER for c, size in zip(corners, self._size, strict=True))
        return np.asarray(self._windows[part[0] * warp.STEPS + part[1], top, left])


class Errors(ABC):
    """Mean squared errors of blocks' luma, in levels; blocks at the edges as if they went on.

    What a block's error with a vector is, is kept, SLOTS^2 of each block: most candidates are what was tried before.
    """

    def __init__(self, y: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
        wanted = blocks_of(y, *shape[1:]).transpose(0, 2, 1, 3).reshape(-1, warp.BLOCK, warp.BLOCK)
        self._wanted = np.ascontiguousarray(wanted, dtype=np.float32)
        self._vectors = np.full((len(wanted), SLOTS**2), NONE)
        self._found = np.zeros((len(wanted), SLOTS**2), dtype=np.float32)

    def __call__(self, vectors: Field, blocks: Indices) -> Floats:
        """(n,): errors of blocks, by their numbers (n,), each with its vector of (2, n)."""
        vector = vectors[0].astype(np.int64) * 2**16 + vectors[1]
        slot = (vectors[0] & (SLOTS - 1)) * SLOTS + (vectors[1] & (SLOTS - 1))
        error: Floats = self._found[blocks, slot]
        new = np.flatnonzero(self._vectors[blocks, slot] != vector)
        if new.size:
            # of equal ones, which neighbours give each other, one is compared
            _, first, again = np.unique(
                vector[new] * len(self._found) + blocks[new], return_index=True, return_inverse=True
            )
            once = new[first]
            found = np.empty(once.size, dtype=np.float32)
            for start in range(0, once.size, BATCH):
                some = slice(start, start + BATCH)
                found[some] = self._compared(vectors[:, once[some]], blocks[once[some]])
            at, slot = blocks[once], slot[once]
            self._found[at, slot], self._vectors[at, slot] = found, vector[once]
            error[new] = found[again]
        return error

    def of(self, field: Field) -> Floats:
        """(rows, columns): each block's error with its vector of the field."""
        return self(field.reshape(2, -1), np.arange(len(self._wanted))).reshape(field.shape[1:])

    @abstractmethod
    def _compared(self, vectors: Field, blocks: Indices) -> Floats:
        """(n,): errors that are not known yet."""

    def _squared(self, shown: NDArray[Any], blocks: Indices) -> Floats:
        apart = shown - self._wanted[blocks]
        squared: Floats = np.einsum("nij,nij->n", apart, apart)
        return squared / np.float32(warp.BLOCK**2)


class ErrorsOfOne(Errors):
    """Of P-pictures: vectors to one reference."""

    def __init__(self, y: NDArray[np.uint8], reference: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
        super().__init__(y, shape)
        self._shown = Shown(reference, shape)

    def _compared(self, vectors: Field, blocks: Indices) -> Floats:
        return self._squared(self._shown(vectors, blocks), blocks)


class ErrorsOfBoth(Errors):
    """Of B-pictures: differences from temporal direct, each with the direction that is best, one reference at a price.

    direct: (2, rows, columns); to_before, to_after: pictures from the references before and after; price: what it
    costs to show one of them only.
    """

    def __init__(
        self,
        y: NDArray[np.uint8],
        before: NDArray[np.uint8],
        after: NDArray[np.uint8],
        direct: Field,
        to_before: int,
        to_after: int,
        price: float,
    ) -> None:
        super().__init__(y, direct.shape)
        self._before, self._after = Shown(before, direct.shape), Shown(after, direct.shape)
        self._direct, self._distances = direct.reshape(2, -1), (to_before, to_after)
        self._price = np.array([[0], [price], [price]], dtype=np.float32)

    def by_direction(self, differences: Field, blocks: Indices) -> Floats:
        """(3, n): errors with both references, the one before and the one after."""
        vectors = self._direct[:, blocks] + differences
        here, there = both_fields(np.clip(vectors, -warp.MAX_VECTOR, warp.MAX_VECTOR), *self._distances)
        one, other = self._before(here, blocks), self._after(there, blocks)
        mean = (one.astype(np.float32) + other) * np.float32(0.5)
        errors = np.stack([self._squared(shown, blocks) for shown in (mean, one, other)])
        return np.where((np.abs(vectors) > warp.MAX_VECTOR).any(axis=0), TOO_FAR, errors)

    def _compared(self, vectors: Field, blocks: Indices) -> Floats:
        return np.asarray((self.by_direction(vectors, blocks) + self._price).min(axis=0))


def blocks_of(y: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """A plane, made to go on at its right and lower edge, as (rows, BLOCK, columns, BLOCK)."""
    side = warp.BLOCK
    return whole_groups(y, side).reshape(rows, side, columns, side)


def whole_groups(array: NDArray[Any], side: int) -> NDArray[Any]:
    """An array (..., H, W), made to go on at its lower and right edge up to multiples of `side`."""
    beyond = [(0, -size % side) for size in array.shape[-2:]]
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + beyond, mode="edge")


def _phases(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The plane at every quarter of a pel down and to the right, as the warp shows it, gone on beyond its edges.

    Returns (STEPS^2, H + 2 BORDER, W + 2 BORDER), rounded.
    """
    import cv2

    grown = np.pad(plane, BORDER, mode="edge")
    taps = np.array(warp.LUMA_TAPS, dtype=np.float32) / warp.ONE
    middle = taps.shape[1] // 2 - 1
    # of whole pels one tap is enough
    kernels = [(row[middle : middle + 1], 0) if number == 0 else (row, middle) for number, row in enumerate(taps)]
    shown = np.empty((len(taps) ** 2, *grown.shape), dtype=np.uint8)
    for number, ((down, top), (across, left)) in enumerate(product(kernels, kernels)):
        cv2.sepFilter2D(grown, -1, across, down, shown[number], (left, top), borderType=cv2.BORDER_REPLICATE)
    return shown
