"""Streams in file objects: those that are packed, and those that take or give no bytes."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lvcodec
from lvcodec.errors import InputError
from lvcodec.stream.files import create_stream, open_stream

Make = Callable[..., tuple[bytes, list[Any]]]


def test_packed_streams(make: Make, tmp_path: Path) -> None:
    data, pictures = make("I PP I")
    with zipfile.ZipFile(tmp_path / "pack.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("clip.lvc", data)
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack, pack.open("clip.lvc") as member:
        assert len(lvcodec.probe(member).pictures) == len(pictures)
    packed = gzip.compress(data)
    assert lvcodec.probe(gzip.GzipFile(fileobj=io.BytesIO(packed))) == lvcodec.probe(io.BytesIO(data))
    with pytest.raises(InputError, match="cannot read the stream: Compressed file ended"):
        lvcodec.probe(gzip.GzipFile(fileobj=io.BytesIO(packed[:-12])))


def test_sources_that_give_no_bytes(make: Make, tmp_path: Path) -> None:
    data, _ = make()
    (tmp_path / "clip.lvc").write_bytes(data)
    closed = io.BytesIO(data)
    closed.close()
    with open(tmp_path / "clip.lvc", errors="replace") as text:
        wrong: list[tuple[Any, str]] = [
            (data, "bytes is no stream.*io.BytesIO"),
            (bytearray(data), "bytearray is no stream"),
            (None, "NoneType is no stream"),
            (text, "open as text.*mode 'rb'"),
            (io.StringIO("LVC1"), "open as text"),
            (closed, "closed file"),
            ("a\0b", "null byte"),
        ]
        for source, message in wrong:
            for use in (lvcodec.probe, lambda stream: lvcodec.decode(stream, io.BytesIO())):
                with pytest.raises(InputError, match=message):
                    use(source)


def test_targets_that_take_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "reading").touch()
    with open(tmp_path / "text", "w") as text, open(tmp_path / "reading", "rb") as reading:
        for target, message in (
            (b"", "bytes is no place for a stream"),
            (7, "int is no place"),
            (text, "open as text.*mode 'wb'"),
            (reading, "not open for writing"),
            ("a\0b", "null byte"),
        ):
            with pytest.raises(InputError, match=message), create_stream(target, overwrite=False):  # type: ignore[arg-type]
                pass


def test_standard_streams_that_a_program_has_replaced(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = make()
    monkeypatch.setattr("sys.stdin", io.BytesIO(data))
    with open_stream("-") as file:
        assert file.read() == data
    for stream in (None, io.StringIO()):
        monkeypatch.setattr("sys.stdin", stream)
        monkeypatch.setattr("sys.stdout", stream)
        with pytest.raises(InputError), open_stream("-"):
            pass
        with pytest.raises(InputError), create_stream("-", overwrite=False):
            pass


def test_nothing_but_write_will_do(make_clip, random_model: str, tmp_path: Path) -> None:
    parts: list[bytes] = []

    class Writes:
        def write(self, data: memoryview) -> int:
            parts.append(bytes(data))
            return len(data)

    source = tmp_path / "clip_32x32.yuv"
    source.write_bytes(make_clip(32, 32, 1)[0].tobytes())
    lvcodec.encode(source, Writes(), model=random_model)  # type: ignore[arg-type]
    assert lvcodec.probe(io.BytesIO(b"".join(parts))).complete
