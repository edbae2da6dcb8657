"""Frequency tables from distributions, in floats: at export.

What a table says is shipped as integers, so nothing here needs to give the same result on two machines, and nothing
that decodes calls it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints, Reals
from lvcodec.entropy.tables import TOTAL, TableSet
from lvcodec.errors import InputError

Kind = Literal["gaussian", "laplace"]

ESCAPE_MASS = 2.0**-20  # what a table's range may leave to the escape
MIN_REACH = 2
MAX_REACH = 2000


def scale_grid_tables(kind: Kind, scales: NDArray[Any], fractions: NDArray[Any]) -> TableSet:
    """Tables of an integer drawn from a rounded Gaussian or Laplace variable.

    scales: (S,) > 0, sigma of the Gaussian, b of the Laplace exp(-|x|/b)/2b. fractions: (F,) means, 0 to 1/2.
    Table s*F + f has scale s and mean f: P(v) is the integral of the density over v - 1/2 .. v + 1/2.
    Raises InputError if the grid is not such, or scipy is missing, which the Gaussian needs.
    """
    return _grid(kind, scales, fractions, lambda pmf, fraction: pmf[1:-1])


def push_forward_tables(kind: Kind, scales: NDArray[Any], fractions: NDArray[Any]) -> TableSet:
    """Tables of the same integers after the shift towards the mean by one (LDS with alpha = 1).

    Arguments, numbering and errors as for `scale_grid_tables`.
    """
    return _grid(kind, scales, fractions, push_forward_pmf)


def dead_zone_tables(scales: NDArray[Any], dead_zones: NDArray[Any]) -> TableSet:
    """Tables of a Laplace variable's symbols where 0 has more room than the others (the inter path's).

    scales: (S,) > 0; dead_zones: (D,) > -1/2. Table s*D + d: 0 stands for |x| < 1/2 + dead zone, and k for the step
    that begins at k - 1/2 + dead zone. Raises InputError if the grid is not such.
    """
    zones = np.asarray(dead_zones, dtype=np.float64)
    if not (zones > -0.5).all() or not (np.asarray(scales) > 0).all():
        raise InputError("scales must be positive and dead zones above -1/2")
    tables = []
    for scale in np.asarray(scales, dtype=np.float64).tolist():
        for zone in zones.tolist():
            reach = MIN_REACH
            while math.exp(-(reach + 0.5 + zone) / scale) > ESCAPE_MASS and reach < MAX_REACH:
                reach += 1
            edges = np.exp(-(np.arange(reach + 1) + 0.5 + zone) / scale)
            side = 0.5 * (edges[:-1] - edges[1:])
            tables.append(_table(np.concatenate([side[::-1], [-math.expm1(-(0.5 + zone) / scale)], side])))
    return _table_set(tables)


def odds_tables(log_odds: NDArray[Any]) -> TableSet:
    """Tables of 0 and 1, by the natural logarithm of the odds of 1, (T,)."""
    ones = 1 / (1 + np.exp(-np.asarray(log_odds, dtype=np.float64)))
    return _table_set([round_to_counts(np.array([1 - one, one, 0.0])) for one in ones])


def factorised_tables(pmf: NDArray[Any], first: NDArray[Any]) -> tuple[TableSet, Ints]:
    """A table a channel from learned probabilities, and the value its symbols are counted from.

    pmf: (C, K) >= 0, pmf[c, k] the probability of first[c] + k; what a row lacks to 1 goes to the escape.
    first: (C,) integers. Returns the tables and the centres, (C,) int32: each channel's likeliest value.
    Raises InputError if a row is not a distribution.
    """
    rows = np.asarray(pmf, dtype=np.float64)
    starts = np.asarray(first)
    if rows.ndim != 2 or starts.shape != rows.shape[:1] or starts.dtype.kind not in "iu":
        raise InputError("factorised tables need probabilities (C, K) and first values (C,)")
    if not (np.isfinite(rows).all() and (rows >= 0).all() and (rows.sum(axis=1) > 0).all()):
        raise InputError("a channel's probabilities are negative, not finite or all zero")
    if (rows.sum(axis=1) > 1 + 1e-3).any():
        raise InputError("a channel's probabilities sum to more than 1")
    width = rows.shape[1]
    best = rows.argmax(axis=1)
    tables = []
    for row, peak in zip(rows, best.tolist(), strict=True):
        padded = np.pad(row, (width - peak + MIN_REACH, peak + 1 + MIN_REACH))
        middle = (padded.size - 1) // 2
        rings = padded[middle:] + np.append(0.0, padded[:middle][::-1])
        beyond = np.cumsum(rings[::-1])[::-1][1:]  # the row's mass further out than 0, 1, 2, ...
        reach = min(max(int(np.argmax(beyond <= ESCAPE_MASS)), MIN_REACH), MAX_REACH)
        tables.append(_table(padded[middle - reach : middle + reach + 1]))
    return _table_set(tables), (starts + best).astype(np.int32)


def grid_pmf(kind: Kind, scale: float, mean: float, reach: int) -> Reals:
    """P(v) for v = -reach .. reach, the integral of the density over v - 1/2 .. v + 1/2. (2 reach + 1,)."""
    tail = _tail(kind)
    # Measured from the mean outwards, so that small probabilities are no differences of numbers near 1.
    distance = np.abs(np.arange(-reach, reach + 1) - mean)
    near, far = (distance - 0.5) / scale, (distance + 0.5) / scale
    within = 1.0 - tail(-near) - tail(far)
    return np.where(near < 0, within, tail(np.maximum(near, 0.0)) - tail(far))


def push_forward_pmf(pmf: Reals, mean: float) -> Reals:
    """The distribution of s = r - (0 if |r - mean| < 1/2 else sign(r - mean)), given that of r.

    pmf: (2 R + 1,) of r = -R .. R. Returns P(s) for s = -(R - 1) .. R - 1.
    """
    reach = (pmf.size - 1) // 2 - 1
    s = np.arange(-reach, reach + 1)
    stays = (np.abs(s - mean) < 0.5) * pmf[1:-1]
    from_above = (s >= mean - 0.5) * pmf[2:]
    from_below = (s <= mean + 0.5) * pmf[:-2]
    moved: Reals = stays + from_above + from_below
    return moved


def reach_of(kind: Kind, scale: float) -> int:
    """The least R in 2 .. 2000 whose range -R .. R leaves at most 2**-20 outside for means 0 to 1/2."""
    tail = _tail(kind)
    edges = np.arange(MIN_REACH, MAX_REACH + 1) + 0.5
    outside = tail((edges - 0.5) / scale) + tail((edges + 0.5) / scale)  # worst for mean 1/2
    enough = np.flatnonzero(outside <= ESCAPE_MASS)
    return MIN_REACH + int(enough[0]) if enough.size else MAX_REACH


def round_to_counts(weights: Reals) -> Ints:
    """Counts >= 1 that sum to 2**24 and are nearest in ratio to the weights (>= 0, fewer than 2**16 of them).

    Entries that deserve less than one get one; the others share what is left, by largest remainder.
    """
    least = np.zeros(weights.size, dtype=bool)
    while True:
        room = TOTAL - int(least.sum())
        share = np.where(least, 0.0, weights)
        share *= room / share.sum()
        short = ~least & (share < 1.0)
        if not short.any():
            break
        least |= short
    counts = np.where(least, 1.0, np.floor(share)).astype(np.int64)
    missing = TOTAL - int(counts.sum())
    remainder = np.where(least, -1.0, share - counts)
    counts[np.argsort(-remainder, kind="stable")[:missing]] += 1
    return counts.astype(np.int32)


def _grid(
    kind: Kind, scales: NDArray[Any], fractions: NDArray[Any], change: Callable[[Reals, float], Reals]
) -> TableSet:
    scale_list = np.asarray(scales, dtype=np.float64).tolist()
    fraction_list = np.asarray(fractions, dtype=np.float64).tolist()
    if not scale_list or not all(0 < scale < math.inf for scale in scale_list):
        raise InputError("the scales of a grid must be positive and finite")
    if not fraction_list or not all(0 <= fraction <= 0.5 for fraction in fraction_list):
        raise InputError("the fractions of a grid must lie between 0 and 1/2")
    tables = []
    for scale in scale_list:
        reach = reach_of(kind, scale)
        for fraction in fraction_list:
            tables.append(_table(change(grid_pmf(kind, scale, fraction, reach + 1), fraction)))
    return _table_set(tables)


def _table(pmf: Reals) -> Ints:
    """Counts in zigzag order, the escape last, from the probabilities of -R .. R."""
    reach = (pmf.size - 1) // 2
    ordered = np.empty(pmf.size + 1)
    ordered[0] = pmf[reach]
    ordered[1:-1:2] = pmf[reach + 1 :]
    ordered[2:-1:2] = pmf[:reach][::-1]
    ordered[-1] = max(0.0, 1.0 - float(pmf.sum()))
    return round_to_counts(ordered)


def _table_set(tables: list[Ints]) -> TableSet:
    return TableSet(np.concatenate(tables), np.array([table.size for table in tables], dtype=np.int32))


def _tail(kind: Kind) -> Callable[[Reals], Reals]:
    """x to P(X > x) of the distribution with mean 0 and scale 1."""
    if kind == "laplace":
        return lambda x: np.where(x > 0, 0.5 * np.exp(-np.abs(x)), 1.0 - 0.5 * np.exp(-np.abs(x)))
    if kind == "gaussian":
        try:
            from scipy.special import ndtr
        except ImportError as error:
            raise InputError("making weights needs the package scipy", "pip install 'lvcodec[train]'") from error

        return lambda x: np.asarray(ndtr(-x), dtype=np.float64)
    raise InputError(f"no such kind of distribution: {kind!r}", "use gaussian or laplace")
