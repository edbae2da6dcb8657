"""The encoder's count of what motion costs, and its choice of blocks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lvcodec.codec import blocks
from lvcodec.codec.counts import Counts, Seen
from lvcodec.codec.motion import Motion, code_motion
from lvcodec.encoder.rates import Rates
from lvcodec.encoder.tree import Tree
from lvcodec.entropy.coder import Writer
from lvcodec.exact import warp

Field = NDArray[np.int32]
SHAPES = [(1, 1), (1, 2), (2, 1), (1, 20), (17, 1), (3, 5), (9, 16), (33, 40)]


def some_fields(shape: tuple[int, int], spread: int) -> tuple[Field, Field]:
    """A random field, and one before it."""
    random = np.random.Generator(np.random.PCG64(shape[0] + 7 * spread))
    field, before = random.integers(-spread, spread + 1, (2, 2, *shape)).astype(np.int32)
    return field, before


def coded(found: Motion, predicted: Field, *, two: bool = False) -> tuple[Seen, float]:
    writer = Writer()
    _, seen = code_motion(found, predicted, Counts.fresh(), writer, two=two)
    return seen, writer.bits["motion"]


@pytest.mark.parametrize("spread", [0, 2, 40])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_counted_is_what_the_coder_takes(shape: tuple[int, int], spread: int) -> None:
    """Of vectors, where all blocks are of the smallest size; flags are counted by what was seen of them."""
    field, before = some_fields(shape, spread)
    seen, bits = coded(Motion(field, np.ones(shape, np.int32)), before)
    rates = Rates.of(Counts.fresh(), two=False)
    tree = Tree(field, before, lambda vectors, places: np.zeros(places.size, np.float32), 1.0, rates)
    every = np.arange(field[0].size)
    vectors = rates.of_vectors(field.reshape(2, 1, -1), tree._expected(every))
    assert vectors.shape == (1, every.size)
    flags = seen.times[blocks.KIND_CONTEXTS :][: blocks.FLAG_CONTEXTS, : blocks.FLAGS] * rates.flags
    assert float(vectors.sum() + flags.sum()) == pytest.approx(bits, rel=0.001, abs=0.1)


@pytest.mark.parametrize("price", [0.0, 0.5, 50.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_decided_blocks_can_be_coded(shape: tuple[int, int], price: float) -> None:
    """And cost no more than those to begin with, by error + price * bits, of any errors."""
    field, before = some_fields(shape, 30)
    want, _ = some_fields(shape, 29)

    def errors(tried: Field, places: NDArray[np.intp]) -> NDArray[np.float32]:
        return np.abs(tried - want.reshape(2, -1)[:, places]).sum(axis=0).astype(np.float32)

    def cost(found: Motion) -> float:
        return float(np.abs(found.field - want).sum()) + price * coded(found, before)[1]

    tree = Tree(field, before, errors, price, Rates.of(Counts.fresh(), two=False))
    tree.decide(3)
    after = Motion(tree.field, tree.leaves)
    assert after.field.dtype == np.int32 and np.abs(after.field).max() <= warp.MAX_VECTOR
    assert cost(after) <= cost(Motion(field, np.ones(shape, np.int32))) * (1 + 1e-6)
    if price > 1 and field[0].size > 4:
        assert after.leaves.max() > 1


def test_vectors_stay_within_limits() -> None:
    """Those a quarter of a pel beyond are not tried."""
    field = np.full((2, 4, 5), warp.MAX_VECTOR, dtype=np.int32)

    def errors(tried: Field, places: NDArray[np.intp]) -> NDArray[np.float32]:
        return -tried.sum(axis=0).astype(np.float32)

    tree = Tree(field, field, errors, 0.0, Rates.of(Counts.fresh(), two=False))
    tree.decide(2)
    assert np.array_equal(tree.field, field)


@pytest.mark.parametrize("shape", SHAPES)
def test_directions_follow_errors_and_neighbours(shape: tuple[int, int]) -> None:
    """Each block's best where bits cost nothing; the same for all where they cost more than any error."""
    still = np.zeros((2, *shape), np.int32)
    random = np.random.Generator(np.random.PCG64(shape[1]))
    of_direction = random.random((3, still[0].size)).astype(np.float32)

    def errors(tried: Field, places: NDArray[np.intp]) -> NDArray[np.float32]:
        return np.abs(tried).sum(axis=0).astype(np.float32)

    for price in (1e-6, 1e6):
        tree = Tree(still, still, errors, price, Rates.of(Counts.fresh(), two=True))
        found = tree.directions(lambda vectors, places: of_direction[:, places])
        assert found.shape == shape and found.dtype == np.int32
        if price < 1:
            assert np.array_equal(found.ravel(), of_direction.argmin(axis=0))
        else:
            assert len(np.unique(found)) == 1
        coded(Motion(still, tree.leaves, found), still, two=True)
