"""What the decoder takes back of a shift by one: all that the mean tells for certain, and the likelier at ties."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lvcodec.codec import shift
from lvcodec.nets import compensation

RESIDUALS = np.arange(-9, 10, dtype=np.int32)


@pytest.mark.parametrize("mean", range(-12, 13))
def test_nothing_is_lost_away_from_the_mean(mean: int) -> None:
    mean8 = np.full_like(RESIDUALS, mean)
    y_shift = RESIDUALS - shift.shift_direction(RESIDUALS, mean8)
    known = y_shift + shift.shift_undo(y_shift, mean8)
    apart = np.abs(8 * y_shift - mean8)
    assert np.array_equal(known[apart > 4], RESIDUALS[apart > 4])
    assert np.abs(known - RESIDUALS)[apart < 4].max(initial=0) <= 1
    nearest = np.abs(8 * RESIDUALS - mean8) == 4  # half a step from the mean on either side: swapped, and back again
    assert np.array_equal(known[nearest], RESIDUALS[nearest])


def test_training_takes_back_the_same() -> None:
    y_shift, mean8 = (a.ravel().astype(np.int32) for a in np.meshgrid(RESIDUALS, np.arange(-40, 41)))
    trained = compensation.shift_undo(torch.from_numpy(y_shift).float(), torch.from_numpy(mean8).float())
    assert np.array_equal(trained.numpy(), shift.shift_undo(y_shift, mean8))
