"""Small streams, and files that behave like pipes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from fractions import Fraction

import pytest

from lvcodec.stream.container import StreamWriter
from lvcodec.stream.header import Header
from lvcodec.stream.records import PictureRecord
from lvcodec.video.colour import Colour
from lvcodec.video.format import VideoFormat

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
    return Header("swift", "lds", bytes(range(8)), video, gop=4, quality_index=60, alpha=Fraction(1, 2))


@pytest.fixture
def make(header: Header) -> Callable[..., Made]:
    """Make a stream of pictures "I" and "P"; picture i has payloads[i], checksum 1000 + i, qualities[i]."""

    def write_stream(
        kinds: str = "IPPIPP",
        payloads: Sequence[bytes] | None = None,
        qualities: Sequence[int | None] | None = None,
        *,
        head: Header = header,
    ) -> Made:
        file = io.BytesIO()
        writer = StreamWriter(file, head)
        records = []
        for number, kind in enumerate(kinds):
            payload = bytes([number]) * (3 * number) if payloads is None else payloads[number]
            quality = None if qualities is None else qualities[number]
            records.append(writer.picture(kind, payload, 1000 + number, quality))
        writer.finish()
        assert writer.size_bytes == len(file.getvalue())
        return file.getvalue(), records

    return write_stream
