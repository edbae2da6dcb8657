"""The shift of Kim et al. 2022 (eq. 4 and 5) in whole numbers: where it moved a symbol, and what takes that back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints
from lvcodec.entropy import grid


def direction_of(y_res: Ints, mean8: Ints) -> Ints:
    """Equation 4 in eighths of a step: 0 where |y_res - mean| < 1/2, else the sign of y_res - mean."""
    apart, half = y_res * grid.MEAN_STEPS - mean8, grid.MEAN_STEPS // 2
    return _difference(apart >= half, apart <= -half)


def undo_of(y_shift: Ints, mean8: Ints) -> Ints:
    """What most likely takes a shift by one back: 0 nearer than half a step to the mean, where any may have been.

    Further than that the symbol has been moved towards the mean. At just half a step it has come from the other side
    of the mean, or from three halves away, which is less likely.
    """
    apart, half = y_shift * grid.MEAN_STEPS - mean8, grid.MEAN_STEPS // 2
    return _difference((apart > half) | (apart == -half), (apart < -half) | (apart == half))


def _difference(up: NDArray[Any], down: NDArray[Any]) -> Ints:
    return (up.view(np.int8) - down.view(np.int8)).astype(np.int32)
