"""lvcodec.Encoder: pictures one at a time make the stream that the whole clip makes, and failures leave none."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lvcodec
from lvcodec.encoder import pushing
from lvcodec.errors import InputError, UsageError, WeightsError
from lvcodec.video.colour import Colour
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture

WIDTH, HEIGHT, COUNT = 47, 33, 9
RATE = Fraction(30000, 1001)


@pytest.fixture
def clip(make_waves: Any) -> list[Picture]:
    return make_waves(WIDTH, HEIGHT, COUNT)


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (4, HEIGHT, WIDTH, 3), dtype=np.uint8)


def encoded(source: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    lvcodec.encode(source, out, **options)
    return out.getvalue()


def test_planes(clip: list[Picture], tmp_path: Path, random_model: str) -> None:
    """As pictures or as planes; each may be changed once it was written. The report is that of encode."""
    options: dict[str, Any] = {"model": random_model, "gop": 5, "bframes": 2, "quality": 2.5, "psnr": True}
    colour, done = Colour(1, 1, 1), []
    target = tmp_path / "a.lvc"
    with lvcodec.Encoder(
        target, rate="29.97", colour=colour, on_picture=lambda *step: done.append(step), **options
    ) as encoder:
        for number, picture in enumerate(clip):
            planes = [plane.copy() for plane in picture.planes]
            encoder.write(Picture(*planes) if number % 2 else planes)
            for plane in planes:
                plane[:] = 0
        assert encoder.report is None
    assert target.read_bytes() == encoded((clip, VideoFormat(WIDTH, HEIGHT, RATE, colour)), **options)
    report = encoder.report
    assert report is not None and encoder.close() is report
    assert (report.pictures, report.size_bytes) == (COUNT, target.stat().st_size) and report.psnr_db is not None
    assert done == [(number + 1, None) for number in range(COUNT)]


def test_each_picture_is_converted_once(rgb: np.ndarray, random_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[int] = []
    convert = pushing.rgb_to_planes
    monkeypatch.setattr(pushing, "rgb_to_planes", lambda *args: (converted.append(1), convert(*args))[1])
    with lvcodec.Encoder(io.BytesIO(), model=random_model) as encoder:
        for picture in rgb:
            encoder.write(picture)
    assert len(converted) == len(rgb)


def test_rgb(rgb: np.ndarray, random_model: str) -> None:
    out, notices = io.BytesIO(), []
    encoder = lvcodec.Encoder(out, lvcodec.Encoding(model=random_model), on_notice=notices.append)
    for picture in rgb:
        encoder.write(picture)
    encoder.close()
    assert out.getvalue() == encoded(rgb, model=random_model)
    assert "no picture rate is stated: 25 a second are assumed" in notices


def test_low_delay(clip: list[Picture], random_model: str) -> None:
    """Without B-pictures each picture is in the stream before the next is given."""
    out = io.BytesIO()
    with lvcodec.Encoder(out, model=random_model, gop=100, bframes=0) as encoder:
        for number, picture in enumerate(clip, 1):
            encoder.write(picture)
            wait_for(lambda number=number: len(lvcodec.probe(io.BytesIO(out.getvalue())).pictures) == number, out)


def wait_for(holds: Any, out: io.BytesIO) -> None:
    for _ in range(600):
        if out.tell() and holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come")


def test_an_exception_leaves_nothing(rgb: np.ndarray, tmp_path: Path, random_model: str) -> None:
    (tmp_path / "a.lvc").write_bytes(b"before")
    with (
        pytest.raises(KeyError),
        lvcodec.Encoder(tmp_path / "a.lvc", model=random_model, overwrite=True) as encoder,
    ):
        encoder.write(rgb[0])
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["a.lvc"]
    assert (tmp_path / "a.lvc").read_bytes() == b"before"
    with pytest.raises(InputError, match="the encoder is closed"):
        encoder.write(rgb[0])
    with pytest.raises(InputError, match="closed without a stream"):
        encoder.close()


def test_abort_does_not_code_what_waits(clip: list[Picture], tmp_path: Path, random_model: str) -> None:
    done: list[int] = []
    encoder = lvcodec.Encoder(
        tmp_path / "a.lvc",
        model=random_model,
        gop=4,
        bframes=0,
        jobs=1,
        keep_partial=True,
        on_picture=lambda count, total: (done.append(count), time.sleep(0.5)),
    )
    for picture in clip:
        encoder.write(picture)
    while not done:
        time.sleep(0.05)
    encoder.abort()
    kept = lvcodec.probe(tmp_path / "a.lvc")
    assert kept.complete and len(done) <= len(kept.pictures) <= len(done) + 1 < COUNT


def test_what_is_no_picture(rgb: np.ndarray, clip: list[Picture], tmp_path: Path, random_model: str) -> None:
    """It is told at once, and the stream goes on without it."""
    with lvcodec.Encoder(tmp_path / "a.lvc", model=random_model) as encoder:
        for wrong in (rgb, rgb[0, :, :, 0], rgb[0].astype(float), np.zeros((0, 4, 3), np.uint8)):
            with pytest.raises(InputError, match=r"is no picture; give \(H, W, 3\) uint8, RGB, or Y, U and V"):
                encoder.write(wrong)
        for wrong in (None, 5, "abc", [1, 2, 3], rgb[0].tolist()):
            with pytest.raises(InputError, match="is no picture"):
                encoder.write(wrong)  # type: ignore[arg-type]
        encoder.write(rgb[0])
        with pytest.raises(InputError, match="a picture of 47x30 cannot go into a stream of 47x33"):
            encoder.write(rgb[0, :30])
        with pytest.raises(InputError, match="RGB and of planes"):
            encoder.write(clip[0])
        with pytest.raises(InputError, match="plane u is"):
            lvcodec.Encoder(tmp_path / "b.lvc").write([clip[0].y] * 3)
    assert len(lvcodec.open(tmp_path / "a.lvc")) == 1


def test_what_cannot_be(tmp_path: Path, rgb: np.ndarray) -> None:
    (tmp_path / "there.lvc").touch()
    for options, message in (
        ({"target": tmp_path / "there.lvc"}, "there.lvc exists"),
        ({"target": tmp_path / "none" / "a.lvc"}, "there is no folder"),
        ({"quality": 10}, "quality is 10"),
        ({"rate": "fast"}, "is no picture rate"),
        ({"size": (4, 4)}, "size is for video files"),
        ({"frames": (0, 3)}, "frames is for video files"),
        ({"bitrate": 1e6}, "a target needs the pictures twice"),
        ({"colour": Colour(), "fps": 5}, "there is no option 'fps'"),
    ):
        with pytest.raises((UsageError, InputError), match=message):
            lvcodec.Encoder(**{"target": tmp_path / "a.lvc", **options})
    with pytest.raises(InputError, match="no picture was written"), lvcodec.Encoder(tmp_path / "a.lvc"):
        pass
    with pytest.raises(WeightsError), lvcodec.Encoder(tmp_path / "a.lvc", model="none") as encoder:
        for _ in range(100):  # the first ones wait, and are lost
            encoder.write(rgb[0])
    assert [path.name for path in tmp_path.iterdir()] == ["there.lvc"]


def test_gone_on_with(clip: list[Picture], tmp_path: Path, random_model: str) -> None:
    """What an exception has left is refused, and gone on with to the same bytes; its pictures are written again."""
    target, options = tmp_path / "a.lvc", {"model": random_model, "mode": "intra", "gop": 1, "jobs": 1}
    shown: list[int] = []
    with (
        pytest.raises(KeyboardInterrupt),
        lvcodec.Encoder(target, **options, on_picture=lambda done, _: shown.append(done)) as encoder,
    ):
        for picture in clip * 9:
            encoder.write(picture)
            if len(shown) > 1:
                raise KeyboardInterrupt
    with pytest.raises(InputError, match="is what an interrupted run has left"):
        lvcodec.Encoder(target, **options)
    with lvcodec.Encoder(target, **options, resume=True) as encoder:
        for picture in clip * 9:
            encoder.write(picture)
    with lvcodec.Encoder(tmp_path / "once.lvc", **options) as once:
        for picture in clip * 9:
            once.write(picture)
    assert encoder.report is not None and 0 < encoder.report.kept < encoder.report.pictures
    assert target.read_bytes() == (tmp_path / "once.lvc").read_bytes()


def test_one_that_is_forgotten(rgb: np.ndarray, tmp_path: Path, random_model: str) -> None:
    """Its thread ends, and so does the program; no file is left."""
    encoder = lvcodec.Encoder(tmp_path / "a.lvc", model=random_model)
    encoder.write(rgb[0])
    [thread] = [thread for thread in threading.enumerate() if thread.name == "lvcodec encoder"]
    del encoder
    thread.join(timeout=60)
    assert not thread.is_alive() and list(tmp_path.iterdir()) == []


def test_a_program_ends_without_close(tmp_path: Path, random_model: str) -> None:
    code = (
        "import lvcodec, numpy as np\n"
        f"encoder = lvcodec.Encoder('a.lvc', model={random_model!r})\n"
        "encoder.write(np.zeros((32, 32, 3), np.uint8))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ,
    )
    assert (done.returncode, done.stderr, list(tmp_path.iterdir())) == (0, "", [])
