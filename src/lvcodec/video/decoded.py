"""Input that ffmpeg reads: containers, elementary streams, pictures and sequences of them, from a path or a pipe."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError
from lvcodec.frames import FrameRange
from lvcodec.video.base import ASSUMED_RATE, InputOptions, Source
from lvcodec.video.convert import conversion, is_rgb
from lvcodec.video.ffmpeg import Feeder, FfmpegProcess, file_argument, last_words
from lvcodec.video.format import VideoFormat, check_size
from lvcodec.video.missing import missing_pictures
from lvcodec.video.numbered import Numbered
from lvcodec.video.packets import NO_STAMP, read_packets
from lvcodec.video.picture import Picture
from lvcodec.video.planar import pictures_of
from lvcodec.video.presentation import Presentation, durations_of
from lvcodec.video.probe import Probe, probe_path, probe_pipe
from lvcodec.video.reader import ByteReader, looks_like_text
from lvcodec.video.side_file import Cut, SideFile, make_side_file
from lvcodec.video.timing import Pace, disagreement
from lvcodec.video.track_text import counted
from lvcodec.video.watch import SHOWINFO, Watch
from lvcodec.video.writing import write_all

# what ffmpeg opens as numbered pictures, if the path reads as a pattern
_PICTURES = (
    "png apng jpg jpeg bmp tif tiff webp ppm pgm pbm pam pfm tga dpx exr jp2 j2k j2c jxl jls gif pcx sgi ras qoi xbm "
    "xpm xwd hdr psd svg dds cri pnm rgb bw"
)
_STILLS = {f".{suffix}" for suffix in _PICTURES.split()}
# where containers without an index are sought, ffmpeg may find a key frame that comes too late: it begins sooner, and
# pictures that are not wanted are left out
SEEK_EARLIER_S = Fraction(10)
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
        copy: tempfile.TemporaryDirectory[str] | None = None,
        run: _Run | None = None,
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
            VideoFormat(
                *said.size,
                rate,
                way.colour,
                range_stated=said.range_stated or is_rgb(said.pix_fmt),
                aspect=said.aspect,
            ),
            total=None if run is None else run.count,
            frames=options.frames,
            notices=[*notices, *way.notices],
            estimate=estimate,
        )
        filters = f"{SHOWINFO},{way.filters}"
        if options.seek_s is not None:
            filters = f"trim=start={float(min(options.seek_s, SEEK_EARLIER_S)):.6f},{filters}"
        chosen = ["-map", f"0:{said.stream}", "-vf", filters]
        if said.group is not None:
            chosen = ["-filter_complex", f"[0:g:{said.group}]{filters}[whole]", "-map", "[whole]"]
        self._input_args = input_args
        self._args = [*input_args, *chosen, "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"]
        self._probe = probe
        self._timed = options.rate is None and not said.still
        self._watch = Watch()
        self._told_error = self._told_change = self._gave_up = False
        self._sought = options.seek_s is not None
        self._run = run
        self._feed = feed
        self._reader = reader
        self._copy = copy
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
            if options.seek_s is not None:
                args = ["-ss", f"{float(max(options.seek_s - SEEK_EARLIER_S, Fraction(0))):.6f}", *args]
            return cls(name, args, probe, options)
        except InputError as exc:
            with open(path, "rb") as file:
                if "text file" not in exc.message and looks_like_text(file.read(512)):
                    raise InputError(f"{name} is a text file, not a video") from exc
            raise

    @classmethod
    def from_pattern(cls, pattern: Path, options: InputOptions) -> FfmpegSource:
        """Open numbered pictures such as img_%03d.png, from the lowest number to the first gap."""
        run, notices = _Run.of(pattern), []
        if run.left_out:
            notices.append(
                f"{pattern} has a gap after number {run.first + run.count - 1}: {run.count} of "
                f"{run.count + run.left_out} pictures are taken"
            )
        rate = options.rate or ASSUMED_RATE
        args = [
            "-f",
            "image2",
            "-framerate",
            f"{rate.numerator}/{rate.denominator}",
            "-start_number",
            str(run.first),
            "-i",
            file_argument(pattern, numbered=True),
        ]
        name = str(pattern)
        probe = probe_path(args, name, path=None, wanted=FrameRange.of(options.frames))
        return cls(name, args, probe, options, run=run, notices=notices)

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

        lost = counted(probe.said.tracks, probe.said.chapters)
        notices = [f"not kept: {lost}, since the input is a pipe"] if lost else []
        return cls(reader.name, ["-i", "pipe:0"], probe, options, feed=feed, reader=reader, notices=notices)

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
                probe = probe_path(args, reader.name, path=path, wanted=FrameRange.of(options.frames))
            except InputError:
                raise failure from None
            return cls(reader.name, args, probe, options, reader=reader, copy=folder)
        except BaseException:
            folder.cleanup()
            raise

    def _all(self, first: int) -> Generator[Picture, None, None]:
        process = FfmpegProcess(
            self._args, what=f"ffmpeg cannot decode {self.name}", feed=self._feed, hear=self._watch.hear
        )
        self._process = process
        came = first if self._sought else 0
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

    def place_s(self, number: int) -> Fraction | None:
        watch = self._watch
        if number == 0 or self._sought or self._run is not None or self._feed is not None:
            return None
        watch.wait_for(number + 1)
        if not watch.stamped or watch.tick is None or len(watch.stamps) <= number:
            return None
        before, stamp = watch.stamps[number - 1 : number + 1]
        return Fraction(before + stamp, 2) * watch.tick if before < stamp else None

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
        if self._run is not None and self.count is not None:
            if taken < self.count and self._watch.error is None:
                unread = self._run.path(self._range.first + taken)
                self.notices.append(f"{unread} cannot be read: it and what comes after it is left out")
            return self.count - taken + self._run.left_out
        return max(int(self._gave_up), missing_pictures(self._watch, self._probe))

    def presentation(self, count: int) -> Presentation:
        """See Source."""
        watch, aspect = self._watch, self.format.aspect
        first, end = self._range.first, self._range.first + count
        watch.wait_for(end)
        stamps = sorted(watch.stamps[first:end])
        if self._probe.said.still or watch.tick is None or not watch.stamped or len(stamps) < count or stamps[0] < 0:
            return Presentation(aspect=aspect)
        last = watch.last if len(watch.stamps) == end else watch.stamps[end] - stamps[-1]
        durations = durations_of(stamps, last, watch.tick, self.format.rate) if self._timed else None
        return Presentation(watch.tick, stamps[0], durations, aspect)

    @property
    def has_beside(self) -> bool:
        """See Source."""
        said = self._probe.said
        return self._feed is None and not said.still and bool(said.tracks or said.chapters)

    def side_file(self, folder: Path, *, audio: bool) -> SideFile | None:
        """See Source."""
        said = self._probe.said
        wanted = [track for track in said.tracks if track.kind != "data" and (audio or track.kind != "audio")]
        if not self.has_beside:
            return None
        lost, why = [track for track in said.tracks if track.kind == "data"], ""
        side = None
        if wanted or said.chapters:
            try:
                side = make_side_file(self._input_args, wanted, folder, cut=self._cut(), like_mp4=said.indexed)
                side = replace(side, chapters=said.chapters)
                lost += side.left_out
            except InputError as error:
                lost, why = [*lost, *wanted], f" ({error.message})"
        if lost:
            self.notices.append(f"not kept: {counted(lost)}{why}")
        return side

    def _cut(self) -> Cut | None:
        """The time of the pictures that are wanted; None for all."""
        first, end = self._range.first, self._range.end
        if first == 0 and end is None:
            return None
        packets = read_packets(self._input_args, self._probe.said.stream, end)
        stamps = sorted(packets.shown)
        rate = self.format.rate
        if NO_STAMP in stamps or len(stamps) <= first:
            return Cut(first / rate, None if end is None else end / rate)
        end_s = stamps[end] * packets.tick if end is not None and end < len(stamps) else None
        return Cut(max(stamps[first] * packets.tick, Fraction(0)) if first else Fraction(0), end_s)

    def _look_back(self, first: int, end: int) -> list[str]:
        watch = self._watch
        if self._sought or not self._timed:
            return []
        watch.wait_for(end)
        if watch.tick is None or not watch.stamped:
            return []
        pace = Pace.of(sorted(watch.stamps[first:end]), watch.tick, watch.last)
        text = disagreement(pace, self.format.rate) if pace is not None else None
        return [f"{self.name}: {text}"] if text else []

    def _release(self) -> None:
        if self._process is not None:
            self._process.stop()
        if self._reader is not None:
            self._reader.close()
        if self._copy is not None:
            self._copy.cleanup()


@dataclass(frozen=True)
class _Run:
    """Pictures that are files with numbers in their names: `count` of them from number `first` to the first gap."""

    names: Numbered
    first: int
    count: int
    left_out: int

    @classmethod
    def of(cls, pattern: Path) -> _Run:
        """Those that are there. Raises InputError if there are none."""
        names = Numbered.of(pattern)
        if names is None:
            raise InputError(f"{pattern} is no pattern for pictures", "write it as img_%03d.png")
        numbers = names.present()
        if not numbers:
            raise InputError(f"no file fits the pattern {pattern}")
        first = min(numbers)
        count = next(count for count in range(1, len(numbers) + 1) if first + count not in numbers)
        return cls(names, first, count, len(numbers) - count)

    def path(self, number: int) -> Path:
        """The file of picture `number`, from 0."""
        return self.names.path(self.first + number)
