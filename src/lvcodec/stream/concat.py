"""Streams of one coding, joined without decoding them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING

from lvcodec.errors import InputError, UsageError, errors_about
from lvcodec.report import StreamInfo
from lvcodec.stream import fields
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.files import create_stream, name_of, open_stream
from lvcodec.stream.header import Header
from lvcodec.stream.info import picture_info, stream_info
from lvcodec.stream.presentation import read_presentation, write_presentation
from lvcodec.stream.records import PictureRecord
from lvcodec.video.atomic import check_output
from lvcodec.video.presentation import Presentation, joined
from lvcodec.video.writing import Writable

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike

VIDEO_ONLY = "--video-only (video_only=True) joins the pictures alone"


def concat(
    sources: Sequence[StreamLike], target: StreamLike, *, overwrite: bool = False, video_only: bool = False
) -> StreamInfo:
    """Join the streams that `sources` name into `target`, and tell what that is.

    A file appears only when complete. Raises UsageError if `sources` is no sequence, InputError if `target` cannot be
    written or exists (unless `overwrite`), and what concat_streams raises.
    """
    if isinstance(sources, (str, bytes)) or not isinstance(sources, Sequence):
        raise UsageError(f"sources is a {type(sources).__name__}", "give a list of streams")
    check_output(target, *sources, overwrite=overwrite)
    with ExitStack() as stack:
        files = [stack.enter_context(open_stream(source)) for source in sources]
        names = [_name(source, number) for number, source in enumerate(sources, start=1)]
        out = stack.enter_context(create_stream(target, overwrite=overwrite))
        return concat_streams(files, out, names, video_only=video_only)


def concat_streams(
    sources: Sequence[IO[bytes]], file: Writable, names: Sequence[str] | None = None, *, video_only: bool = False
) -> StreamInfo:
    """Write the pictures of all `sources`, whole streams in this order, as one stream to `file`, and tell what that is.

    They must agree in every field of the header but the qualities; the header is the first one's. Nothing is written if
    they do not. names: what errors call them, else "stream 1" and so on. video_only: leave out sound and other tracks,
    and side data of unknown kinds, which cannot be joined; times of pictures are.
    Raises InputError if they differ, have such, or there are none, StreamError if one is damaged or cut.
    """
    if not sources:
        raise InputError("no streams to join")
    names = names or [f"stream {number}" for number in range(1, len(sources) + 1)]
    readers = []
    for source, name in zip(sources, names, strict=True):
        with errors_about(name):
            readers.append(StreamReader(source))
            if not video_only:
                _check_beside(readers[-1])
        _check_same(readers[0].header, names[0], readers[-1].header, name)
    writer = StreamWriter(file, readers[0].header)
    pictures = [
        picture_info(record)
        for reader, name in zip(readers, names, strict=True)
        for record in copied_pictures(reader, writer, name)
    ]
    shown = joined(
        [_presentation(reader, name) for reader, name in zip(readers, names, strict=True)],
        [reader.count or 0 for reader in readers],
        writer.header.video.rate,
    )
    if shown != Presentation():
        writer.side(fields.SIDE_PRESENTATION, [write_presentation(shown)])
    writer.finish()
    return stream_info(
        writer.header,
        pictures,
        size_bytes=writer.size_bytes,
        complete=True,
        side_bytes=writer.side_bytes,
        shown=shown,
    )


def _check_beside(reader: StreamReader) -> None:
    """Raise InputError if something stands beside the pictures that cannot be joined."""
    side = reader.side()
    kinds = set() if side is None else set(side.sizes) - {fields.SIDE_LIST, fields.SIDE_PRESENTATION}
    if fields.SIDE_TRACKS in kinds:
        raise InputError("it has sound or other tracks, which cannot be joined", VIDEO_ONLY)
    if kinds:
        raise InputError(f"it has side data {min(kinds)}, which cannot be joined", VIDEO_ONLY)


def _presentation(reader: StreamReader, name: str) -> Presentation:
    """When and how the pictures of a stream, which has been read, are shown."""
    side = reader.side()
    with errors_about(name):
        if reader.side_bytes and side is None:
            raise InputError("what stands beside its pictures cannot be read", "give a file that is whole, not a pipe")
        if side is None or fields.SIDE_PRESENTATION not in side.sizes:
            return Presentation()
        return read_presentation(b"".join(side.read(fields.SIDE_PRESENTATION)), reader.count or 0)


def copied_pictures(reader: StreamReader, writer: StreamWriter, name: str) -> Iterator[PictureRecord]:
    """Copy the pictures of one stream to the end of another; yields each as it stands there.

    name: what errors call the first. Raises StreamError if that is damaged or cut.
    """
    for group in _groups(reader, name):
        yield from writer.copy(group)


def _name(source: StreamLike, number: int) -> str:
    """What errors call a source: its path, or which of them it is."""
    return name_of(source) or f"stream {number}"


def _groups(reader: StreamReader, name: str) -> Iterator[list[PictureRecord]]:
    with errors_about(name):
        group: list[PictureRecord] = []
        for record in reader:
            group.append(record)
            if record.last_of_group:
                yield group
                group = []


def _check_same(first: Header, first_name: str, other: Header, name: str) -> None:
    """Raise InputError if a stream differs from the first in more than its qualities."""
    expected, actual = first.values(), other.values()
    for field in fields.HEADER:
        if field.name not in ("crc", "quality", "layers") and actual[field.name] != expected[field.name]:
            raise InputError(
                f"{name} does not fit {first_name}: {field.name} is {field.show(actual[field.name])}, "
                f"not {field.show(expected[field.name])}",
                "only streams of one coding can be joined",
            )
