"""Streams whose records are whole but cannot be: refused before a payload is decoded, with exit code 4."""
from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

import lvcodec
from lvcodec.errors import StreamError, UsageError
from lvcodec.models import export
from lvcodec.stream.container import StreamReader, StreamWriter


@pytest.fixture
def source(tmp_path: Path, make_clip) -> Path:
    path = tmp_path / "clip_64x48_25.yuv"
    path.write_bytes(b"".join(p.tobytes() for p in make_clip(64, 48, 3)))
    return path


def rewritten(stream: bytes, *, qualities: tuple[int | None, ...] = (None,) * 3, **header: object) -> io.BytesIO:
    """The same pictures under another header, or with other qualities."""
    reader = StreamReader(io.BytesIO(stream))
    out = io.BytesIO()
    writer = StreamWriter(out, replace(reader.header, **header))
    for record, quality in zip(reader, qualities, strict=True):
        writer.picture(record.kind, record.payload, record.checksum, quality)
    writer.finish()
    return io.BytesIO(out.getvalue())


def test_a_p_picture_in_an_intra_stream(source: Path, random_model: str) -> None:
    out = io.BytesIO()
    lvcodec.encode(source, out, mode="mfvc", model=random_model)
    with pytest.raises(StreamError, match="picture 1 is a P-picture"):
        lvcodec.decode(rewritten(out.getvalue(), mode="intra"), io.BytesIO())


def test_qualities_that_the_weights_lack(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export.init_random("cheng2020", tmp_path / "models" / "one", qualities=[1])
    monkeypatch.setenv("LVCODEC_MODELS", str(tmp_path / "models"))
    options = {"family": "cheng2020", "model": "one", "mode": "mfvc"}
    with pytest.raises(UsageError, match="quality 6 is not in this"):
        lvcodec.encode(source, io.BytesIO(), quality=6, **options)
    out = io.BytesIO()
    lvcodec.encode(source, out, quality=1, frames=(0, 2), **options)
    for qualities in ((100, None), (None, 100)):
        with pytest.raises(StreamError, match="do not have"):
            lvcodec.decode(rewritten(out.getvalue(), qualities=qualities), io.BytesIO())


@pytest.mark.slow
def test_a_p_picture_of_another_network(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Qualities 1 and 6 have 128 and 192 channels: a P-picture cannot take the other's latents as reference."""
    export.init_random("cheng2020", tmp_path / "models" / "two", qualities=[1, 6])
    monkeypatch.setenv("LVCODEC_MODELS", str(tmp_path / "models"))
    out = io.BytesIO()
    lvcodec.encode(source, out, quality=1, frames=(0, 2), family="cheng2020", model="two", mode="mfvc")
    with pytest.raises(StreamError, match="picture 1 is a P-picture"):
        lvcodec.decode(rewritten(out.getvalue(), qualities=(None, 100)), io.BytesIO())
