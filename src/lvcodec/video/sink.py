"""Video out: `open_sink` takes pictures and writes raw YUV, Y4M, or what ffmpeg encodes.

    Picture ─┬─ .yuv: planes one after the other ─┐
             ├─ .y4m, "-", file object: Y4M ──────┴─► AtomicFile, standard output or the file object
             └─ other names, other pixel formats ───► ffmpeg ─► a partial file ─► renamed when complete

Every picture is flushed as it comes. `notices` says what a format cannot keep and how ffmpeg encodes.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from lvcodec.errors import InputError, UsageError
from lvcodec.video import rawformat, y4m
from lvcodec.video.atomic import AtomicFile, check_output, write_error
from lvcodec.video.picture import Picture, VideoFormat

_SUFFIX_FORMATS = {
    ".nv12": "nv12",
    ".yv12": "yv12",
    ".rgb": "rgb24",
    ".yuv422p": "yuv422p",
    ".yuv444p": "yuv444p",
}


class Sink(ABC):
    """Takes pictures of `format`; `close` completes the output, `abort` leaves none.

    As a context manager it closes on success and aborts on an exception. All raise InputError where the
    output cannot be written (a full disk, a reader that has gone) or a picture has another size.
    """

    def __init__(self, name: str, fmt: VideoFormat) -> None:
        self.name = name
        self.format = fmt
        self.pictures = 0
        self.notices: list[str] = []

    def write(self, picture: Picture) -> None:
        """Add one picture."""
        if (picture.width, picture.height) != (self.format.width, self.format.height):
            raise InputError(
                f"a picture of {picture.width}x{picture.height} cannot go into a clip of "
                f"{self.format.width}x{self.format.height}"
            )
        self._put(picture)
        self.pictures += 1

    @abstractmethod
    def _put(self, picture: Picture) -> None:
        """Write a picture of the right size."""

    @abstractmethod
    def close(self) -> None:
        """Complete the output."""

    @abstractmethod
    def abort(self) -> None:
        """Remove what was written."""

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class FileSink(Sink):
    """Planes as they are into `file`: raw, or Y4M with its lines."""

    def __init__(self, file: Any, name: str, fmt: VideoFormat, *, framed: bool) -> None:
        super().__init__(name, fmt)
        self._file = file
        self._frame = y4m.FRAME if framed else b""
        if not framed:
            self.notices.append(
                f"raw video says nothing of itself: {fmt.width}x{fmt.height}, "
                f"{fmt.rate} pictures a second, 8-bit 4:2:0, colour {fmt.colour.describe()}"
            )
        if framed:
            self._send(y4m.header_line(fmt))

    def _put(self, picture: Picture) -> None:
        self._send(self._frame, *picture.planes)

    def _send(self, *parts: Any) -> None:
        try:
            for part in parts:
                send_all(self._file, part)
            self._file.flush()
        except OSError as exc:
            raise write_error(self.name, exc) from exc
        except ValueError as exc:
            if isinstance(exc, InputError):
                raise
            raise InputError(f"cannot write {self.name}: {exc}") from exc

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
) -> Sink:
    """Open a place for pictures of `fmt`.

    target: a path (.yuv raw, .y4m, or what ffmpeg writes: .mkv lossless, .mp4, .webm, .png …,
    frame_%03d.png), "-" for Y4M on standard output, or a binary file object (Y4M). pix_fmt: another pixel
    format for the output, ffmpeg's name, converted by ffmpeg. Raises InputError if it cannot be written,
    exists without `overwrite`, or has a suffix that nobody knows; UsageError for a pixel format that is
    unknown.
    """
    suffix = os.path.splitext(os.fspath(target))[1].lower() if isinstance(target, (str, os.PathLike)) else ""
    said = pix_fmt if pix_fmt is not None else _SUFFIX_FORMATS.get(suffix)
    wanted = rawformat.raw_format(said or "yuv420p").name
    native = wanted == "yuv420p" or (wanted == "yuvj420p" and fmt.colour.full_range)
    if not isinstance(target, (str, os.PathLike)):
        name = str(getattr(target, "name", "the output file"))
        return FileSink(target, name, fmt, framed=True) if native else _piped(target, name, fmt, wanted)
    if os.fspath(target) == "-":
        out = getattr(sys.stdout, "buffer", sys.stdout)
        return (
            FileSink(out, "standard output", fmt, framed=True)
            if native
            else _piped(out, "standard output", fmt, wanted)
        )
    path = Path(target)
    if wanted == "yv12":
        raise UsageError("yv12 is read, but not written", "yuv420p has the same planes, U before V")
    if native and (suffix == ".y4m" or suffix in rawformat.RAW_SUFFIXES):
        check_output(path, overwrite=overwrite)
        return FileSink(AtomicFile(path, overwrite=overwrite), str(path), fmt, framed=suffix == ".y4m")
    from lvcodec.video.encoded import encoded_sink

    return encoded_sink(path, fmt, pix_fmt=None if said is None else wanted, overwrite=overwrite)


def _piped(file: Any, name: str, fmt: VideoFormat, pix_fmt: str) -> Sink:
    from lvcodec.video.encoded import PipedSink

    return PipedSink(file, name, fmt, pix_fmt)


def send_all(file: Any, data: Any) -> None:
    """Write all of `data` to a file object that may take less at once. Raises OSError as that does."""
    view = memoryview(data).cast("B")
    done = 0
    while done < len(view):
        taken = file.write(view[done:])
        if taken is None:
            raise InputError("the output is a non-blocking file", "open it for blocking writes")
        done += taken
