"""The inter path at one quality, as the loop sees it: whole numbers in, whole numbers out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvcodec.arrays import Indices, Ints, Reals
from lvcodec.entropy.tables import TableSet
from lvcodec.exact.formats import INT8
from lvcodec.exact.packed import Units, add_parts, at_places, replaced
from lvcodec.exact.planes import channels_to_planes
from lvcodec.nets.coding import Planes
from lvcodec.nets.inter import Inter, InterSteps
from lvcodec.nets.inter_context import (
    DEAD_ZONES,
    INVERSE_BITS,
    LIVE_UNITS,
    OFFSET_BITS,
    OUTWARD_BITS,
    InterContext,
    group_of,
    is_even,
)
from lvcodec.nets.linear import UNITS_PER_LEVEL

Bytes = NDArray[np.uint8]


class InterCoding:
    """Implements nets.coding.InterPath by torch. steps: the model's integer tables (nets/swift.py, step_tables).

    tables: "inter" and "live". The model must hold its integers.
    """

    def __init__(self, model: Inter, steps: dict[str, Tensor], tables: dict[str, TableSet], quality_index: int) -> None:
        self.model, self.tables, self.quality_index = model, tables, quality_index
        self._every_step, self.steps = steps, _steps(steps, quality_index)
        self.shape, self._classes = model.shape, steps["inter.classes"].cpu().numpy()
        self.inverse, self.outward = (part.flatten().cpu().numpy() for part in (self.steps.inverse, self.steps.outward))
        self._backend, self._device = model.entry.backend, self.steps.inverse.device

    def at(self, quality_index: int) -> InterCoding:
        """See InterPath."""
        return InterCoding(self.model, self._every_step, self.tables, quality_index)

    def features(self, context: InterContext) -> Units:
        """See InterPath."""
        history = self._backend.counts(self._tensor(np.ascontiguousarray(context.history))[None])
        return self.model.features(history, self._units(context.motion), self._units(context.planes[:, None, None]))

    def live_levels(self, odd: int, features: Units, live: NDArray[np.bool_], places: Indices) -> Ints:
        """See InterPath."""
        level = self.model.live_levels(odd, features, self._live(live), self._even(live.shape), self.steps)
        return _ints(level[0, 0]).ravel()[places]

    def indices(
        self, number: int, features: Units, live: NDArray[np.bool_], sizes: NDArray[np.uint8], places: Indices
    ) -> Ints:
        """See InterPath."""
        rows = self._tensor(sizes).view(1, *live.shape, -1).permute(0, 3, 1, 2)
        first, units, group = self.shape.first, self._live(live), group_of(number, self.shape)
        known = (
            units,
            self._backend.counts(rows[:, :first]) if number else units,
            self._backend.counts(rows[:, first:]) if number == 3 else units,
        )
        offset = self.steps.offset[:, group].flatten(1)
        level = self.model.levels(number, features, known, self._even(live.shape), self._tensor(places), offset)
        return np.asarray(_ints(level) * len(DEAD_ZONES) + self._classes[group], dtype=np.int32)

    def analysis(self, residual: Reals) -> Tensor:
        """See InterPath."""
        if not len(residual):  # torch has no convolution of nothing
            return torch.empty(0, self.shape.latent, dtype=torch.float64)
        return self.model.enc_linear(self._tensor(residual).t()[None, :, None])[0, :, 0].t()

    def changed(self, prediction: tuple[Bytes, ...], symbols: Ints, context: InterContext) -> Planes:
        """See InterPath."""
        has_any = symbols.any(axis=1)
        some = self._tensor(has_any)
        whole = self._tensor(symbols[has_any]).double()[None, :, None].permute(0, 3, 2, 1)  # (1, M, 1, m)
        units = self.model.dequantised(whole, self.steps)[0, :, 0].t()
        levels = self._backend.levels(*(self._tensor(plane) for plane in prediction))
        near = some.view(1, *context.history.shape[1:])
        places, change = self.model.change(levels, units, near, self._units(context.change[:, None, None]))
        row = change.t().view(1, change.shape[1], 1, -1)
        added = add_parts(at_places(levels, places), row, 1.0 / UNITS_PER_LEVEL, INT8)
        return channels_to_planes(replaced(levels, places, added))

    def _live(self, live: NDArray[np.bool_]) -> Units:
        return self._backend.counts(self._tensor(live * np.uint8(LIVE_UNITS))[None, None])

    def _units(self, part: NDArray[np.generic]) -> Units:
        return self._backend.units(self._tensor(np.ascontiguousarray(part, dtype=np.float32))[None], 1.0)

    def _even(self, shape: tuple[int, ...]) -> Tensor:
        return self._tensor(is_even(shape[0], shape[1]).astype(np.float32))[None, None]

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._device)


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
