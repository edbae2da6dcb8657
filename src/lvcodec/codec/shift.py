"""The shift of Kim et al. 2022 (eq. 4 and 5) in whole numbers, for coding: which way it moves, what takes it back.

The same on tensors, for training and the refiner, is in nets/compensation.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints
from lvcodec.entropy import grid


def shift_direction(y_res: Ints, mean8: Ints) -> Ints:
    """Equation 4: 0 where |y_res - mean| < 1/2, else the sign of y_res - mean. mean8: means in eighths of a step.

    nets/compensation.py has the same on tensors.
    """
    apart, half = y_res * grid.MEAN_STEPS - mean8, grid.MEAN_STEPS // 2
    return _difference(apart >= half, apart <= -half)


def shift_undo(y_shift: Ints, mean8: Ints) -> Ints:
    """What most likely takes a shift by one back; arguments as for `shift_direction`.

    It is 0 where y_shift lies less than half a step from the mean: it may have been shifted or not. Where it lies
    further away, it has been shifted towards the mean. Where it lies just half a step away, it has come from the other
    side of the mean, or from three halves away, which is less likely. nets/compensation.py has the same on tensors.
    """
    apart, half = y_shift * grid.MEAN_STEPS - mean8, grid.MEAN_STEPS // 2
    return _difference((apart > half) | (apart == -half), (apart < -half) | (apart == half))


def _difference(up: NDArray[Any], down: NDArray[Any]) -> Ints:
    return (up.view(np.int8) - down.view(np.int8)).astype(np.int32)
