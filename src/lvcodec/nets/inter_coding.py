"""The inter path at one quality, as the loop sees it: whole numbers in, whole numbers out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvcodec.arrays import Indices, Ints
from lvcodec.entropy.tables import TableSet
from lvcodec.exact.formats import INT8
from lvcodec.exact.packed import Units, add_parts, at_places, replaced
from lvcodec.exact.planes import channels_to_planes
from lvcodec.nets.coding import Planes
from lvcodec.nets.inter import Inter, InterSteps
from lvcodec.nets.inter_context import (
    DEAD_ZONES,
    DECAY_BITS,
    INVERSE_BITS,
    LIVE_UNITS,
    MAGNITUDES,
    OFFSET_BITS,
    OUTWARD_BITS,
    History,
    InterContext,
)
from lvcodec.nets.linear import UNITS_PER_LEVEL


class InterCoding:
    """steps: the model's integer tables (nets/swift.py, step_tables); tables: "inter" and "live".

    The model must hold its integers. Symbols are int32 arrays with a row for each place, (H/16 * W/16, M).
    """

    def __init__(self, model: Inter, steps: dict[str, Tensor], tables: dict[str, TableSet], quality_index: int) -> None:
        self.model, self.tables, self.quality_index = model, tables, quality_index
        self.steps = _steps(steps, quality_index)
        self.classes = steps["inter.classes"].cpu().numpy()
        self._backend, self.device = model.entry.backend, self.steps.inverse.device

    def features(self, context: InterContext) -> Units:
        """What the entropy model has from before the picture."""
        history = self._backend.counts(self._tensor(context.history)[None])
        return self.model.features(history, self._units(context.motion), self._units(context.planes[:, None, None]))

    def live_levels(self, odd: int, features: Units, live: NDArray[np.bool_]) -> Ints:
        """Tables of whether places are live, (H/16, W/16), right where row + column is even or, with `odd`, odd.

        live: (H/16, W/16), the even ones known for the odd.
        """
        level = self.model.live_levels(odd, features, self._live(live), self._even(live.shape), self.steps)
        return _ints(level[0, 0])

    def indices(
        self, number: int, features: Units, live: NDArray[np.bool_], sizes: NDArray[np.uint8], places: Indices
    ) -> Ints:
        """Tables of a head's symbols at some places, (n, channels of its group).

        sizes: (H/16 * W/16, M), of the symbols that are known to the head, anything elsewhere.
        """
        rows = self._tensor(sizes).view(1, *live.shape, -1).permute(0, 3, 1, 2)
        first, units, group = self.model.shape.first, self._live(live), self.model.group(number)
        known = (
            units,
            self._backend.counts(rows[:, :first]) if number else units,
            self._backend.counts(rows[:, first:]) if number == 3 else units,
        )
        offset = self.steps.offset[:, group].flatten(1)
        level = self.model.levels(number, features, known, self._even(live.shape), self._tensor(places), offset)
        return np.asarray(_ints(level) * len(DEAD_ZONES) + self.classes[group], dtype=np.int32)

    @staticmethod
    def sizes(symbols: Ints) -> NDArray[np.uint8]:
        """How symbols enter the networks, of the same shape."""
        return np.asarray(MAGNITUDES, dtype=np.uint8)[np.minimum(np.abs(symbols), len(MAGNITUDES) - 1)]

    def changed(self, prediction: Planes, symbols: Ints, context: InterContext) -> Planes:
        """The picture: padded planes of bytes of the prediction, and what the symbols add."""
        has_any = symbols.any(axis=1)
        some = self._tensor(has_any)
        whole = self._tensor(symbols[has_any]).double()[None, :, None].permute(0, 3, 2, 1)  # (1, M, 1, m)
        units = self.model.dequantised(whole, self.steps)[0, :, 0].t()
        levels = self._backend.levels(*(plane.to(self.device) for plane in prediction))
        near = some.view(1, *context.history.shape[1:])
        places, change = self.model.change(levels, units, near, self._units(context.change[:, None, None]))
        row = change.t().view(1, change.shape[1], 1, -1)
        added = add_parts(at_places(levels, places), row, 1.0 / UNITS_PER_LEVEL, INT8)
        return channels_to_planes(replaced(levels, places, added))

    def remembered(self, context: InterContext, symbols: Ints) -> History:
        """The history of the picture."""
        history = np.ascontiguousarray(context.history)
        left = history - ((history + np.uint8(2**DECAY_BITS - 1)) >> DECAY_BITS)
        some = np.flatnonzero(symbols.any(axis=1))
        flat = left.reshape(len(left), -1)
        flat[:, some] = np.maximum(flat[:, some], self.sizes(symbols[some]).T)
        return left

    def _live(self, live: NDArray[np.bool_]) -> Units:
        return self._backend.counts(self._tensor(live * np.uint8(LIVE_UNITS))[None, None])

    def _units(self, part: NDArray[np.generic]) -> Units:
        return self._backend.units(self._tensor(np.ascontiguousarray(part, dtype=np.float32))[None], 1.0)

    def _even(self, shape: tuple[int, ...]) -> Tensor:
        return self._tensor((np.indices(shape).sum(axis=0) % 2 == 0).astype(np.float32))[None, None]

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device)


def _ints(levels: Tensor) -> Ints:
    return np.asarray(levels.to(torch.int32).cpu().numpy())


def _steps(tables: dict[str, Tensor], quality_index: int) -> InterSteps:
    """The quantiser of a quality index from the exported integers, exact."""

    def row(name: str, bits: int, dtype: torch.dtype = torch.float64) -> Tensor:
        part = tables[f"inter.{name}"]
        part = part[quality_index] if part.dim() > 1 else part
        return (part.double() * 2.0**-bits).view(1, -1, 1, 1).to(dtype)

    # offsets: whole multiples of 2^-5 far below 2^19, exact in float32 with the outputs they are added to
    return InterSteps(
        row("inverse", INVERSE_BITS),
        row("outward", OUTWARD_BITS),
        row("offset", OFFSET_BITS, torch.float32),
        row("odds", OFFSET_BITS, torch.float32),
    )
