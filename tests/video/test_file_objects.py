"""File objects: what they give is what is read, whatever their name; damage and wrong types are one line."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import socket
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lvcodec.errors import InputError
from lvcodec.video import decoded
from lvcodec.video.fileobjects import path_of
from lvcodec.video.reader import ByteReader
from lvcodec.video.sink import open_sink
from lvcodec.video.source import open_source

from .clips import encode, ffmpeg, raw, read_all, video_format

SUFFIXES = (".mkv", ".mp4", ".y4m")


class Reads:
    """Nothing but `read`, and a name."""

    def __init__(self, data: bytes, name: str) -> None:
        self.read, self.name = io.BytesIO(data).read, name


def zipped(data: bytes, name: str) -> Any:
    with zipfile.ZipFile("pack.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr(name, data)
    return zipfile.ZipFile("pack.zip").open(name)


def tarred(mode: str) -> Callable[[bytes, str], Any]:
    def make(data: bytes, name: str) -> Any:
        with tarfile.open("pack.tar", mode) as pack:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            pack.addfile(member, io.BytesIO(data))
        return tarfile.open("pack.tar").extractfile(name)

    return make


def compressed(module: Any) -> Callable[[bytes, str], Any]:
    def make(data: bytes, name: str) -> Any:
        packed = Path(f"{name}.packed")
        packed.write_bytes(module.compress(data))
        return module.open(packed)

    return make


def from_a_socket(data: bytes, name: str) -> Any:
    ours, theirs = socket.socketpair()
    threading.Thread(target=lambda: (ours.sendall(data), ours.close())).start()
    file = theirs.makefile("rb")
    theirs.close()
    return file


def behind_other_bytes(data: bytes, name: str) -> Any:
    Path(f"behind-{name}").write_bytes(b"12345" + data)
    file = open(f"behind-{name}", "rb")
    file.seek(5)
    return file


def replaced(data: bytes, name: str) -> Any:
    """The file that was opened is no longer the one of that name."""
    Path(f"old-{name}").write_bytes(data)
    file = open(f"old-{name}", "rb")
    Path(f"old-{name}").unlink()
    Path(f"old-{name}").write_bytes(Path(name).read_bytes())
    return file


KINDS: dict[str, Callable[[bytes, str], Any]] = {
    "zip": zipped,
    "tar": tarred("w"),
    "tgz": tarred("w:gz"),
    "gzip": compressed(gzip),
    "lzma": compressed(lzma),
    "bz2": compressed(bz2),
    "socket": from_a_socket,
    "reads": Reads,
    "behind": behind_other_bytes,
    "replaced": replaced,
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, make_clip) -> Path:
    """A folder of `wanted`, three pictures of 48x32, and `clip`, one of 16x16, with each suffix."""
    base = tmp_path_factory.mktemp("clips")
    for suffix in SUFFIXES:
        codec = ["-c:v", "ffv1"] if suffix == ".mkv" else []
        encode(make_clip(16, 16, 1), base / f"clip{suffix}", *codec)
        encode(make_clip(48, 32, 3), base / f"wanted{suffix}", *codec)
    return base


@pytest.fixture
def folder(tmp_path: Path, clips: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with small clips that have the names of the clips to read."""
    monkeypatch.chdir(tmp_path)
    for path in clips.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_object_is_not_the_file_of_its_name(folder: Path, kind: str, suffix: str) -> None:
    wanted = folder / f"wanted{suffix}"
    got, fmt, _ = read_all(KINDS[kind](wanted.read_bytes(), f"clip{suffix}"))
    assert (fmt.width, fmt.height, len(got)) == (48, 32, 3)
    assert raw(got) == raw(read_all(wanted)[0])


def test_a_name_tells_of_real_files_only(folder: Path) -> None:
    path = folder / "clip.mkv"
    for mode, buffering in (("rb", -1), ("rb", 0), ("r+b", -1)):
        with open(path, mode, buffering) as file:
            assert path_of(file) == path
            file.read(1)
            assert path_of(file) is None
            file.seek(0)
            assert path_of(file) == path
    with tempfile.NamedTemporaryFile(suffix=".y4m") as file:
        assert path_of(file) == Path(file.name)
    with gzip.open("x.gz", "wb") as file:
        assert path_of(file) is None
    with open(path, "rb") as file, open(file.fileno(), "rb", closefd=False) as same:
        assert path_of(same) is None
    closed = open(path, "rb")
    closed.close()
    for other in (closed, io.BytesIO(), None, 3):
        assert path_of(other) is None


def test_raw_video_in_a_real_file_still_tells_its_size_by_name(folder: Path, make_clip) -> None:
    clip = make_clip(16, 16, 2)
    Path("c_16x16_30.yuv").write_bytes(raw(clip))
    with open("c_16x16_30.yuv", "rb") as file:
        assert raw(read_all(file)[0]) == raw(clip)
    with tempfile.NamedTemporaryFile(suffix="_16x16.yuv") as file:
        file.write(raw(clip))
        file.seek(0)
        assert raw(read_all(file)[0]) == raw(clip)


