"""Whole streams to video: what `lvcodec.decode` calls.

stream ──► records ──► GOPs ──► decode, several GOPs side by side ──► bridge damage ──► sink
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lvcodec.codec.concealment import fill_gaps, records_of
from lvcodec.codec.gop import Shown, decode_gop, gops_of
from lvcodec.codec.jobs import ahead_of, default_jobs
from lvcodec.codec.later import ready
from lvcodec.codec.networks import Networks
from lvcodec.codec.notices import Notices
from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.codec.pipeline import pipelined
from lvcodec.codec.side import sink_with
from lvcodec.errors import InputError, MismatchError, StreamError, TruncatedStreamError
from lvcodec.exact.settings import whole_products
from lvcodec.frames import FrameRange
from lvcodec.options import Decoding
from lvcodec.report import DecodeReport, OnNotice, OnPicture
from lvcodec.stream.container import StreamReader
from lvcodec.stream.files import is_path, name_of, open_stream
from lvcodec.stream.records import PictureRecord
from lvcodec.video.atomic import check_output, is_regular
from lvcodec.video.base import Sink

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike


def decoded(reader: StreamReader, networks: Networks, options: Decoding) -> Generator[Shown | StreamError, None, None]:
    """The pictures of a stream from where its reader stands; with `options.conceal`, damage as the error.

    Those after `options.frames` come as far as they are in a group with the last of them.
    """

    def work(gop: Iterable[PictureRecord | StreamError]) -> Iterator[Shown | StreamError]:
        return decode_gop(gop, reader.header, networks, options)

    video = reader.header.video
    records = records_of(reader, conceal=options.conceal)
    gops = gops_of(_until(records, FrameRange.of(options.frames)))
    jobs = options.jobs or default_jobs(video.width, video.height)
    with closing(pipelined(gops, work, jobs, ahead_of(video.picture_bytes))) as items:
        for item in items:
            if isinstance(item, Shown):
                ready(item.pixels)  # so that what goes wrong with them ends the threads
            yield item


def _until(records: Iterator[PictureRecord | StreamError], asked: FrameRange) -> Iterator[PictureRecord | StreamError]:
    """The records up to the last group that has a picture of the range, so that nobody decodes ahead of its end."""
    for record in records:
        if isinstance(record, PictureRecord) and asked.is_over(record.base + (record.step is not None)):
            return
        yield record


@enough_memory()
@whole_products()
def decode(
    source: StreamLike,
    target: StreamLike,
    options: Decoding,
    *,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
) -> DecodeReport:
    """See lvcodec.decode."""
    options.validate()
    check_output(target, source, overwrite=options.overwrite)
    notices = Notices(on_notice)
    began = time.monotonic()
    with ExitStack() as stack:
        reader = StreamReader(stack.enter_context(open_stream(source)))
        video = reader.header.video
        # The right weights and a backend that computes right, before anything is written.
        networks = Networks.of_stream(reader.header, device=options.device, backend=options.backend, on_notice=notices)
        reader.index()  # tells the count, where the file can seek
        total = None if reader.count is None else FrameRange.of(options.frames).count_of(reader.count)
        sink, beside = stack.enter_context(sink_with(reader, target, options, total, notices))
        with _kept_if_damaged(sink, target, options, notices):
            count, concealed, end = _write_all(reader, networks, options, sink, notices, on_picture)
        if short := FrameRange.of(options.frames).shortfall(name_of(source) or "the stream", end):
            notices(short)
        size_bytes = reader.size_bytes
        if reader.side_bytes and reader.side() is None and not options.video_only:
            notices(f"left out: sound and other tracks, {_why_not(reader)}")
    elapsed = time.monotonic() - began
    return DecodeReport(
        pictures=count,
        size_bytes=size_bytes,
        fps=count / elapsed,
        duration_s=float(beside.time_s(count, video.rate)),
        concealed=concealed,
        notices=tuple(notices.texts),
    )


def _go_to(reader: StreamReader, number: int, *, conceal: bool) -> int:
    """Go on at the I-picture before a picture, and return its number; a stream without an index is looked through.

    Not where damage is concealed: there may be pictures after what is wrong. Raises the stream's failure if it comes
    before the picture.
    """
    if reader.seekable and not conceal:
        failure = reader.scan()
        if failure is not None and number >= (reader.count or 0):
            raise failure
    return reader.seek(number)


def _write_all(
    reader: StreamReader,
    networks: Networks,
    options: Decoding,
    sink: Sink,
    notices: Notices,
    on_picture: OnPicture | None,
) -> tuple[int, int, int]:
    """Decode what was asked for into the sink; returns how many pictures, how many concealed, and the end of the last.

    Raises InputError if there are none.
    """
    asked = FrameRange.of(options.frames)
    start = _go_to(reader, asked.first, conceal=options.conceal) if asked.first else 0
    total = None if reader.count is None else asked.count_of(reader.count)
    count = concealed = end = 0
    for item in fill_gaps(decoded(reader, networks, options), start, reader, notices):
        if item.number < asked.first:
            continue
        if asked.is_over(item.number):
            break
        sink.write(item.picture)
        count, concealed, end = count + 1, concealed + item.concealed, item.number + 1
        if on_picture:
            on_picture(count, total)
    if not count:
        raise InputError(
            "there are no such pictures in the stream" if options.frames else "the stream holds no pictures"
        )
    return count, concealed, end


@contextmanager
def _kept_if_damaged(sink: Sink, target: StreamLike, options: Decoding, notices: Notices) -> Iterator[None]:
    """After damage, the pictures before it are whole, and kept; not where they would replace a file."""
    try:
        yield
    except (StreamError, MismatchError) as error:
        if isinstance(error, StreamError) and not options.conceal:
            what = "takes what is whole" if isinstance(error, TruncatedStreamError) else "goes on after the damage"
            error.hint = error.hint or f"--conceal (conceal=True) {what}"
        if sink.pictures and is_path(target) and is_regular(Path(target)):
            notices(f"{target} is left as it was")
        elif sink.pictures:
            sink.close()
            before = "picture" if sink.pictures == 1 else f"{sink.pictures} pictures"
            notices(f"the {before} before the damage {'was' if sink.pictures == 1 else 'were'} written")
        raise


def _why_not(reader: StreamReader) -> str:
    """Why nobody could read a stream's side data."""
    if reader.side_damage is not None:
        return f"damaged at {reader.side_damage}"
    return "damaged" if reader.seekable else "which stand at the end of a stream that came through a pipe"
