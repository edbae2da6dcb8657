"""Raw and Y4M input: planes at known places.

8-bit 4:2:0 and grey are read as they are, the rest goes through ffmpeg.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lvcodec.errors import InputError
from lvcodec.video import rawformat, y4m
from lvcodec.video.base import InputOptions, Source
from lvcodec.video.colour import Colour
from lvcodec.video.convert import conversion, is_rgb, yuv_colour
from lvcodec.video.ffmpeg import FfmpegProcess
from lvcodec.video.format import VideoFormat, check_size
from lvcodec.video.picture import Picture
from lvcodec.video.rawformat import RawFormat, raw_format
from lvcodec.video.reader import ByteReader, looks_like_text

TEXT_MODE = "its lines end in CR LF: if it was written in text mode, its samples are damaged"


class PlanarSource(Source):
    """Pictures of `raw` format behind `reader`; `framed`: a FRAME line before each, as in Y4M."""

    def __init__(
        self,
        reader: ByteReader,
        raw: RawFormat,
        fmt: VideoFormat,
        *,
        total: int | None,
        framed: bool,
        guessed: bool,
        options: InputOptions,
        notices: list[str],
    ) -> None:
        self._filters = ""
        if raw.name in rawformat.NATIVE:
            if raw.name == "gray":
                notices.append("grey input (gray) is coded as 8-bit 4:2:0 with chroma 128")
            colour, about_colour = yuv_colour(raw.name, fmt.colour)
            notices.extend(about_colour)
        else:
            way = conversion(raw.name, fmt.width, fmt.height, fmt.colour)
            self._filters, colour = way.filters, way.colour
            notices.extend(way.notices)
        fmt = replace(fmt, colour=colour)
        super().__init__(reader.name, fmt, total=total, frames=options.frames, notices=notices)
        self._reader = reader
        self._raw = raw
        self._framed = framed
        self._text_mode = False  # whether lines of Y4M end in CR LF
        self._guessed = guessed
        self._lenient = options.lenient
        self._cut = False
        self._each_bytes = raw.picture_bytes(fmt.width, fmt.height)
        self._process: FfmpegProcess | None = None

    @classmethod
    def from_y4m(cls, reader: ByteReader, length: int | None, options: InputOptions) -> PlanarSource:
        """Read the header line of Y4M. Raises InputError, UsageError as open_source does."""
        line = reader.line(y4m.MAX_LINE)
        header = y4m.parse_header(line, reader.name)
        options.check_against(reader.name, (header.width, header.height), header.pix_fmt)
        notices = list(header.notices)
        rate = options.choose_rate(header.rate, notices)
        raw = raw_format(header.pix_fmt)
        each = raw.picture_bytes(header.width, header.height) + len(y4m.FRAME)
        # FRAME lines without parameters give a whole number; else the end will tell
        total, rest = None, None if length is None else length - len(line)
        if rest is not None and rest % each == 0 and reader.peek(len(y4m.FRAME)) in (b"", y4m.FRAME):
            total = rest // each
        fmt = VideoFormat(
            header.width,
            header.height,
            rate,
            header.colour,
            range_stated=header.range_stated,
            aspect=header.aspect,
        )
        return cls(reader, raw, fmt, total=total, framed=True, guessed=False, options=options, notices=notices)

    @classmethod
    def from_raw(cls, reader: ByteReader, path: Path | None, length: int | None, options: InputOptions) -> PlanarSource:
        """Size, rate and format from the options, else from the name. Raises InputError if that does not fit."""
        hints = rawformat.name_hints(path.name) if path else rawformat.NameHints()
        size = options.size or hints.size
        name = reader.name
        if size is None:
            text = looks_like_text(reader.peek(512))
            raise InputError(
                f"{name} has no size in its name" + (", and it looks like a text file" if text else ""),
                "give the size, as in --size 352x288, or name it clip_352x288_25.yuv",
            )
        check_size(*size, name)
        notices = ["interlaced input (by its name) is coded as progressive pictures"] if hints.interlaced else []
        stated_format = options.pix_fmt or hints.pix_fmt
        raw = raw_format(stated_format or "yuv420p")
        total = None if length is None else _whole_pictures(name, length, size, raw, lenient=options.lenient)
        rate = options.rate or hints.rate
        if rate is None:
            rate = options.choose_rate(None, notices)
        stated = raw.full_range or is_rgb(raw.name)
        fmt = VideoFormat(*size, rate, Colour(full_range=raw.full_range), range_stated=stated)
        return cls(
            reader,
            raw,
            fmt,
            total=total,
            framed=False,
            guessed=stated_format is None,
            options=options,
            notices=notices,
        )

    def _all(self, first: int) -> Generator[Picture, None, None]:
        if not self._filters:
            make = _MAKERS.get(self._raw.name, Picture.frombuffer)
            for data in self._planes(first):
                yield make(data, self.format.width, self.format.height)
            return

        def feed(write: Callable[[bytes | bytearray], Any]) -> None:
            for data in self._planes(first):
                write(data)

        fmt = self.format
        args = [
            "-f",
            "rawvideo",
            "-pix_fmt",
            self._raw.name,
            "-video_size",
            f"{fmt.width}x{fmt.height}",
            "-i",
            "pipe:0",
            "-fps_mode",
            "passthrough",
            "-vf",
            self._filters,
            "-f",
            "rawvideo",
            "pipe:1",
        ]
        self._process = FfmpegProcess(args, what=f"converting {self.name} failed", feed=feed)
        yield from pictures_of(self._process, fmt, f"converting {self.name}")

    def _planes(self, first: int) -> Generator[bytearray, None, None]:
        """The bytes of each picture from number `first` on."""
        number = 0
        while True:
            if self._framed:
                if not self._frame_line(number):
                    return
            elif first and number == 0:
                self._reader.skip(first * self._each_bytes)
                number = first
            if number < first:
                if not self._is_whole(self._reader.skip(self._each_bytes), number):
                    return
            else:
                data = bytearray(self._each_bytes)
                filled = self._reader.read_into(memoryview(data))
                if filled == 0 and not self._framed:
                    return
                if not self._is_whole(filled, number):
                    return
                if self._guessed and number == first:
                    self._check_depth(data)
                yield data
            number += 1

    def _is_whole(self, read_bytes: int, number: int) -> bool:
        """Whether as many bytes were read as picture `number` has. Raises InputError if that is not accepted."""
        if read_bytes == self._each_bytes:
            return True
        message = f"{self.name} is cut within picture {number}: {read_bytes} of its {self._each_bytes} bytes are there"
        self._accept_cut(InputError(message, self._cut_hint(number)))
        return False

    def _accept_cut(self, error: InputError) -> None:
        if not self._lenient:
            raise error
        self._cut = True
        self.notices.append(error.message)

    def _cut_hint(self, whole: int) -> str | None:
        """What to do where only so many pictures are whole."""
        if self._text_mode:
            return TEXT_MODE
        return "; ".join([*([] if self._framed else ["check size and pixel format"]), *_takes_whole(whole)]) or None

    def _text_hint(self) -> str | None:
        return TEXT_MODE if self._text_mode else None

    def _lacking(self, taken: int) -> int:
        return super()._lacking(taken) + int(self._cut)

    def _frame_line(self, number: int) -> bool:
        """Read the line before picture `number`, parameters or not; False at the end of the file."""
        line = self._reader.read(len(y4m.FRAME))
        if not line:
            return False
        if not line.endswith(b"\n") and line.startswith((b"FRAME ", b"FRAME\r")):
            line += self._reader.line(y4m.MAX_LINE - len(line))
        if line.startswith(b"FRAME") and line.endswith(b"\n"):
            self._text_mode = self._text_mode or line.endswith(b"\r\n")
            return True
        if len(line) < y4m.MAX_LINE and (y4m.FRAME.startswith(line) or line.startswith((b"FRAME ", b"FRAME\r"))):
            self._accept_cut(InputError(f"{self.name} is cut before picture {number}", self._cut_hint(number)))
            return False
        raise InputError(self._no_frame_line(line, number), self._text_hint())

    def _no_frame_line(self, line: bytes, number: int) -> str:
        if line.startswith(b"FRAME") and len(line) >= y4m.MAX_LINE:
            return f"{self.name} has a FRAME line of more than {y4m.MAX_LINE} bytes before picture {number}"
        return f"{self.name} has no FRAME line before picture {number}, but {line[:12]!r}"

    def _check_depth(self, data: bytearray) -> None:
        """Catch samples of 10 bits in 16 that nobody announced: every other byte is then 0..3."""
        luma = np.frombuffer(data, np.uint8, self.format.width * self.format.height)
        if luma.size >= 64 and luma[1::2].max() <= 3 and luma[::2].max() > 15:
            raise InputError(
                f"{self.name} looks like 10-bit samples, two bytes each, not like 8-bit ones",
                "give the format, as in --pix-fmt yuv420p10le (or yuv420p if it is 8-bit)",
            )

    def _release(self) -> None:
        if self._process is not None:
            self._process.stop()
        self._reader.close()


def pictures_of(process: FfmpegProcess, fmt: VideoFormat, what: str) -> Generator[Picture, None, None]:
    """Pictures from the raw 8-bit 4:2:0 that ffmpeg writes. Raises InputError if it fails or stops within one."""
    reader = ByteReader(process.stdout, what, owned=False)
    while True:
        data = bytearray(fmt.picture_bytes)
        filled = reader.read_into(memoryview(data))
        if filled == len(data):
            yield Picture.frombuffer(data, fmt.width, fmt.height)
            continue
        process.check()
        if filled:
            raise InputError(f"{what}: ffmpeg stopped within a picture")
        return


def _whole_pictures(name: str, length: int, size: tuple[int, int], raw: RawFormat, *, lenient: bool) -> int:
    each = raw.picture_bytes(*size)
    if length % each == 0 or lenient:
        return length // each
    fits = rawformat.sizes_that_fit(length, size, raw.name)
    shape = f"whole pictures would be {', '.join(fits)}" if fits else "no common size fits: the file may be cut"
    raise InputError(
        f"{name} has {length} bytes: {length / each:.2f} pictures of "
        f"{size[0]}x{size[1]} {raw.name} ({each} bytes each)",
        "; ".join([shape, *_takes_whole(length // each)]),
    )


def _takes_whole(pictures: int) -> list[str]:
    """A hint, if there are whole pictures before the cut."""
    which = "whole one" if pictures == 1 else f"{pictures} whole ones"
    return [f"encode --lenient (lenient=True) takes the {which}"] if pictures else []


def _grey(data: bytearray, width: int, height: int) -> Picture:
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    return Picture(np.frombuffer(data, np.uint8).reshape(height, width), chroma, chroma.copy())


def _swapped(data: bytearray, width: int, height: int) -> Picture:
    picture = Picture.frombuffer(data, width, height)
    return Picture(picture.y, picture.v, picture.u)


_MAKERS: dict[str, Callable[[bytearray, int, int], Picture]] = {"gray": _grey, "yv12": _swapped}
