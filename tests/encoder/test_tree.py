"""The encoder's count of what motion costs, and its choice of blocks."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.codec import blocks
from lvcodec.codec.counts import Counts, Seen
from lvcodec.codec.motion import Motion, code_motion
from lvcodec.encoder.errors import Errors, ErrorsOfBoth, ErrorsOfOne
from lvcodec.encoder.rates import Rates
from lvcodec.encoder.tree import STEPS, Tree
from lvcodec.entropy.coder import Writer
from lvcodec.exact import warp

Field = NDArray[np.int32]
SHAPES = [(1, 1), (1, 2), (2, 1), (1, 20), (17, 1), (3, 5), (9, 16), (33, 40)]
BOTH_SIDES = pytest.mark.parametrize("side", warp.SIDES)


def some_fields(shape: tuple[int, int], spread: int) -> tuple[Field, Field]:
    """A random field, and one before it."""
    random = np.random.Generator(np.random.PCG64(shape[0] + 7 * spread))
    field, before = random.integers(-spread, spread + 1, (2, 2, *shape)).astype(np.int32)
    return field, before


def coded(found: Motion, predicted: Field, *, two: bool = False) -> tuple[Seen, float]:
    writer = Writer()
    _, seen = code_motion(found, predicted, found.side, Counts.fresh(), writer, two=two)
    return seen, writer.bits["motion"]


@BOTH_SIDES
@pytest.mark.parametrize("spread", [0, 2, 40])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_counted_is_what_the_coder_takes(shape: tuple[int, int], spread: int, side: int) -> None:
    """Of vectors, where all blocks are of the smallest size; flags are counted by what was seen of them."""
    field, before = some_fields(shape, spread)
    seen, bits = coded(Motion(side, field, np.ones(shape, np.int32)), before)
    rates = Rates.of(Counts.fresh(), two=False)
    tree = Tree(field, before, side, lambda vectors, places: np.zeros(places.size, np.float32), 1.0, rates)
    every = np.arange(field[0].size)
    vectors = rates.of_vectors(field.reshape(2, 1, -1), tree._expected(every))
    assert vectors.shape == (1, every.size)
    flags = seen.times[blocks.KIND_CONTEXTS :][: blocks.FLAG_CONTEXTS, : blocks.FLAGS] * rates.flags
    assert float(vectors.sum() + flags.sum()) == pytest.approx(bits, rel=0.001, abs=0.1)


@BOTH_SIDES
@pytest.mark.parametrize("price", [0.0, 0.5, 50.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_decided_blocks_can_be_coded(shape: tuple[int, int], price: float, side: int) -> None:
    """And cost no more than those to begin with, by error + price * bits, of any errors."""
    field, before = some_fields(shape, 30)
    want, _ = some_fields(shape, 29)

    def errors(tried: Field, places: NDArray[np.intp]) -> NDArray[np.float32]:
        return np.abs(tried - want.reshape(2, -1)[:, places]).sum(axis=0).astype(np.float32)

    def cost(found: Motion) -> float:
        return float(np.abs(found.field - want).sum()) + price * coded(found, before)[1]

    tree = Tree(field, before, side, errors, price, Rates.of(Counts.fresh(), two=False))
    tree.decide(3)
    after = Motion(side, tree.field, tree.leaves)
    assert after.field.dtype == np.int32 and np.abs(after.field).max() <= warp.MAX_VECTOR
    assert cost(after) <= cost(Motion(side, field, np.ones(shape, np.int32))) * (1 + 1e-6)
    if price > 1 and field[0].size > 4:
        assert after.leaves.max() > 1


@BOTH_SIDES
def test_vectors_stay_within_limits(side: int) -> None:
    """Those a quarter of a pel beyond are not tried."""
    field = np.full((2, 4, 5), warp.MAX_VECTOR, dtype=np.int32)

    def errors(tried: Field, places: NDArray[np.intp]) -> NDArray[np.float32]:
        return -tried.sum(axis=0).astype(np.float32)

    tree = Tree(field, field, side, errors, 0.0, Rates.of(Counts.fresh(), two=False))
    tree.decide(2)
    assert np.array_equal(tree.field, field)


@BOTH_SIDES
@pytest.mark.parametrize("shape", SHAPES)
def test_directions_follow_errors_and_neighbours(shape: tuple[int, int], side: int) -> None:
    """Each block's best where bits cost nothing; the same for all where they cost more than any error."""
    still = np.zeros((2, *shape), np.int32)
    random = np.random.Generator(np.random.PCG64(shape[1]))
    of_direction = random.random((3, still[0].size)).astype(np.float32)

    def errors(tried: Field, places: NDArray[np.intp]) -> NDArray[np.float32]:
        return np.abs(tried).sum(axis=0).astype(np.float32)

    for price in (1e-6, 1e6):
        tree = Tree(still, still, side, errors, price, Rates.of(Counts.fresh(), two=True))
        found = tree.directions(lambda vectors, places: of_direction[:, places])
        assert found.shape == shape and found.dtype == np.int32
        if price < 1:
            assert np.array_equal(found.ravel(), of_direction.argmin(axis=0))
        else:
            assert len(np.unique(found)) == 1
        coded(Motion(side, still, tree.leaves, found), still, two=True)


