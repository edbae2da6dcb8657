"""Video in: `open_source` turns a file, a pipe, an array or a list of pictures into an iterator of pictures.

    path, "-", file object ─► ByteReader ─┬─ Y4M, raw: PlanarSource ─┬─ 8-bit 4:2:0, grey ───────► Picture
                                          │                          └─ other formats ─► ffmpeg ─► Picture
                                          └─ all else: FfmpegSource ───────────────────► ffmpeg ─► Picture
    RGB array, list of pictures ──────────── ArraySource ────────────────────────────────────────► Picture

One picture is held at a time, and nothing waits for the end of the input. `notices` tells what was assumed or
converted; it may grow until the last picture. How things are recognised: Y4M by its first bytes, raw by its
suffix (or `size` given for a pipe or a file without a telling suffix), all else is ffmpeg's. The name of a file object
counts only where reading that path would give the same (fileobjects.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lvcodec.errors import InputError
from lvcodec.frames import Frames
from lvcodec.video import rawformat, y4m
from lvcodec.video.base import ASSUMED_RATE, InputOptions, Source
from lvcodec.video.colour import Colour
from lvcodec.video.decoded import FfmpegSource
from lvcodec.video.fileobjects import check_readable, path_of
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture, Plane
from lvcodec.video.planar import PlanarSource
from lvcodec.video.reader import ByteReader, looks_like_text, reading
from lvcodec.video.rgb import rgb_to_planes

STREAM_MAGIC = b"LVC1"


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
        if not isinstance(pictures, (Sequence, np.ndarray)):
            raise InputError(f"{type(pictures).__name__} is no list of pictures")
        super().__init__("the array", fmt, total=len(pictures), frames=frames, notices=notices)
        self._items = pictures

    @classmethod
    def from_rgb(cls, rgb: Plane, *, rate: Fraction | None = None, frames: Frames | None = None) -> ArraySource:
        """From (N, H, W, 3) or (H, W, 3) uint8; pictures become BT.709 of limited range one at a time.

        Raises InputError for an array of another type or shape.
        """
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
                if not isinstance(item, np.ndarray) or item.dtype != np.uint8 or item.ndim != 3 or item.shape[2] != 3:
                    raise InputError(f"picture {number} is neither a Picture nor (H, W, 3) uint8, RGB")
                item = Picture(*rgb_to_planes(np.moveaxis(item, 2, 0), self.format.colour))
            if (item.width, item.height) != (self.format.width, self.format.height):
                raise InputError(
                    f"picture {number} is {item.width}x{item.height}, not {self.format.width}x{self.format.height}"
                )
            yield item

    def _release(self) -> None:
        self._items = []


def open_source(
    source: str | os.PathLike[str] | BinaryIO | ByteReader | Plane | tuple[Sequence[Picture], VideoFormat] | Source,
    *,
    size: str | tuple[int, int] | None = None,
    rate: Fraction | int | float | str | None = None,
    pix_fmt: str | None = None,
    frames: Frames | None = None,
    lenient: bool = False,
    seek_s: Fraction | None = None,
) -> Source:
    """Open video for reading.

    source: a path (also a pattern such as img_%03d.png), "-" for standard input, a binary file object, RGB as
    (N, H, W, 3) uint8, or (list of Picture, VideoFormat). size, pix_fmt: for raw video; rate: pictures a
    second, for raw video and pictures, else in place of the stated one. frames: half-open range, either end
    may be None. lenient: of raw and Y4M video that is cut take the whole pictures. seek_s: where the first of `frames`
    may be looked for, as Source.place_s gave it; what is found there is for the caller to check, and the rest of what
    the source tells of itself is of no use then. Raises InputError if it cannot be read or is not what it says,
    UsageError for options that contradict it.
    """
    wanted_size = rawformat.parse_size(size) if size is not None else None
    wanted_rate = rawformat.parse_rate(rate) if rate is not None else None
    options = InputOptions(wanted_size, wanted_rate, pix_fmt, frames, lenient=lenient, seek_s=seek_s)
    if isinstance(source, Source):
        return source
    if isinstance(source, np.ndarray):
        return ArraySource.from_rgb(source, rate=wanted_rate, frames=frames)
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], VideoFormat):
        return ArraySource(source[0], source[1], frames=frames)
    if isinstance(source, ByteReader):
        return _open_reader(source, source.path, options)
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if "%" in path.name and not path.exists():
            return FfmpegSource.from_pattern(path, options)
        reader = open_reader(source)
        return _open_reader(reader, reader.path, options)
    check_readable(source, "video", "give a path, a binary file, or an array")
    named = path_of(source)
    return _open_reader(ByteReader(source, str(named or "the input file"), owned=False), named, options)


def open_reader(place: str | os.PathLike[str]) -> ByteReader:
    """The bytes of a file, or of standard input for "-"; open_source takes them, once somebody has looked at the first.

    Raises InputError if there is nothing to read.
    """
    if os.fspath(place) == "-":
        return ByteReader(_standard_input(), "standard input", owned=False)
    path = Path(place)
    with reading(str(path)):
        if path.is_dir():
            raise IsADirectoryError(path)
        return ByteReader(open(path, "rb", buffering=0), str(path), owned=True, path=path)


def can_be_opened_again(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a file that everybody can read from its beginning; a pipe is opened once, by one program."""
    return os.path.isfile(os.path.realpath(path))


def _open_reader(reader: ByteReader, path: Path | None, options: InputOptions) -> Source:
    """Look at the first bytes, then let the fitting source have the rest."""
    try:
        return _choose(reader, path, options)
    except BaseException:
        reader.close()
        raise


def _choose(reader: ByteReader, path: Path | None, options: InputOptions) -> Source:
    length = _length(reader.file)
    if length is not None:
        length += reader.held
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
    if rawformat.is_raw(suffix, sized=options.size is not None):
        return PlanarSource.from_raw(reader, path, length, options)
    if path is not None and can_be_opened_again(path):
        reader.close()
        return FfmpegSource.from_path(path, options)
    return FfmpegSource.from_pipe(reader, options)


def _length(file: Any) -> int | None:
    """Bytes from here to the end; None for what cannot be sought, or is damaged on the way."""
    try:
        if not file.seekable():
            return None
        here = int(file.tell())
        try:
            return int(file.seek(0, os.SEEK_END)) - here
        finally:
            file.seek(here)
    except Exception:  # each kind of file object has its own; reading will tell
        return None


def _standard_input() -> Any:
    """Standard input without a buffer: a thread that waits in it must hold no lock when the program ends."""
    try:
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    except (AttributeError, OSError, ValueError):
        return getattr(sys.stdin, "buffer", sys.stdin)
