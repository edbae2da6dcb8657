"""Clips as files, and a codec that is quick: MPEG-4 part 2 as a user would add it."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lvcodec.video.picture import Picture, VideoFormat
from lvcodec.video.sink import open_sink

# Small pictures gain nothing from a second thread, and on a busy machine lose much.
os.environ.setdefault("OMP_NUM_THREADS", "1")

MakeClip = Callable[..., list[Picture]]
WriteClip = Callable[..., Path]

MPEG4 = """
[mpeg4]
label = "MPEG-4 part 2"
suffix = "m4v"
encoder = "mpeg4"
points = [2, 8]
encode = "{ffmpeg} {raw} -c:v mpeg4 -q:v {q} -g {gop} -threads 1 -f m4v {output}"
decode = "{ffmpeg} -f m4v -i {input} {as_raw}"
"""


@pytest.fixture(scope="session")
def write_clip(make_clip: MakeClip) -> WriteClip:
    """write_clip(path, width, height, count, seed=0, noise=0): a made clip as .y4m or .yuv, with noise of that size."""

    def write(path: Path, width: int, height: int, count: int, *, seed: int = 0, noise: int = 0) -> Path:
        rng = np.random.Generator(np.random.PCG64(seed + 1))
        with open_sink(path, VideoFormat(width, height, Fraction(25))) as sink:
            for picture in make_clip(width, height, count, seed):
                sink.write(Picture(*(noisy(plane, rng, noise) for plane in picture.planes)))
        return path

    return write


def noisy(plane: np.ndarray, rng: np.random.Generator, noise: int) -> np.ndarray:
    added = plane.astype(np.int64) + rng.integers(-noise, noise + 1, plane.shape)
    return np.clip(added, 0, 255).astype(np.uint8)


@pytest.fixture
def mpeg4(tmp_path: Path) -> Path:
    """A user's file that adds MPEG-4 part 2."""
    path = tmp_path / "mine.toml"
    path.write_text(MPEG4, encoding="utf-8")
    return path
