"""Tables that learn: integers by one rule, whose sums are right and which come nearer to what is coded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvcodec.entropy import adaptive
from lvcodec.entropy.tables import TOTAL


@given(st.lists(st.lists(st.integers(0, 2**20), min_size=1, max_size=17), min_size=1, max_size=5))
def test_every_row_is_a_table(rows: list[list[int]]) -> None:
    """By the rule as docs/bitstream.md has it."""
    sizes = np.array([len(row) for row in rows], np.int32)
    counts = np.zeros((len(rows), 17), np.int32)
    for number, row in enumerate(rows):
        counts[number, : len(row)] = row
        counts[number, 0] += 1
    tables = adaptive.tables_of(counts, sizes)
    for number, size in enumerate(sizes.tolist()):
        row = counts[number, :size].tolist()
        want = [1 + count * (TOTAL - 1 - size) // sum(row) for count in row] + [1]
        want[0] += TOTAL - sum(want)
        assert tables.table(number).tolist() == want


def test_counts_are_added_and_halved() -> None:
    counts = np.array([[5, 3, 1], [2000, 40, 1]], np.int32)
    seen = adaptive.seen_in(np.array([0, 0, 1]), np.array([2, 2, 1]), (2, 3))
    assert seen.tolist() == [[0, 0, 2], [0, 1, 0]]
    assert adaptive.updated(counts, seen).tolist() == [[5, 3, 1 + 2 * adaptive.INCREMENT], [1000, 36, 1]]
    assert counts[0].tolist() == [5, 3, 1]


def test_counts_of_very_large_pictures() -> None:
    """More than 32 bits hold once they are added: as in whole numbers without bounds."""
    want = [5 + adaptive.INCREMENT * 2**27, 3, 1 + adaptive.INCREMENT * 2**26]
    while sum(want) > adaptive.MOST:
        want = [(count + 1) >> 1 for count in want]
    after = adaptive.updated(np.array([[5, 3, 1]], np.int32), np.array([[2**27, 0, 2**26]], np.int32))
    assert after.tolist() == [want] and after.dtype == np.int32


@pytest.mark.parametrize("probabilities", [(0.9, 0.05, 0.05), (0.1, 0.1, 0.8)])
def test_tables_learn(probabilities: tuple[float, ...]) -> None:
    random = np.random.Generator(np.random.PCG64(1))
    counts = np.full((1, 3), 10, np.int32)
    for _ in range(50):
        symbols = random.choice(3, 40, p=probabilities)
        counts = adaptive.updated(counts, adaptive.seen_in(np.zeros(40, np.intp), symbols, (1, 3)))
        assert counts.sum() <= adaptive.MOST and (counts > 0).all()
    learned = adaptive.tables_of(counts, np.array([3], np.int32)).table(0)[:3] / TOTAL
    assert np.abs(learned - probabilities).max() < 0.1
