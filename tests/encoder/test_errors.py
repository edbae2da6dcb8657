"""Block errors for the search: the compiled kernels and numpy give the same, so streams do not depend on them."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from lvcodec import native
from lvcodec.encoder.errors import BORDER, SLOTS, ErrorsOfBoth, ErrorsOfOne, phases
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


@pytest.mark.parametrize("far", [9, 200, warp.MAX_VECTOR])
@pytest.mark.parametrize("size", SIZES)
def test_errors(kernels: ModuleType, size: tuple[int, int], far: int, monkeypatch: pytest.MonkeyPatch) -> None:
    y, ref = planes(size, extreme=far == 9)
    shape = warp.field_shape(*size)
    random = np.random.Generator(np.random.PCG64(9))
    blocks = random.integers(0, shape[1] * shape[2], 50)
    vectors = random.integers(-far, far + 1, (2, 50)).astype(np.int32)
    found = []
    for who in (kernels, None):
        monkeypatch.setattr(native, "kernels", lambda who=who: who)
        found.append(ErrorsOfOne(y, ref, shape, MENDED)(vectors, blocks))
    assert np.array_equal(*found)


@pytest.mark.parametrize("distances", [(1, 1), (1, 3), (2, 1)])
def test_errors_of_both(kernels: ModuleType, distances: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    size = 50, 70
    (y, before), (_, after) = planes(size, extreme=False), planes(size, extreme=True)
    shape = warp.field_shape(*size)
    random = np.random.Generator(np.random.PCG64(9))
    direct = random.integers(-60, 61, shape).astype(np.int32)
    blocks = random.integers(0, shape[1] * shape[2], 80)
    differences = random.integers(-9, 10, (2, 80)).astype(np.int32)
    found = []
    for who in (kernels, None):
        monkeypatch.setattr(native, "kernels", lambda who=who: who)
        found.append(ErrorsOfBoth(y, before, after, direct, *distances, 1.5, MENDED).by_direction(differences, blocks))
    assert np.array_equal(*found) and found[0].shape == (3, 80)


def test_what_was_compared_before_is_known(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of one block share slots, and some are tried again: the errors are those of a search that forgets."""
    monkeypatch.setattr(native, "kernels", lambda: kernels)
    y, ref = planes((48, 64), extreme=False)
    shape = warp.field_shape(48, 64)
    random = np.random.Generator(np.random.PCG64(11))
    kept = ErrorsOfOne(y, ref, shape, MENDED)
    compared = []
    honest = kept._compared
    monkeypatch.setattr(
        kept, "_compared", lambda vectors, blocks: compared.append(len(blocks)) or honest(vectors, blocks)
    )
    for _ in range(4):
        blocks = random.integers(0, 3, 300)
        vectors = random.integers(-9, 10, (2, 300)).astype(np.int32)
        assert np.array_equal(kept(vectors, blocks), ErrorsOfOne(y, ref, shape, MENDED)(vectors, blocks))
    assert compared[0] == 300 > compared[-1] > 0


@pytest.mark.parametrize("wrong", ["block", "missing", "errors", "vectors", "found"])
def test_sizes_of_what_is_known_are_checked(kernels: ModuleType, wrong: str) -> None:
    given = {
        "errors": np.empty(4, np.float32),
        "missing": np.empty(4, np.int64),
        "vectors": np.zeros((2, 4), np.int32),
        "blocks": np.arange(4) + 2 * (wrong == "block"),
        "known": np.zeros((5, SLOTS**2), np.int64),
        "found": np.zeros((5, SLOTS**2), np.float32),
    }
    if wrong != "block":
        given[wrong] = given[wrong][1:].copy()
    with pytest.raises(ValueError, match="kernels"):
        kernels.recall(*given.values())


def test_small_blocks(kernels: ModuleType) -> None:
    """Of 8x8, which only the kernel has."""
    y, ref = planes((40, 56), extreme=False)
    seen, wanted = phases(ref), np.ascontiguousarray(y.reshape(5, 8, 7, 8).transpose(0, 2, 1, 3))
    vectors, blocks = np.full((2, 35), -5, np.int32), np.arange(35)
    squared = np.empty(35, np.uint32)
    kernels.errors(squared, seen, wanted, vectors, blocks, *seen.shape[1:], BORDER, 4, 8, 7)
    moved = seen[3 * 4 + 3, BORDER - 2 :, BORDER - 2 :][:40, :56].astype(int) - y
    assert squared.tolist() == np.square(moved).reshape(5, 8, 7, 8).sum(axis=(1, 3)).ravel().tolist()


@pytest.mark.parametrize("wrong", ["block", "blocks", "vectors", "seen", "wanted", "errors", "side", "columns"])
def test_sizes_are_checked(kernels: ModuleType, wrong: str) -> None:
    y, ref = planes((32, 48), extreme=False)
    seen, wanted = phases(ref), np.zeros((6, 16, 16), np.uint8)
    vectors, blocks, squared = np.zeros((2, 4), np.int32), np.arange(4), np.empty(4, np.uint32)
    side, columns = 16, 3
    if wrong == "block":
        blocks = blocks + 3
    elif wrong == "blocks":
        blocks = blocks[:3].copy()
    elif wrong == "vectors":
        vectors = vectors[:1].copy()
    elif wrong == "seen":
        seen = seen[1:].copy()
    elif wrong == "wanted":
        wanted = wanted[:, 1:].copy()
    elif wrong == "errors":
        squared = squared[1:].copy()
    elif wrong == "side":
        side = 32
    else:
        columns = 0
    with pytest.raises(ValueError, match="kernels"):
        kernels.errors(squared, seen, wanted, vectors, blocks, *seen.shape[1:], BORDER, 4, side, columns)
