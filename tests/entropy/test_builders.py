"""Tables of the inter path: Laplace with a wider zero, and odds."""

from __future__ import annotations

import numpy as np
import pytest

from lvcodec.entropy.builders import dead_zone_tables, odds_tables, scale_grid_tables
from lvcodec.entropy.tables import TOTAL
from lvcodec.errors import InputError


def test_dead_zone_tables_are_laplace_with_a_wider_zero() -> None:
    scales, zones = np.array([0.05, 0.5, 20.0]), np.array([-0.125, 0.0, 0.5])
    tables = dead_zone_tables(scales, zones)
    assert len(tables) == 9
    for number in range(9):
        scale, zone = scales[number // 3], zones[number % 3]
        counts = tables.table(number)
        assert counts[0] / TOTAL == pytest.approx(1 - np.exp(-(0.5 + zone) / scale), abs=2e-6)
        assert counts[1] == pytest.approx(counts[2], abs=1)
        if counts[5] > 1000:
            assert counts[3] / counts[1] == pytest.approx(np.exp(-1 / scale), rel=1e-2)
    without = scale_grid_tables("laplace", scales[1:2], np.zeros(1)).table(0)
    np.testing.assert_allclose(tables.table(4)[:7], without[:7], atol=2)
    with pytest.raises(InputError, match="dead zones"):
        dead_zone_tables(scales, np.array([-0.5]))


def test_odds_tables() -> None:
    tables = odds_tables(np.array([-8.0, 0.0, 2.0]))
    shares = [tables.table(number) / TOTAL for number in range(3)]
    np.testing.assert_allclose([share[1] for share in shares], [0.000335, 0.5, 0.880797], atol=1e-6)
    assert all(len(share) == 3 for share in shares)
