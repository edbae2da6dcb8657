"""Small streams, and files that behave like pipes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from fractions import Fraction

import pytest

from lvcodec.stream.container import StreamWriter
from lvcodec.stream.header import Header
from lvcodec.stream.records import PictureRecord
from lvcodec.stream.structure import Structure
from lvcodec.video.colour import Colour
from lvcodec.video.format import VideoFormat


def structure_of(letters: str) -> Structure | None:
    """None for "I"; of "PPP", "kPPP" a chain, of "B4", "kB4" a pyramid."""
    key, rest = letters.startswith("k"), letters.removeprefix("k")
    if rest == "I":
        return None
    return Structure(int(rest[1:]), pyramid=True, key=key) if rest[0] == "B" else Structure(len(rest), key=key)


Made = tuple[bytes, list[PictureRecord]]


class Pipe(io.RawIOBase):
    """Bytes that come a few at a time and cannot be sought; `given` counts them."""

    def __init__(self, data: bytes, at_once: int = 1) -> None:
        self.given = 0
        self._data = data
        self._at_once = at_once

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self._at_once if size < 0 else min(size, self._at_once)
        chunk = self._data[self.given : self.given + wanted]
        self.given += len(chunk)
        return chunk


@pytest.fixture
def pipe() -> type[Pipe]:
    return Pipe


@pytest.fixture
def header() -> Header:
    colour = Colour(primaries=1, transfer=13, matrix=5, full_range=True, chroma_location=1)
    video = VideoFormat(6, 5, Fraction(30000, 1001), colour)
    layers = (20, 12, 30, 36, 40, 40, 40)
    return Header("swift", "aligned", bytes(range(8)), video, 4, quality_index=60, layers=layers)


@pytest.fixture
def make(header: Header) -> Callable[..., Made]:
    """Make a stream of groups: "I"; "P", "PP", … for chains, "B2", "B8" for pyramids of so many, with "k" a key picture
    first. They are apart by spaces. Picture i, as coded, has payloads[i], checksum 1000 + i, qualities[i] if that is
    given: None for the one that the header implies."""

    def write_stream(
        groups: str = "I P P I P P",
        payloads: Sequence[bytes] | None = None,
        qualities: Sequence[int | None] | None = None,
        *,
        head: Header = header,
    ) -> Made:
        file = io.BytesIO()
        writer = StreamWriter(file, head)
        records: list[PictureRecord] = []
        for letters in groups.split():
            structure = structure_of(letters)
            numbers = range(len(records), len(records) + (structure.pictures if structure else 1))
            pictures = [(bytes([n]) * (3 * n) if payloads is None else payloads[n], 1000 + n) for n in numbers]
            told = None if qualities is None else [qualities[n] for n in numbers]
            if structure is None:
                records.append(writer.intra(*pictures[0], told[0] if told else None))
            else:
                rule = None if told is None or None in told else [q for q in told if q is not None]
                records += writer.group(structure, pictures, rule)
        writer.finish()
        assert writer.size_bytes == len(file.getvalue())
        return file.getvalue(), records

    return write_stream
