"""BD-rate and BD-PSNR (or the like in VMAF): the mean distance of two rate-distortion curves.

Piecewise cubic Hermite interpolation (PCHIP) of log10 rate over quality, integrated over the qualities that both
curves reach, by the package `bjontegaard`; nothing is extrapolated. There is no figure, but a reason, where it would be
doubtful: less than 1 dB in common, or a curve on which more bits do not buy more quality.

VMAF is taken as it is, not as a logarithm, as AOM's common test conditions and others take it, and from 20 to 99 only:
its model knows nothing worse than 20, and near 100 it saturates, so that twice the bits may buy nothing or less. (AOM
drops the points beyond a fall above 99.5.) A curve that goes further is cut there, by its own interpolation.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lvcodec.errors import InputError

MIN_RATE_OVERLAP = 1.25  # the common rates' greatest over their least, for BD-PSNR
MIN_POINTS = 2
Point = tuple[float, float]  # rate (bits a pixel, or anything in proportion), quality
Curve = Sequence[Point]


@dataclass(frozen=True)
class Scale:
    """What qualities are in: unit; the least interval in common that gives a figure; bounds that curves are cut at."""

    unit: str = "dB"
    min_overlap: float = 1.0
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Measured:
    """A curve that says what its figures are. rate: what counted the bits; quality: the measure of distortion."""

    points: Curve
    rate: str
    quality: str


DECIBELS = Scale()
VMAF_POINTS = Scale("points", 5.0, 20.0, 99.0)


@dataclass(frozen=True)
class Distance:
    """How far a curve lies from its anchor.

    rate_percent: BD-rate; negative needs fewer bits than the anchor. quality: BD-PSNR, in the scale's unit; positive is
    better. low, high: the interval that BD-rate stands for. reason: why there is no figure, else empty.
    """

    rate_percent: float | None = None
    quality: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


def check_installed() -> None:
    """Raise InputError if the package bjontegaard is not installed."""
    if importlib.util.find_spec("bjontegaard") is None:
        raise InputError("BD-rates need the package bjontegaard", "pip install 'lvcodec[bench]'")


def distance(anchor: Iterable[Point], test: Iterable[Point], scale: Scale = DECIBELS) -> Distance:
    """BD-rate and BD-PSNR of `test` against `anchor`; points in any order, rates > 0.

    Raises InputError if the package bjontegaard is not installed.
    """
    curves = [_within(scale, sorted(anchor)), _within(scale, sorted(test))]
    for name, curve in zip(("the anchor's curve", "the curve"), curves, strict=True):
        if reason := _unfit(curve, scale.unit):
            return Distance(reason=f"{name} {reason}")
    low = max(curve[0][1] for curve in curves)
    high = min(curve[-1][1] for curve in curves)
    if high - low < scale.min_overlap:
        shared = f"only {high - low:.2f} {scale.unit}" if high > low else "nothing"
        return Distance(reason=f"{shared} in common, less than {scale.min_overlap:g} {scale.unit}")
    check_installed()
    import bjontegaard

    series = [list(values) for curve in curves for values in zip(*curve, strict=True)]
    options = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}
    rate = float(bjontegaard.bd_rate(*series, **options))
    common = min(c[-1][0] for c in curves) >= MIN_RATE_OVERLAP * max(c[0][0] for c in curves)
    quality = float(bjontegaard.bd_psnr(*series, **options)) if common else None
    return Distance(rate, quality, low, high)


def measured_distance(anchor: Measured, test: Measured, scale: Scale = DECIBELS) -> Distance:
    """As `distance`, and no figure of curves whose rates or qualities are different things."""
    if (anchor.rate, anchor.quality) != (test.rate, test.quality):
        ours, theirs = (f"{curve.quality} by {curve.rate}" for curve in (test, anchor))
        return Distance(reason=f"{ours} is not compared with {theirs}")
    return distance(anchor.points, test.points, scale)


def _within(scale: Scale, curve: Curve) -> Curve:
    """The part of a curve, sorted by rate, that lies in the scale's bounds; cut where it crosses one."""
    inside = [n for n, (_, quality) in enumerate(curve) if scale.low <= quality <= scale.high]
    if not inside or len(inside) == len(curve):
        return [curve[n] for n in inside]
    first, last = inside[0], inside[-1]
    around = curve[max(first - 1, 0) : last + 2]
    if _unfit(around, scale.unit):
        return [curve[n] for n in inside]
    from scipy.interpolate import PchipInterpolator

    log_rate = PchipInterpolator([quality for _, quality in around], [math.log10(rate) for rate, _ in around])
    crossed = [bound for bound in (scale.low, scale.high) if around[0][1] < bound < around[-1][1]]
    return sorted([*(curve[n] for n in inside), *((10.0 ** float(log_rate(bound)), bound) for bound in crossed)])


def _unfit(curve: Curve, unit: str) -> str:
    """Why a curve, sorted by rate, has no BD-rate; empty if it has one."""
    if len(curve) < MIN_POINTS:
        return f"has {len(curve)} point{'s' if len(curve) != 1 else ''}"
    for (rate, quality), (more, better) in zip(curve, curve[1:], strict=False):
        if not (more > rate > 0 and better > quality):
            return f"is not monotone: {rate:.4g} bpp give {quality:.2f} {unit} and {more:.4g} bpp {better:.2f} {unit}"
    return ""
