"""Streams whose records are whole but cannot be: refused with exit code 4, the picture named."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import lvcodec
from lvcodec.errors import InputError, MismatchError, StreamError, UsageError, WeightsError
from lvcodec.models import loading, untrained
from lvcodec.models.store import ModelInfo
from lvcodec.models.verify import verify
from lvcodec.nets import cheng2020
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.records import HEADER_BYTES

OPTIONS = {"family": "cheng2020", "model": "narrow", "mode": "mfvc"}


@pytest.fixture
def source(tmp_path: Path, make_clip) -> Path:
    path = tmp_path / "clip_64x48_25.yuv"
    path.write_bytes(b"".join(p.tobytes() for p in make_clip(64, 48, 3)))
    return path


@pytest.fixture
def make_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """make_model(1, 6) installs a cheng2020 model "narrow" of these qualities, each 4 channels wider than the last."""

    def make(*qualities: int) -> None:
        for number, quality in enumerate(qualities):
            monkeypatch.setitem(cheng2020.WIDTHS, quality, 12 + 4 * number)
        with torch.random.fork_rng():
            torch.manual_seed(4)
            untrained.random_cheng2020(tmp_path / "models" / "narrow", list(qualities), {}, overwrite=False)
        monkeypatch.setenv("LVCODEC_MODELS", str(tmp_path / "models"))

    return make


def coded(source: Path, **options: Any) -> bytes:
    out = io.BytesIO()
    lvcodec.encode(source, out, **options)
    return out.getvalue()


def with_qualities(stream: bytes, *qualities: int | None) -> bytes:
    """The same pictures, told to have other quality indices."""
    reader = StreamReader(io.BytesIO(stream))
    out = io.BytesIO()
    writer = StreamWriter(out, reader.header)
    for record, quality in zip(reader, qualities, strict=True):
        writer.copy([record if quality is None else replace(record, quality_index=quality)])
    writer.finish()
    return out.getvalue()


def refused(stream: bytes, picture: int, message: str) -> None:
    """Decoding and looking into payloads both stop there."""
    for attempt in (
        lambda: lvcodec.decode(io.BytesIO(stream), io.BytesIO()),
        lambda: lvcodec.probe(io.BytesIO(stream), streams=True),
    ):
        with pytest.raises(StreamError, match=message) as caught:
            attempt()
        assert caught.value.picture == picture and caught.value.offset >= HEADER_BYTES and caught.value.exit_code == 4
        assert f"picture {picture}" in caught.value.message


def test_a_p_picture_in_an_intra_stream(source: Path, random_model: str) -> None:
    stream = coded(source, mode="mfvc", model=random_model, quality=5)
    header = replace(StreamReader(io.BytesIO(stream)).header, mode="intra")
    refused(header.to_bytes() + stream[HEADER_BYTES:], 1, "a P-picture in a stream of mode intra")


def test_a_mode_that_the_weights_lack(source: Path, make_model: Callable[..., None]) -> None:
    """Of cheng2020 nothing of it is decoded, whatever its groups are."""
    make_model(1)
    stream = coded(source, quality=1, **OPTIONS)
    header = replace(StreamReader(io.BytesIO(stream)).header, mode="aligned")
    with pytest.raises(StreamError, match="names mode aligned and weights without an inter path") as caught:
        lvcodec.decode(io.BytesIO(header.to_bytes() + stream[HEADER_BYTES:]), io.BytesIO())
    assert caught.value.exit_code == 4 and "--mode" not in str(caught.value)


def test_qualities_that_the_weights_lack(source: Path, make_model: Callable[..., None]) -> None:
    """Wrong usage when encoding; when decoding the stream's fault."""
    make_model(1)
    with pytest.raises(UsageError, match="quality 6 is not in this"):
        lvcodec.encode(source, io.BytesIO(), quality=6, **OPTIONS)
    stream = coded(source, quality=1, **OPTIONS)
    refused(with_qualities(stream, 100, None, None), 0, "quality 6 is not in this cheng2020 model")
    refused(with_qualities(stream, None, None, 50), 2, "quality 3.5 is not in this cheng2020 model")


def test_qualities_above_the_scale(source: Path, random_model: str) -> None:
    """The format has room for more than the weights."""
    stream = coded(source, model=random_model, bframes=0)
    refused(with_qualities(stream, None, 161, None), 1, "quality 9.05 is not in this swift model")
    refused(with_qualities(stream, 200, None, None), 0, "quality 11 is not in this swift model; it has 1 to 9")
    finer = replace(StreamReader(io.BytesIO(stream)).header, quality_index=200)
    refused(finer.to_bytes() + stream[HEADER_BYTES:], 0, "quality 11 is not in this swift model")


def test_such_a_picture_is_concealed(source: Path, make_model: Callable[..., None]) -> None:
    make_model(1)
    stream = coded(source, quality=1, **OPTIONS)
    report = lvcodec.decode(io.BytesIO(with_qualities(stream, None, 50, None)), io.BytesIO(), conceal=True)
    assert (report.pictures, report.concealed) == (3, 2)


def test_a_p_picture_of_another_network(source: Path, make_model: Callable[..., None]) -> None:
    """A network of 16 channels works its reference out of the picture that one of 12 has made: refused by checksum."""
    make_model(1, 6)
    stream = coded(source, quality=1, **OPTIONS)
    with pytest.raises(MismatchError) as caught:
        lvcodec.decode(io.BytesIO(with_qualities(stream, None, None, 100)), io.BytesIO())
    assert caught.value.picture == 2


@pytest.mark.parametrize("told", [None, [], "12", [0], ["1"], {"1": 2}])
def test_a_manifest_that_names_no_qualities(golden_models: dict[str, ModelInfo], told: object) -> None:
    """In the model's every use: one line, no traceback."""
    model = golden_models["cheng2020"]
    manifest = {**model.manifest, "qualities": told}
    if told is None:
        del manifest["qualities"]
    damaged = replace(model, manifest=manifest)
    for use in (loading.qualities, verify, lambda info: loading.coding(info, 20)):
        with pytest.raises(WeightsError, match="names no qualities from 1 to 9"):
            use(damaged)


def test_one_file_for_two_uses(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before any work, overwrite or not: something would be lost."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").symlink_to(".")
    before = source.read_bytes()
    for target, recon in ((source, None), (f"d/{source.name}", None), ("out", source), ("out", "d/out")):
        with pytest.raises(InputError, match="is the (in|out)put"):
            lvcodec.encode(source, target, recon=recon, overwrite=True)
    with open(source, "rb") as file, pytest.raises(InputError, match="is the input"):
        lvcodec.encode(file, source, overwrite=True)
    (tmp_path / "f_1.png").write_bytes(b"stream")
    with pytest.raises(InputError, match="is the input"):
        lvcodec.decode("f_1.png", "d/f_%d.png", overwrite=True)
    with pytest.raises(InputError, match="is the input"):
        lvcodec.concat(["a", "d/b"], "b", overwrite=True)
    assert source.read_bytes() == before and not (tmp_path / "out").exists()
