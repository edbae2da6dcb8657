"""Video in: `open_source` turns a file, a pipe, an array or a list of pictures into an iterator of pictures.

    path, "-", file object ─► ByteReader ─┬─ Y4M, raw: PlanarSource ─┬─ 8-bit 4:2:0, grey ───────► Picture
                                          │                          └─ other formats ─► ffmpeg ─► Picture
                                          └─ all else: FfmpegSource ───────────────────► ffmpeg ─► Picture
    RGB array, list of pictures ──────────── ArraySource ────────────────────────────────────────► Picture

One picture is held at a time, and nothing waits for the end of the input. `notices` tells what was assumed or
converted; it may grow until the last picture. How things are recognised: Y4M by its first bytes, raw by its
suffix (or `size` given for a pipe or a file without a telling suffix), all else is ffmpeg's.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from fractions import Fraction
from inspect import GEN_RUNNING, getgeneratorstate
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from lvcodec.errors import InputError, UsageError
from lvcodec.video import rawformat, y4m
from lvcodec.video.colour import Plane, rgb_to_planes
from lvcodec.video.picture import Picture, VideoFormat
from lvcodec.video.reader import ByteReader, looks_like_text, read_error

Frames = tuple[int | None, int | None]
STREAM_MAGIC = b"LVC1"
ASSUMED_RATE = Fraction(25)


class Source(ABC):
    """Pictures of a clip, in order: an iterator and a context manager.

    format: size, rate, colour of what comes out. count: how many pictures will come, None where only the end
    tells. expected: count, or an estimate from the duration, for a progress bar; may be None. notices: lines
    for the user. Iterating raises InputError where the input is cut, damaged, holds no picture, or none of
    `frames`.
    """

    def __init__(
        self,
        name: str,
        fmt: VideoFormat,
        *,
        total: int | None,
        frames: Frames | None,
        notices: Iterable[str],
        estimate: int | None = None,
    ) -> None:
        self.name = name
        self.format = fmt
        self.notices = list(notices)
        self._first, self._end = check_frames(frames)
        self.count = self._selected(total)
        self.expected = self.count if total is not None else self._selected(estimate, strict=False)
        self._pictures: Generator[Picture, None, None] | None = None
        if total is not None and self._end is not None and self._end > total:
            self.notices.append(f"{name} has only {total} pictures: {self.count} are taken")

    def _selected(self, total: int | None, *, strict: bool = True) -> int | None:
        if total is None:
            return None
        if strict and total == 0:
            raise InputError(f"{self.name} holds no picture")
        if strict and self._first >= total:
            raise InputError(f"{self.name} has only {total} pictures, none from number {self._first} on")
        return max((total if self._end is None else min(self._end, total)) - self._first, 0)

    @abstractmethod
    def _all(self, first: int) -> Generator[Picture, None, None]:
        """All pictures from number `first` (from 0) on."""

    @abstractmethod
    def _release(self) -> None:
        """Let go of files and processes."""

    def _taken(self) -> Generator[Picture, None, None]:
        done = 0
        pictures = self._all(self._first)
        try:
            for picture in pictures:
                yield picture
                done += 1
                if self._end is not None and self._first + done >= self._end:
                    return
        finally:
            pictures.close()
        if done == 0:
            what = f"picture number {self._first}" if self._first else "picture"
            raise InputError(f"{self.name} holds no {what}")
        if self._end is not None and self.count is None:
            self.notices.append(f"{self.name} has only {self._first + done} pictures: {done} are taken")

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> Picture:
        if self._pictures is None:
            self._pictures = self._taken()
        return next(self._pictures)

    def close(self) -> None:
        """End reading; may be called twice."""
        # where another thread waits for the next picture, it cannot be closed, and ends with what it reads
        if self._pictures is not None and getgeneratorstate(self._pictures) != GEN_RUNNING:
            self._pictures.close()
        self._release()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ArraySource(Source):
    """Pictures that are in memory already. Raises InputError if one has not the format's size."""

    def __init__(
        self,
        pictures: Sequence[Picture] | Sequence[Plane] | Plane,
        fmt: VideoFormat,
        *,
        frames: Frames | None = None,
        notices: Iterable[str] = (),
    ) -> None:
        super().__init__("the array", fmt, total=len(pictures), frames=frames, notices=notices)
        self._items = pictures

    @classmethod
    def from_rgb(cls, rgb: Plane, *, rate: Fraction | None = None, frames: Frames | None = None) -> ArraySource:
        """From (N, H, W, 3) or (H, W, 3) uint8; pictures are converted to BT.709 limited range one at a
        time."""
        from lvcodec.video.colour import Colour

        if rgb.ndim == 3:
            rgb = rgb[None]
        if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3:
            raise InputError(f"an array of {rgb.dtype} {rgb.shape} is no video", "give (N, H, W, 3) uint8, RGB")
        # the mean of 2x2 pixels sits in their middle
        colour = Colour(1, 1, 1, full_range=False, chroma_location=2)
        notices = ["RGB is converted to 8-bit 4:2:0, BT.709, limited range"]
        if rate is None:
            notices.append(f"no picture rate is given: {ASSUMED_RATE} a second are assumed")
        fmt = VideoFormat(rgb.shape[2], rgb.shape[1], rate or ASSUMED_RATE, colour)
        return cls(rgb, fmt, frames=frames, notices=notices)

    def _all(self, first: int) -> Generator[Picture, None, None]:
        for number in range(first, len(self._items)):
            item = self._items[number]
            if not isinstance(item, Picture):
                item = Picture(*rgb_to_planes(np.moveaxis(item, 2, 0), self.format.colour))
            if (item.width, item.height) != (self.format.width, self.format.height):
                raise InputError(
                    f"picture {number} is {item.width}x{item.height}, not {self.format.width}x{self.format.height}"
                )
            yield item

    def _release(self) -> None:
        self._items = []


