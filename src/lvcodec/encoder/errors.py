"""How far blocks are from what vectors show of references: what the search compares."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.arrays import Floats, Indices
from lvcodec.codec.motion import Field, both_fields
from lvcodec.exact import taps, warp

# docs/decisions.md#constants-of-the-search-that-only-save-time
SLOTS = 8  # of each part of a vector, a power of 2: a block keeps the errors of SLOTS^2 vectors, those tried last
BORDER = 24  # pels around a picture: a block, and what taps reach
NONE = np.int32(-(2**31))  # no vector
STEP_BITS = warp.STEPS.bit_length() - 1
BATCH = 4096  # blocks that are compared at a time, which keeps them in the caches
REFERENCES_KEPT = 3  # of 35 MB at 1080p: a reference serves several pictures, and several ways to order them
TOO_FAR = np.float32(1e9)  # the error of a vector that may not be
LOG_OF_2 = np.float32(math.log(2))
# log2(1 + x) = x + x (1 - x) (polynomial), to 4e-6, highest power first: the kernels compute the same, to the bit
LOGARITHM = tuple(np.float32(each) for each in (0.02513, -0.09426, 0.18058, -0.27517, 0.4425))


class Shown:
    """The luma of a reference as blocks show it, in steps of a quarter of a pel, rounded to whole levels.

    planes: (STEPS^2, H + 2 BORDER, W + 2 BORDER), phases down first.
    """

    def __init__(self, plane: NDArray[np.uint8], shape: tuple[int, ...], side: int) -> None:
        self.planes = _kept_phases(_Same(plane))
        self._columns, self._size, self._side = shape[2], plane.shape, side

    def __call__(self, vectors: Field, blocks: Indices) -> NDArray[np.uint8]:
        """(n, side, side): blocks of the field by their numbers (n,), each moved by its vector of (2, n)."""
        side = self._side
        part = vectors & (warp.STEPS - 1)  # divmod takes ten times as long
        corners = side * np.stack(np.divmod(blocks, self._columns)) + (vectors >> STEP_BITS)
        ends = (size + BORDER - side for size in self._size)
        top, left = (np.clip(c, -BORDER, end) + BORDER for c, end in zip(corners, ends, strict=True))
        windows = np.lib.stride_tricks.sliding_window_view(self.planes, (1, side, side))[..., 0, :, :]
        return np.asarray(windows[part[0] * warp.STEPS + part[1], top, left])


class Errors(ABC):
    """Mean squared errors of blocks' luma, in levels; blocks at the edges as if they went on.

    What is above `mended` counts by its logarithm alone: a residual mends it, at bits that grow so.

    What a block's error with a vector is, is kept, SLOTS^2 of each block: most candidates are what was tried before.
    """

    def __init__(self, y: NDArray[np.uint8], shape: tuple[int, ...], side: int, mended: float) -> None:
        self._limit, self.side = np.float32(mended), side
        wanted = blocks_of(y, shape[1], shape[2], side).transpose(0, 2, 1, 3).reshape(-1, side, side)
        self._wanted, self._columns = np.ascontiguousarray(wanted), shape[2]
        self._vectors = np.full((len(wanted), SLOTS**2), NONE)
        self._found = np.zeros((len(wanted), SLOTS**2), dtype=np.float32)

    def __call__(self, vectors: Field, blocks: Indices) -> Floats:
        """(n,): errors of blocks, by their numbers (n,), each with its vector of (2, n)."""
        kernels = native.kernels()
        if kernels is not None:
            error: Floats = np.empty(blocks.size, dtype=np.float32)
            kernels.errors(error, *_pairs(vectors, blocks), self.compared)
            return error
        vector = vectors[0] * 2**16 + vectors[1]
        slot = (vectors[0] & (SLOTS - 1)) * SLOTS + (vectors[1] & (SLOTS - 1))
        error = self._found[blocks, slot]
        new = np.flatnonzero(self._vectors[blocks, slot] != vector)
        if new.size:
            # of equal ones, which neighbours give each other, one is compared
            _, first, again = np.unique(
                vector[new].astype(np.int64) + 2**31 + 2**32 * blocks[new], return_index=True, return_inverse=True
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

    @cached_property
    def compared(self) -> tuple[Any, ...]:
        """What kernels have to know of it."""
        shown, other, direct, distances, price = self._references()
        planes = shown.planes, None if other is None else other.planes
        form = *shown.planes.shape[1:], BORDER, self.side, self._columns, *distances, price, float(self._limit)
        return *planes, self._wanted, direct, self._vectors, self._found, *form

    def of(self, field: Field) -> Floats:
        """(rows, columns): each block's error with its vector of the field."""
        return self(field.reshape(2, -1), np.arange(len(self._wanted))).reshape(field.shape[1:])

    @abstractmethod
    def _compared(self, vectors: Field, blocks: Indices) -> Floats:
        """(n,): errors that are not known yet."""

    @abstractmethod
    def _references(self) -> tuple[Shown, Shown | None, Field | None, tuple[int, int], float]:
        """Both of them, temporal direct, the distances, and what it costs to show one alone."""

    def _counted(self, squared: NDArray[Any], parts: int | NDArray[np.float32] = 1) -> Floats:
        """Errors of sums of squares, whole numbers below 2^31, each `parts` times too large."""
        mean = squared.astype(np.float32) / (np.float32(self.side**2) * parts)
        part, octave = np.frexp(np.maximum(mean / self._limit, np.float32(1)))
        part = 2 * part - 1
        rest: Floats = np.full_like(part, LOGARITHM[0])
        for coefficient in LOGARITHM[1:]:
            rest = rest * part + coefficient
        octaves = ((octave - 1).astype(np.float32) + part) + (part * (1 - part)) * rest
        return np.asarray(np.minimum(mean, self._limit * (1 + LOG_OF_2 * octaves)))


