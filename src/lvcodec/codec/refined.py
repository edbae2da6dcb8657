"""I-pictures of high quality, in two steps: an I-picture of a lower quality, then what it lacks by the inter path.

    x ─► I-picture at BASE_INDEX ─► x_hat, as a prediction that does not move ─► inter path, finer by FINER ─► x_hat

The auto-encoder loses to x264 where errors are small (docs/decisions.md#i-pictures-in-two-steps).
"""

from __future__ import annotations

import numpy as np

from lvcodec.codec.inter import InterReference, context_of
from lvcodec.exact import warp
from lvcodec.nets.coding import InterPath
from lvcodec.nets.inter_context import InterContext

BASE_INDEX = 80  # quality 5
REFINED_FROM = 101  # quality indices from this on: beyond quality 6
FINER = 35  # an I-picture pays for its errors about as much as a P-picture that many indices above it
STILL = 0  # the distance to a prediction of the same picture


def is_refined(quality_index: int) -> bool:
    """Whether an I-picture of this quality takes two steps."""
    return quality_index >= REFINED_FROM


def refined_index(quality_index: int) -> int:
    """The inter path's quality index for an I-picture of this one."""
    return quality_index + FINER


def refinement_context(height: int, width: int, coding: InterPath) -> InterContext:
    """What is known of a refinement before its symbols are. height, width: luma pels; coding: at its own quality."""
    field = np.zeros(warp.field_shape(height, width), dtype=np.int32)
    single = np.zeros(field.shape[1:], dtype=bool)
    base = InterReference(BASE_INDEX)
    return context_of((base, base), field, single, coding, distance=STILL, b_picture=False)
