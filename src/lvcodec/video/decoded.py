"""Input that ffmpeg reads: containers, elementary streams, pictures and sequences of them, from a path or a pipe."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError, reason_of
from lvcodec.video.base import ASSUMED_RATE, InputOptions, Source
from lvcodec.video.convert import conversion, is_rgb
from lvcodec.video.ffmpeg import Feeder, FfmpegProcess, file_argument, last_words
from lvcodec.video.format import VideoFormat, check_size
from lvcodec.video.picture import Picture
from lvcodec.video.planar import pictures_of
from lvcodec.video.probe import Probe, probe_path, probe_pipe
from lvcodec.video.reader import ByteReader, looks_like_text
from lvcodec.video.writing import write_all

# what ffmpeg opens as numbered pictures, if the name reads as a pattern
_STILLS = {
    ".png",
    ".jpg",
    ".jpeg",
    ".bmp",
    ".tif",
    ".tiff",
    ".webp",
    ".ppm",
    ".pgm",
    ".tga",
    ".dpx",
    ".exr",
    ".jp2",
    ".jxl",
}


class FfmpegSource(Source):
    """Pictures decoded by ffmpeg from `input_args` (ending in -i …), fed by `feed` if that is a pipe.

    Planes of 8-bit 4:2:0 input come out as they are decoded; every decoded picture comes out once, whatever
    its time stamp; rotation flags are applied by ffmpeg.
    """

    def __init__(
        self,
        name: str,
        input_args: list[str],
        probe: Probe,
        options: InputOptions,
        *,
        feed: Feeder | None = None,
        reader: ByteReader | None = None,
        copy: tempfile.TemporaryDirectory[str] | None = None,
        total: int | None = None,
        notices: list[str] | None = None,
    ) -> None:
        check_size(probe.width, probe.height, name)
        options.check_against(name, (probe.width, probe.height), probe.pix_fmt)
        notices = [*(notices or []), *probe.notices]
        rate = options.choose_rate(None if probe.still else probe.rate, notices)
        way = conversion(probe.pix_fmt, probe.width, probe.height, probe.colour)
        estimate = None if probe.duration_s is None else round(probe.duration_s * float(probe.rate))
        super().__init__(
            name,
            VideoFormat(
                probe.width, probe.height, rate, way.colour, range_stated=probe.range_stated or is_rgb(probe.pix_fmt)
            ),
            total=total,
            frames=options.frames,
            notices=[*notices, *way.notices],
            estimate=estimate,
        )
        self._args = [
            *input_args,
            "-map",
            "0:V:0",
            "-fps_mode",
            "passthrough",
            "-vf",
            way.filters,
            "-f",
            "rawvideo",
            "pipe:1",
        ]
        self._feed = feed
        self._reader = reader
        self._copy = copy
        self._process: FfmpegProcess | None = None

    @classmethod
    def from_path(cls, path: Path, options: InputOptions) -> FfmpegSource:
        """Open a file. Raises InputError if ffmpeg finds no video in it."""
        args = ["-i", file_argument(path)]
        if "%" in path.name and path.suffix.lower() in _STILLS:  # a file of that very name, no pattern
            args = ["-pattern_type", "none", *args]
        name = str(path)
        try:
            return cls(name, args, probe_path(args, name), options)
        except InputError as exc:
            with open(path, "rb") as file:
                if "text file" not in exc.message and looks_like_text(file.read(512)):
                    raise InputError(f"{name} is a text file, not a video") from exc
            raise

    @classmethod
    def from_pattern(cls, pattern: Path, options: InputOptions) -> FfmpegSource:
        """Open numbered pictures such as img_%03d.png, from the lowest number to the first gap."""
        numbers = _numbers(pattern)
        if not numbers:
            raise InputError(f"no file fits the pattern {pattern}")
        first = min(numbers)
        total = next(count for count in range(1, len(numbers) + 1) if first + count not in numbers)
        notices = []
        if total < len(numbers):
            notices.append(
                f"{pattern} has a gap after number {first + total - 1}: {total} of {len(numbers)} pictures are taken"
            )
        rate = options.rate or ASSUMED_RATE
        args = [
            "-f",
            "image2",
            "-framerate",
            f"{rate.numerator}/{rate.denominator}",
            "-start_number",
            str(first),
            "-i",
            file_argument(pattern),
        ]
        name = str(pattern)
        return cls(name, args, probe_path(args, name), options, total=total, notices=notices)

    @classmethod
    def from_pipe(cls, reader: ByteReader, options: InputOptions) -> FfmpegSource:
        """Let ffmpeg read a pipe: the bytes that telling what it is took, then the rest as it comes.

        What ffmpeg cannot read so is copied into a file, if the reader can go back to its beginning.
        """
        head = reader.peek(512)
        try:
            probe, held = probe_pipe(reader)
        except InputError as exc:
            if looks_like_text(head):
                raise InputError(f"{reader.name} is text, not a video") from exc
            hint = "raw video needs a size"
            if reader.rewind():
                return cls._from_copy(reader, options, InputError(exc.message, hint))
            raise InputError(
                exc.message, f"{hint}; an MP4 with its index at the end cannot come through a pipe"
            ) from exc

        def feed(write: Callable[[bytes | bytearray], Any]) -> None:
            write(held)
            while data := reader.read_some():
                write(data)

        return cls(reader.name, ["-i", "pipe:0"], probe, options, feed=feed, reader=reader)

    @classmethod
    def _from_copy(cls, reader: ByteReader, options: InputOptions, failure: InputError) -> FfmpegSource:
        """Read a copy, in which ffmpeg can jump about; raises `failure` if it still finds no video."""
        folder = tempfile.TemporaryDirectory(prefix="lvcodec-")
        try:
            path = Path(folder.name) / "input"
            with open(path, "wb") as copy:
                while data := reader.read_some(1 << 20):
                    write_all(copy, data, str(path))
            args = ["-i", file_argument(path)]
            try:
                probe = probe_path(args, reader.name)
            except InputError:
                raise failure from None
            return cls(reader.name, args, probe, options, reader=reader, copy=folder)
        except BaseException:
            folder.cleanup()
            raise

    def _all(self, first: int) -> Generator[Picture, None, None]:
        self._process = FfmpegProcess(self._args, what=f"ffmpeg cannot decode {self.name}", feed=self._feed)
        for number, picture in enumerate(pictures_of(self._process, self.format, f"decoding {self.name}")):
            if number >= first:
                yield picture
        if self._process.changes:
            self.notices.append(
                f"pictures of {self.name} change their size or format: all became "
                f"{self.format.width}x{self.format.height}"
            )
        if self._process.lines:
            self.notices.append(f"ffmpeg decoded {self.name} with errors: {last_words(list(self._process.lines))}")

    def _release(self) -> None:
        if self._process is not None:
            self._process.stop()
        if self._reader is not None:
            self._reader.close()
        if self._copy is not None:
            self._copy.cleanup()


def _numbers(pattern: Path) -> set[int]:
    """The numbers of the files that fit a pattern with one %d or %0Nd in its name."""
    parts = re.split(r"%(?:0(\d+))?d", pattern.name)
    if len(parts) != 3:
        raise InputError(f"{pattern} is no pattern for pictures", "write it as img_%03d.png")
    before, digits, after = parts[0], parts[1], parts[2]
    wanted = re.compile(re.escape(before.replace("%%", "%")) + r"(\d+)" + re.escape(after.replace("%%", "%")))
    try:
        names = [entry.name for entry in pattern.parent.iterdir()]
    except OSError as exc:
        raise InputError(f"cannot list the folder {pattern.parent}: {reason_of(exc)}") from exc
    texts = (match[1] for name in names if (match := wanted.fullmatch(name)))
    return {int(text) for text in texts if text == f"{int(text):0{int(digits or 1)}d}"}
