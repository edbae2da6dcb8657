"""The plugin for imageio: read, iterate, properties, metadata and write, through imageio's own functions."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

import lvcodec
import lvcodec.imageio
from lvcodec.errors import MismatchError, StreamError, UsageError

WIDTH, HEIGHT, COUNT = 47, 33, 6


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def stream(rgb: np.ndarray, tmp_path: Path, random_model: str) -> Path:
    lvcodec.encode(rgb, tmp_path / "clip.lvc", model=random_model, gop=4, rate=30)
    return tmp_path / "clip.lvc"


def test_read(stream: Path) -> None:
    """By name, by suffix, by class; paths, bytes and files."""
    expected = np.stack(list(lvcodec.open(stream)))
    for source in (stream, str(stream), stream.read_bytes(), io.BytesIO(stream.read_bytes())):
        assert np.array_equal(iio.imread(source, plugin="lvcodec"), expected)
    assert np.array_equal(iio.imread(stream), expected)
    assert np.array_equal(iio.imread(stream, plugin=lvcodec.imageio.LvcodecPlugin, index=...), expected)
    assert np.array_equal(iio.imread(stream, plugin="lvcodec", index=4), expected[4])
    assert np.array_equal(iio.imread(stream, index=-1), expected[-1])
    assert [picture.tolist() for picture in iio.imiter(stream, plugin="lvcodec")] == expected.tolist()


def test_properties_and_metadata(stream: Path) -> None:
    properties = iio.improps(stream, plugin="lvcodec")
    assert properties.shape == (COUNT, HEIGHT, WIDTH, 3) and properties.dtype == np.uint8
    assert (properties.n_images, properties.is_batch) == (COUNT, True)
    one = iio.improps(stream, index=2)
    assert (one.shape, one.n_images, one.is_batch) == ((HEIGHT, WIDTH, 3), None, False)
    metadata = iio.immeta(stream, plugin="lvcodec")
    assert (metadata["fps"], metadata["duration"], metadata["size"]) == (30.0, COUNT / 30, (WIDTH, HEIGHT))
    assert metadata["codec"] == "lvcodec" and metadata["mode"] == "aligned" and "colour" not in metadata
    assert iio.immeta(stream, exclude_applied=False)["colour"].startswith("bt709/bt709/bt709 limited")
    told = iio.immeta(stream, index=4)
    assert (told["number"], told["kind"], told["time"]) == (4, "I", 4 / 30)


def test_all_of_one_file(stream: Path) -> None:
    """What is asked between two pictures does not disturb the third."""
    expected = list(lvcodec.open(stream))
    with iio.imopen(stream, "r", plugin="lvcodec") as file:
        pictures = file.iter()
        first = next(pictures)
        assert file.metadata()["fps"] == 30 and file.properties().n_images == COUNT
        assert np.array_equal(file.read(index=3), expected[3])
        assert [p.tolist() for p in (first, *pictures)] == [p.tolist() for p in expected]


def test_no_such_picture(stream: Path) -> None:
    for ask in (iio.imread, iio.improps, iio.immeta):
        with pytest.raises(ValueError, match="of 6 pictures none has the number 6"):
            ask(stream, index=6, plugin="lvcodec")


def test_write(rgb: np.ndarray, tmp_path: Path, random_model: str) -> None:
    """The stream that lvcodec.encode makes, into a file, a file object or bytes; what was there is replaced."""
    target, expected = tmp_path / "a.lvc", io.BytesIO()
    lvcodec.encode(rgb, expected, rate=30, quality=3, model=random_model)
    options: dict[str, Any] = {"fps": 30, "quality": 3, "model": random_model}
    target.write_bytes(b"before")
    for pictures in (rgb, list(rgb)):
        assert iio.imwrite(target, pictures, plugin="lvcodec", **options) is None
        assert target.read_bytes() == expected.getvalue()
    file = io.BytesIO()
    iio.imwrite(file, rgb, plugin="lvcodec", extension=".lvc", **options)
    assert file.getvalue() == expected.getvalue()
    assert iio.imwrite("<bytes>", rgb, plugin="lvcodec", extension=".lvc", **options) == expected.getvalue()
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lvc"] == []


def test_write_one_at_a_time(rgb: np.ndarray, tmp_path: Path, random_model: str) -> None:
    with iio.imopen(tmp_path / "a.lvc", "w", plugin="lvcodec") as file:
        file.write(rgb[0], fps=10, model=random_model)
        file.write(rgb[1])
        with pytest.raises(UsageError, match="go with the first pictures"):
            file.write(rgb[2], fps=10)
        file.write(rgb[2:4])
    assert iio.improps(tmp_path / "a.lvc").n_images == 4
    assert iio.immeta(tmp_path / "a.lvc")["fps"] == 10


def test_a_failure_leaves_no_file(rgb: np.ndarray, tmp_path: Path, random_model: str) -> None:
    with pytest.raises(KeyError), iio.imopen(tmp_path / "a.lvc", "w", plugin="lvcodec") as file:
        file.write(rgb[0], model=random_model)
        raise KeyError
    with pytest.raises(lvcodec.InputError, match="is no picture"):
        iio.imwrite(tmp_path / "a.lvc", rgb[..., 0], plugin="lvcodec", model=random_model)
    with pytest.raises(UsageError, match="quality is 10"):
        iio.imwrite(tmp_path / "a.lvc", rgb, plugin="lvcodec", quality=10)
    assert list(tmp_path.glob("a*")) == []


def test_what_is_not_ours(tmp_path: Path, rgb: np.ndarray) -> None:
    """imageio's own error, and its other plugins still have their files."""
    iio.imwrite(tmp_path / "a.png", rgb[0])
    with pytest.raises(OSError, match="`lvcodec` can not handle the given uri"):
        iio.imread(tmp_path / "a.png", plugin="lvcodec")
    with pytest.raises(OSError, match="`lvcodec` can not handle the given uri"):
        iio.imwrite(tmp_path / "b.png", rgb[0], plugin="lvcodec")
    assert np.array_equal(iio.imread(tmp_path / "a.png"), rgb[0])


def test_damage_is_told(stream: Path) -> None:
    data = bytearray(stream.read_bytes())
    data[lvcodec.probe(stream).pictures[0].offset + 12] ^= 255
    with pytest.raises((StreamError, MismatchError)):
        iio.imread(bytes(data), plugin="lvcodec")
