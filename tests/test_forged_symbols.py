"""Streams of random symbols, which no encoder would send, decode to the same pictures in both decoders.

They are made by the decoder itself: its range coder writes what it would have read. So every symbol is valid, but
vectors lead anywhere, live places are strewn about, and latents are far from what networks expect.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from second_decoder import decode

import lvcodec
from lvcodec.codec import picture
from lvcodec.codec.dpb import DecodedPictures
from lvcodec.codec.gop import decode_record
from lvcodec.codec.later import ready
from lvcodec.codec.networks import Networks
from lvcodec.entropy.coder import Writer
from lvcodec.entropy.tables import TableSet, unzigzag
from lvcodec.errors import StreamError
from lvcodec.models.store import ModelInfo
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.header import Header
from lvcodec.stream.progress import Progress
from lvcodec.stream.records import Group, planes_checksum
from lvcodec.stream.structure import Structure
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture

LAYERS = (10, 5, 20, 25, 30, 35, 40)
Groups = list[Structure | None]  # None: an I-picture
ALIGNED: Groups = [None, Structure(1), Structure(4, pyramid=True), Structure(1, key=True)]


class Forger(Writer):
    """Stands where the decoder has its Reader: draws what that would have read, and writes it.

    wide: deviation of symbols; far: how many of them may be anything. escapes: whether motion has what does not exist.
    """

    wide, far, escapes = 2.0, 0.0, False
    random = np.random.default_rng(0)
    last: Forger

    def __init__(self, _: bytes) -> None:
        super().__init__()
        Forger.last = self

    def code(self, values: Any, tables: TableSet, index: Any, centre: Any = 0, sign: Any = 1) -> Any:
        index, random = np.asarray(index), self.random
        if self.sub_stream == "motion":
            entries = tables.lengths[index] - 1
            values = unzigzag((entries if self.escapes else random.random(index.shape) * entries).astype(np.int32))
        elif self.sub_stream == "live":
            values = (random.random(index.shape) < 0.4) * random.choice([1, 1, -1, 5], index.shape)
        else:
            near = np.rint(random.laplace(0, self.wide, index.shape)).astype(np.int64)
            anything = random.integers(1 - 2**24, 2**24, index.shape)
            values = np.where(random.random(index.shape) < self.far, anything, near) + centre
        return super().code(np.asarray(values).astype(np.int32), tables, index, centre, sign)


@pytest.fixture
def forger(monkeypatch: pytest.MonkeyPatch) -> type[Forger]:
    """Within it, decoding writes random payloads."""
    monkeypatch.setattr(picture, "Reader", Forger)
    monkeypatch.setattr(Forger, "random", np.random.default_rng(1))
    return Forger


def forge(
    info: ModelInfo, mode: str, size: tuple[int, int], quality: int, groups: Groups
) -> tuple[bytes, list[Picture]]:
    """A stream of so many groups, and its pictures in the order of display."""
    layers = LAYERS if info.family == "swift" else (0,) * len(LAYERS)
    video = VideoFormat(*size, Fraction(25))
    header = Header(info.family, mode, bytes.fromhex(info.weights_id), video, 99, quality, layers)
    networks, out, known = Networks(info, header.video, quality, device="cpu"), io.BytesIO(), DecodedPictures()
    writer, progress = StreamWriter(out, header), Progress(header)
    shown: dict[int, Picture] = {}
    for structure in groups:
        count = 1 if structure is None else structure.pictures
        number = progress.number if structure is None else None
        empty = Group(number, structure, None, (b"",) * count, (0,) * count)
        coded = []
        for record in progress.take(empty, 0):
            state, coder = decode_record(record, known.references(record), header, networks)
            known.add(record, state)
            shown[record.number] = ready(state.pixels)
            coded.append((coder.finish(), planes_checksum(shown[record.number])))
        if structure is None:
            writer.intra(*coded[0])
        else:
            writer.group(structure, coded)
    writer.finish()
    return out.getvalue(), [shown[number] for number in sorted(shown)]


def half(pictures: int, *, kept: bool = False) -> Structure:
    return Structure(pictures, alpha=Fraction(1, 2), kept=kept)


@pytest.mark.parametrize(
    ("model", "mode", "size", "quality", "wide", "far", "groups"),
    [
        ("swift", "aligned", (70, 17), 60, 2, 0, ALIGNED),
        ("swift", "aligned", (17, 33), 120, 6, 0.02, ALIGNED),
        ("swift", "aligned", (1, 1), 130, 6, 0.02, ALIGNED),
        ("swift", "intra", (37, 33), 150, 30, 0.1, [None, None]),
        ("swift", "mfvc", (37, 33), 150, 30, 0.1, [None, Structure(2), Structure(1, key=True)]),
        (
            "swift",
            "lds",
            (37, 33),
            60,
            2,
            0,
            [None, Structure(2), half(2), Structure(1, kept=True), half(2, kept=True)],
        ),
        ("swift", "lds", (37, 33), 150, 30, 0.1, [None, Structure(1), half(1), Structure(2, alpha=Fraction(0))]),
        ("cheng2020", "lds", (37, 70), 20, 8, 0.02, [None, Structure(1, key=True), half(1)]),
    ],
)
def test_random_symbols(
    golden_models: dict[str, ModelInfo],
    forger: type[Forger],
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    mode: str,
    size: tuple[int, int],
    quality: int,
    wide: float,
    far: float,
    groups: Groups,
) -> None:
    monkeypatch.setattr(forger, "wide", wide)
    monkeypatch.setattr(forger, "far", far)
    stream, shown = forge(golden_models[model], mode, size, quality, groups)
    theirs = [picture.planes for picture in decode(stream, golden_models[model].path)]
    assert len(theirs) == len(shown)
    for number, (one, other) in enumerate(zip(shown, theirs, strict=True)):
        for name, ours, planes in zip("YUV", one.planes, other, strict=True):
            assert np.array_equal(ours, planes), f"picture {number}: {name} differs"


def test_symbols_of_motion_that_do_not_exist(
    golden_models: dict[str, ModelInfo], forger: type[Forger], monkeypatch: pytest.MonkeyPatch
) -> None:
    info, groups = golden_models["swift"], [None, Structure(1)]
    reader = StreamReader(io.BytesIO(forge(info, "aligned", (17, 33), 60, groups)[0]))
    monkeypatch.setattr(forger, "escapes", True)
    with pytest.raises(StreamError, match="damaged payload: a symbol of motion that does not exist"):
        forge(info, "aligned", (17, 33), 60, groups)
    out = io.BytesIO()
    writer = StreamWriter(out, reader.header)
    writer.copy([next(reader)])
    writer.group(Structure(1), [(forger.last.finish(), 0)])
    writer.finish()
    with pytest.raises(ValueError, match="an escape in motion"):
        list(decode(out.getvalue(), info.path))


@pytest.mark.parametrize(("model", "mode", "quality"), [("swift", "intra", 161), ("cheng2020", "aligned", 20)])
def test_what_the_weights_lack(golden_models: dict[str, ModelInfo], model: str, mode: str, quality: int) -> None:
    out, info = io.BytesIO(), golden_models[model]
    video = VideoFormat(16, 16, Fraction(25))
    writer = StreamWriter(out, Header(model, mode, bytes.fromhex(info.weights_id), video, 9, quality, LAYERS))
    writer.intra(b"", 0)
    writer.finish()
    with pytest.raises(ValueError, match="the weights have no|weights without"):
        list(decode(out.getvalue(), info.path))
    with pytest.raises(StreamError):
        lvcodec.decode(io.BytesIO(out.getvalue()), io.BytesIO())
