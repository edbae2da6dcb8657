"""What a stream has beside its pictures, on its way out: times, and a side file for ffmpeg."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from lvcodec.errors import StreamError
from lvcodec.frames import FrameRange
from lvcodec.options import Decoding
from lvcodec.report import OnNotice
from lvcodec.stream import fields
from lvcodec.stream.container import StreamReader
from lvcodec.stream.presentation import read_presentation
from lvcodec.stream.side import SideData
from lvcodec.video.base import Sink
from lvcodec.video.beside import DAMAGED, Beside, takes_tracks
from lvcodec.video.pipe_formats import output_suffix
from lvcodec.video.presentation import Presentation
from lvcodec.video.sink import open_sink
from lvcodec.video.writing import write_all

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike


def presentation_of(reader: StreamReader, side: SideData | None, notices: OnNotice) -> Presentation:
    """When and how the pictures of a stream are shown; a notice tells where that is damaged."""
    if side is None or fields.SIDE_PRESENTATION not in side.sizes or reader.count is None:
        return Presentation()
    try:
        return read_presentation(b"".join(side.read(fields.SIDE_PRESENTATION)), reader.count)
    except StreamError as error:
        notices(f"when pictures are shown is damaged, they come at a constant rate: {error.message}")
        return Presentation()


def lines_of(side: SideData | None) -> tuple[str, ...]:
    """A line each for the tracks of a stream. Raises StreamError if the list is damaged."""
    if side is None or fields.SIDE_LIST not in side.sizes:
        return ()
    text = b"".join(side.read(fields.SIDE_LIST)).decode("utf-8", "replace")
    return tuple(line if line.isprintable() else ascii(line) for line in text.splitlines())


@contextmanager
def beside_of(
    reader: StreamReader, options: Decoding, notices: OnNotice, *, with_tracks: bool
) -> Iterator[tuple[Beside, Fraction]]:
    """What goes beside the pictures that are asked for, and how wide samples are; files of it go with the context.

    with_tracks: whether the output can hold tracks. Damage is told and costs no picture.
    """
    side = reader.side()
    shown = presentation_of(reader, side, notices)
    beside = _times(shown, FrameRange.of(options.frames), reader)
    with ExitStack() as stack:
        if side is not None and fields.SIDE_TRACKS in side.sizes and not options.video_only:
            try:
                beside = replace(beside, lines=lines_of(side), audio=options.audio)
                if with_tracks:
                    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lvcodec-"))
                    beside = replace(beside, tracks=_side_file(side, Path(folder)))
            except StreamError as error:
                notices(f"{DAMAGED}: {error.message}")
                beside = replace(beside, lines=())
        yield beside, shown.aspect


@contextmanager
def sink_with(
    reader: StreamReader, target: StreamLike, options: Decoding, count: int | None, notices: OnNotice
) -> Iterator[tuple[Sink, Beside]]:
    """The output for `count` pictures of a stream, and what goes beside them. Raises as open_sink does."""
    with ExitStack() as stack:
        tracks = takes_tracks(output_suffix(target, options.format))
        beside, aspect = stack.enter_context(beside_of(reader, options, notices, with_tracks=tracks))
        sink = stack.enter_context(
            open_sink(
                target,
                replace(reader.header.video, aspect=aspect),
                pix_fmt=options.pix_fmt,
                overwrite=options.overwrite,
                stated_format=options.format,
                count=count,
                beside=beside,
            )
        )
        for text in sink.notices:
            notices(text)
        yield sink, beside


def _times(shown: Presentation, asked: FrameRange, reader: StreamReader) -> Beside:
    rate = reader.header.video.rate
    ends = asked.end is not None and reader.count is not None and asked.end < reader.count
    start_s = shown.start_of(asked.first, rate)
    stamps = shown.part(asked).stamps()
    duration_s = shown.start_of(asked.end or 0, rate) - start_s if ends else None
    return Beside(shown.tick, stamps, start_s=start_s, duration_s=duration_s, cut=asked.first > 0)


def _side_file(side: SideData, folder: Path) -> Path:
    path = folder / "tracks"
    with open(path, "wb") as file:
        for part in side.read(fields.SIDE_TRACKS):
            write_all(file, part, str(path))
    return path
