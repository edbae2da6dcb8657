"""Input that ffmpeg reads: containers, elementary streams, pictures and sequences of them, from a path or a pipe."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError, reason_of
from lvcodec.frames import FrameRange
from lvcodec.video.base import ASSUMED_RATE, InputOptions, Source
from lvcodec.video.convert import conversion
from lvcodec.video.ffmpeg import Feeder, FfmpegProcess, file_argument, last_words
from lvcodec.video.format import VideoFormat, check_size
from lvcodec.video.missing import missing_pictures
from lvcodec.video.picture import Picture
from lvcodec.video.planar import pictures_of
from lvcodec.video.probe import Probe, probe_path, probe_pipe
from lvcodec.video.reader import ByteReader, looks_like_text
from lvcodec.video.timing import Pace, disagreement
from lvcodec.video.watch import SHOWINFO, Watch

# what ffmpeg opens as numbered pictures, if the path reads as a pattern
_PICTURES = (
    "png apng jpg jpeg bmp tif tiff webp ppm pgm pbm pam pfm tga dpx exr jp2 j2k j2c jxl jls gif pcx sgi ras qoi xbm "
    "xpm xwd hdr psd svg dds cri pnm rgb bw"
)
_STILLS = {f".{suffix}" for suffix in _PICTURES.split()}
_PATTERN = re.compile(r"(?:[^%]|%%)*%\d*d(?:[^%]|%%)*")


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
        numbered: _Numbered | None = None,
        notices: list[str] | None = None,
    ) -> None:
        said = probe.said
        check_size(*said.size, name)
        options.check_against(name, said.size, said.pix_fmt)
        notices = [*(notices or []), *probe.notices]
        rate = options.choose_rate(None if said.still else probe.rate, notices)
        way = conversion(said.pix_fmt, *said.size, said.colour)
        estimate = None if said.duration_s is None else round(said.duration_s * float(probe.rate))
        super().__init__(
            name,
            VideoFormat(*said.size, rate, way.colour),
            total=None if numbered is None else numbered.count,
            frames=options.frames,
            notices=[*notices, *way.notices],
            estimate=estimate,
        )
        filters = f"{SHOWINFO},{way.filters}"
        chosen = ["-map", f"0:{said.stream}", "-vf", filters]
        if said.group is not None:
            chosen = ["-filter_complex", f"[0:g:{said.group}]{filters}[whole]", "-map", "[whole]"]
        self._args = [*input_args, *chosen, "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"]
        self._probe = probe
        self._timed = options.rate is None and not said.still
        self._watch = Watch()
        self._told_error = self._told_change = self._gave_up = False
        self._numbered = numbered
        self._feed = feed
        self._reader = reader
        self._process: FfmpegProcess | None = None

    @classmethod
    def from_path(cls, path: Path, options: InputOptions) -> FfmpegSource:
        """Open a file. Raises InputError if ffmpeg finds no video in it."""
        args = ["-i", file_argument(path)]
        if path.suffix.lower() in _STILLS and _PATTERN.fullmatch(str(path)):  # a file of that very name, no pattern
            args = ["-pattern_type", "none", *args]
        name = str(path)
        try:
            probe = probe_path(args, name, path=path, wanted=FrameRange.of(options.frames))
            return cls(name, args, probe, options)
        except InputError as exc:
            with open(path, "rb") as file:
                if "text file" not in exc.message and looks_like_text(file.read(512)):
                    raise InputError(f"{name} is a text file, not a video") from exc
            raise

    @classmethod
    def from_pattern(cls, pattern: Path, options: InputOptions) -> FfmpegSource:
        """Open numbered pictures such as img_%03d.png, from the lowest number to the first gap."""
        numbered, notices = _Numbered.of(pattern), []
        if numbered.left_out:
            notices.append(
                f"{pattern} has a gap after number {numbered.first + numbered.count - 1}: {numbered.count} of "
                f"{numbered.count + numbered.left_out} pictures are taken"
            )
        rate = options.rate or ASSUMED_RATE
        args = [
            "-f",
            "image2",
            "-framerate",
            f"{rate.numerator}/{rate.denominator}",
            "-start_number",
            str(numbered.first),
            "-i",
            file_argument(pattern, numbered=True),
        ]
        name = str(pattern)
        probe = probe_path(args, name, path=None, wanted=FrameRange.of(options.frames))
        return cls(name, args, probe, options, numbered=numbered, notices=notices)

    @classmethod
    def from_pipe(cls, reader: ByteReader, options: InputOptions) -> FfmpegSource:
        """Let ffmpeg read a pipe: the bytes that telling what it is took, then the rest as it comes."""
        head = reader.peek(512)
        try:
            probe, held = probe_pipe(reader)
        except InputError as exc:
            if looks_like_text(head):
                raise InputError(f"{reader.name} is text, not a video") from exc
            hint = "raw video needs a size; an MP4 with its index at the end cannot come through a pipe"
            raise InputError(exc.message, hint) from exc

        def feed(write: Callable[[bytes | bytearray], Any]) -> None:
            write(held)
            while data := reader.read_some():
                write(data)

        return cls(reader.name, ["-i", "pipe:0"], probe, options, feed=feed, reader=reader)

    def _all(self, first: int) -> Generator[Picture, None, None]:
        process = FfmpegProcess(
            self._args, what=f"ffmpeg cannot decode {self.name}", feed=self._feed, hear=self._watch.hear
        )
        self._process = process
        came = 0
        try:
            for picture in pictures_of(process, self.format, f"decoding {self.name}"):
                self._tell()
                if came >= first:
                    yield picture
                came += 1
        except InputError as error:
            if came <= first or process.failure is not None:
                raise
            self._gave_up = True  # what came is whole
            self._watch.hear("error", "", error.message)
        self._tell()

    def _tell(self) -> None:
        """Add a notice of what ffmpeg has met, once for each kind."""
        if self._watch.changed and not self._told_change:
            self._told_change = True
            self.notices.append(
                f"pictures of {self.name} change their size or format: all become "
                f"{self.format.width}x{self.format.height}"
            )
        if self._watch.error is not None and not self._told_error:
            self._told_error = True
            self.notices.append(f"ffmpeg decodes {self.name} with errors: {last_words([self._watch.error])}")

    def _lacking(self, taken: int) -> int:
        if self._numbered is not None and self.count is not None:
            if taken < self.count and self._watch.error is None:
                unread = self._numbered.path(self._range.first + taken)
                self.notices.append(f"{unread} cannot be read: it and what comes after it is left out")
            return self.count - taken + self._numbered.left_out
        return max(int(self._gave_up), missing_pictures(self._watch, self._probe))

    def _look_back(self, first: int, end: int) -> list[str]:
        watch = self._watch
        watch.wait_for(end)
        if not self._timed or watch.tick is None or not watch.stamped:
            return []
        pace = Pace.of(sorted(watch.stamps[first:end]), watch.tick, watch.last)
        text = disagreement(pace, self.format.rate) if pace is not None else None
        return [f"{self.name}: {text}"] if text else []

    def _release(self) -> None:
        if self._process is not None:
            self._process.stop()
        if self._reader is not None:
            self._reader.close()


@dataclass(frozen=True)
class _Numbered:
    """Pictures that are files with numbers in their names: `count` of them from number `first` to the first gap."""

    pattern: Path
    first: int
    count: int
    left_out: int

    @classmethod
    def of(cls, pattern: Path) -> _Numbered:
        """Those that are there. Raises InputError if there are none."""
        numbers = _numbers(pattern)
        if not numbers:
            raise InputError(f"no file fits the pattern {pattern}")
        first = min(numbers)
        count = next(count for count in range(1, len(numbers) + 1) if first + count not in numbers)
        return cls(pattern, first, count, len(numbers) - count)

    def path(self, number: int) -> Path:
        """The file of picture `number`, from 0."""
        return self.pattern.with_name(self.pattern.name % (self.first + number))


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
