"""Pipes and devices that have names, which are opened once; and names that look like something else."""

from __future__ import annotations

import io
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lvcodec.errors import InputError, UsageError
from lvcodec.video.colour import Colour
from lvcodec.video.ffmpeg import file_argument
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink

from .clips import encode, raw, read_all, video_format

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


def fed(path: Path, data: bytes) -> Path:
    """A named pipe into which somebody writes."""
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(data,), daemon=True).start()
    return path


@pytest.mark.parametrize("name", ["c.mkv", "c.ts", "c", "c.y4m", "c_48x32_25.yuv", "c.png"])
def test_a_fifo_is_read_as_a_file_is(tmp_path: Path, make_clip, name: str) -> None:
    clip = make_clip(48, 32, 1 if name.endswith("png") else 6)
    suffix = Path(name).suffix
    file = tmp_path / f"file_48x32_25{suffix or '.mkv'}"
    encode(clip, file, *(["-c:v", "mpeg2video"] if suffix == ".ts" else []))
    got, fmt, _ = read_all(fed(tmp_path / name, file.read_bytes()))
    expected, expected_fmt, _ = read_all(file)
    assert (raw(got), fmt) == (raw(expected), expected_fmt)


def test_a_file_descriptor_has_a_name_too(tmp_path: Path, make_clip) -> None:
    clip = make_clip(48, 32, 3)
    path = encode(clip, tmp_path / "c.mp4", "-c:v", "libx264", "-qp", "0")  # its index is at the end
    with open(path, "rb") as file:
        assert raw(read_all(f"/dev/fd/{file.fileno()}")[0]) == raw(clip)
    reader, writer = os.pipe()
    threading.Thread(target=lambda: open(writer, "wb").write(encode(clip, tmp_path / "c.mkv").read_bytes())).start()
    got, _, _ = read_all(f"/dev/fd/{reader}")
    os.close(reader)
    assert len(got) == 3


def test_an_empty_fifo_is_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is empty"):
        read_all(fed(tmp_path / "c.mkv", b""))


def written(target: object, clip: list[Picture], **options: object) -> list[str]:
    with open_sink(target, video_format(clip), **options) as sink:  # type: ignore[arg-type]
        for picture in clip:
            sink.write(picture)
    return sink.notices


@pytest.mark.parametrize("stated", [None, "y4m", "yuv", "mkv", ".MKV", "webm", "mp4", "ts"])
def test_a_pipe_needs_no_suffix(tmp_path: Path, make_clip, stated: str | None) -> None:
    clip = make_clip(48, 32, 4)
    taken: list[bytes] = []
    os.mkfifo(tmp_path / "out")
    reader = threading.Thread(target=lambda: taken.append((tmp_path / "out").read_bytes()))
    reader.start()
    written(tmp_path / "out", clip, stated_format=stated)
    reader.join()
    file = io.BytesIO()
    written(file, clip, stated_format=stated)
    got, fmt, _ = read_all(io.BytesIO(taken[0]), **({"size": "48x32"} if stated == "yuv" else {}))
    assert len(got) == len(read_all(io.BytesIO(file.getvalue()), size="48x32" if stated == "yuv" else None)[0]) == 4
    assert (fmt.width, fmt.height, fmt.rate) == (48, 32, 25)
    if stated not in {"webm", "mp4", "ts"}:
        assert raw(got) == raw(clip)


@pytest.mark.parametrize("stated", ["nut", "avi", "mpg", "wmv", "gif", "apng", "mkv", "mov"])
def test_a_pipe_gets_the_range_that_its_format_can_say(make_clip, stated: str) -> None:
    clip = make_clip(48, 32, 3)
    fmt = replace(video_format(clip), colour=Colour(1, 1, 1, full_range=True))
    file = io.BytesIO()
    with open_sink(file, fmt, stated_format=stated) as sink:
        for picture in clip:
            sink.write(picture)
    got, shown, _ = read_all(io.BytesIO(file.getvalue()))
    full = stated in {"mkv", "mov"}
    assert shown.colour.full_range == full
    told = [text for text in sink.notices if "limited-range" in text]
    assert len(told) == (stated in {"nut", "avi", "mpg", "wmv"})
    y = clip[0].y.astype(float)
    assert np.abs(got[0].y - (y if full else 16 + y * 219 / 255)).mean() < (6 if stated == "gif" else 3)


