"""Proofs that a layer's sums cannot round.

A sum of integers is exact in floating point, in any order, as long as every partial sum stays below the format's
limit: 2**24 in float32, 2**53 in float64. Every partial sum of an output channel is at most
sum(|w|) * max|x| + |bias|, so that one number, worked out in 64-bit integers, is the proof.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.errors import WeightsError


def sum_bound(weight: NDArray[Any], bias: NDArray[Any], in_max: int) -> NDArray[np.int64]:
    """The largest absolute value any partial sum of each output channel can take.

    weight: (O, ...) integers; bias: (O,) integers; in_max: bound of the input's absolute values.
    Returns (O,) int64.
    """
    absolute = np.abs(weight.reshape(len(weight), -1).astype(np.int64)).sum(axis=1)
    return np.asarray(absolute * in_max + np.abs(bias.astype(np.int64)))


def prove(name: str, weight: NDArray[Any], bias: NDArray[Any], in_max: int, limit: int, weight_max: int) -> int:
    """Check a layer's bound and return it.

    Raises WeightsError if a weight is above `weight_max` or a sum could reach `limit`.
    """
    largest = int(np.abs(weight.astype(np.int64)).max()) if weight.size else 0
    if largest > weight_max:
        raise WeightsError(f"layer {name}: a weight of {largest} is above {weight_max}")
    bound = int(sum_bound(weight, bias, in_max).max())
    if bound >= limit:
        raise WeightsError(f"layer {name}: sums may reach {bound}, not below {limit}")
    return bound
