"""The grid of distributions: 68 scales, six to the octave from 1/20 of a quantiser step, times eighths of a mean.

Networks put out whole numbers on this grid, so that the network's output *is* the table's number and nothing at
coding time computes a probability.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints

LOWEST_SCALE = 0.05
PER_OCTAVE = 6
LEVELS = 68
MEAN_STEPS = 8  # means are whole eighths of a quantiser step
MEAN8_MAX = 2**17  # eighths: what networks put out beyond it is taken as this
FRACTIONS = MEAN_STEPS // 2 + 1  # a table for each of 0/8 .. 4/8; negative fractions use them mirrored


def scales() -> NDArray[np.float64]:
    """(LEVELS,) scales in quantiser steps, rising."""
    return np.asarray(LOWEST_SCALE * 2.0 ** (np.arange(LEVELS) / PER_OCTAVE), dtype=np.float64)


def fractions() -> NDArray[np.float64]:
    """(FRACTIONS,) the fractional means that have tables, in quantiser steps."""
    return np.arange(FRACTIONS) / MEAN_STEPS


def locate(mean8: Ints, level: Ints) -> tuple[Ints, Ints, Ints]:
    """Table number, centre and sign for means in eighths of a step and scale levels 0..LEVELS-1 (any equal shape)."""
    mean8, level = mean8.astype(np.int32, copy=False), level.astype(np.int32, copy=False)
    centre = mean8 + np.int32(MEAN_STEPS // 2)
    centre >>= 3
    fraction = mean8 - (centre << 3)
    index = level * np.int32(FRACTIONS)
    index += np.abs(fraction)
    fraction >>= 31  # -1 below zero, else 0
    fraction |= 1
    return index, centre, fraction
