"""BD-rate and BD-PSNR: the mean distance of two rate-distortion curves.

Piecewise cubic Hermite interpolation (PCHIP) of log10 rate over quality, integrated over the qualities that both
curves reach, by the package `bjontegaard`; nothing is extrapolated. There is no figure, but a reason, where it would be
doubtful: less than 1 dB in common, or a curve on which more bits do not buy more quality.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lvcodec.errors import InputError

MIN_OVERLAP_DB = 1.0
MIN_RATE_OVERLAP = 1.25  # the common rates' greatest over their least, for BD-PSNR
MIN_POINTS = 2
Point = tuple[float, float]  # rate (bits a pixel, or anything in proportion), quality in dB
Curve = Sequence[Point]


@dataclass(frozen=True)
class Distance:
    """How far a curve lies from its anchor.

    rate_percent: BD-rate; negative needs fewer bits than the anchor. psnr_db: BD-PSNR; positive is better.
    low_db, high_db: the interval that BD-rate stands for. reason: why there is no figure, else empty.
    """

    rate_percent: float | None = None
    psnr_db: float | None = None
    low_db: float | None = None
    high_db: float | None = None
    reason: str = ""


def check_installed() -> None:
    """Raise InputError if the package bjontegaard is not installed."""
    if importlib.util.find_spec("bjontegaard") is None:
        raise InputError("BD-rates need the package bjontegaard", "pip install 'lvcodec[bench]'")


def distance(anchor: Iterable[Point], test: Iterable[Point]) -> Distance:
    """BD-rate and BD-PSNR of `test` against `anchor`; points in any order, rates > 0.

    Raises InputError if the package bjontegaard is not installed.
    """
    curves = [sorted(anchor), sorted(test)]
    for name, curve in zip(("the anchor's curve", "the curve"), curves, strict=True):
        if reason := _unfit(curve):
            return Distance(reason=f"{name} {reason}")
    low = max(curve[0][1] for curve in curves)
    high = min(curve[-1][1] for curve in curves)
    if high - low < MIN_OVERLAP_DB:
        shared = f"only {high - low:.2f} dB" if high > low else "nothing"
        return Distance(reason=f"{shared} in common, less than {MIN_OVERLAP_DB:g} dB")
    check_installed()
    import bjontegaard

    series = [list(values) for curve in curves for values in zip(*curve, strict=True)]
    options = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}
    rate = float(bjontegaard.bd_rate(*series, **options))
    common = min(c[-1][0] for c in curves) >= MIN_RATE_OVERLAP * max(c[0][0] for c in curves)
    psnr = float(bjontegaard.bd_psnr(*series, **options)) if common else None
    return Distance(rate, psnr, low, high)


def _unfit(curve: Curve) -> str:
    """Why a curve, sorted by rate, has no BD-rate; empty if it has one."""
    if len(curve) < MIN_POINTS:
        return f"has {len(curve)} point{'s' if len(curve) != 1 else ''}"
    for (rate, quality), (more, better) in zip(curve, curve[1:], strict=False):
        if not (more > rate > 0 and better > quality):
            return f"is not monotone: {rate:.4g} bpp give {quality:.2f} dB and {more:.4g} bpp {better:.2f} dB"
    return ""
