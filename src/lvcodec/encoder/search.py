"""The encoder's search for motion: dense optical flow, then one vector a block by rate and distortion.

    flow ── median of each block ── groups of blocks ── each by itself, roughness as rate ── and by its bits ──► field

Roughness finds the way to a smooth field; what it costs is counted last, by encoder/vectors.py.
Only the encoder does this, so it need not be exact, and may be replaced without touching the format.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Floats
from lvcodec.codec.motion import Field
from lvcodec.encoder.vectors import NUDGES, bordered, neighbours, sweep
from lvcodec.exact import warp
from lvcodec.quality import lambda_of
from lvcodec.video.picture import Picture

# docs/decisions.md#price-of-roughness
BITS = 2.0  # what one doubling of the distance to one neighbour is taken to cost
# docs/decisions.md#price-of-a-bit-in-the-sweeps
PRICE = 2.5  # of a bit, where one that squared errors are weighed against costs 1: residuals mend errors too
# docs/decisions.md#groups-of-the-search
GROUPS = (8, 4, 2)  # blocks
# docs/decisions.md#rounds-and-sweeps-of-the-search
ROUNDS = 2
SWEEPS = 3
# docs/decisions.md#constants-of-the-search-that-only-save-time
SLOTS = 8  # of each part of a vector: a block keeps the errors of SLOTS^2 vectors, those tried last
BORDER = 24  # pels around a picture: a block, and what taps reach
NONE = np.int64(2**62)  # no vector
SMALLEST = 16  # sides that the optical flow needs


def search(picture: Picture, reference: Picture, field_before: Field, quality: float, sweeps: int = SWEEPS) -> Field:
    """The field that brings `reference` near to `picture`, by rate and distortion.

    field_before: that of the picture before, (2, rows, columns) in quarters of a pel, a first guess. quality: 1..6,
    says what a bit is worth. sweeps: how often the field's bits are counted and made fewer.
    """
    y, ref = picture.y, reference.y
    field = _of_blocks(_flow(y, ref))
    errors = _Errors(y, ref, field.shape)
    error = errors.of(field)
    bit = 1 / lambda_of(quality) / warp.BLOCK**2
    price = BITS * bit
    still = np.zeros_like(field)
    for side in GROUPS:
        for candidate in (still, field_before, _common(field, side)):
            field, error = _choose_groups(errors, field, error, candidate, price, side)
    guesses = [still, field_before]
    for _ in range(ROUNDS):
        for candidate in [*guesses, *neighbours(field), *_nudged(field)]:
            field, error = _choose(errors, field, error, candidate, price)
        guesses = [_median(field)]
    for _ in range(sweeps):
        field = sweep(field, field_before, errors, bit * PRICE)
    return field


def _flow(y: NDArray[np.uint8], ref: NDArray[np.uint8]) -> Floats:
    """(2, H, W): where each pel of y is in ref, in pels, vertical part first."""
    import cv2

    if min(y.shape) < SMALLEST:
        return np.zeros((2, *y.shape), dtype=np.float32)
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = method.calc(y, ref, None)  # type: ignore[call-overload]  # None: no first guess
    return np.ascontiguousarray(flow.transpose(2, 0, 1)[::-1], dtype=np.float32)


def _of_blocks(flow: Floats) -> Field:
    """The median vector of each block, to the nearest quarter."""
    side = warp.BLOCK
    _, rows, columns = warp.field_shape(*flow.shape[1:])
    grown = _whole_groups(flow, side)
    some = grown.reshape(2, rows, side, columns, side)[:, :, 2::4, :, 2::4]  # one pel of sixteen tells enough
    vectors = np.median(some.transpose(0, 1, 3, 2, 4).reshape(2, rows, columns, -1), axis=3)
    return np.asarray(np.clip(np.round(vectors * warp.STEPS), -warp.MAX_VECTOR, warp.MAX_VECTOR), dtype=np.int32)


class _Errors:
    """Mean squared errors of blocks' luma, in levels; blocks at the edges as if they went on.

    What a block's error with a vector is, is kept, SLOTS^2 of each block: most candidates are what was tried before.
    """

    def __init__(self, y: NDArray[np.uint8], ref: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
        side, (rows, columns) = warp.BLOCK, shape[1:]
        self._size = ref.shape
        self._seen = np.lib.stride_tricks.sliding_window_view(_phases(ref), (1, side, side))[..., 0, :, :]
        wanted = _blocks_of(y, rows, columns).transpose(0, 2, 1, 3).reshape(-1, side, side)
        self._wanted = np.ascontiguousarray(wanted, dtype=np.float32)
        self._corners = side * np.indices((rows, columns), dtype=np.int32).reshape(2, -1)
        self._vectors = np.full((rows * columns, SLOTS**2), NONE)
        self._found = np.zeros((rows * columns, SLOTS**2), dtype=np.float32)

    def __call__(self, vectors: Field, blocks: NDArray[np.intp]) -> Floats:
        """(n,): errors of blocks, by their numbers (n,), each with its vector of (2, n)."""
        vector = vectors[0].astype(np.int64) * 2**32 + vectors[1]
        slot = vectors[0] % SLOTS * SLOTS + vectors[1] % SLOTS
        error: Floats = self._found[blocks, slot]
        new = np.flatnonzero(self._vectors[blocks, slot] != vector)
        if new.size:
            at, slot = blocks[new], slot[new]
            error[new] = self._compared(vectors[:, new], at)
            self._found[at, slot], self._vectors[at, slot] = error[new], vector[new]
        return error

    def _compared(self, vectors: Field, blocks: NDArray[np.intp]) -> Floats:
        whole, part = np.divmod(vectors, warp.STEPS)
        corners = self._corners[:, blocks] + whole
        top, left = (np.clip(c, -BORDER, size) + BORDER for c, size in zip(corners, self._size, strict=True))
        apart = self._seen[part[0] * warp.STEPS + part[1], top, left] - self._wanted[blocks]
        squared: Floats = np.einsum("nij,nij->n", apart, apart)
        return squared / np.float32(warp.BLOCK**2)

    def of(self, field: Field) -> Floats:
        """(rows, columns): each block's error with its vector of the field."""
        return self(field.reshape(2, -1), np.arange(len(self._wanted))).reshape(field.shape[1:])


