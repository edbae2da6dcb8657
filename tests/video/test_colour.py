from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lvcodec.errors import InputError
from lvcodec.video.colour import Colour
from lvcodec.video.rgb import planes_to_rgb, rgb_to_planes

WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def float_rgb(y: int, u: int, v: int, matrix: int, full: bool) -> list[float]:
    """The textbook's formula, in floats: the judge of the integers."""
    kr, kb = WEIGHTS[matrix]
    luma = y / 255 if full else (y - 16) / 219
    cb, cr = ((c - 128) / (255 if full else 224) for c in (u, v))
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return [min(max(255 * c, 0), 255) for c in (red, green, blue)]


@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("full", [False, True])
def test_samples_become_the_textbook_s_rgb(matrix: int, full: bool) -> None:
    rng = np.random.default_rng(matrix)
    for y, u, v in rng.integers(0, 256, (200, 3)):
        planes = [np.full((1, 1), sample, np.uint8) for sample in (y, u, v)]
        got = planes_to_rgb(*planes, Colour(matrix=matrix, full_range=full)).ravel()
        assert np.abs(got - np.array(float_rgb(int(y), int(u), int(v), matrix, full))).max() <= 0.502


@pytest.mark.parametrize("full", [False, True])
def test_grey_has_no_chroma_and_white_is_the_top_of_the_range(full: bool) -> None:
    levels = np.arange(256, dtype=np.uint8)
    rgb = np.broadcast_to(levels, (3, 1, 256)).copy()
    y, u, v = rgb_to_planes(rgb, Colour(matrix=1, full_range=full))
    assert set(u.ravel()) == set(v.ravel()) == {128}
    assert (y[0, 0], y[0, 255]) == ((0, 255) if full else (16, 235))


@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_rgb_comes_back_within_a_step_of_full_range_rounding(matrix: int) -> None:
    colour = Colour(matrix=matrix, full_range=True)
    # flat 2x2 blocks: subsampling costs nothing, only rounding of three samples is left
    blocks = np.random.default_rng(1).integers(0, 256, (3, 16, 16)).astype(np.uint8)
    rgb = blocks.repeat(2, axis=1).repeat(2, axis=2)
    back = planes_to_rgb(*rgb_to_planes(rgb, colour), colour)
    assert np.abs(back.astype(int) - rgb).max() <= 2


def test_chroma_is_the_mean_of_two_by_two_and_odd_sides_repeat_the_last() -> None:
    rgb = np.zeros((3, 3, 3), np.uint8)
    rgb[2] = [[255, 0, 200], [0, 0, 100], [40, 80, 120]]  # blue only
    _, u, _ = rgb_to_planes(rgb, Colour(matrix=6, full_range=True))
    means = [(255 + 0 + 0 + 0) / 4, (200 * 2 + 100 * 2) / 4, (40 * 2 + 80 * 2) / 4, 120.0]
    expected = [int(Fraction(mean) / 2 + 128 + Fraction(1, 2)) for mean in means]
    assert u.ravel().tolist() == expected


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 1), (1, 5), (175, 143)])
def test_any_size_converts(width: int, height: int) -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (3, height, width)).astype(np.uint8)
    y, u, v = rgb_to_planes(rgb, Colour(matrix=1))
    assert u.shape == v.shape == ((height + 1) // 2, (width + 1) // 2)
    assert planes_to_rgb(y, u, v, Colour(matrix=1)).shape == rgb.shape


def test_these_bits_are_pinned() -> None:
    y, u, v = rgb_to_planes(np.array([[[12]], [[200]], [[77]]], np.uint8), Colour(1, 1, 1))
    assert (y.item(), u.item(), v.item()) == (146, 93, 50)
    assert planes_to_rgb(y, u, v, Colour(1, 1, 1)).ravel().tolist() == [12, 200, 77]


def test_a_matrix_without_weights_is_refused() -> None:
    with pytest.raises(InputError, match="ictcp"):
        planes_to_rgb(*(np.zeros((1, 1), np.uint8),) * 3, Colour(matrix=14))


def test_codes_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="256"):
        Colour(primaries=256)
    with pytest.raises(InputError, match="location 7"):
        Colour(chroma_location=7)
