"""Streams of one coding, joined without decoding them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from lvcodec.errors import InputError
from lvcodec.stream import fields
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.header import Header
from lvcodec.stream.lookahead import Writable


def concat_streams(sources: Sequence[IO[bytes]], file: Writable) -> StreamWriter:
    """Write the pictures of all `sources`, whole streams in this order, as one stream to `file`.

    They must agree in every field of the header but the quality; the header is the first one's. Nothing is
    written if they do not. Returns the writer, which is finished.
    Raises InputError if they differ or there are none, StreamError if one is damaged or cut.
    """
    readers = [StreamReader(source) for source in sources]
    if not readers:
        raise InputError("no streams to join")
    for number, reader in enumerate(readers[1:], start=2):
        _check_same(readers[0].header, reader.header, number)
    writer = StreamWriter(file, readers[0].header)
    for reader in readers:
        for record in reader:
            writer.picture(record.kind, record.payload, record.checksum, record.quality_index)
    writer.finish()
    return writer


def _check_same(first: Header, other: Header, number: int) -> None:
    """Raise InputError if stream `number` differs from the first in more than its quality."""
    expected, got = first.values(), other.values()
    for field in fields.HEADER:
        name = field.name
        if field.width != "crc" and name != "quality" and got[name] != expected[name]:
            raise InputError(
                f"stream {number} does not fit the first: {name} is {field.show(got[name])}, "
                f"not {field.show(expected[name])}",
                "only streams of one coding can be joined",
            )
