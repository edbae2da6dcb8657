"""Video out: `open_sink` takes pictures and writes raw YUV, Y4M, or what ffmpeg encodes.

    Picture ─┬─ .yuv: planes one after the other ─┐
             ├─ .y4m, pipes, file objects: Y4M ───┴─► AtomicFile, the pipe or the file object
             └─ other names, other pixel formats ───► ffmpeg ─┬─► a partial file ─► renamed when complete
                                                              └─► the pipe or the file object

Every picture is flushed as it comes. `notices` says what a format cannot keep and how ffmpeg encodes.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from lvcodec.errors import UsageError
from lvcodec.video import rawformat, y4m
from lvcodec.video.atomic import AtomicFile, check_output
from lvcodec.video.base import Sink
from lvcodec.video.beside import Beside, left_out
from lvcodec.video.colour import without_rgb_matrix
from lvcodec.video.encoded import PipedSink, encoded_sink
from lvcodec.video.encoders import Encoder
from lvcodec.video.fileobjects import check_writable
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.pipe_formats import is_pipe, output_suffix, pipe_encoder
from lvcodec.video.writing import flush, write_all

_SUFFIX_FORMATS = {
    ".nv12": "nv12",
    ".yv12": "yv12",
    ".rgb": "rgb24",
    ".yuv422p": "yuv422p",
    ".yuv444p": "yuv444p",
}


class FileSink(Sink):
    """Planes as they are into `file`: raw, or Y4M with its lines."""

    def __init__(self, file: Any, name: str, fmt: VideoFormat, *, framed: bool, beside: Beside | None = None) -> None:
        super().__init__(name, fmt)
        self._file = file
        self._frame = y4m.FRAME if framed else b""
        if not framed:
            self.notices.append(
                f"raw video says nothing of itself: {fmt.width}x{fmt.height}, "
                f"{fmt.rate} pictures a second, 8-bit 4:2:0, colour {fmt.colour.describe()}"
            )
        if beside is not None:
            self.notices += left_out(beside, ".y4m" if framed else "raw video", timed=False)
        if framed:
            self._send(y4m.header_line(fmt))

    def _put(self, picture: Picture) -> None:
        self._send(self._frame, *picture.planes)

    def _send(self, *parts: Any) -> None:
        for part in parts:
            write_all(self._file, part, self.name)
        flush(self._file, self.name)

    def close(self) -> None:
        """Complete the file; a file object or standard output stays open."""
        if isinstance(self._file, AtomicFile):
            self._file.close()

    def abort(self) -> None:
        """Remove the partial file; what went into a file object or a pipe has gone."""
        if isinstance(self._file, AtomicFile):
            self._file.abort()


def open_sink(
    target: str | os.PathLike[str] | BinaryIO,
    fmt: VideoFormat,
    *,
    pix_fmt: str | None = None,
    overwrite: bool = False,
    stated_format: str | None = None,
    count: int | None = None,
    beside: Beside | None = None,
) -> Sink:
    """Open a place for pictures of `fmt`.

    target: a path (.yuv raw, .y4m, or what ffmpeg writes: .mkv lossless, .mp4, .webm, .png …,
    frame_%03d.png), "-" for standard output, or a binary file object. pix_fmt: another pixel format for the
    output, ffmpeg's name, converted by ffmpeg. stated_format: what goes into a pipe, a device or a file object, as the
    suffix of a file would say it: "mkv"; without it Y4M. count: how many pictures will come, if that is known. beside:
    what goes into the file with them, where it can.
    Raises InputError if it cannot be written, exists without `overwrite`, or has a suffix that nobody knows;
    UsageError for a format or pixel format that is unknown.
    """
    fmt = replace(fmt, colour=without_rgb_matrix(fmt.colour))  # some streams of grey pictures have it
    suffix = output_suffix(target, stated_format)
    stated = pix_fmt if pix_fmt is not None else _SUFFIX_FORMATS.get(suffix)
    wanted = rawformat.raw_format(stated or "yuv420p").name
    native = wanted == "yuv420p" or (wanted == "yuvj420p" and fmt.colour.full_range)
    if wanted == "yv12":
        raise UsageError("yv12 is read, but not written", "yuv420p has the same planes, U before V")
    plain = native and (suffix == ".y4m" or suffix in rawformat.RAW_SUFFIXES)
    if is_pipe(target):
        encoder = None if plain else pipe_encoder(suffix, fmt, None if stated is None else wanted)
        return _open_pipe(*_pipe(target, overwrite=overwrite), fmt, suffix, encoder, beside)
    path = Path(os.fspath(target))  # type: ignore[arg-type]  # no pipe: a path
    if plain:
        check_output(path, overwrite=overwrite)
        file = AtomicFile(path, overwrite=overwrite)
        return FileSink(file, str(path), fmt, framed=suffix == ".y4m", beside=beside)
    pixels = None if stated is None else wanted
    return encoded_sink(path, fmt, pix_fmt=pixels, overwrite=overwrite, count=count, beside=beside)


def _pipe(target: Any, *, overwrite: bool) -> tuple[Any, str]:
    """An open file for what is no ordinary file, and its name."""
    if not isinstance(target, str | os.PathLike):
        check_writable(target, "video")
        return target, str(getattr(target, "name", "the output file"))
    if os.fspath(target) == "-":
        return getattr(sys.stdout, "buffer", sys.stdout), "standard output"
    return AtomicFile(target, overwrite=overwrite), os.fspath(target)


def _open_pipe(
    file: Any, name: str, fmt: VideoFormat, suffix: str, encoder: Encoder | None, beside: Beside | None
) -> Sink:
    """Into an open file; encoder: None if the planes go out as they are."""
    if encoder is None:
        return FileSink(file, name, fmt, framed=suffix == ".y4m", beside=beside)
    return PipedSink(file, name, fmt, encoder, suffix, beside)
