"""Fixtures that all tests share: the sample clips where there are some, and clips made from a seed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lvcodec.models.store import ModelInfo
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink

sys.path.insert(0, str(Path(__file__).parent))  # for second_decoder, and entropy.judge that it takes its coder from

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
def samples() -> Path:
    """The folder of sample clips (test/, heldout/, formats/ …); skips where it is absent."""
    default = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("LVCODEC_SAMPLES", default))
    if not folder.is_dir():
        pytest.skip("no sample clips: set LVCODEC_SAMPLES to their folder")
    return folder


@pytest.fixture(scope="session")
def make_clip() -> MakeClip:
    """make_clip(width, height, count, seed=0): smooth moving pictures with a few moving shapes."""
    return _make_clip


def _make_clip(width: int, height: int, count: int, seed: int = 0) -> list[Picture]:
    rng = np.random.Generator(np.random.PCG64(seed))
    waves = rng.uniform(-1, 1, (3, 4, 4)) * (0.12, 0.12, 0.5, np.pi)  # plane, wave: fx, fy, speed, phase
    discs = rng.uniform(0, 1, (3, 6))  # x, y, speed x, speed y, radius, level
    pictures = []
    for number in range(count):
        planes = []
        for plane in range(3):
            step = 1 if plane == 0 else 2
            y, x = np.mgrid[0:height:step, 0:width:step].astype(np.float64)
            level = np.full(y.shape, 128.0)
            for fx, fy, speed, phase in waves[plane]:
                level += 22 * np.sin(fx * x + fy * y + speed * number + phase)
            for dx, dy, vx, vy, radius, value in discs:
                cx = (dx * width + 3 * (vx - 0.5) * number) % width
                cy = (dy * height + 3 * (vy - 0.5) * number) % height
                inside = (x - cx) ** 2 + (y - cy) ** 2 < (3 + radius * 0.25 * min(width, height)) ** 2
                level[inside] = 40 + 170 * value if plane == 0 else 90 + 80 * value
            planes.append(np.clip(np.floor(level), 16, 235).astype(np.uint8))
        pictures.append(Picture(*planes))
    return pictures


@pytest.fixture(scope="session")
def make_waves() -> MakeClip:
    """make_waves(width, height, count): a fine pattern with a little noise, which moves two pixels a picture."""
    return _make_waves


def _make_waves(width: int, height: int, count: int) -> list[Picture]:
    """A sinusoidal pattern that moves two pixels a picture, with a little noise."""
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[:height, :width].astype(float)
    clip = []
    for number in range(count):
        x, y = columns + 2 * number, rows
        luma = 120 + 60 * np.sin(x / 7) * np.cos(y / 5) + 30 * np.sin((x + y) / 3) + random.normal(0, 2, rows.shape)
        u, v = (128 + 40 * np.sin((x + k * y) / 11)[::2, ::2] for k in (1, 2))
        planes = [np.ascontiguousarray(np.clip(np.rint(p), 0, 255).astype(np.uint8)) for p in (luma, u, v)]
        clip.append(Picture(*planes))
    return clip


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a swift model with random weights, where lvcodec (and processes it starts) will find it."""
    from lvcodec.models import untrained

    base = tmp_path_factory.mktemp("models")
    untrained.init_random("swift", base / "random-swift", seed=7)
    before = os.environ.get("LVCODEC_MODELS")
    os.environ["LVCODEC_MODELS"] = str(base)
    yield "random-swift"
    if before is None:
        del os.environ["LVCODEC_MODELS"]
    else:
        os.environ["LVCODEC_MODELS"] = before


@pytest.fixture(scope="module")
def golden_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ModelInfo]]:
    """The models of the golden streams by name, where lvcodec looks; one thread, since the networks are tiny."""
    import torch
    from golden import streams

    base, threads = tmp_path_factory.mktemp("golden"), torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LVCODEC_MODELS", str(base))
        torch.set_num_threads(1)
        yield streams.make_models(base)
        torch.set_num_threads(threads)


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
