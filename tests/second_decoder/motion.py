"""Sections "Counts", "The field", "The warp" and "Motion of B-pictures" of "aligned": whole numbers, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from entropy.judge import RangeDecoder, decode_call
from numpy.typing import NDArray

from .container import expect
from .symbols import Ints

LIMIT = 8192  # quarters of a luma pel
TOTAL = 2**24
DOCUMENT = Path(__file__).parents[2] / "docs" / "bitstream.md"
MEDIAN, ONE, OTHER, PREDICTED, NEW = range(5)
UNIFORM, AS_PREDICTED, SPLIT = range(3)
KINDS, FLAGS, DIFFERENCES = 0, 40, 85  # where tables of a kind of pictures begin
OF_B, DIRECTIONS = 117, 234
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
Vector = tuple[int, int]
Counts = list[list[int]]  # a row for each table
Map = dict[Place, Vector]


def first_counts() -> Counts:
    """Section "Counts": those after an I-picture, as the document has them."""
    text = DOCUMENT.read_text(encoding="utf-8").split("<!-- counts -->")[1].split("<!-- end of counts -->")[0]
    parts = {}
    for part in text.strip().split("\n\n"):
        name, _, rows = part.strip().partition("\n")
        parts[name.strip()] = [[int(count) for count in row.split()] for row in rows.replace("\n", " ").split("|")]
    counts = []
    for name, symbols in (
        *(("P_KINDS", 5), ("P_FLAGS", 3), ("DIFFERENCES", 17)),
        *(("B_KINDS", 5), ("B_FLAGS", 3), ("DIFFERENCES", 17)),
        ("DIRECTIONS", 3),
    ):
        counts += [row + [1] * (symbols - len(row)) for row in parts[name]]
    return counts


def table_of(counts: list[int]) -> list[int]:
    """Section "Counts": F."""
    table = [1 + count * (TOTAL - 1 - len(counts)) // sum(counts) for count in counts] + [1]
    table[0] += TOTAL - sum(table)
    return table


def after(counts: Counts, seen: Counts) -> Counts:
    """Section "Counts": those after a picture in which symbols were coded so many times."""
    result = []
    for row, times in zip(counts, seen, strict=True):
        new = [count + 32 * more for count, more in zip(row, times, strict=True)]
        while sum(new) > 2048:
            new = [(count + 1) // 2 for count in new]
        result.append(new)
    return result


@dataclass
class Found:
    """The field (2, R, C), the directions of a B-picture (R, C), the counts after it, and what was counted."""

    field: Ints
    direction: Ints | None
    counts: Counts
    seen: Counts | None = None


def read_motion(coder: RangeDecoder, predicted: Ints, side: int, counts: Counts, *, two: bool) -> Found:
    """Sections "The field" and, of B-pictures, "Motion of B-pictures". predicted: (2, R, C); side: T."""
    reader = MotionReader(coder, predicted, counts, two=two)
    coarse = [(r, c) for r in range(0, reader.rows, 16) for c in range(0, reader.columns, 16)]
    reader.vectors(0, [(place, place, place) for place in coarse])
    largest = 64 // side
    for d in (8, 4, 2, 1):
        number = max(0, (largest // d).bit_length() - 1)  # of the size of blocks, from large to small
        for places in between(reader.rows, reader.columns, d):
            reader.vectors(1 + number, places)
        if 1 < d <= largest:
            reader.blocks(d, number)
    field = np.zeros(predicted.shape, dtype=np.int64)
    for (r, c), vector in reader.known.items():
        field[:, r, c] = vector
    direction = None
    if two:
        field += predicted
        direction = np.array([[reader.direction[r, c] for c in range(reader.columns)] for r in range(reader.rows)])
    return Found(np.clip(field, -LIMIT, LIMIT), direction, after(counts, reader.seen), reader.seen)


def between(rows: int, columns: int, d: int) -> Iterator[list[tuple[Place, Place, Place]]]:
    """Of "down" and "across" the places in raster order, with `one` and `other`."""
    for down, right in ((d, 0), (0, d)):
        places = []
        for r in range(down, rows, 2 * d if down else d):
            for c in range(right, columns, 2 * d):
                one, other = (r - down, c - right), (r + down, c + right)
                places.append(((r, c), one, other if other[0] < rows and other[1] < columns else one))
        yield places


class MotionReader:
    """One picture's motion: what is known of it so far, by places."""

    def __init__(self, coder: RangeDecoder, predicted: Ints, counts: Counts, *, two: bool) -> None:
        self.coder, self.counts, self.two = coder, counts, two
        self.rows, self.columns = predicted.shape[1:]
        every = [(r, c) for r in range(self.rows) for c in range(self.columns)]
        self.predicted = {
            (r, c): (0, 0) if two else (int(predicted[0, r, c]), int(predicted[1, r, c])) for r, c in every
        }
        self.open = set(every)
        self.known: Map = {}
        self.direction: dict[Place, int] = {}
        self.seen = [[0] * len(row) for row in counts]

    def symbols(self, tables: list[int]) -> list[int]:
        """One call: an entry of each table."""
        numbers = sorted(set(tables))
        made = [table_of(self.counts[number]) for number in numbers]
        values = decode_call(self.coder, made, [numbers.index(number) for number in tables])
        symbols = [2 * value - 1 if value > 0 else -2 * value for value in values]
        for number, symbol in zip(tables, symbols, strict=True):
            expect(symbol < len(self.counts[number]), "an escape in motion: damaged")
            self.seen[number][symbol] += 1
        return symbols

    def vectors(self, level: int, places: list[tuple[Place, Place, Place]]) -> None:
        """Paragraph "Vectors"."""
        places = [place for place in places if place[0] in self.open]
        if not places:
            return
        source = self.known if level else self.predicted
        options, tables, spreads = [], [], []
        for place, one, other in places:
            n1, n2, b = source[one], source[other], self.predicted[place]
            p = sorted((n1[0], n2[0], b[0]))[1], sorted((n1[1], n2[1], b[1]))[1]
            apart, far, e = norm(n1, n2), min(norm(b, n1), norm(b, n2)), max(norm(n1, n2), norm(b, p))
            if apart == 0:
                pattern = 0 if far == 0 else 1 if far < 4 else 2
            elif far == 0:
                pattern = 3 if apart < 4 else 4
            else:
                pattern = 5 if e < 4 else 6 if e < 16 else 7
            options.append([p, n1, n2, b])
            tables.append(OF_B * self.two + KINDS + 8 * level + pattern)
            spreads.append(8 * (level >= 3) + min(7, e.bit_length()))
        kinds = self.symbols(tables)
        if self.two:
            self.directions(level, places)
        new = [number for number, kind in enumerate(kinds) if kind == NEW]
        differences = self.differences([spreads[number] for number in new]) if new else []
        for number, difference in zip(new, differences, strict=True):
            p = options[number][MEDIAN]
            options[number].append((p[0] + difference[0], p[1] + difference[1]))
        for (place, _, _), option, kind in zip(places, options, kinds, strict=True):
            self.known[place] = option[kind]

    def differences(self, spreads: list[int]) -> list[Vector]:
        """Differences of new vectors from p."""
        first = OF_B * self.two + DIFFERENCES
        digits = self.symbols([first + spread for spread in spreads] + [first + 16 + spread for spread in spreads])
        there = [m for m in digits if m]
        evenly = [[2 ** (24 - m)] * (2**m - 1) + [2 ** (24 - m) - 1, 1] for m in range(1, max([1, *there]) + 1)]
        values = iter(decode_call(self.coder, evenly, [m - 1 for m in there]))
        parts = []
        for m in digits:
            value = next(values) if m else 0
            symbol, half = 2 * value - 1 if value > 0 else -2 * value, 2 ** (m - 1) if m else 0
            expect(symbol < 2**m, "an escape in motion: damaged")
            parts.append(0 if not m else half + symbol if symbol < half else -symbol)
        return list(zip(parts[: len(spreads)], parts[len(spreads) :], strict=True))

    def directions(self, level: int, places: list[tuple[Place, Place, Place]]) -> None:
        """Section "Motion of B-pictures", the call of directions."""
        tables = []
        for _, one, other in places:
            near, far = (self.direction[one], self.direction[other]) if level else (0, 0)
            tables.append(DIRECTIONS + 4 * level + (near if near == far else 3))
        for (place, _, _), direction in zip(places, self.symbols(tables), strict=True):
            self.direction[place] = direction

    def blocks(self, size: int, number: int) -> None:
        """Paragraph "Flags". number: k."""
        firsts = [
            (r, c) for r in range(0, self.rows, size) for c in range(0, self.columns, size) if (r, c) in self.open
        ]
        tables = []
        for r, c in firsts:
            v = self.known[r, c]
            beside = [(r - size, c), (r + size, c), (r, c - size), (r, c + size)]
            agree = sum(place not in self.predicted or self.known[place] == v for place in beside)
            inside = {self.predicted[place] for place in self.inside(r, c, size)}
            t = 2 if len(inside) > 1 else 0 if inside == {v} else 1
            tables.append(OF_B * self.two + FLAGS + (number * 5 + agree) * 3 + t)
        for (r, c), flag in zip(firsts, self.symbols(tables) if tables else [], strict=True):
            if flag == SPLIT:
                continue
            v = self.known[r, c]
            for place in self.inside(r, c, size):
                self.open.discard(place)
                self.known[place] = v if flag == UNIFORM else self.predicted[place]
                if self.two:
                    self.direction[place] = self.direction[r, c]

    def inside(self, row: int, column: int, size: int) -> list[Place]:
        rows, columns = range(row, min(row + size, self.rows)), range(column, min(column + size, self.columns))
        return [(r, c) for r in rows for c in columns]