def test_an_index_at_the_end_is_no_hindrance_where_one_can_go_back(folder: Path, monkeypatch) -> None:
    """ffmpeg cannot read it through a pipe: it gets a copy, of which nothing stays."""
    path = folder / "long.mp4"
    noise = "nullsrc=s=320x240:r=25,geq=random(1)*255:128:128"
    ffmpeg("-f", "lavfi", "-i", noise, "-frames:v", "12", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "4", path)
    expected = raw(read_all(path)[0])
    scratch = folder / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    for file in (io.BytesIO(path.read_bytes()), gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(path.read_bytes(), 1)))):
        with open_source(file) as source:
            assert len(list(scratch.iterdir())) == 1
            assert raw(source) == expected
        assert list(scratch.iterdir()) == []
    with pytest.raises(InputError, match="index at the end cannot come through a pipe"):
        open_source(Reads(path.read_bytes(), "long.mp4"))  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        open_source(io.BytesIO(path.read_bytes()[:200_000]))
    assert "index at the end" not in str(caught.value) and str(scratch) not in str(caught.value)
    assert list(scratch.iterdir()) == []


def test_a_disk_that_is_full_leaves_no_copy(folder: Path, monkeypatch) -> None:
    def refused(*_: object) -> None:
        raise InputError("cannot write the copy: no space left on device")

    scratch = folder / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(decoded, "write_all", refused)
    with pytest.raises(InputError, match="no space left"):
        open_source(io.BytesIO(bytes(range(256)) * 40))
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("kind", ["gzip", "lzma", "bz2", "zip"])
@pytest.mark.parametrize("suffix", [".y4m", ".mkv"])
def test_damage_of_what_packs_it_is_one_line(folder: Path, kind: str, suffix: str) -> None:
    file = KINDS[kind]((folder / f"wanted{suffix}").read_bytes(), "clip.bin")
    file.close()
    packed = Path("pack.zip" if kind == "zip" else "clip.bin.packed")
    data = bytearray(packed.read_bytes())
    if kind == "zip":
        data[200] ^= 0xFF
        packed.write_bytes(data)
        file = zipfile.ZipFile(packed).open("clip.bin")
    else:
        packed.write_bytes(data[:-40])
        file = {"gzip": gzip, "lzma": lzma, "bz2": bz2}[kind].open(packed)
    with file, pytest.raises(InputError, match="^cannot read the input file: ") as caught:
        read_all(file)
    assert "\n" not in str(caught.value)


def test_objects_that_give_no_bytes(folder: Path) -> None:
    with open("clip.y4m", errors="replace") as text, pytest.raises(InputError, match="open as text.*mode 'rb'"):
        open_source(text)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="open as text"):
        open_source(io.StringIO("x"))  # type: ignore[arg-type]

    class Text:
        def read(self, size: int) -> str:
            return "x" * size

    class Odd(Text):
        def read(self, size: int) -> Any:
            raise LookupError("nothing here")

    closed = open("clip.y4m", "rb")
    closed.close()
    with open("new", "wb") as writing:
        for wrong, message in (
            (Text(), "open as text"),
            (Odd(), "cannot read the input file: nothing here"),
            (closed, "closed file"),
            (writing, "cannot read the input file: "),
            (b"YUV4MPEG2", "bytes is no video.*io.BytesIO"),
            (socket.socket(), "socket is no video"),
            ("a\0b.mp4", "embedded null byte"),
        ):
            with pytest.raises(InputError, match=message):
                open_source(wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="non-blocking"):
        ByteReader(type("Waits", (), {"read": lambda self, size: None})(), "x", owned=False).read(3)


def test_tuples_and_lists_that_are_no_clip(make_clip) -> None:
    clip = make_clip(8, 8, 2)
    array = np.zeros((8, 8, 3), np.uint8)
    fmt = video_format(clip)
    for wrong in ((array, array), [array], (array,), (clip, fmt, 3), ((picture for picture in clip), fmt), (3, fmt)):
        with pytest.raises(InputError, match="is no "):
            open_source(wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="picture 1 is neither"):
        read_all(([clip[0], 7], fmt))
    with pytest.raises(InputError, match="picture 0 is neither"):
        read_all(([array[:, :, 0]], fmt))
    assert len(read_all(([clip[0], array], fmt))[0]) == 2


def test_targets_that_take_no_bytes(folder: Path, make_clip) -> None:
    clip = make_clip(8, 8, 1)
    closed = open("new", "wb")
    closed.close()
    with open("text", "w") as text, open("new", "rb") as reading:
        for wrong, message in (
            (text, "open as text.*mode 'wb'"),
            (io.StringIO(), "open as text"),
            (b"", "bytes is no place for a video"),
            (3, "int is no place"),
            (reading, "not open for writing"),
            (closed, "closed file"),
            ("a\0b.y4m", "null byte"),
        ):
            for pix_fmt in (None, "yuv444p"):
                with pytest.raises(InputError, match=message):
                    open_sink(wrong, video_format(clip), pix_fmt=pix_fmt)  # type: ignore[arg-type]


def test_nothing_but_write_will_do(make_clip) -> None:
    clip = make_clip(8, 8, 2)
    for pix_fmt in (None, "yuv444p"):
        parts: list[bytes] = []

        class Writes:
            def write(self, data: memoryview) -> int:
                parts.append(bytes(data))  # noqa: B023 - used before the next round
                return len(data)

        with open_sink(Writes(), video_format(clip), pix_fmt=pix_fmt) as sink:  # type: ignore[arg-type]
            for picture in clip:
                sink.write(picture)
        assert len(read_all(io.BytesIO(b"".join(parts)))[0]) == 2
