"""Streams of one coding, joined without decoding them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING

from lvcodec.errors import InputError, UsageError
from lvcodec.report import StreamInfo
from lvcodec.stream import fields
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.files import create_stream, is_path, open_stream
from lvcodec.stream.header import Header
from lvcodec.stream.info import picture_info, stream_info
from lvcodec.video.atomic import check_output
from lvcodec.video.writing import Writable

if TYPE_CHECKING:
    from lvcodec import StreamLike


def concat(sources: Sequence[StreamLike], target: StreamLike, *, overwrite: bool = False) -> StreamInfo:
    """Join the streams that `sources` name into the file `target`, and tell what that is.

    Raises UsageError if `target` is not a path, InputError if it cannot be written or exists (unless `overwrite`), and
    what concat_streams raises; the file appears only when complete.
    """
    if not is_path(target):
        raise UsageError("concat writes to a file, not to a pipe")
    check_output(target, *sources, overwrite=overwrite)
    with ExitStack() as stack:
        files = [stack.enter_context(open_stream(source)) for source in sources]
        return concat_streams(files, stack.enter_context(create_stream(target, overwrite=overwrite)))


def concat_streams(sources: Sequence[IO[bytes]], file: Writable) -> StreamInfo:
    """Write the pictures of all `sources`, whole streams in this order, as one stream to `file`, and tell what that is.

    They must agree in every field of the header but the quality; the header is the first one's. Nothing is written if
    they do not.
    Raises InputError if they differ or there are none, StreamError if one is damaged or cut.
    """
    readers = [StreamReader(source) for source in sources]
    if not readers:
        raise InputError("no streams to join")
    for number, reader in enumerate(readers[1:], start=2):
        _check_same(readers[0].header, reader.header, number)
    writer = StreamWriter(file, readers[0].header)
    pictures = [
        picture_info(writer.picture(record.kind, record.payload, record.checksum, record.quality_index))
        for reader in readers
        for record in reader
    ]
    writer.finish()
    return stream_info(writer.header, pictures, size_bytes=writer.size_bytes, complete=True)


def _check_same(first: Header, other: Header, number: int) -> None:
    """Raise InputError if stream `number` differs from the first in more than its quality."""
    expected, actual = first.values(), other.values()
    for field in fields.HEADER:
        name = field.name
        if field.width != "crc" and name != "quality" and actual[name] != expected[name]:
            raise InputError(
                f"stream {number} does not fit the first: {name} is {field.show(actual[name])}, "
                f"not {field.show(expected[name])}",
                "only streams of one coding can be joined",
            )
