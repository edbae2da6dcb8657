"""The search for motion: the compiled kernels and numpy find the same, so streams do not depend on them."""

from __future__ import annotations

import gc
import io
import weakref
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import lvcodec
from lvcodec import native
from lvcodec.codec.counts import Counts
from lvcodec.codec.motion import Motion
from lvcodec.encoder import errors
from lvcodec.encoder.errors import ErrorsOfOne
from lvcodec.encoder.search import _choose, _octaves, search, search_both
from lvcodec.exact import warp
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture

SIZES = [(16, 16), (40, 24), (70, 50), (150, 104)]  # width, height


def found(pictures: list[Picture], side: int, quality: float, *, both: bool) -> Motion:
    random = np.random.Generator(np.random.PCG64(5))
    before = random.integers(-9, 10, warp.field_shape(pictures[0].height, pictures[0].width, side)).astype(np.int32)
    before[:, :, before.shape[2] // 3 :] = 2
    if both:
        return search_both(pictures[1], pictures[0], pictures[3], before, side, 1, 2, quality, Counts.fresh())
    return search(pictures[1], pictures[0], before, side, quality, Counts.fresh())


def test_nothing_of_references_outlives_an_encoding(
    make_clip: Any, random_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes 16 times as much as the pictures' luma."""
    kept: list[weakref.ref[Any]] = []
    computed = errors.phases

    def watched(plane: Any) -> Any:
        shown = computed(plane)
        kept.append(weakref.ref(shown))
        return shown

    monkeypatch.setattr(errors, "phases", watched)
    clip = make_clip(64, 48, 5, 3), VideoFormat(64, 48, Fraction(25))
    lvcodec.encode(clip, io.BytesIO(), model=random_model)
    gc.collect()
    assert kept and not any(ref() is not None for ref in kept)


@pytest.mark.parametrize("side", warp.SIDES)
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_kernels_find_the_same(
    kernels: ModuleType, make_clip: Any, size: tuple[int, int], both: bool, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = make_clip(*size, 4, 3)
    for quality in (1.0, 6.0, 9.0):
        motions = []
        for who in (kernels, None):
            monkeypatch.setattr(native, "kernels", lambda who=who: who)
            motion = found(pictures, side, quality, both=both)
            motions.append([motion.field, motion.leaves, *([motion.direction] if both else [])])
        assert all(np.array_equal(*pair) for pair in zip(*motions, strict=True))


@pytest.mark.parametrize("group", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("side", warp.SIDES)
def test_kernels_choose_the_same(kernels: ModuleType, side: int, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of blocks whose rows and columns are no multiples of theirs."""
    random = np.random.Generator(np.random.PCG64(group))
    y, reference = (random.integers(0, 256, (37 * side - 3, 35 * side - 5), dtype=np.uint8) for _ in "12")
    shape = warp.field_shape(*y.shape, side)
    field, candidate = random.integers(-9, 10, (2, *shape)).astype(np.int32)
    chosen = []
    for who in (kernels, None):
        monkeypatch.setattr(native, "kernels", lambda who=who: who)
        errors = ErrorsOfOne(y, reference, shape, side, 4000.0)
        chosen.append(_choose(errors, field.copy(), errors.of(field), candidate, 300.0, group))
    assert all(np.array_equal(*pair) for pair in zip(*chosen, strict=True))
    taken = (chosen[0][0] == candidate).all(axis=0)
    assert taken.any() and not taken.all()


def given_choice() -> dict[str, Any]:
    """What kernels are given to choose among 3 x 5 blocks, in order."""
    field, error = np.full((2, 3, 5), warp.MAX_VECTOR, np.int32), np.zeros((3, 5), np.float32)
    given: dict[str, Any] = {"field": field, "error": error, "candidate": -field, "there": error.copy()}
    return given | {"octaves": _octaves(), "rows": 3, "columns": 5, "side": 4, "price": 1.0}


@pytest.mark.parametrize("wrong", ["field", "error", "candidate", "there", "octaves", "rows", "columns", "side", "far"])
def test_sizes_are_checked(kernels: ModuleType, wrong: str) -> None:
    kernels.choose(*given_choice().values())
    given = given_choice()
    if wrong == "far":
        given["candidate"] -= 1
    else:
        given[wrong] = given[wrong][..., 1:].copy() if isinstance(given[wrong], np.ndarray) else 0
    with pytest.raises(ValueError, match="kernels"):
        kernels.choose(*given.values())
