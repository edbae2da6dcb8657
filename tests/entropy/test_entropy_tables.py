"""Tables: what they refuse, what they say, and that they say it of the right integers."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvcodec.entropy.builders import (
    ESCAPE_MASS,
    Kind,
    factorised_tables,
    grid_pmf,
    push_forward_pmf,
    push_forward_tables,
    reach_of,
    round_to_counts,
    scale_grid_tables,
)
from lvcodec.entropy.tables import TOTAL, TableSet, unzigzag, zigzag
from lvcodec.errors import InputError, WeightsError

SCALES = np.geomspace(0.04, 100, 12)
FRACTIONS = np.arange(9) / 16
KINDS: list[Kind] = ["gaussian", "laplace"]


def cdf(kind: Kind, x: float) -> float:
    """A second opinion, from the standard library. Scale 1, mean 0."""
    if kind == "gaussian":
        return 0.5 * math.erfc(-x / math.sqrt(2))
    return 0.5 * math.exp(x) if x < 0 else 1 - 0.5 * math.exp(-x)


def probabilities(tables: TableSet, number: int) -> dict[int, float]:
    counts = tables.table(number)
    values = unzigzag(np.arange(counts.size - 1, dtype=np.int32))
    return dict(zip(values.tolist(), (counts[:-1] / TOTAL).tolist(), strict=True))


def test_zigzag_order() -> None:
    values = np.array([0, 1, -1, 2, -2, 3], dtype=np.int32)
    assert zigzag(values).tolist() == [0, 1, 2, 3, 4, 5]
    everything = np.array([*range(-999, 1000), 1 << 24, -(1 << 24)], dtype=np.int32)
    assert np.array_equal(unzigzag(zigzag(everything)), everything)


@pytest.mark.parametrize(
    ("counts", "lengths", "message"),
    [
        ([TOTAL - 1, 1, TOTAL - 1, 2], [2, 2], "table 1 sums to"),
        ([TOTAL, 0], [2], "below 1"),
        ([TOTAL + 1, -1], [2], "out of range"),
        ([TOTAL], [1], "at least 2"),
        (np.zeros(0, dtype=int), np.zeros(0, dtype=int), "at least 2"),
        ([TOTAL - 1, 1], [3], "come with 2"),
        ([TOTAL - 1, 1, 5], [2], "come with 3"),
        ([TOTAL - 1.0, 1.0], [2], "not a vector of integers"),
        ([[TOTAL - 1, 1]], [2], "not a vector of integers"),
    ],
)
def test_refuses(counts: object, lengths: object, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        TableSet(np.array(counts), np.array(lengths))


def test_models_are_made_when_used() -> None:
    tables = scale_grid_tables("laplace", SCALES, FRACTIONS)
    assert tables._models == [None] * len(tables)
    assert tables.model(5) is tables.model(5)
    assert sum(model is not None for model in tables._models) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_grid_is_the_integral(kind: Kind) -> None:
    tables = scale_grid_tables(kind, SCALES, FRACTIONS)
    assert len(tables) == SCALES.size * FRACTIONS.size
    for number in range(len(tables)):
        scale, mean = SCALES[number // FRACTIONS.size], FRACTIONS[number % FRACTIONS.size]
        for value, p in probabilities(tables, number).items():
            expected = cdf(kind, (value - mean + 0.5) / scale) - cdf(kind, (value - mean - 0.5) / scale)
            # A count is off by its rounding, and by its share of the counts of 1 that others were given.
            assert abs(p - expected) <= (1 + expected * tables.table(number).size) / TOTAL + 1e-9
        assert tables.table(number)[0] == tables.table(number).max()
        assert tables.table(number)[-1] <= (ESCAPE_MASS * 1.001) * TOTAL + 1 or reach_of(kind, scale) == 2000


@pytest.mark.parametrize("kind", KINDS)
def test_certainty_wastes_nothing(kind: Kind) -> None:
    table = scale_grid_tables(kind, np.array([0.02]), np.array([0.0])).table(0)
    assert table.tolist() == [TOTAL - 5, 1, 1, 1, 1, 1]
    half = scale_grid_tables(kind, np.array([0.02]), np.array([0.5])).table(0)
    assert half.tolist() == [TOTAL // 2 - 2, TOTAL // 2 - 2, 1, 1, 1, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_push_forward_is_the_distribution_of_the_shifted_symbol(kind: Kind) -> None:
    tables = push_forward_tables(kind, SCALES, FRACTIONS)
    for number in range(len(tables)):
        scale, mean = float(SCALES[number // FRACTIONS.size]), float(FRACTIONS[number % FRACTIONS.size])
        reach = reach_of(kind, scale)
        pmf = grid_pmf(kind, scale, mean, 2 * reach + 9)
        shifted: dict[int, float] = {}
        for r, p in enumerate(pmf.tolist(), start=-2 * reach - 9):
            bfd = 0 if abs(r - mean) < 0.5 else (1 if r > mean else -1)
            shifted[r - bfd] = shifted.get(r - bfd, 0.0) + p
        assert sum(shifted.values()) == pytest.approx(1, abs=ESCAPE_MASS)
        exact = push_forward_pmf(pmf, mean)
        assert exact.sum() == pytest.approx(1, abs=ESCAPE_MASS)
        for s, p in enumerate(exact.tolist(), start=-2 * reach - 8):
            assert p == pytest.approx(shifted[s], abs=1e-15)
        for s, p in probabilities(tables, number).items():
            assert abs(p - shifted[s]) <= (1 + shifted[s] * tables.table(number).size) / TOTAL + 1e-9


def test_push_forward_differs() -> None:
    plain = scale_grid_tables("laplace", SCALES, FRACTIONS)
    assert not np.array_equal(plain.counts, push_forward_tables("laplace", SCALES, FRACTIONS).counts)


def test_reach_has_limits() -> None:
    assert reach_of("laplace", 0.01) == 2
    assert reach_of("laplace", 1e6) == 2000
    # P(|x| > 13.5) of Laplace b = 1 is 1.4e-6 > 2**-20, of |x| > 14.5 it is 5e-7
    assert reach_of("laplace", 1.0) == 14


def test_factorised() -> None:
    pmf = np.array([[0.1, 0.2, 0.6, 0.1], [1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.2]])
    tables, centre = factorised_tables(pmf, np.array([-3, 7, 0]))
    assert centre.tolist() == [-1, 7, 0] and centre.dtype == np.int32
    for channel, first in enumerate([-3, 7, 0]):
        p = probabilities(tables, channel)
        for k in range(4):
            assert p.get(first + k - int(centre[channel]), 0) == pytest.approx(pmf[channel, k], abs=2e-6)
    assert tables.table(2)[-1] / TOTAL == pytest.approx(0.05, abs=2e-6)
    assert tables.table(1).tolist() == [TOTAL - 5, 1, 1, 1, 1, 1]


def test_factorised_range_is_no_wider_than_needed() -> None:
    pmf = np.zeros((1, 401))
    pmf[0, 195:206] = 1 / 11.0001
    tables, centre = factorised_tables(pmf, np.array([-200]))
    assert centre.tolist() == [-5]
    assert tables.table(0).size == 2 * 10 + 2


@pytest.mark.parametrize("side", [-1, 1])
def test_factorised_range_covers_a_long_tail(side: int) -> None:
    pmf = 0.5 ** np.arange(1, 61)
    tables, centre = factorised_tables(pmf[None, ::side], np.array([0]))
    assert centre.tolist() == [0 if side == 1 else 59]
    assert tables.table(0).size == 2 * 19 + 2  # 2**-20 is left beyond 19 steps
    assert probabilities(tables, 0)[side * 19] == pytest.approx(2.0**-20, abs=2 / TOTAL)
    assert tables.table(0)[-1] <= 2.0**-20 * TOTAL + 1


@pytest.mark.parametrize(
    "pmf", [[[0.5, -0.1]], [[0.0, 0.0]], [[float("nan"), 1.0]], [[1.0, 1.0]], [1.0], [[0.5], [0.5]]]
)
def test_factorised_refuses(pmf: list[Any]) -> None:
    with pytest.raises(InputError):
        factorised_tables(np.array(pmf), np.array([0]))


@pytest.mark.parametrize(
    ("kind", "scales", "fractions"),
    [
        ("gaussian", [0.0], [0]),
        ("laplace", [1.0], [0.6]),
        ("laplace", [], [0]),
        ("laplace", [1.0], []),
        ("cauchy", [1.0], [0]),
    ],
)
def test_grid_refuses(kind: Kind, scales: list[float], fractions: list[float]) -> None:
    with pytest.raises(InputError):
        scale_grid_tables(kind, np.array(scales), np.array(fractions))


def test_missing_scipy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain installations lack it: only the Gaussian's tables need it, and those are made once."""
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(InputError, match="needs the package scipy; pip install"):
        scale_grid_tables("gaussian", [1.0], [0.0])
    scale_grid_tables("laplace", [1.0], [0.0])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=60).filter(lambda w: sum(w) > 1e-3))
def test_rounding_is_fair(weights: list[float]) -> None:
    counts = round_to_counts(np.array(weights))
    assert int(counts.sum()) == TOTAL and int(counts.min()) >= 1
    share = np.array(weights) / sum(weights) * TOTAL
    assert (np.abs(counts - share) <= 1 + share * len(weights) / TOTAL * 2).all()
    assert np.array_equal(counts, round_to_counts(np.array(weights)))
