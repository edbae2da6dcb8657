"""The square root under normalisation: numpy's float64 root is correctly rounded, as docs/determinism.md requires."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

LIMIT = 2**53  # sums under a root are whole numbers below this (exact/gdn.py)
EXTRA_BITS = 64


def rounded_root(square: int) -> float:
    """The float64 nearest to the root, by integers alone."""
    scaled = square << 2 * EXTRA_BITS
    root = math.isqrt(scaled)
    # One bit more, set where the root goes on: Python rounds an int to the nearest float, so no tie is made up.
    return float(2 * root + (root * root != scaled)) * 2.0 ** -(EXTRA_BITS + 1)


def any_integers() -> NDArray[np.int64]:
    """Whole numbers of all sizes below LIMIT."""
    random = np.random.Generator(np.random.PCG64(11))
    return random.integers(1, LIMIT, 100_000) >> random.integers(0, 53, 100_000)


def beside_squares() -> NDArray[np.int64]:
    """Perfect squares below LIMIT and their neighbours: the roots nearest to a float, and to whole numbers."""
    random = np.random.Generator(np.random.PCG64(12))
    roots = np.concatenate(
        [np.arange(1, 2000), random.integers(1, math.isqrt(LIMIT - 1), 30_000), [math.isqrt(LIMIT - 2)]]
    )
    return (roots[:, None] ** 2 + np.array([-1, 0, 1])).ravel()


@pytest.mark.parametrize("numbers", [any_integers, beside_squares])
def test_numpy_rounds_roots_correctly(numbers) -> None:
    squares = numbers()
    assert squares.min() >= 0 and squares.max() < LIMIT
    roots = squares.astype(np.float64)
    np.sqrt(roots, out=roots)  # in place, as Gdn has it
    wrong = [
        square for square, root in zip(squares.tolist(), roots.tolist(), strict=True) if root != rounded_root(square)
    ]
    assert not wrong, f"{len(wrong)} roots are not correctly rounded, the first of {wrong[0]}"


def test_the_judge_sees_the_last_bit() -> None:
    """On roots of float32 precision, and on roots one unit in the last place off, the judge disagrees."""
    square = 2**52 + 12345
    assert rounded_root(4) == 2.0 and rounded_root(2) == math.sqrt(2)
    assert rounded_root(square) != math.nextafter(rounded_root(square), 0)
    assert float(np.sqrt(np.float32(square))) != rounded_root(square)
