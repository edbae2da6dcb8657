"""BD-rates: the published ones, by hand, and those that are refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from lvcodec.bench.presets import PRESETS, paper_table2, published
from lvcodec.measure.bdrate import VMAF_POINTS, Measured, Point, distance, measured_distance

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
    assert found.quality is not None and 1 < found.quality < 3
    assert (found.low, found.high) == (30, 37)
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
    assert found.rate_percent is None and found.quality is None
    assert reason in found.reason


def vmaf_curve(*qualities: float) -> list[Point]:
    return [(0.1 * 2**n, quality) for n, quality in enumerate(qualities)]


def test_vmaf_ends_at_99() -> None:
    """Above 99 more bits may buy nothing: that part is cut off, where the curve crosses it, and does not refuse it."""
    anchor = vmaf_curve(50, 70, 90, 98, 99.8, 99.7, 99.9)
    found = distance(anchor, [(rate / 2, quality) for rate, quality in anchor], VMAF_POINTS)
    assert found.rate_percent == pytest.approx(-50) and (found.low, found.high) == (50, 99)
    assert found.quality is not None and 5 < found.quality < 20
    # the same where no point lies beyond, but for the rest of the last interval
    below = distance(anchor[:4], [(rate / 2, quality) for rate, quality in anchor], VMAF_POINTS)
    assert below.rate_percent == pytest.approx(-50, abs=0.5) and (below.low, below.high) == (50, 98)


def test_vmaf_begins_at_20() -> None:
    """What lies there has no weight: a model that clips at 0 has points of one quality."""
    curve = vmaf_curve(0, 0, 10, 50, 80)
    found = distance(curve, curve, VMAF_POINTS)
    assert found.rate_percent == pytest.approx(0) and (found.low, found.high) == (20, 80)


def test_little_vmaf_in_common() -> None:
    found = distance(vmaf_curve(50, 70), vmaf_curve(66, 90), VMAF_POINTS)
    assert found.rate_percent is None and found.reason == "only 4.00 points in common, less than 5 points"
    assert distance(vmaf_curve(5, 10), vmaf_curve(50, 90), VMAF_POINTS).reason == "the anchor's curve has 0 points"


def test_figures_of_two_kinds_are_not_compared() -> None:
    """Estimated rates and bytes, RGB PSNR and PSNR 6:1:1."""
    points = [(0.1, 30.0), (0.8, 37.0)]
    anchor = Measured(points, "bytes", "RGB PSNR")
    assert measured_distance(anchor, Measured(points, "bytes", "RGB PSNR")).rate_percent == pytest.approx(0)
    for other in (Measured(points, "estimates", "RGB PSNR"), Measured(points, "bytes", "PSNR-YUV")):
        found = measured_distance(anchor, other)
        assert found.rate_percent is None and found.quality is None
        assert found.reason == f"{other.quality} by {other.rate} is not compared with RGB PSNR by bytes"
    assert measured_distance(anchor, Measured([], "bytes", "RGB PSNR")).reason == "the curve has 0 points"
