"""The warp against a slow reference in whole numbers, pel by pel, from docs/bitstream.md; shifts; bounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.exact import warp, warp_blocks
from lvcodec.exact.taps import CHROMA_TAPS, FINE, LUMA_TAPS, ONE, Taps
from lvcodec.exact.warp import MAX_VECTOR, SIDES, STEPS, field_shape

Plane = NDArray[np.uint8]
Field = NDArray[np.int32]
SIZES = [(1, 1), (1, 40), (33, 1), (7, 9), (16, 16), (17, 31), (48, 35)]  # of the luma plane
BOTH_SIDES = pytest.mark.parametrize("side", SIDES)
VECTORS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.int64]]] = {
    "near": lambda random, shape: random.integers(-9, 10, shape),
    "some blocks away": lambda random, shape: random.integers(-300, 301, shape),
    "far outside": lambda random, shape: random.integers(-MAX_VECTOR, MAX_VECTOR + 1, shape),
    "at the limits": lambda random, shape: random.choice([-MAX_VECTOR, MAX_VECTOR], shape),
}
# As docs/bitstream.md prints them: rows are the fractions of a pel.
PAGE_LUMA = [
    [0, 0, 0, 64, 0, 0, 0, 0],
    [-1, 4, -10, 58, 17, -5, 1, 0],
    [-1, 4, -11, 40, 40, -11, 4, -1],
    [0, 1, -5, 17, 58, -10, 4, -1],
]
PAGE_CHROMA = [
    [0, 64, 0, 0],
    [-2, 58, 10, -2],
    [-4, 54, 16, -2],
    [-6, 46, 28, -4],
    [-4, 36, 36, -4],
    [-4, 28, 46, -6],
    [-2, 16, 54, -4],
    [-2, 10, 58, -2],
]


def half_to_even(numerator: int, denominator: int) -> int:
    """round(numerator / denominator) of whole numbers."""
    whole, rest = divmod(numerator, denominator)
    return whole + int(2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))


def slow_warp(plane: Plane, field: Field, block: int, *, chroma: bool) -> Plane:
    """One pel after the other, four blocks each."""
    taps = np.array(PAGE_CHROMA if chroma else PAGE_LUMA, dtype=np.int64)
    side, steps, count = block // 2 if chroma else block, len(taps), taps.shape[1]
    height, width = plane.shape
    source = plane.astype(np.int64)
    shown = np.zeros_like(plane)
    for r, c in np.ndindex(height, width):
        total = 0
        first_i, first_j = (2 * r - side) // (2 * side), (2 * c - side) // (2 * side)
        for i in (first_i, first_i + 1):
            for j in (first_j, first_j + 1):
                vector = field[:, min(max(i, 0), field.shape[1] - 1), min(max(j, 0), field.shape[2] - 1)]
                (down, part_down), (right, part_right) = (divmod(int(v), steps) for v in vector)
                rows = np.clip(r + down + np.arange(count) - count // 2 + 1, 0, height - 1)
                columns = np.clip(c + right + np.arange(count) - count // 2 + 1, 0, width - 1)
                seen = int(taps[part_down] @ source[np.ix_(rows, columns)] @ taps[part_right])
                weight = 1
                for place in (r - side * i + side // 2, c - side * j + side // 2):
                    assert 0 <= place < 2 * side
                    weight *= 2 * place + 1 if place < side else 4 * side - 1 - 2 * place
                total += weight * half_to_even(seen, 256)
        shown[r, c] = min(max(half_to_even(total, 16 * (2 * side) ** 2), 0), 255)
    return shown


def made(height: int, width: int, side: int, chroma: bool, seed: int = 0) -> tuple[Plane, Callable[[str], Field]]:
    """A noisy plane of a picture of that many luma pels, and what draws it a field."""
    random = np.random.Generator(np.random.PCG64(seed))
    shape = ((height + 1) // 2, (width + 1) // 2) if chroma else (height, width)
    plane = random.integers(0, 256, shape).astype(np.uint8)
    return plane, lambda kind: VECTORS[kind](random, field_shape(height, width, side)).astype(np.int32)


@pytest.fixture(params=["compiled", "torch"], autouse=True)
def who_computes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch":
        monkeypatch.setattr(native, "kernels", lambda: None)
    elif native.kernels() is None:
        pytest.skip(f"no compiled kernels: {native.condition()}")


@BOTH_SIDES
@pytest.mark.parametrize("chroma", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_no_motion_changes_nothing(size: tuple[int, int], chroma: bool, side: int) -> None:
    plane, _ = made(*size, side, chroma)
    assert np.array_equal(warp.warp(plane, np.zeros(field_shape(*size, side), np.int32), side, chroma=chroma), plane)


@BOTH_SIDES
@pytest.mark.parametrize("chroma", [False, True])
@pytest.mark.parametrize("vector", [(1, 0), (0, -3), (-5, 4), (100, -100), (MAX_VECTOR // 8, 2)])
def test_whole_pels_are_a_shift(vector: tuple[int, int], chroma: bool, side: int) -> None:
    """Vectors in whole pels of the plane; what comes from outside is its edge."""
    size = 47, 70
    plane, _ = made(*size, side, chroma)
    field = np.zeros(field_shape(*size, side), np.int32)
    field += np.array(vector, np.int32)[:, None, None] * STEPS * (2 if chroma else 1)
    rows, columns = (np.clip(np.arange(n) + v, 0, n - 1) for n, v in zip(plane.shape, vector, strict=True))
    assert np.array_equal(warp.warp(plane, field, side, chroma=chroma), plane[np.ix_(rows, columns)])


@BOTH_SIDES
@pytest.mark.parametrize("chroma", [False, True])
@pytest.mark.parametrize("kind", VECTORS)
@pytest.mark.parametrize("size", SIZES)
def test_equals_the_slow_reference(size: tuple[int, int], kind: str, chroma: bool, side: int) -> None:
    plane, draw = made(*size, side, chroma, seed=sum(size))
    field = draw(kind)
    got = warp.warp(plane, field, side, chroma=chroma)
    assert got.dtype == np.uint8 and got.flags.c_contiguous
    assert np.array_equal(got, slow_warp(plane, field, side, chroma=chroma))


@BOTH_SIDES
@pytest.mark.parametrize("chroma", [False, True])
def test_black_and_white(chroma: bool, side: int) -> None:
    """Levels that overshoot are clamped; every fraction occurs, down and across."""
    size = 4 * side, 8 * side
    plane, _ = made(*size, side, chroma)
    plane = np.where(plane < 128, 0, 255).astype(np.uint8)
    steps = STEPS * (2 if chroma else 1)
    field = np.stack([part.reshape(4, 8) for part in np.divmod(np.arange(32), steps)]).astype(np.int32)
    if chroma:  # the other four fractions down
        field[0] += 4 * (np.arange(8) // 4)
    got = warp.warp(plane, field, side, chroma=chroma)
    assert {0, 255} < set(got.ravel().tolist())
    assert np.array_equal(got, slow_warp(plane, field, side, chroma=chroma))


@BOTH_SIDES
@pytest.mark.parametrize("taps", [LUMA_TAPS, CHROMA_TAPS])
def test_sums_are_exact(taps: Taps, side: int) -> None:
    """The largest sums that any plane can give, tap by tap and block by block, are below 2^24."""
    table = np.array(taps, dtype=np.int64)
    _, side = warp.taps_and_side(side, chroma=taps is CHROMA_TAPS)
    assert (table.sum(axis=1) == ONE).all()
    for down in table:
        for across in table:
            product = np.outer(down, across)
            for plane in (np.where(product > 0, 255, 0), np.where(product < 0, 255, 0)):  # highest and lowest sums
                largest = int(np.abs(plane * product).sum())
                assert largest < 2**24
                assert (largest * FINE / ONE**2 + 1) * (2 * side) ** 2 < 2**24  # four blocks, weights of (2 side)^2
    ramp = np.concatenate([np.arange(1, 2 * side, 2), np.arange(2 * side - 1, 0, -2)])
    assert (ramp[:side] + ramp[side:] == 2 * side).all()
    assert np.array_equal(warp_blocks._weights(side).numpy(), np.outer(ramp, ramp))


@BOTH_SIDES
@pytest.mark.parametrize("chroma", [False, True])
@pytest.mark.parametrize("shift", [0, 1])
def test_the_worst_planes(shift: int, chroma: bool, side: int) -> None:
    """Black and white as the taps' signs would have it for the largest overshoot, at the half pel of every block."""
    size = 37, 53
    plane, _ = made(*size, side, chroma)
    taps = np.array(CHROMA_TAPS[4] if chroma else LUMA_TAPS[2])
    signs = np.resize(taps < 0, max(plane.shape) + shift)[shift:]
    plane = np.where(signs[: plane.shape[0], None] == signs[None, : plane.shape[1]], 255, 0).astype(np.uint8)
    field = np.full(field_shape(*size, side), 4 if chroma else 2, np.int32)
    assert np.array_equal(warp.warp(plane, field, side, chroma=chroma), slow_warp(plane, field, side, chroma=chroma))


@BOTH_SIDES
@pytest.mark.parametrize("chroma", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_kernels_show_two_planes_as_torch_does(
    size: tuple[int, int], chroma: bool, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where blocks show the one, the other or both."""
    (plane, draw), (other, _) = (made(*size, side, chroma, seed) for seed in (1, 2))
    fields = draw("near"), draw("some blocks away")
    which = np.random.Generator(np.random.PCG64(3)).integers(1, 4, fields[0].shape[1:])
    given = (plane, other), fields, (which & 1 != 0, which & 2 != 0)
    shown = warp.warp_both(*given, side, chroma=chroma)
    taps, its_side = warp.taps_and_side(side, chroma=chroma)
    assert np.array_equal(shown, warp_blocks.both_moved(*given, taps, its_side))
    monkeypatch.setattr(native, "kernels", lambda: None)
    assert np.array_equal(shown, warp.warp_both(*given, side, chroma=chroma))


@BOTH_SIDES
def test_threads_do_not_matter(side: int) -> None:
    plane, draw = made(240, 352, side, chroma=False)
    field = draw("some blocks away")
    before, shown = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            shown.append(warp.warp(plane, field, side))
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(*shown)
