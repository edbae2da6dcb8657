"""What predictions lack, and which symbols are decided for it: the compiled kernels and numpy give the same."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lvcodec import native
from lvcodec.encoder import residual
from lvcodec.encoder.inter import _Trial
from lvcodec.entropy.tables import TOTAL, TableSet
from lvcodec.nets.inter_context import HEADS, group_of
from lvcodec.nets.shapes import InterShape
from lvcodec.video.picture import Picture

SHAPE = InterShape()
LENGTHS = np.array([2, 3, 4, 9, 40], dtype=np.int32)
PLACES, ALLOWED = 60, 23


def picture(width: int, height: int, seed: int) -> Picture:
    random = np.random.Generator(np.random.PCG64(seed))
    chroma = (height + 1) // 2, (width + 1) // 2
    return Picture(*(random.integers(0, 256, shape, dtype=np.uint8) for shape in ((height, width), chroma, chroma)))


@pytest.mark.parametrize("size", [(1, 1), (16, 32), (17, 50), (33, 15), (70, 102)])
def test_residual(kernels: ModuleType, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    x, shown = picture(*size, seed=1), picture(*size, seed=2)
    places = np.arange(0, -(-size[0] // 16) * -(-size[1] // 16), 2)
    found = []
    for who in (kernels, None):
        monkeypatch.setattr(native, "kernels", lambda who=who: who)
        found.append((residual.energies(x, shown), residual.at_places(x, shown, places)))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    energies, levels = found[0]
    np.testing.assert_array_equal(np.square(levels).sum(axis=1), energies[places])


def trial() -> tuple[_Trial, np.ndarray]:
    """A trial of made-up steps and costs, some of them equal; and its places."""
    random = np.random.Generator(np.random.PCG64(3))
    counts = []
    for length in LENGTHS.tolist():
        table = random.integers(1, TOTAL // (length * 4), length)
        table[0] += TOTAL - table.sum()
        counts.append(table)
    coding: Any = SimpleNamespace(
        tables={"inter": TableSet(np.concatenate(counts), LENGTHS)},
        outward=random.uniform(-0.2, 0.2, SHAPE.latent),
        shape=SHAPE,
    )
    real = (random.standard_normal((ALLOWED, SHAPE.latent)) * random.choice([0.3, 1, 30], (ALLOWED, 1))).round(2)
    worth = random.uniform(0.5, 20, ALLOWED).astype(np.float32)
    places = np.sort(random.permutation(PLACES)[:ALLOWED])
    return _Trial(real.astype(np.float32), worth, places, PLACES, coding), places


def test_symbols(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.Generator(np.random.PCG64(4))
    found = []
    one, places = trial()
    other, _ = trial()
    for number in range(HEADS):
        group = group_of(number, SHAPE)
        index = random.integers(0, LENGTHS.size, (places.size // 2, len(range(SHAPE.latent)[group]))).astype(np.int32)
        some = places[number % 2 :: 2][: len(index)]
        for who, each in ((kernels, one), (None, other)):
            monkeypatch.setattr(native, "kernels", lambda who=who: who)
            found.append(each.symbols(number, some, index))
        np.testing.assert_array_equal(*found[-2:])
    assert max(np.abs(symbols).max() for symbols in found) > 20 and any((symbols == 0).any() for symbols in found)
    np.testing.assert_array_equal(one._gain, other._gain)
    np.testing.assert_array_equal(one._any, other._any)
    assert one._gain.any() and one._any.any()


def test_a_table_that_does_not_exist(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "kernels", lambda: kernels)
    one, places = trial()
    for number in (-1, LENGTHS.size):
        with pytest.raises(ValueError, match="there is no such table"):
            one.symbols(0, places, np.full((places.size, SHAPE.first), number, dtype=np.int32))
