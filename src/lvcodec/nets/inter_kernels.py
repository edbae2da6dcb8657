"""The inter path at one quality as InterCoding is, by the compiled kernels: no torch.

The networks of nets/inter.py once more, in numpy, channels last, as they code; models/canary.py and the tests compare
them with those.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Floats, Indices, Ints, Reals
from lvcodec.entropy import grid
from lvcodec.entropy.tables import TableSet
from lvcodec.exact.layers import RECTIFIED, SIGNED, Bytes, Layers, added, units
from lvcodec.exact.patches import CHANNELS, put_rows, rows_at
from lvcodec.nets.inter_context import (
    DEAD_ZONES,
    INTER_CHANGE_MAX,
    INVERSE_BITS,
    LEVELS_PER_UNIT,
    LIVE_LEVELS,
    LIVE_PER_UNIT,
    LIVE_UNITS,
    OFFSET_BITS,
    OUTWARD_BITS,
    SEEN_PART,
    InterContext,
    group_of,
    is_even,
)
from lvcodec.nets.linear import LATENT_MAX, LINEAR, UNITS_PER_LEVEL
from lvcodec.nets.shapes import PARAMETER_GRID, InterShape

Array = NDArray[Any]
Flags = NDArray[np.bool_]


class InterKernels:
    """Implements nets.coding.InterPath. steps: the quantiser's integer tables by name; tables: "inter" and "live"."""

    def __init__(
        self, layers: Layers, steps: dict[str, Array], tables: dict[str, TableSet], quality_index: int
    ) -> None:
        self._layers, self._steps, self.tables, self.quality_index = layers, steps, tables, quality_index
        self.shape = InterShape()
        self.inverse = steps["inter.inverse"][quality_index] * 2.0**-INVERSE_BITS
        self.outward = steps["inter.outward"] * 2.0**-OUTWARD_BITS
        self._offset = steps["inter.offset"][quality_index] * 2.0**-OFFSET_BITS
        self._odds = steps["inter.odds"][quality_index] * 2.0**-OFFSET_BITS
        self._classes = steps["inter.classes"]

    def at(self, quality_index: int) -> InterKernels:
        """See InterPath."""
        return InterKernels(self._layers, self._steps, self.tables, quality_index)

    # ---- the entropy model ------------------------------------------------------------------------------------------

    def features(self, context: InterContext) -> Bytes:
        """What the entropy model has from before the picture."""
        channels, rows, columns = context.history.shape
        motion, planes = (_signed(part) for part in (context.motion, context.planes))
        x = np.empty((rows, columns, channels + len(motion) + len(planes)), dtype=np.uint8)
        np.add(context.history.transpose(1, 2, 0), np.uint8(SIGNED), out=x[..., :channels])
        x[..., channels : channels + len(motion)] = motion.transpose(1, 2, 0)
        x[..., channels + len(motion) :] = planes
        return self._layers.blocks("trunk", self._layers.clamp("entry", x))

    def live_levels(self, odd: int, features: Bytes, live: Flags, places: Indices) -> Ints:
        """See InterPath."""
        hidden = self._layers.clamp(f"live_features.{odd}", features, places)
        if odd:
            hidden = added(hidden, self._layers.wide("live_known", _live(live & is_even(*live.shape)), places))
        out = self._layers.wide(f"live_out.{odd}", np.maximum(hidden, SIGNED)[None])[0, :, 0]
        return _levels(out, LIVE_PER_UNIT, self._odds, LIVE_LEVELS)

    def indices(self, number: int, features: Bytes, live: Flags, sizes: NDArray[np.uint8], places: Indices) -> Ints:
        """See InterPath."""
        layers, first = self._layers, self.shape.first
        known = sizes.reshape(*live.shape, -1)
        seen = [_live(live)]
        if number:
            seen.append(_known(known[..., :first], even_alone=number == 1))
        if number == 3:
            seen.append(layers.relu("squeeze", _known(known[..., first:], even_alone=True)))
        hidden = layers.clamp(f"head_features.{number}", features, places)
        for place, units_seen in enumerate(seen):
            zero = RECTIFIED if place == 2 else SIGNED
            hidden = added(hidden, layers.wide(f"head_known.{number}.{place}", units_seen, places, zero=zero))
        mixed = layers.relu(f"head_mix.{number}", np.maximum(hidden, SIGNED)[None])
        out, group = layers.wide(f"head_out.{number}", mixed, zero=RECTIFIED)[0], group_of(number, self.shape)
        level = _levels(out, LEVELS_PER_UNIT, self._offset[group], grid.LEVELS)
        return np.asarray(level * len(DEAD_ZONES) + self._classes[group], dtype=np.int32)

    # ---- the picture ------------------------------------------------------------------------------------------------

    def analysis(self, residual: Reals) -> Reals:
        """See InterPath."""
        return self._layers.transform("enc_linear", residual, LINEAR)

    def changed(self, prediction: tuple[Array, ...], symbols: Ints, context: InterContext) -> tuple[Array, ...]:
        """See InterPath."""
        layers, (rows, columns) = self._layers, context.history.shape[1:]
        has_any = symbols.any(axis=1)
        near = _near(has_any.reshape(rows, columns), 1).repeat(2, axis=0).repeat(2, axis=1)
        places = np.flatnonzero(_near(near, self.shape.depth8))  # the layers look so far around
        planes = [plane[0, 0].copy() for plane in prediction]
        before = rows_at(planes, places)
        linear = self._linear(symbols[has_any], has_any, places, columns)
        told = np.broadcast_to(_signed(context.change), (len(places), len(context.change)))
        hidden = np.concatenate([before, units(linear, SEEN_PART), told], axis=1)[None]
        hidden = layers.blocks_at(
            "change_blocks", layers.clamp("change_in", hidden)[0], places, (2 * rows, 2 * columns)
        )
        shown = near.ravel()[places]
        change = linear[shown] + layers.wide("change_out", hidden[None, shown])[0]
        change *= np.float32(1.0 / UNITS_PER_LEVEL)
        change += before[shown]
        put_rows(planes, places[shown], np.clip(np.rint(change), 0, 255).astype(np.uint8))
        return tuple(plane[None, None] for plane in planes)

    def _linear(self, symbols: Ints, has_any: Flags, places: Indices, columns: int) -> Floats:
        """What the linear layer makes of symbols, (m, M), at places of twice the resolution, (n, 96)."""
        real = (np.abs(symbols) + self.outward) * self.inverse * np.sign(symbols)
        out = self._layers.transform("dec_linear", np.clip(np.rint(real), -LATENT_MAX, LATENT_MAX), LINEAR)
        patches = np.zeros((4, len(out) + 1, CHANNELS), dtype=np.float32)  # of places without symbols the last
        limited = np.clip(out, -INTER_CHANGE_MAX, INTER_CHANGE_MAX)  # more is at an end of the levels anyway
        patches[:, :-1] = limited.reshape(-1, CHANNELS, 4).transpose(2, 0, 1)
        number = np.full(has_any.size, len(out))
        number[has_any] = np.arange(len(out))
        row, column = np.divmod(places, 2 * columns)
        return patches[row % 2 * 2 + column % 2, number[row // 2 * columns + column // 2]]


def _signed(part: Ints) -> Bytes:
    """Whole units -128 ... 127 as bytes."""
    return (part + SIGNED).astype(np.uint8)


def _known(sizes: NDArray[np.uint8], *, even_alone: bool) -> Bytes:
    """Magnitudes of symbols, (H, W, C); even_alone: those at even positions, 0 elsewhere."""
    known = sizes + np.uint8(SIGNED)
    if even_alone:
        known[~is_even(*known.shape[:2])] = SIGNED
    return known


def _live(live: Flags) -> Bytes:
    """(H, W, 1)."""
    return (live * np.uint8(LIVE_UNITS) + np.uint8(SIGNED))[..., None]


def _levels(out: Floats, per_unit: int, offset: Reals, count: int) -> Ints:
    """What a layer puts out for 1.0, `per_unit` levels, and the offset: levels 0 ... count - 1."""
    level = np.rint(out * (per_unit / PARAMETER_GRID) + offset)
    return np.clip(level, 0, count - 1).astype(np.int32)


def _near(flags: Flags, reach: int) -> Flags:
    """Where any of (H, W) is true, up to `reach` away in both directions."""
    for _ in range(reach):
        rows = flags.copy()
        rows[1:] |= flags[:-1]
        rows[:-1] |= flags[1:]
        flags = rows.copy()
        flags[:, 1:] |= rows[:, :-1]
        flags[:, :-1] |= rows[:, 1:]
    return flags