def open_source(
    source: str | os.PathLike[str] | BinaryIO | Plane | tuple[Sequence[Picture], VideoFormat] | Source,
    *,
    size: str | tuple[int, int] | None = None,
    rate: Fraction | int | float | str | None = None,
    pix_fmt: str | None = None,
    frames: Frames | None = None,
) -> Source:
    """Open video for reading.

    source: a path (also a pattern such as img_%03d.png), "-" for standard input, a binary file object, RGB as
    (N, H, W, 3) uint8, or (list of Picture, VideoFormat). size, pix_fmt: for raw video; rate: pictures a
    second, for raw video and pictures, else in place of the stated one. frames: half-open range, either end
    may be None. Raises InputError if it cannot be read or is not what it says, UsageError for options that
    contradict it.
    """
    wanted_size = rawformat.parse_size(size) if size is not None else None
    wanted_rate = rawformat.parse_rate(rate) if rate is not None else None
    options = Options(wanted_size, wanted_rate, pix_fmt, frames)
    if isinstance(source, Source):
        return source
    if isinstance(source, np.ndarray):
        return ArraySource.from_rgb(source, rate=wanted_rate, frames=frames)
    if isinstance(source, tuple):
        return ArraySource(source[0], source[1], frames=frames)
    if isinstance(source, (str, os.PathLike)):
        if os.fspath(source) == "-":
            return _open_reader(ByteReader(_standard_input(), "standard input", owned=False), None, options)
        return _open_path(Path(source), options)
    if not hasattr(source, "read"):
        raise InputError(f"{type(source).__name__} is no video", "give a path, a binary file, or an array")
    name = getattr(source, "name", None)
    path = Path(name) if isinstance(name, str) and os.path.isfile(name) and _at_start(source) else None
    return _open_reader(ByteReader(source, str(path) if path else "the input file", owned=False), path, options)