def norm(a: Vector, b: Vector) -> int:
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


Seen = tuple[NDArray[np.uint8], Ints]  # a plane and the field that it is seen through


def aligned_planes(planes: list[NDArray[np.uint8]], field: Ints, side: int) -> list[NDArray[np.uint8]]:
    """Section "The warp": Y, U, V of the picture shown last, seen through the field."""
    nowhere = np.ones(field.shape[1:], dtype=np.int64)
    return [
        warped((plane, field), (plane, field), nowhere, side, chroma=chroma) for chroma, plane in chroma_and(planes)
    ]


def both_planes(
    before: list[NDArray[np.uint8]], after: list[NDArray[np.uint8]], found: Found, side: int, m: int, n: int
) -> list[NDArray[np.uint8]]:
    """Section "Motion of B-pictures": Y, U, V of the references m pictures before and n after."""
    if found.direction is None:
        raise ValueError("motion of a P-picture")
    h = max(m, n)
    along, against = scaled(found.field, m, h), -scaled(found.field, n, h)
    return [
        warped((plane, along), (other, against), found.direction, side, chroma=chroma)
        for (chroma, plane), other in zip(chroma_and(before), after, strict=True)
    ]


def chroma_and(planes: list[NDArray[np.uint8]]) -> list[tuple[bool, NDArray[np.uint8]]]:
    return list(zip((False, True, True), planes, strict=True))


