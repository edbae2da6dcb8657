"""The scale of qualities: 1 is the smallest stream, 9 the best picture; each whole quality has a lambda.

A stream carries an index: quality = 1 + index / 20. Lambda weighs distortion (255^2 * MSE of pixels in 0..1, planes
6:1:1) against bits a luma pixel, as CompressAI publishes it; between whole qualities it is geometric.
"""

from __future__ import annotations

from lvcodec.errors import UsageError

LOWEST, HIGHEST, DEFAULT = 1, 9, 7  # docs/decisions.md#qualities-7-to-9
WHOLE = tuple(range(LOWEST, HIGHEST + 1))
INDICES_A_QUALITY = 20
LAST_INDEX = INDICES_A_QUALITY * (HIGHEST - LOWEST)
LAMBDAS = (0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.18, 0.348)  # of the whole qualities


def index_of(quality: float) -> int:
    """The index nearest to a quality. Raises UsageError outside LOWEST..HIGHEST."""
    if not LOWEST <= quality <= HIGHEST:
        raise UsageError(f"quality is {float(quality):g}; it must be {LOWEST} to {HIGHEST}")
    return round((quality - LOWEST) * INDICES_A_QUALITY)


def of_index(index: int) -> float:
    """The quality of an index, 0..LAST_INDEX."""
    return LOWEST + index / INDICES_A_QUALITY


def lambda_of(quality: float) -> float:
    """Lambda of a quality LOWEST..HIGHEST."""
    import numpy as np  # not needed to name a quality

    return float(np.exp(np.interp(quality, WHOLE, np.log(LAMBDAS))))
