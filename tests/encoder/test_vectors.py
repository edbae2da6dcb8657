"""The encoder's count of what a field of vectors costs, and its choice of cheaper ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lvcodec.codec import motion
from lvcodec.encoder import vectors
from lvcodec.entropy.coder import Writer
from lvcodec.entropy.tables import TableSet
from lvcodec.exact import warp
from lvcodec.models import loading, store

Field = NDArray[np.int32]
SHAPES = [(1, 1), (1, 2), (2, 1), (1, 20), (17, 1), (3, 5), (9, 16), (33, 40)]


@pytest.fixture(scope="module")
def tables(random_model: str) -> TableSet:
    """A model's Laplace tables, which fields are coded with."""
    return loading.coding(store.find(random_model), 60).tables["laplace"]


def some_fields(shape: tuple[int, int], spread: int) -> tuple[Field, Field]:
    """A random field, and one before it."""
    random = np.random.Generator(np.random.PCG64(shape[0] + 7 * spread))
    field, before = random.integers(-spread, spread + 1, (2, 2, *shape)).astype(np.int32)
    return field, before


def total_bits(field: Field, before: Field) -> float:
    everywhere = np.arange(field[0].size)
    walk = vectors.order(*field.shape[1:])
    counted = vectors.bits(field.reshape(2, 1, -1), before.reshape(2, -1), walk, everywhere)
    assert counted.shape == (1, field[0].size) and (counted > 0).all()
    return float(counted.sum())


@pytest.mark.parametrize("spread", [0, 2, 40])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_counted_is_what_the_coder_takes(tables: TableSet, shape: tuple[int, int], spread: int) -> None:
    field, before = some_fields(shape, spread)
    writer = Writer()
    motion.code_field(field, before, tables, writer)
    assert total_bits(field, before) == pytest.approx(writer.bits["motion"], rel=0.01, abs=0.1)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_decided_together_does_not_meet(shape: tuple[int, int]) -> None:
    """Whatever vectors a group takes, the field's bits change by as much as those that its blocks were charged."""
    field, before = some_fields(shape, 30)
    other, _ = some_fields(shape, 31)
    walk = vectors.order(*shape)
    seen = np.zeros(field[0].size, dtype=int)
    for blocks, priced, counts in walk.groups:
        seen[blocks] += 1
        changed = field.reshape(2, -1).copy()
        changed[:, blocks] = other.reshape(2, -1)[:, blocks]
        both = np.stack([field.reshape(2, -1), changed], axis=1)
        charged = (vectors.bits(both, before.reshape(2, -1), walk, priced) * counts).sum(axis=(1, 2), dtype=np.float64)
        want = total_bits(changed.reshape(field.shape), before) - total_bits(field, before)
        assert charged[1] - charged[0] == pytest.approx(want, abs=0.01)
    assert (seen == 1).all()


@pytest.mark.parametrize("price", [0.0, 0.5, 50.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_sweep_makes_no_field_dearer(shape: tuple[int, int], price: float) -> None:
    """By error + price * bits, of any errors; and where bits cost much, it makes a rough one cheaper."""
    field, before = some_fields(shape, 30)
    want, _ = some_fields(shape, 29)

    def errors(tried: Field, blocks: NDArray[np.intp]) -> NDArray[np.float32]:
        return np.abs(tried - want.reshape(2, -1)[:, blocks]).sum(axis=0).astype(np.float32)

    def cost(found: Field) -> float:
        return float(np.abs(found - want).sum()) + price * total_bits(found, before)

    after = vectors.sweep(field, before, errors, price)
    assert after.shape == field.shape and after.dtype == np.int32 and np.abs(after).max() <= warp.MAX_VECTOR
    assert cost(after) <= cost(field) * (1 + 1e-6)
    assert cost(after) < cost(field) or (after == field).all()
    if price > 1 and field[0].size > 1:
        assert total_bits(after, before) < total_bits(field, before)


def test_vectors_stay_within_limits() -> None:
    """Those a quarter of a pel beyond are not tried."""
    field = np.full((2, 4, 5), warp.MAX_VECTOR, dtype=np.int32)

    def errors(tried: Field, blocks: NDArray[np.intp]) -> NDArray[np.float32]:
        return -tried.sum(axis=0).astype(np.float32)

    assert np.array_equal(vectors.sweep(field, field, errors, 0.0), field)
