"""Flicker and pumping of errors that are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lvcodec.measure.flicker import FlickerMeter
from lvcodec.measure.psnr import psnr_db

Planes = list[NDArray[np.uint8]]
SHAPE = (64, 96)


def moving(count: int, seed: int = 5) -> Planes:
    """A texture that goes four pixels a picture."""
    texture = np.random.default_rng(seed).integers(60, 70, (SHAPE[0], SHAPE[1] + 4 * count), np.uint8)
    return [texture[:, 4 * n : 4 * n + SHAPE[1]] for n in range(count)]


def metered(source: Planes, decoded: Planes) -> FlickerMeter:
    meter = FlickerMeter()
    for pair in zip(source, decoded, strict=True):
        meter.add(*pair)
    return meter


def noise(seed: int, levels: float = 4) -> NDArray[np.int64]:
    return np.random.default_rng(seed).normal(0, levels, SHAPE).round().astype(int)


def plus(plane: NDArray[np.uint8], error: NDArray[np.int64]) -> NDArray[np.uint8]:
    return (plane + error).astype(np.uint8)


def test_an_error_that_stays_does_not_flicker() -> None:
    source = moving(5)
    meter = metered(source, [plus(plane, noise(1)) for plane in source])
    assert meter.mean() == 100


def test_errors_that_come_anew_lie_3_db_below_their_psnr() -> None:
    source = moving(5)
    decoded = [plus(plane, noise(n)) for n, plane in enumerate(source)]
    psnr = np.mean([psnr_db(*pair) for pair in zip(source, decoded, strict=True)])
    assert metered(source, decoded).mean() == pytest.approx(psnr - 3.01, abs=0.1)


def test_it_is_the_psnr_of_changes() -> None:
    source, decoded = moving(2), moving(2, seed=6)
    changes = [np.subtract(planes[1], planes[0], dtype=np.int16) for planes in (source, decoded)]
    meter = FlickerMeter()
    assert meter.add(source[0], decoded[0]) is None
    assert meter.add(source[1], decoded[1]) == pytest.approx(psnr_db(*changes))


def test_pumping() -> None:
    """A GOP of four: its I-picture brings an error of its own, the others change it a little."""
    source = moving(13)
    decoded = [plus(plane, noise(n // 4) + noise(100 + n, 1)) for n, plane in enumerate(source)]
    meter = metered(source, decoded)
    pumping = meter.pumping({0, 4, 8, 12})
    assert pumping is not None and 11 < pumping < 13  # 10 log10 (2 * 17 / 2)
    assert meter.pumping(range(13)) is None and meter.pumping(()) is None


def test_cuts_do_not_count() -> None:
    source = moving(4) + [np.full_like(plane, 180) for plane in moving(4)]
    decoded = [plus(plane, noise(n // 4)) for n, plane in enumerate(source)]
    meter = metered(source, decoded)
    assert meter.mean() == 100 and meter.pumping({0, 4}) is None


def test_motion_that_sets_in_is_no_cut() -> None:
    """A still clip that begins to move changes as much as one that is cut, but goes on."""
    textures = np.random.default_rng(7).integers(0, 256, (4, *SHAPE), np.uint8)
    source = [*[textures[0]] * 4, *textures[1:]]
    decoded = [*source[:4], *(plane // 2 for plane in source[4:])]
    assert (metered(source, decoded).mean() or 100) < 16


def test_one_picture_has_none() -> None:
    meter = metered(moving(1), moving(1))
    assert meter.mean() is None and meter.pumping({0}) is None
