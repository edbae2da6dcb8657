"""How much errors weigh where a P-picture shows what comes in over the edges of the picture.

There the prediction is the reference's edge repeated, streaks that no vector mends, and later pictures are made of
what is shown: it is coded finer, as an I-picture would be.
"""

from __future__ import annotations

import numpy as np

from lvcodec.arrays import Floats
from lvcodec.codec.motion import Motion
from lvcodec.exact import warp
from lvcodec.nets.inter_context import at_positions

# docs/decisions.md#what-comes-in-over-the-edges
WEIGHT = 2.0


def weights(motion: Motion, height: int, width: int) -> Floats:
    """(H/16 * W/16,): WEIGHT where blocks show a pel or more beyond the reference's edges, 1 elsewhere.

    motion: of a P-picture of that many luma pels.
    """
    side = motion.side
    outside = np.zeros(motion.field.shape[1:], dtype=bool)
    for vectors, size, axis in zip(motion.field, (height, width), (0, 1), strict=True):
        first = np.arange(0, size, side)
        last = np.minimum(first + side, size) - 1
        shape = (-1, 1) if axis == 0 else (1, -1)
        pels = vectors / warp.STEPS
        outside |= (first.reshape(shape) + pels <= -1) | (last.reshape(shape) + pels >= size)
    return np.where(at_positions(outside, side), np.float32(WEIGHT), np.float32(1)).ravel()
