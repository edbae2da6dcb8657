"""The encoder's choice of symbols: of the two it compares the cheaper one, and none where nothing is known of worth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lvcodec.codec.shift import shift_direction, shift_undo
from lvcodec.encoder.symbols import decide, decide_shifted
from lvcodec.entropy import builders, grid
from lvcodec.entropy.tables import TableSet, bits_of

RNG = np.random.Generator(np.random.PCG64(5))
SIZE = 4000
REAL = RNG.laplace(0, 1.5, SIZE)
MEAN8 = RNG.integers(-9, 10, SIZE).astype(np.int32)
LEVEL = RNG.integers(4, 40, SIZE).astype(np.int32)
WEIGHTS = RNG.uniform(0.5, 12, SIZE)
LOCATED = grid.locate(MEAN8, LEVEL)


@pytest.fixture(scope="module")
def tables() -> dict[str, TableSet]:
    made = {"plain": builders.scale_grid_tables, "shifted": builders.push_forward_tables}
    return {name: make("laplace", grid.scales(), grid.fractions()) for name, make in made.items()}


def cost(tables: TableSet, symbols: np.ndarray, known: np.ndarray) -> np.ndarray:
    return bits_of(tables, *LOCATED, symbols) + WEIGHTS * (REAL - known) ** 2


def test_no_symbol_beside_is_cheaper(tables: dict[str, TableSet]) -> None:
    chosen, nearest = decide(REAL, WEIGHTS, tables["plain"], LOCATED), np.rint(REAL).astype(np.int32)
    costs = [cost(tables["plain"], nearest + by, nearest + by) for by in (-1, 0, 1)]
    np.testing.assert_allclose(cost(tables["plain"], chosen, chosen), np.min(costs, axis=0))
    assert 0.02 < (chosen != nearest).mean() < 0.5


def test_no_shifted_symbol_beside_is_cheaper(tables: dict[str, TableSet]) -> None:
    chosen = decide_shifted(REAL, WEIGHTS, tables["shifted"], LOCATED, MEAN8)
    y_res = np.rint(REAL).astype(np.int32)
    shifted = y_res - shift_direction(y_res, MEAN8)
    costs = [cost(tables["shifted"], s, s + shift_undo(s, MEAN8)) for s in (shifted - 1, shifted, shifted + 1)]
    mine = cost(tables["shifted"], chosen, chosen + shift_undo(chosen, MEAN8))
    # At halves the order of symbols is not that of what they stand for, and only one of the two beside is looked at.
    half = MEAN8 % grid.MEAN_STEPS == grid.MEAN_STEPS // 2
    assert (mine <= costs[1]).all() and (mine <= np.min(costs, axis=0) + 1e-9)[~half].mean() > 0.995
    assert (chosen < shifted).any() and (chosen > shifted).any()
    assert ((chosen != shifted) & (shifted == LOCATED[1])).any()  # away from the mean, where that is nearer


def test_the_nearest_where_worth_is_unknown(tables: dict[str, TableSet]) -> None:
    y_res = np.rint(REAL).astype(np.int32)
    np.testing.assert_array_equal(decide(REAL, None, tables["plain"], LOCATED), y_res)
    np.testing.assert_array_equal(
        decide_shifted(REAL, None, tables["shifted"], LOCATED, MEAN8), y_res - shift_direction(y_res, MEAN8)
    )


def test_training_chooses_the_same(tables: dict[str, TableSet]) -> None:
    """But where costs are nearly equal, or a symbol hardly occurs: its bits are those of the distributions, not of the
    tables, and end at 22."""
    training = pytest.importorskip("lvcodec.train.stages.symbols", reason="pip install '.[train]'")
    real, mean8, level, worth = (torch.from_numpy(part).double() for part in (REAL, MEAN8, LEVEL, WEIGHTS))
    gaussian = builders.scale_grid_tables("gaussian", grid.scales(), grid.fractions())
    apart = np.abs(REAL - MEAN8 / grid.MEAN_STEPS) / grid.scales()[LEVEL]
    for reach, found, expected in (
        (10, training.decide(real, mean8, level, worth, laplace=True), decide(REAL, WEIGHTS, tables["plain"], LOCATED)),
        (3, training.decide(real, mean8, level, worth), decide(REAL, WEIGHTS, gaussian, LOCATED)),
    ):
        likely = apart < reach
        assert likely.sum() > 1000 and (found.numpy() == expected)[likely].mean() > 0.995


def test_gradients_pass_as_through_rounding() -> None:
    training = pytest.importorskip("lvcodec.train.stages.symbols", reason="pip install '.[train]'")
    real, mean8, level, worth = (torch.from_numpy(part).float() for part in (REAL, MEAN8, LEVEL, WEIGHTS))
    leaf = real.clone().requires_grad_()
    training.decide(leaf, mean8, level, worth).sum().backward()
    assert (leaf.grad == 1).all()