class Options:
    """What the caller says of an input; None where nothing."""

    def __init__(
        self, size: tuple[int, int] | None, rate: Fraction | None, pix_fmt: str | None, frames: Frames | None
    ) -> None:
        self.size, self.rate, self.frames = size, rate, frames
        self.pix_fmt = rawformat.raw_format(pix_fmt).name if pix_fmt is not None else None

    def contradict(self, name: str, size: tuple[int, int], pix_fmt: str) -> None:
        """Raise UsageError if the file says something else than the options do."""
        if self.size is not None and self.size != size:
            raise UsageError(
                f"{name} says that it is {size[0]}x{size[1]}, not {self.size[0]}x{self.size[1]}",
                "a size is given for raw video only",
            )
        if self.pix_fmt is not None and self.pix_fmt != pix_fmt:
            raise UsageError(
                f"{name} says that it is {pix_fmt}, not {self.pix_fmt}",
                "a pixel format is given for raw video only",
            )

    def replace_rate(self, stated: Fraction | None, notices: list[str]) -> Fraction:
        """The rate to go by; says so if it was assumed or is not the stated one."""
        if self.rate is None and stated is None:
            notices.append(f"no picture rate is stated: {ASSUMED_RATE} a second are assumed")
        elif self.rate is not None and stated is not None and self.rate != stated:
            notices.append(f"the stated rate of {stated} pictures a second is replaced by {self.rate}")
        return self.rate or stated or ASSUMED_RATE


def check_frames(frames: Frames | None) -> tuple[int, int | None]:
    """(first, end) of a half-open range. Raises UsageError unless 0 <= first < end."""
    first, end = frames or (None, None)
    first = first or 0
    if first < 0 or (end is not None and end <= first):
        raise UsageError(
            f"{first}:{end if end is not None else ''} is no range of pictures", "0:10 takes the first ten"
        )
    return first, end


def _open_path(path: Path, options: Options) -> Source:
    from lvcodec.video.decoded import FfmpegSource

    if "%" in path.name and not path.exists():
        return FfmpegSource.from_pattern(path, options)
    try:
        if path.is_dir():
            raise IsADirectoryError(path)
        reader = ByteReader(open(path, "rb", buffering=0), str(path), owned=True)  # noqa: SIM115
    except OSError as exc:
        raise read_error(str(path), exc) from exc
    return _open_reader(reader, path, options)


def _open_reader(reader: ByteReader, path: Path | None, options: Options) -> Source:
    """Look at the first bytes, then let the fitting source have the rest."""
    try:
        source = _choose(reader, path, options)
    except BaseException:
        reader.close()
        raise
    return source


def _choose(reader: ByteReader, path: Path | None, options: Options) -> Source:
    from lvcodec.video.decoded import FfmpegSource
    from lvcodec.video.planar import PlanarSource

    length = _length(reader.file)
    suffix = path.suffix.lower() if path else ""
    name = reader.name
    head = reader.peek(len(y4m.MAGIC))
    if not head:
        raise InputError(f"{name} is empty")
    if head == y4m.MAGIC:
        return PlanarSource.from_y4m(reader, length, options)
    if suffix == ".y4m":
        what = "it is a text file" if looks_like_text(reader.peek(512)) else f"it begins with {head!r}"
        raise InputError(f"{name} is no Y4M file: {what}, not with YUV4MPEG2")
    if head.startswith(STREAM_MAGIC):
        raise InputError(f"{name} is an lvcodec stream", "decode it first")
    raw_name = suffix in rawformat.RAW_SUFFIXES
    if raw_name or (options.size is not None and suffix in {"", ".bin", ".dat"}):
        return PlanarSource.from_raw(reader, path, length, options)
    if path is not None:
        reader.close()
        return FfmpegSource.from_path(path, options)
    return FfmpegSource.from_pipe(reader, options)


def _length(file: Any) -> int | None:
    """Bytes from here to the end; None for what cannot be sought."""
    try:
        if not file.seekable():
            return None
        here = file.tell()
        end = int(file.seek(0, os.SEEK_END))
        file.seek(here)
        return end - int(here)
    except (AttributeError, OSError, ValueError):
        return None


def _at_start(file: Any) -> bool:
    try:
        return bool(file.tell() == 0)
    except (AttributeError, OSError, ValueError):
        return False


def _standard_input() -> Any:
    """Standard input without a buffer: a thread that waits in it must hold no lock when the program ends."""
    try:
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    except (AttributeError, OSError, ValueError):
        return getattr(sys.stdin, "buffer", sys.stdin)
