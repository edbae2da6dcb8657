"""Sections "The field" and "The warp" of "aligned": whole numbers in int64, nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from entropy.judge import RangeDecoder, decode_call
from numpy.typing import NDArray

from .container import Header
from .symbols import Ints

LIMIT = 8192  # quarters of a luma pel
FIRST_LEVEL = 29
FAR_LEVELS = [
    [8, 18, 23, 30, 34, 43, 48, 55],
    [16, 20, 22, 23, 24, 28, 31, 34],
    [21, 24, 26, 27, 28, 31, 33, 36],
    [26, 28, 30, 32, 33, 36, 39, 41],
    [32, 35, 35, 36, 38, 41, 44, 44],
    [37, 38, 40, 41, 44, 46, 49, 52],
    [40, 41, 43, 44, 47, 50, 53, 54],
    [51, 51, 51, 52, 55, 56, 56, 58],
]
NEAR_LEVELS = [
    [6, 12, 12, 12, 12, 12, 12, 12],
    [17, 19, 20, 21, 21, 21, 21, 21],
    [22, 24, 25, 26, 26, 26, 27, 27],
    [27, 29, 31, 32, 32, 34, 34, 34],
    [34, 35, 36, 37, 38, 40, 41, 41],
    [40, 40, 41, 41, 43, 45, 46, 47],
    [45, 45, 45, 45, 47, 50, 51, 53],
    [54, 54, 54, 54, 54, 56, 56, 58],
]
TAPS_Y = [
    [0, 0, 0, 64, 0, 0, 0, 0],
    [-1, 4, -10, 58, 17, -5, 1, 0],
    [-1, 4, -11, 40, 40, -11, 4, -1],
    [0, 1, -5, 17, 58, -10, 4, -1],
]
TAPS_UV = [
    [0, 64, 0, 0],
    [-2, 58, 10, -2],
    [-4, 54, 16, -2],
    [-6, 46, 28, -4],
    [-4, 36, 36, -4],
    [-4, 28, 46, -6],
    [-2, 16, 54, -4],
    [-2, 10, 58, -2],
]

Place = tuple[int, int]


def read_field(coder: RangeDecoder, tables: list[list[int]], header: Header, before: Ints | None) -> Ints:
    """Section "The field". tables: `laplace`; before: the field before, None after an I-picture. Returns (2, R, C)."""
    shape = 2, -(-header.height // 16), -(-header.width // 16)
    old = np.zeros(shape, dtype=np.int64) if before is None else before
    field = np.zeros(shape, dtype=np.int64)
    for places in calls(shape[1], shape[2]):
        centres, levels = zip(*(expected(field, old, *place) for place in places), strict=True)
        index = [5 * level for level in levels]
        offsets = decode_call(coder, tables, index + index)  # vertical parts, then horizontal
        for number, (r, c) in enumerate(place for place, *_ in places):
            offset = np.array([offsets[number], offsets[len(places) + number]])
            field[:, r, c] = np.clip(centres[number] + offset, -LIMIT, LIMIT)
    return field


def calls(rows: int, columns: int) -> Iterator[list[tuple[Place, Place | None, Place | None]]]:
    """Of each call its places in raster order, with their two neighbours if they have such."""
    yield [((r, c), None, None) for r in range(0, rows, 32) for c in range(0, columns, 32)]
    for d in (16, 8, 4, 2, 1):
        down = [
            ((r, c), (r - d, c), (r + d if r + d < rows else r - d, c))
            for r in range(rows)
            if r % (2 * d) == d
            for c in range(0, columns, 2 * d)
        ]
        across = [
            ((r, c), (r, c - d), (r, c + d if c + d < columns else c - d))
            for r in range(0, rows, d)
            for c in range(columns)
            if c % (2 * d) == d
        ]
        yield from (places for places in (down, across) if places)


def expected(field: Ints, old: Ints, place: Place, first: Place | None, second: Place | None) -> tuple[Ints, int]:
    """Centres of a vector's parts, (2,), and its level."""
    b = old[:, place[0], place[1]]
    if first is None or second is None:
        return b, FIRST_LEVEL
    n1, n2 = field[:, first[0], first[1]], field[:, second[0], second[1]]
    p = np.sort(np.stack([n1, n2, b]), axis=0)[1]
    distance = abs(place[0] - first[0]) + abs(place[1] - first[1])
    row, column = (min(7, int(np.abs(apart).max()).bit_length()) for apart in (n1 - n2, b - p))
    return p, (NEAR_LEVELS if distance == 1 else FAR_LEVELS)[row][column]


def aligned_planes(planes: list[NDArray[np.uint8]], field: Ints) -> list[NDArray[np.uint8]]:
    """Section "The warp": Y, U, V of the picture shown last, seen through the field."""
    y, u, v = planes
    return [warped(y, field, 16, TAPS_Y), warped(u, field, 8, TAPS_UV), warped(v, field, 8, TAPS_UV)]


def warped(plane: NDArray[np.uint8], field: Ints, side: int, taps: list[list[int]]) -> NDArray[np.uint8]:
    """One plane. side: S, of a block; taps: f rows of K."""
    height, width = plane.shape
    sums = np.zeros((height, width), dtype=np.int64)
    for i in range(-1, field.shape[1] + 1):
        for j in range(-1, field.shape[2] + 1):
            r = np.arange(max(0, side * i - side // 2), min(height, side * i + 3 * side // 2))
            c = np.arange(max(0, side * j - side // 2), min(width, side * j + 3 * side // 2))
            if r.size and c.size:
                a, b = field[:, min(max(i, 0), field.shape[1] - 1), min(max(j, 0), field.shape[2] - 1)].tolist()
                weight = np.outer(ramp(r - side * i + side // 2, side), ramp(c - side * j + side // 2, side))
                sums[np.ix_(r, c)] += weight * seen(plane, a, b, r, c, taps)
    return np.clip(divided(sums, 64 * side**2), 0, 255).astype(np.uint8)


def ramp(o: Ints, side: int) -> Ints:
    return np.where(o < side, 2 * o + 1, 4 * side - 1 - 2 * o)


def seen(plane: NDArray[np.uint8], a: int, b: int, r: Ints, c: Ints, taps: list[list[int]]) -> Ints:
    """Pels of rows r and columns c through the vector (a, b), in sixteenths of a level."""
    f, count = len(taps), len(taps[0])
    sums = np.zeros((len(r), len(c)), dtype=np.int64)
    for k in range(count):
        for m in range(count):
            rows = np.clip(r + a // f + k - count // 2 + 1, 0, plane.shape[0] - 1)
            columns = np.clip(c + b // f + m - count // 2 + 1, 0, plane.shape[1] - 1)
            sums += taps[a % f][k] * taps[b % f][m] * plane[np.ix_(rows, columns)].astype(np.int64)
    return divided(sums, 256)


def divided(x: Ints, by: int) -> Ints:
    """round(x / by), ties to even, without a fraction: `by` is even."""
    whole, rest = np.divmod(x, by)
    return whole + ((rest > by // 2) | ((rest == by // 2) & (whole % 2 == 1)))
