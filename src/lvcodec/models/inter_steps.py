"""The inter path's learned quantiser, in floats: for training, and as integer tables at export."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvcodec.entropy import grid
from lvcodec.entropy.builders import dead_zone_tables, odds_tables
from lvcodec.exact.rounding import round_ste
from lvcodec.nets.inter import Inter, InterSteps
from lvcodec.nets.inter_context import (
    DEAD_ZONES,
    INVERSE_BITS,
    KNOTS,
    LAST_INTER_INDEX,
    LIVE_LEVELS,
    LIVE_MIDDLE,
    LIVE_PER_UNIT,
    OFFSET_BITS,
    OUTWARD_BITS,
    TABLES,
)
from lvcodec.nets.linear import UNITS_PER_COEFFICIENT
from lvcodec.quality import INDICES_A_QUALITY

OUTWARD_MAX = 0.45


def steps_for_training(model: Inter, quality: Tensor) -> InterSteps:
    """The quantiser at qualities (B,) of 1 ... KNOTS, differentiable in what is learned."""
    inverse = UNITS_PER_COEFFICIENT * between_knots(model.log_step, quality).exp()[:, :, None, None]
    octaves = between_knots(model.log_scale, quality)[:, :, None, None] / math.log(2) - math.log2(grid.LOWEST_SCALE)
    outward = model.outward.clamp(-OUTWARD_MAX, OUTWARD_MAX)[None, :, None, None]
    odds = LIVE_MIDDLE + LIVE_PER_UNIT * between_knots(model.log_odds, quality)[:, :, None, None]
    return InterSteps(inverse, outward, grid.PER_OCTAVE * octaves, odds)


def between_knots(rows: Tensor, quality: Tensor) -> Tensor:
    """Values at fractional qualities, linear between those of the whole ones. rows: (KNOTS, ...); quality: (B,)."""
    position = (quality - 1).clamp(0, KNOTS - 1)
    low = position.floor().clamp(max=KNOTS - 2).long()
    part = (position - low).view(-1, *[1] * (rows.ndim - 1)).to(rows.dtype)
    return rows[low] * (1 - part) + rows[low + 1] * part


def dead_zone_classes(model: Inter) -> Tensor:
    """(M,): the place among DEAD_ZONES of each channel's, not whole in its gradient."""
    step = DEAD_ZONES[1] - DEAD_ZONES[0]
    return round_ste((model.dead_zone - DEAD_ZONES[0]) / step).clamp(0, len(DEAD_ZONES) - 1)


def dead_zone_for_training(model: Inter) -> Tensor:
    """(M,): by how much a symbol of 0 stands for more than half a step to either side."""
    return DEAD_ZONES[0] + (DEAD_ZONES[1] - DEAD_ZONES[0]) * dead_zone_classes(model)


def inter_arrays(model: Inter) -> dict[str, NDArray[Any]]:
    """What coding takes beside the layers.

    Steps, scales and odds of all quality indices, int32 of (indices, M) or (indices, 1); each channel's class of dead
    zone and outward part, (M,); the frequency tables.
    """
    indices = torch.arange(LAST_INTER_INDEX + 1, dtype=torch.float64)
    with torch.no_grad():
        steps = steps_for_training(model, 1 + indices / INDICES_A_QUALITY)
        parts = {
            "inverse": steps.inverse.flatten(1) * 2.0**INVERSE_BITS,
            "offset": steps.offset.flatten(1) * 2.0**OFFSET_BITS,
            "odds": steps.odds.flatten(1) * 2.0**OFFSET_BITS,
            "outward": steps.outward.flatten() * 2.0**OUTWARD_BITS,
            "classes": dead_zone_classes(model),
        }
    arrays = {f"{TABLES}{name}": part.round().to(torch.int32).cpu().numpy() for name, part in parts.items()}
    sets = {
        "inter": dead_zone_tables(grid.scales(), np.array(DEAD_ZONES)),
        "live": odds_tables((np.arange(LIVE_LEVELS) - LIVE_MIDDLE) / LIVE_PER_UNIT),
    }
    for name, tables in sets.items():
        arrays |= {f"tables.{name}.counts": tables.counts, f"tables.{name}.lengths": tables.lengths}
    return arrays