def test_a_fifo_with_a_suffix_gets_that(tmp_path: Path, make_clip) -> None:
    clip = make_clip(48, 32, 4)
    taken: list[bytes] = []
    os.mkfifo(tmp_path / "out.mkv")
    reader = threading.Thread(target=lambda: taken.append((tmp_path / "out.mkv").read_bytes()))
    reader.start()
    written(tmp_path / "out.mkv", clip)
    reader.join()
    assert taken[0].startswith(b"\x1a\x45\xdf\xa3")
    assert raw(read_all(io.BytesIO(taken[0]))[0]) == raw(clip)


def test_the_null_device_takes_anything(make_clip) -> None:
    for stated in (None, "mkv", "mp4"):
        written(os.devnull, make_clip(16, 16, 2), stated_format=stated)


def test_formats_that_are_none(tmp_path: Path, make_clip) -> None:
    clip = make_clip(16, 16, 1)
    for target, stated, message in (
        (io.BytesIO(), "foo", "cannot write foo"),
        (io.BytesIO(), "png", "pictures go into files"),
        (io.BytesIO(), "tga", "pictures go into files"),
        (io.BytesIO(), "wtv", "goes into a file"),
        (io.BytesIO(), "avif", "cannot write avif into a pipe"),
        (tmp_path / "c.mp4", "mkv", "no mkv file by its name"),
        (tmp_path / "c", "mkv", "no mkv file by its name"),
    ):
        with pytest.raises(UsageError, match=message):
            written(target, clip, stated_format=stated)
    written(tmp_path / "c.mkv", clip, stated_format="mkv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.mkv"]


# --- names ----------------------------------------------------------------------------------------------------------


def test_paths_are_files_to_ffmpeg(tmp_path: Path) -> None:
    assert file_argument("-i.mkv") == "file:-i.mkv"
    assert file_argument(Path("http:/x")) == "file:http:/x"
    assert file_argument("100%/f_%03d.png", numbered=True) == "file:100%%/f_%03d.png"
    assert file_argument("f_%03d.png", numbered=True) == "file:f_%03d.png"
    with open(tmp_path / "x", "wb") as file:
        assert file_argument(f"/dev/fd/{file.fileno()}") == f"file:{(tmp_path / 'x').resolve()}"


@pytest.mark.parametrize("folder", ["100%", "50%03d", "%%", "a:b", "-rep"])
def test_folders_may_be_called_anything(tmp_path: Path, make_clip, monkeypatch, folder: str) -> None:
    monkeypatch.chdir(tmp_path)
    place = Path(folder)
    place.mkdir()
    encode(make_clip(20, 10, 3), tmp_path / "f_%03d.png")
    for number in (1, 2, 3):
        (tmp_path / f"f_00{number}.png").rename(place / f"f_00{number}.png")
    assert len(read_all(place / "f_%03d.png")[0]) == 3
    assert len(read_all(place / "f_002.png")[0]) == 1
    clip = encode(make_clip(20, 10, 3), tmp_path / "c.mkv")
    clip.rename(place / "c.mkv")
    assert len(read_all(place / "c.mkv")[0]) == 3


def test_a_percent_in_the_name_of_one_picture(tmp_path: Path, make_clip) -> None:
    encode(make_clip(20, 10, 1), tmp_path / "x.png")
    other = encode(make_clip(30, 10, 1), tmp_path / "y.png")
    for name in ("50%.png", "a%d.png", "a%%.png"):
        (tmp_path / name).write_bytes((tmp_path / "x.png").read_bytes())
    (tmp_path / "a1.png").write_bytes(other.read_bytes())
    for name in ("50%.png", "a%d.png", "a%%.png"):
        assert read_all(tmp_path / name)[1].width == 20, name
