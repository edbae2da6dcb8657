"""BD-rates: the published ones, by hand, and those that are refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from lvcodec.bench.presets import PRESETS, paper_table2, published
from lvcodec.measure.bdrate import distance

CURVES = published()
RATES = tomllib.loads(Path(__file__).with_name("published_bd_rates.toml").read_text("utf-8"))["values"]


@pytest.mark.parametrize("anchor, test, percent", RATES, ids=lambda value: str(value))
def test_published(anchor: str, test: str, percent: float) -> None:
    found = distance(CURVES[anchor].points, CURVES[test].points)
    assert found.rate_percent == pytest.approx(percent, abs=0.5)


def test_published_data_is_complete() -> None:
    assert len(RATES) > 60
    assert all(curve.source and curve.setting and len(curve.points) > 3 for curve in CURVES.values())
    stand_in, rows = paper_table2()
    assert stand_in in CURVES
    assert [(mode, percent) for mode, _, percent in rows] == [("intra", 15.55), ("mfvc", -14.78), ("lds", -27.13)]
    assert all(name in CURVES for preset in PRESETS.values() for name in preset.published)


def test_half_the_rate() -> None:
    anchor = [(0.1, 30.0), (0.2, 33.0), (0.4, 35.5), (0.8, 37.0)]
    test = [(rate / 2, quality) for rate, quality in anchor]
    found = distance(anchor, reversed(test))
    assert found.rate_percent == pytest.approx(-50)
    assert found.psnr_db is not None and 1 < found.psnr_db < 3
    assert (found.low_db, found.high_db) == (30, 37)
    assert distance(test, anchor).rate_percent == pytest.approx(100)


@pytest.mark.parametrize(
    "test, reason",
    [
        ([(0.1, 36.5), (0.2, 40.0)], "only 0.50 dB in common"),
        ([(0.1, 38.0), (0.2, 40.0)], "nothing in common"),
        ([(0.1, 31.0), (0.2, 30.5), (0.3, 36.0)], "not monotone: 0.1 bpp give 31.00 dB and 0.2 bpp 30.50 dB"),
        ([(0.1, 31.0), (0.1, 33.0)], "not monotone"),
        ([(0.1, 31.0)], "has 1 point"),
        ([], "has 0 points"),
    ],
)
def test_refused(test: list[tuple[float, float]], reason: str) -> None:
    found = distance([(0.1, 30.0), (0.8, 37.0)], test)
    assert found.rate_percent is None and found.psnr_db is None
    assert reason in found.reason
