"""Rates in floats: those of symbols that the shift by one has merged."""

from __future__ import annotations

import pytest
import torch

from lvcodec.entropy.rates import laplace_bits, shifted_bits
from lvcodec.nets.compensation import shift_direction


@pytest.mark.parametrize("level", [10, 26, 40])
@pytest.mark.parametrize("mean8", [-4, -1, 0, 3, 12])
def test_shifted_rates_are_those_of_the_shift(mean8: int, level: int) -> None:
    """Over all residuals, what a shifted symbol is estimated at is the sum of what those that become it have."""
    y_res = torch.arange(-400, 401, dtype=torch.float64)
    mean, levels = torch.full_like(y_res, mean8 / 8), torch.full_like(y_res, level)
    mass = torch.exp2(-laplace_bits(y_res, mean, levels))
    y_shift = y_res - shift_direction(y_res, torch.full_like(y_res, mean8))
    for symbol in range(-4, 5):
        want = mass[y_shift == symbol].sum()
        got = torch.exp2(-shifted_bits(torch.tensor([float(symbol)], dtype=torch.float64), mean[:1], levels[:1]))
        assert got.item() == pytest.approx(max(want.item(), 1e-9), rel=0.01, abs=2e-6)
