"""Equation 4 is written twice: in numpy for coding, on tensors for training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lvcodec.codec import shift
from lvcodec.nets import compensation


@pytest.mark.parametrize("centre", [0, 2**15, -(2**15)])
def test_training_shifts_the_way_that_coding_does(centre: int) -> None:
    """Residuals within 9 of a centre, means in all eighths around it, ties at half a step on both sides among them."""
    residuals = centre + np.arange(-9, 10)
    means = 8 * centre + np.arange(-100, 101)
    y_res, mean8 = (grid.ravel().astype(np.int32) for grid in np.meshgrid(residuals, means))
    coded = shift.shift_direction(y_res, mean8)
    ties = np.abs(8 * y_res.astype(np.int64) - mean8) == 4
    assert set(coded[ties]) == {-1, 1} and set(coded) == {-1, 0, 1}
    for dtype in (torch.float32, torch.float64):
        trained = compensation.shift_direction(torch.from_numpy(y_res).to(dtype), torch.from_numpy(mean8).to(dtype))
        assert np.array_equal(trained.numpy(), coded)
