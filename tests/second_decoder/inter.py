"""The inter path of swift: section "The inter path"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from entropy.judge import RangeDecoder, decode_call
from numpy.typing import NDArray

from .layers import Floats, Networks, join, shuffle, whole_within
from .swift import UNITS_MAX, c8, channels_of, levels
from .symbols import Ints
from .weights import Weights

SIZES = [0, 16, 25, 32, 37, 41, 45, 48, 51, 53, 55, 57, 59, 61, 63, 64]
HALF_OCTAVES = [1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256]
FIRST = 48
CLASSES = 6
CHANGE_MAX = 2**16


@dataclass(frozen=True)
class Known:
    """What is known of a picture before its symbols are. history: (M, h, w); motion: (8, h, w); planes: (5,)."""

    history: Ints
    motion: Ints
    planes: Ints
    is_b: bool


def size(symbols: Ints) -> Ints:
    """size(k)."""
    return np.array(SIZES)[np.minimum(np.abs(symbols), 15)]


def half_octaves(lengths: Ints) -> Ints:
    """7 for each half octave."""
    return 7 * (np.array(HALF_OCTAVES) <= np.asarray(lengths)[..., None]).sum(axis=-1)


def motion_of(field: Ints, single: NDArray[np.bool_], side: int) -> Ints:
    """The eight features of motion, (8, h, w). side: T."""
    rows, columns = field.shape[1:]
    features = []
    for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        r = np.clip(np.arange(rows) + down, 0, rows - 1)
        c = np.clip(np.arange(columns) + across, 0, columns - 1)
        features.append(half_octaves(np.abs(field - field[:, r][:, :, c]).sum(axis=0)))
    features.append(half_octaves(np.abs(field).sum(axis=0)))
    features += [32 * (field[0] % 4 != 0), 32 * (field[1] % 4 != 0), 32 * single]
    every, each = np.stack(features), 16 // side
    places = np.zeros((8, -(-rows // each), -(-columns // each)), dtype=np.int64)  # no feature is below 0
    for r, c in np.ndindex(rows, columns):
        place = places[:, r // each, c // each]
        np.maximum(place, every[:, r, c], out=place)
    return places


def planes_of(quality: int, of_both: int, intra: int, distance: int, *, is_b: bool) -> Ints:
    """The five constant planes. of_both: the sum of the references' quality indices."""
    planes = [quality - 80, (2 * quality - of_both) // 2, 16 * intra, 32 * is_b, int(half_octaves(np.array(distance)))]
    return np.clip(np.array(planes), -128, 127)


def together(one: Ints | None, other: Ints | None, shape: tuple[int, int, int]) -> Ints:
    """The history of both references, None of I-pictures."""
    histories = [np.zeros(shape, dtype=np.int64) if history is None else history for history in (one, other)]
    return (histories[0] + histories[1] + 1) // 2


def remembered(history: Ints, symbols: Ints) -> Ints:
    """The history of a picture, by that of its references together."""
    return np.maximum(size(symbols), history - (history + 3) // 4)


class InterPath(Networks):
    """Networks and steps of the inter path at one quality index."""

    def __init__(self, weights: Weights, quality: int) -> None:
        super().__init__(weights, "")
        self.quality = quality
        self.inverse, self.outward = self._factor("inverse", 8)[quality], self._factor("outward", 8)
        self.offset, self.odds = self._factor("offset", 5)[quality], self._factor("odds", 5)[quality]
        self.channels = len(self.outward)
        self.classes = weights.arrays["steps.inter.classes"].astype(np.int64)

    def _factor(self, name: str, places: int) -> Floats:
        return self.weights.arrays[f"steps.inter.{name}"].astype(np.float64) * 2.0**-places

    def clamped(self, name: str, x: Ints) -> Ints:
        return whole_within(self.acc(f"inter.{name}", x), -128, 127)

    def relu(self, name: str, x: Ints) -> Ints:
        return whole_within(self.acc(f"inter.{name}", x), 0, 255)

    def wide(self, name: str, x: Ints) -> Ints:
        return super().wide(f"inter.{name}", x)

    def blocks(self, name: str, count: int, x: Ints) -> Ints:
        for number in range(count):
            body = f"{name}.{number}.body"
            x = c8(x + self.wide(f"{body}.2", self.relu(f"{body}.1", self.clamped(f"{body}.0", x))))
        return x

    def read(self, coder: RangeDecoder, known: Known) -> Ints:
        """The symbols of a picture, (M, h, w)."""
        channels, rows, columns = known.history.shape
        planes = np.broadcast_to(known.planes[:, None, None], (len(known.planes), rows, columns))
        f = self.blocks("trunk", 2, self.clamped("entry", join(known.history, known.motion, planes)))
        odd = (np.arange(rows)[:, None] + np.arange(columns)) % 2
        live = np.zeros((rows, columns), dtype=np.int64)
        for parity in (0, 1):
            level = self._live_level(parity, f, 64 * live)
            at = np.nonzero(odd == parity)
            values = decode_call(coder, self.tables("live").tables, level[at].tolist())
            live[at] = np.array(values) != 0
        symbols = np.zeros((channels, rows, columns), dtype=np.int64)
        for number in range(4):
            at = np.nonzero((live == 1) & (odd == number % 2))
            group = np.arange(FIRST) if number < 2 else np.arange(FIRST, channels)
            index = CLASSES * self._level(number, f, live, symbols)[:, *at] + self.classes[group][:, None]
            values = decode_call(coder, self.tables("inter").tables, index.T.ravel().tolist())
            coded = np.array(values, dtype=np.int64).reshape(len(at[0]), len(group))
            symbols[group[:, None], at[0], at[1]] = coded.T
        return symbols

    def _live_level(self, parity: int, f: Ints, live: Ints) -> Ints:
        t = self.clamped(f"live_features.{parity}", f)
        if parity:
            t = c8(t + self.wide("live_known", live[None]))
        out = self.wide(f"live_out.{parity}", np.maximum(t, 0))
        return whole_within(out / 64 + self.odds[:, None, None], 0, 64)[0]

    def _level(self, number: int, f: Ints, live: Ints, symbols: Ints) -> Ints:
        """Levels of a head; symbols that are not known count as 0, and do stand as such."""
        seen = [64 * live[None]]
        if number:
            seen.append(size(symbols[:FIRST]))
        if number == 3:
            seen.append(self.relu("squeeze", size(symbols[FIRST:])))
        t = self.clamped(f"head_features.{number}", f)
        for place, part in enumerate(seen):
            t = c8(t + self.wide(f"head_known.{number}.{place}", part))
        out = self.wide(f"head_out.{number}", self.relu(f"head_mix.{number}", np.maximum(t, 0)))
        group = slice(0, FIRST) if number < 2 else slice(FIRST, None)
        return whole_within(out / 32 + self.offset[group][:, None, None], 0, 67)

    def shown(self, prediction: list[Ints], symbols: Ints, known: Known) -> list[Ints]:
        """The picture, padded planes of 0..255."""
        outward, inverse = self.outward[:, None, None], self.inverse[:, None, None]
        units = whole_within((np.abs(symbols) + outward) * inverse, -UNITS_MAX, UNITS_MAX) * np.sign(symbols)
        x = channels_of(prediction)
        some = (symbols != 0).any(axis=0)
        linear = np.clip(shuffle(self.wide("dec_linear", units) * some, 2), -CHANGE_MAX, CHANGE_MAX)
        planes = np.array([np.clip(self.quality - 80, -128, 127), 32 * known.is_b])
        joined = join(x, whole_within(linear / 4, -128, 127), np.broadcast_to(planes[:, None, None], (2, *x.shape[1:])))
        added = self.wide("change_out", self.blocks("change_blocks", 3, self.clamped("change_in", joined)))
        some = np.pad(some, 1)
        near = np.zeros(symbols.shape[1:], dtype=np.int64)
        for r, c in np.ndindex(3, 3):
            near |= some[r : r + near.shape[0], c : c + near.shape[1]]
        return levels(16 * x + linear + added * near.repeat(2, axis=0).repeat(2, axis=1))
