"""Block errors for the search: the compiled kernels and numpy give the same, so streams do not depend on them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lvcodec import native
from lvcodec.encoder.errors import Errors, ErrorsOfBoth, ErrorsOfOne, phases
from lvcodec.exact import warp

MENDED = 20.0  # errors above it count by their logarithm
SIZES = [(16, 16), (17, 40), (50, 33), (96, 128)]


def planes(size: tuple[int, int], *, extreme: bool) -> list[np.ndarray]:
    random = np.random.Generator(np.random.PCG64(8))
    levels = [0, 255] if extreme else np.arange(256)
    return [random.choice(levels, size).astype(np.uint8) for _ in "yr"]


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_phases(kernels: ModuleType, size: tuple[int, int], extreme: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    plane, _ = planes(size, extreme=extreme)
    monkeypatch.setattr(native, "kernels", lambda: kernels)
    compiled = phases(plane)
    monkeypatch.setattr(native, "kernels", lambda: None)
    assert np.array_equal(compiled, phases(plane))


@pytest.mark.parametrize("side", warp.SIDES)
@pytest.mark.parametrize("far", [9, 200, warp.MAX_VECTOR])
@pytest.mark.parametrize("size", SIZES)
def test_errors(
    kernels: ModuleType, size: tuple[int, int], far: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    y, ref = planes(size, extreme=far == 9)
    shape = warp.field_shape(*size, side)
    random = np.random.Generator(np.random.PCG64(9))
    blocks = random.integers(0, shape[1] * shape[2], 50)
    vectors = random.integers(-far, far + 1, (2, 50)).astype(np.int32)
    found = []
    for who in (kernels, None):
        monkeypatch.setattr(native, "kernels", lambda who=who: who)
        found.append(ErrorsOfOne(y, ref, shape, side, MENDED)(vectors, blocks))
    assert np.array_equal(*found)


@pytest.mark.parametrize("side", warp.SIDES)
@pytest.mark.parametrize("far", [9, 2000])
@pytest.mark.parametrize("distances", [(1, 1), (1, 3), (2, 1)])
def test_errors_of_both(
    kernels: ModuleType, distances: tuple[int, int], far: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 50, 70
    (y, before), (_, after) = planes(size, extreme=False), planes(size, extreme=True)
    shape = warp.field_shape(*size, side)
    random = np.random.Generator(np.random.PCG64(9))
    direct = random.integers(-60, 61, shape).astype(np.int32)
    blocks = random.integers(0, shape[1] * shape[2], 80)
    differences = random.integers(-far, far + 1, (2, 80)).astype(np.int32)
    found = []
    for who in (kernels, None):
        monkeypatch.setattr(native, "kernels", lambda who=who: who)
        errors = ErrorsOfBoth(y, before, after, direct, side, *distances, 1.5, MENDED)
        found.append(errors.by_direction(differences, blocks))
    assert np.array_equal(*found) and found[0].shape == (3, 80)


@pytest.mark.parametrize("side", warp.SIDES)
@pytest.mark.parametrize("compiled", [True, False])
def test_what_was_compared_before_is_known(
    kernels: ModuleType, compiled: bool, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vectors of one block share slots, and some are tried again: the errors are those of a search that forgets."""
    monkeypatch.setattr(native, "kernels", lambda: kernels if compiled else None)
    y, ref = planes((48, 64), extreme=False)
    shape = warp.field_shape(48, 64, side)
    random = np.random.Generator(np.random.PCG64(11))
    kept = ErrorsOfOne(y, ref, shape, side, MENDED)
    compared = []
    honest = kept._compared
    monkeypatch.setattr(
        kept, "_compared", lambda vectors, blocks: compared.append(len(blocks)) or honest(vectors, blocks)
    )
    for _ in range(4):
        blocks = random.integers(0, 3, 300)
        vectors = random.integers(-9, 10, (2, 300)).astype(np.int32)
        assert np.array_equal(kept(vectors, blocks), ErrorsOfOne(y, ref, shape, side, MENDED)(vectors, blocks))
    assert compiled or 300 > compared[0] > compared[-1] > 0


def given_errors(side: int, *, both: bool) -> dict[str, Any]:
    """What kernels are given of a picture of 2 x 3 blocks."""
    y, ref = planes((2 * side, 3 * side), extreme=False)
    direct = np.zeros((2, 2, 3), np.int32)
    if both:
        errors: Errors = ErrorsOfBoth(y, ref, y, direct, side, 1, 2, 1.5, MENDED)
    else:
        errors = ErrorsOfOne(y, ref, direct.shape, side, MENDED)
    names = "seen others_seen wanted direct known found height width border side columns before after price mended"
    return dict(zip(names.split(), errors.compared, strict=True))


@pytest.mark.parametrize("side", warp.SIDES)
@pytest.mark.parametrize(
    "wrong",
    ["errors", "vectors", "blocks", "block", "far", "seen", "wanted", "known", "found", "side", "columns", "mended"],
)
def test_sizes_are_checked(kernels: ModuleType, wrong: str, side: int) -> None:
    given: dict[str, Any] = {
        "errors": np.empty(4, np.float32),
        "vectors": np.full((2, 4), (1 + (wrong == "far")) * warp.MAX_VECTOR, np.int32),
        "blocks": np.arange(4) + 3 * (wrong == "block"),
    }
    compared = given_errors(side, both=False)
    if wrong in given:
        given[wrong] = given[wrong][..., 1:].copy()
    elif wrong in ("side", "columns", "mended"):
        compared[wrong] = 0
    elif wrong in compared:
        compared[wrong] = compared[wrong][1:].copy()
    with pytest.raises(ValueError, match="kernels"):
        kernels.errors(*given.values(), tuple(compared.values()))


@pytest.mark.parametrize("side", warp.SIDES)
@pytest.mark.parametrize("wrong", ["errors", "others_seen", "direct", "alone", "before", "after"])
def test_sizes_of_two_references_are_checked(kernels: ModuleType, wrong: str, side: int) -> None:
    compared = given_errors(side, both=wrong != "alone")
    errors = np.empty((3 - (wrong == "errors"), 4), np.float32)
    if wrong in ("before", "after"):
        compared[wrong] = 0
    elif wrong in compared:
        compared[wrong] = None if wrong == "direct" else compared[wrong][1:].copy()
    with pytest.raises(ValueError, match="kernels"):
        kernels.errors_of_both(errors, np.zeros((2, 4), np.int32), np.arange(4), tuple(compared.values()))