def _phases(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The plane at every quarter of a pel down and to the right, as the warp shows it, gone on beyond its edges.

    Returns (STEPS^2, H + 2 BORDER, W + 2 BORDER), rounded.
    """
    import cv2

    grown = np.pad(plane, BORDER, mode="edge")
    taps = np.array(warp.LUMA_TAPS, dtype=np.float32) / warp.ONE
    anchor = (taps.shape[1] // 2 - 1,) * 2
    shown = np.empty((len(taps) ** 2, *grown.shape), dtype=np.uint8)
    for number, (down, across) in enumerate(product(taps, taps)):
        cv2.sepFilter2D(grown, -1, across, down, shown[number], anchor, borderType=cv2.BORDER_REPLICATE)
    return shown


def _blocks_of(y: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """A plane, made to go on at its right and lower edge, as (rows, BLOCK, columns, BLOCK)."""
    side = warp.BLOCK
    return _whole_groups(y, side).reshape(rows, side, columns, side)


def _whole_groups(array: NDArray[Any], side: int) -> NDArray[Any]:
    """An array (..., H, W), made to go on at its lower and right edge up to multiples of `side`."""
    beyond = [(0, -size % side) for size in array.shape[-2:]]
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + beyond, mode="edge")


def _roughness(vectors: Field, field: Field) -> Floats:
    """(rows, columns): how far each vector is from its four neighbours in the field, in octaves."""
    cost = np.zeros(vectors.shape[1:], dtype=np.float32)
    for near in neighbours(field):
        cost += np.log2(1 + np.abs(vectors - near).sum(axis=0, dtype=np.float32))
    return cost


def _choose(errors: _Errors, field: Field, error: Floats, candidate: Field, price: float) -> tuple[Field, Floats]:
    """Take the candidate where it is better, odd and even blocks in turn, since neighbours judge each other."""
    error_there = errors.of(candidate)
    odd = np.indices(error.shape).sum(axis=0) % 2
    for parity in (0, 1):
        gain = error - error_there + price * (_roughness(field, field) - _roughness(candidate, field))
        better = (gain > 0) & (odd == parity)
        field, error = np.where(better, candidate, field), np.where(better, error_there, error)
    return field, error


def _choose_groups(
    errors: _Errors, field: Field, error: Floats, candidate: Field, price: float, side: int
) -> tuple[Field, Floats]:
    """Take the candidate for whole groups of side x side blocks: what no block would gain by alone."""
    error_there = errors.of(candidate)
    gain = error - error_there + price * (_roughness(field, field) - _roughness(candidate, candidate))
    rows, columns = error.shape
    grown = np.pad(gain, ((0, -rows % side), (0, -columns % side)))
    sums = grown.reshape(grown.shape[0] // side, side, -1, side).sum(axis=(1, 3))
    better = (sums > 0).repeat(side, axis=0).repeat(side, axis=1)[:rows, :columns]
    return np.where(better, candidate, field), np.where(better, error_there, error)


def _common(field: Field, side: int) -> Field:
    """Each group of side x side blocks at the median of its vectors."""
    _, rows, columns = field.shape
    grown = _whole_groups(field, side)
    groups = grown.reshape(2, grown.shape[1] // side, side, -1, side).transpose(0, 1, 3, 2, 4)
    middle: Field = np.median(groups.reshape(*groups.shape[:3], -1), axis=3).astype(np.int32)
    return middle.repeat(side, axis=1).repeat(side, axis=2)[:, :rows, :columns]


def _nudged(field: Field) -> Iterator[Field]:
    """The field a quarter of a pel further up, down, to the left, to the right: finer than optical flow is sure of."""
    for nudge in np.roll(NUDGES, 2, axis=1).T:  # up and down first: which of two equals is taken depends on the order
        yield np.clip(field + nudge[:, None, None], -warp.MAX_VECTOR, warp.MAX_VECTOR)


def _median(field: Field) -> Field:
    """The median of each part over 3x3 blocks."""
    grown = bordered(field)
    around = [grown[:, i : i + field.shape[1], j : j + field.shape[2]] for i in range(3) for j in range(3)]
    return np.asarray(np.median(np.stack(around), axis=0), dtype=np.int32)
