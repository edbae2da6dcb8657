"""A stream decoded on a cluster: each piece into a raw file beside the target, written from there in order."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvcodec.cluster.engine import Piece, Run, check_workers, connected, count_of_workers
from lvcodec.cluster.worker import at_work
from lvcodec.codec import decoding
from lvcodec.codec.networks import Networks
from lvcodec.codec.notices import Notices
from lvcodec.codec.side import sink_with
from lvcodec.errors import InputError, UsageError
from lvcodec.frames import FrameRange
from lvcodec.options import Decoding
from lvcodec.pieces.lengths import PIECE_S, grouped
from lvcodec.report import DecodeReport, OnNotice, OnPicture
from lvcodec.stream.container import StreamReader
from lvcodec.stream.files import is_path, open_stream
from lvcodec.stream.header import Header
from lvcodec.video.atomic import begin_partial, check_output, remove_partial
from lvcodec.video.picture import Picture
from lvcodec.video.writing import write_error

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike

AHEAD = 3  # pieces for each worker that are decoded before the one that has to be written first


def decode(
    source: StreamLike,
    target: StreamLike,
    options: Decoding,
    *,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
) -> DecodeReport:
    """What lvcodec.decode does where `cluster` is set. Raises what a piece raises that has failed for good."""
    options.validate()
    if not is_path(source) or not is_path(target):
        raise UsageError("a cluster decodes a file into a file", "pipes are decoded on one machine")
    check_output(target, source, overwrite=options.overwrite)
    notices, began = Notices(on_notice), time.monotonic()
    stream, place = os.path.abspath(source), Path(os.path.abspath(target))
    header, ranges, size_bytes = _ranges(stream, options)
    if short := FrameRange.of(options.frames).shortfall(str(source), ranges[-1][1]):
        notices(short)
    total = sum(end - first for first, end in ranges)
    there = {name: getattr(options, name) for name in ("check", "jobs", "device", "backend")}
    try:
        folder = begin_partial(place, folder=True)
    except OSError as error:
        raise write_error(str(target), error) from error
    try:
        with connected(str(options.cluster), notices) as client:
            check_workers(client, _check, stream, header.to_bytes(), there)

            def on_pictures(pictures: int) -> None:
                if on_picture:
                    on_picture(pictures, total)

            workers = count_of_workers(client)
            run = Run(client, AHEAD * workers, on_pictures, notices)
            with ExitStack() as stack:
                reader = StreamReader(stack.enter_context(open_stream(stream)))
                reader.index()
                sink, beside = stack.enter_context(sink_with(reader, place, options, total, notices))
                for file in map(Path, run.in_order(_pieces(stream, folder, ranges, there))):
                    for picture in _pictures(file, header):
                        sink.write(picture)
                    file.unlink()
    finally:
        remove_partial(folder)
    return DecodeReport(
        pictures=total,
        size_bytes=size_bytes,
        fps=total / (time.monotonic() - began),
        duration_s=float(beside.time_s(total, header.video.rate)),
        notices=tuple(notices.texts),
    )


def _ranges(stream: str, options: Decoding) -> tuple[Header, list[tuple[int, int]], int]:
    """The header; first picture and end of each piece, as far as they are asked for; bytes of the stream.

    Raises InputError if the stream has no index, or none of these pictures.
    """
    with open_stream(stream) as file:
        reader = StreamReader(file)
        places, count = reader.index(), reader.count
        size_bytes = os.fstat(file.fileno()).st_size
    if places is None or count is None:
        raise InputError(f"{stream} has no index to find its pieces by", "leave --cluster out")
    starts = [*(place.number for place in places), count]
    gops = [end - first for first, end in pairwise(starts)]
    ranges, first, asked = [], 0, FrameRange.of(options.frames)
    for piece in grouped(gops, 0, float(PIECE_S * reader.header.video.rate)):
        end = first + sum(piece)
        wanted = max(first, asked.first), end if asked.end is None else min(end, asked.end)
        if wanted[0] < wanted[1]:
            ranges.append(wanted)
        first = end
    if not ranges:
        raise InputError("there are no such pictures in the stream")
    return reader.header, ranges, size_bytes


def _pieces(stream: str, folder: Path, ranges: list[tuple[int, int]], there: dict[str, Any]) -> Iterator[Piece]:
    for number, (first, end) in enumerate(ranges):
        file = str(folder / f"{number:04}.yuv")
        title = f"piece {number} (pictures {first} to {end - 1})"
        yield Piece(number, title, end - first, _decode, (stream, file, first, end, there), -number)


def _pictures(file: Path, header: Header) -> Iterator[Picture]:
    video = header.video
    with open(file, "rb") as raw:
        while data := raw.read(video.picture_bytes):
            yield Picture.frombuffer(data, video.width, video.height)


# ---- on workers ---------------------------------------------------------------------------------------------------


def _check(stream: str, header: bytes, there: dict[str, Any]) -> None:
    with open_stream(stream) as file:
        reader = StreamReader(file)
    if reader.header.to_bytes() != header:
        raise InputError(f"its {stream} is another stream", "share that folder")
    Networks.of_stream(reader.header, device=there["device"], backend=there["backend"])


def _decode(stream: str, file: str, first: int, end: int, there: dict[str, Any]) -> str:
    with at_work() as tell:
        decoding.decode(stream, file, Decoding(frames=(first, end), overwrite=True, **there), on_picture=tell)
    return file