def scaled(field: Ints, p: int, q: int) -> Ints:
    return np.sign(field) * np.minimum(LIMIT, (2 * np.abs(field) * p + q) // (2 * q))


def warped(before: Seen, after: Seen, direction: Ints, side: int, *, chroma: bool) -> NDArray[np.uint8]:
    """One plane. direction: (R, C), of each block 0 for both, 1 for `before`, 2 for `after` alone; side: T."""
    side, taps = (side // 2, TAPS_UV) if chroma else (side, TAPS_Y)
    height, width = before[0].shape
    sums = np.zeros((height, width), dtype=np.int64)
    for i in range(-1, direction.shape[0] + 1):
        for j in range(-1, direction.shape[1] + 1):
            r = np.arange(max(0, side * i - side // 2), min(height, side * i + 3 * side // 2))
            c = np.arange(max(0, side * j - side // 2), min(width, side * j + 3 * side // 2))
            if r.size and c.size:
                block = min(max(i, 0), direction.shape[0] - 1), min(max(j, 0), direction.shape[1] - 1)
                one, other = (
                    seen(plane, *field[:, block[0], block[1]].tolist(), r, c, taps) for plane, field in (before, after)
                )
                shown = {0: divided(one + other, 2), 1: one, 2: other}[int(direction[block])]
                weight = np.outer(ramp(r - side * i + side // 2, side), ramp(c - side * j + side // 2, side))
                sums[np.ix_(r, c)] += weight * shown
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
