"""What the paper counts for shifted residuals: the integral that its equation 5 has, and why it is no rate."""

from __future__ import annotations

import numpy as np
import pytest

from lvcodec.codec.paper_rate import estimated_bits
from lvcodec.codec.shift import shift_direction
from lvcodec.entropy import grid
from lvcodec.entropy.builders import scale_grid_tables

LEVELS = (20, 26, 32)
LAPLACE = scale_grid_tables("laplace", grid.scales(), grid.fractions())


def masses(values: np.ndarray, mean8: int, level: int) -> np.ndarray:
    same = np.full(values.shape, 1, np.int32)
    return np.asarray(2.0 ** -estimated_bits(values, mean8 * same, level * same, LAPLACE))


def below(x: np.ndarray, scale: float) -> np.ndarray:
    tail = 0.5 * np.exp(-np.abs(x) / scale)
    return np.where(x < 0, tail, 1 - tail)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("mean8", [-19, -4, 0, 3, 4, 12])
def test_the_integral_within_half_a_step(mean8: int, level: int) -> None:
    values, scale = np.arange(-6, 7) / 2 + mean8 // 8, grid.scales()[level]
    apart = values - mean8 / 8
    expected = below(apart + 0.5, scale) - below(apart - 0.5, scale)
    np.testing.assert_allclose(masses(values, mean8, level), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("level", LEVELS)
def test_only_after_a_half_shift_do_intervals_overlap(level: int) -> None:
    """All values that can occur, by their masses: more than 1 is no distribution, and no code has such lengths."""
    y_res, mean8 = np.arange(-60, 61, dtype=np.int32), 2
    bfd = shift_direction(y_res, np.full(y_res.shape, mean8, np.int32))
    whole, half = (np.unique(y_res - alpha * bfd) for alpha in (1, 0.5))
    assert masses(whole, mean8, level).sum() < 1.001
    assert masses(half, mean8, level).sum() > 1.2
