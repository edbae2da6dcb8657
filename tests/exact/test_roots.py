"""numpy's square root, which cheng2020's normalisation stands on, is correctly rounded where it is used."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


def test_square_roots_are_the_nearest_doubles() -> None:
    """Whole numbers up to 2**53, as exact/gdn.py roots them: no double is nearer to the true root."""
    bits = np.random.PCG64(13).random_raw(6000)
    numbers = (bits >> (11 + (bits % np.uint64(50)))).astype(np.float64)
    squares = np.arange(1, 500, dtype=np.float64) ** 2
    numbers = np.concatenate([numbers, squares, squares - 1, squares + 1, [0, 1, 2.0**53, 2.0**53 - 1]])
    roots = np.sqrt(numbers)
    for number, root in zip(numbers.tolist(), roots.tolist(), strict=True):
        below, above = (Fraction(root) + Fraction(math.nextafter(root, to)) for to in (-1.0, math.inf))
        assert (below / 2) ** 2 <= Fraction(number) <= (above / 2) ** 2 or number == 0 == root
