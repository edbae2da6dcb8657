"""Errors do not add up: a still scene looks at its end as it looked at its beginning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import lvcodec

PICTURES, EARLY, LATE = 210, 20, 200  # all in one GOP at 30 pictures a second


@pytest.mark.slow
@pytest.mark.parametrize("quality", [2, 4, 7])
def test_a_still_scene_keeps_its_quality(quality: float, tmp_path: Path) -> None:
    """A textured scene with a camera's noise, which no picture shares with the next."""
    random = np.random.default_rng(7)
    texture = sum(gaussian_filter(random.standard_normal((96, 128)), spread) * spread for spread in (1, 3, 9))
    scene = 128 + 40 * texture / texture.std()
    chroma = np.full((48, 64), 120, np.uint8)
    pictures = []
    with lvcodec.Encoder(tmp_path / "a.lvc", rate=30, quality=quality) as encoder:
        for _ in range(PICTURES):
            noisy = scene + 2 * random.standard_normal(scene.shape)
            pictures.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
            encoder.write((pictures[-1], chroma, chroma))
    kinds = [picture.kind for picture in lvcodec.probe(tmp_path / "a.lvc").pictures]
    assert kinds.index("I") == 0 and kinds.count("I") == 1
    with lvcodec.open(tmp_path / "a.lvc", pix_fmt="yuv420p") as video:
        early, late = (psnr(pictures[number], video[number][0]) for number in (EARLY, LATE))
    assert abs(late - early) < 0.3


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """In dB."""
    return float(10 * np.log10(255**2 / np.square(one.astype(float) - other.astype(float)).mean()))