class ErrorsOfOne(Errors):
    """Of P-pictures: vectors to one reference."""

    def __init__(
        self, y: NDArray[np.uint8], reference: NDArray[np.uint8], shape: tuple[int, ...], side: int, mended: float
    ) -> None:
        super().__init__(y, shape, side, mended)
        self._shown = Shown(reference, shape, side)

    def _compared(self, vectors: Field, blocks: Indices) -> Floats:
        return self._counted(squares(self._shown(vectors, blocks).astype(np.int32) - self._wanted[blocks]))

    def _references(self) -> tuple[Shown, Shown | None, Field | None, tuple[int, int], float]:
        return self._shown, None, None, (1, 1), 0.0


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
        side: int,
        to_before: int,
        to_after: int,
        price: float,
        mended: float,
    ) -> None:
        super().__init__(y, direct.shape, side, mended)
        self._before, self._after = (Shown(reference, direct.shape, side) for reference in (before, after))
        self._direct, self._distances = np.ascontiguousarray(direct.reshape(2, -1)), (to_before, to_after)
        self._price = np.array([[0], [price], [price]], dtype=np.float32)

    def by_direction(self, differences: Field, blocks: Indices) -> Floats:
        """(3, n): errors with both references, the one before and the one after."""
        kernels = native.kernels()
        if kernels is not None:
            errors: Floats = np.empty((3, blocks.size), dtype=np.float32)
            kernels.errors_of_both(errors, *_pairs(differences, blocks), self.compared)
            return errors
        vectors = self._direct[:, blocks] + differences
        here, there = both_fields(np.clip(vectors, -warp.MAX_VECTOR, warp.MAX_VECTOR), *self._distances)
        wanted = self._wanted[blocks].astype(np.int32)
        one, other = (shown - wanted for shown in (self._before(here, blocks), self._after(there, blocks)))
        # of twice the mean of both references, to twice the picture, and of each of them
        squared = np.stack([squares(apart) for apart in (one + other, one, other)])
        errors = self._counted(squared, np.array([[4], [1], [1]], dtype=np.float32))
        return np.where((np.abs(vectors) > warp.MAX_VECTOR).any(axis=0), TOO_FAR, errors)

    def _compared(self, vectors: Field, blocks: Indices) -> Floats:
        return np.asarray((self.by_direction(vectors, blocks) + self._price).min(axis=0))

    def _references(self) -> tuple[Shown, Shown | None, Field | None, tuple[int, int], float]:
        return self._before, self._after, self._direct, self._distances, float(self._price[1, 0])


def _pairs(vectors: Field, blocks: Indices) -> tuple[Field, Indices]:
    """As kernels take them."""
    return np.ascontiguousarray(vectors, dtype=np.int32), np.ascontiguousarray(blocks, dtype=np.int64)


def blocks_of(y: NDArray[np.uint8], rows: int, columns: int, side: int) -> NDArray[np.uint8]:
    """A plane, made to go on at its right and lower edge, as (rows, side, columns, side)."""
    return whole_groups(y, side).reshape(rows, side, columns, side)


def whole_groups(array: NDArray[Any], side: int) -> NDArray[Any]:
    """An array (..., H, W), made to go on at its lower and right edge up to multiples of `side`."""
    beyond = [(0, -size % side) for size in array.shape[-2:]]
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + beyond, mode="edge")


def squares(apart: NDArray[np.int32]) -> NDArray[np.int32]:
    """(n,): sums of the squares of (n, side, side), |apart| <= 510."""
    return np.asarray(np.einsum("nij,nij->n", apart, apart))


class _Same:
    """An array by which one it is, not by what it holds."""

    def __init__(self, array: NDArray[np.uint8]) -> None:
        self.array = array

    def __hash__(self) -> int:
        return id(self.array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.array is other.array


@lru_cache(maxsize=REFERENCES_KEPT)
def _kept_phases(plane: _Same) -> NDArray[np.uint8]:
    return phases(plane.array)


def forget_references() -> None:
    """Let go of what is kept of the references that were searched in last. Searches that go on only take longer."""
    _kept_phases.cache_clear()


def phases(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The plane at every quarter of a pel down and to the right, as the warp shows it, gone on beyond its edges.

    Returns (STEPS^2, H + 2 BORDER, W + 2 BORDER), rounded half to even.
    """
    height, width = plane.shape
    shown = np.empty((warp.STEPS**2, height + 2 * BORDER, width + 2 * BORDER), dtype=np.uint8)
    kernels = native.kernels()
    if kernels is not None:
        rows = np.array(taps.LUMA_TAPS, dtype=np.int16)
        kernels.phases(shown, np.ascontiguousarray(plane), rows, height, width, BORDER, *rows.shape)
        return shown
    import cv2

    grown = np.pad(plane, BORDER, mode="edge")
    parts = np.array(taps.LUMA_TAPS, dtype=np.float32) / taps.ONE
    middle = parts.shape[1] // 2 - 1
    # of whole pels one tap is enough
    filters = [(row[middle : middle + 1], 0) if number == 0 else (row, middle) for number, row in enumerate(parts)]
    for number, ((down, top), (across, left)) in enumerate(product(filters, filters)):
        cv2.sepFilter2D(grown, -1, across, down, shown[number], (left, top), borderType=cv2.BORDER_REPLICATE)
    return shown