def moving(shape: tuple[int, int], side: int, shift: int, noise: int) -> NDArray[np.uint8]:
    """A picture of so many blocks, its left half moved by so many pels."""
    random = np.random.Generator(np.random.PCG64(3))
    height, width = side * shape[0], side * shape[1]
    coarse = random.integers(0, 256, (height // 4 + 9, width // 4 + 9)).astype(np.float64)
    fine = coarse.repeat(4, axis=0).repeat(4, axis=1)
    smooth = sum(fine[i : i + height + 16, j : j + width + 16] for i in range(4) for j in range(4)) / 16
    still, moved = smooth[8:-8, 8:-8], smooth[8 + shift : height + 8 + shift, 8 - shift : width + 8 - shift]
    picture = np.where(np.arange(width) < width // 2, moved, still)
    random = np.random.Generator(np.random.PCG64(shift))
    return np.clip(picture + random.integers(-noise, noise + 1, picture.shape), 0, 255).astype(np.uint8)


def some_errors(shape: tuple[int, int], side: int, direct: Field, noise: int, *, two: bool) -> Errors:
    pictures = [moving(shape, side, shift, noise) for shift in (0, 1, 3)]
    if two:
        return ErrorsOfBoth(pictures[1], pictures[0], pictures[2], direct, side, 1, 2, 3.0, 40.0)
    return ErrorsOfOne(pictures[1], pictures[0], direct.shape, side, 40.0)


@BOTH_SIDES
@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("price", [0.0, 0.3, 7.0])
@pytest.mark.parametrize("shape", [(1, 2), (17, 1), (3, 5), (18, 21), (17, 9)])
def test_kernels_decide_the_same(
    kernels: ModuleType, shape: tuple[int, int], price: float, two: bool, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where vectors are far from right, and some as far as they may be, in one round and three."""
    field, before = some_fields(shape, 12)
    far, _ = some_fields(shape, warp.MAX_VECTOR)
    field[:, ::5] = far[:, ::5]
    before[:, :, shape[1] // 2 :] = 3
    rates = Rates.of(Counts.fresh(), two=two)
    sizes: set[int] = set()
    for rounds in (1, 3):
        found = []
        for who in (kernels, None):
            monkeypatch.setattr(native, "kernels", lambda who=who: who)
            tree = Tree(field, before, side, some_errors(shape, side, far // 2, 9, two=two), price, rates)
            tree.decide(rounds)
            found.append((tree.field, tree.leaves))
        assert all(np.array_equal(*pair) and pair[0].dtype == pair[1].dtype for pair in zip(*found, strict=True))
        sizes |= set(found[0][1].ravel().tolist())
    assert len(sizes) > 1 or field[0].size < 9 or price != 0.3


def given_tree(side: int) -> dict[str, Any]:
    """What kernels are given to decide 3 x 5 blocks, in order."""
    vectors, places = np.zeros((2, 15), np.int32), np.zeros(15, np.int32)
    rates = Rates.of(Counts.fresh(), two=False)
    return {
        "new vectors": vectors.copy(),
        "new leaves": places.copy(),
        "vectors": vectors.copy(),
        "leaves": places + 1,
        "predicted": vectors.copy(),
        "as predicted": np.zeros(15, np.float32),
        **{name: places.copy() for name in ("one", "other", "level")},
        "kinds": rates.kinds,
        "flags": rates.flags,
        "differences": rates.differences,
        "steps": STEPS.copy(),
        "rows": 3,
        "columns": 5,
        "sizes": len(blocks.sizes_of(side)),
        "price": 1.0,
        "later": 0.5,
        "errors": some_errors((3, 5), side, np.zeros((2, 3, 5), np.int32), 9, two=False).compared,
    }


@BOTH_SIDES
def test_sizes_are_checked(kernels: ModuleType, side: int) -> None:
    """And all that the kernel finds its way by."""
    given = given_tree(side)
    kernels.decide(*given.values())
    most, sizes = warp.MAX_VECTOR + 1, given["sizes"]
    beyond = {"vectors": most, "predicted": -most, "steps": most, "one": 15, "other": -1, "level": sizes + 1}
    leaves = [("leaves", given["leaves"] * size) for size in (0, 3, 2**sizes)]
    changed = {name: each[..., 1:].copy() for name, each in given.items() if hasattr(each, "dtype")}
    del changed["steps"]  # any number of them will do
    cases = [*changed.items(), *leaves, *((name, given[name] * 0 + value) for name, value in beyond.items())]
    for name, value in [*cases, ("rows", 4), ("columns", 3), ("sizes", 1), ("sizes", 5)]:
        with pytest.raises(ValueError, match="kernels"):
            kernels.decide(*(given | {name: value}).values())
