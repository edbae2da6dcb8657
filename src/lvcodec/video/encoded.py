"""Output through ffmpeg into one file or a pipe: playable files, and raw or Y4M in other pixel formats.

Files whose format is RGB get it from lvcodec's own exact conversion; all others get the planes, with the colour
description as far as they can carry it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError
from lvcodec.video.atomic import AtomicFile, begin_partial, check_output, place_of, put_in_place, remove_partial
from lvcodec.video.base import Sink
from lvcodec.video.beside import Beside, left_out, muxing, takes_times
from lvcodec.video.colour import Colour
from lvcodec.video.encoder_args import KEEP_TICKS, input_args, input_format, output_args, range_notices
from lvcodec.video.encoders import ALSO_NUMBERED, PICTURES, Encoder, encoder_for
from lvcodec.video.feeding import IVF_ARGS, Ivf, feed_picture
from lvcodec.video.ffmpeg import FfmpegProcess, file_argument
from lvcodec.video.format import VideoFormat
from lvcodec.video.numbered import Numbered
from lvcodec.video.picture import Picture
from lvcodec.video.pictures import PicturesSink
from lvcodec.video.trial import check_pixels, tried
from lvcodec.video.writing import flush, refusals_told, write_all, write_error


def encoded_sink(
    path: Path,
    fmt: VideoFormat,
    *,
    pix_fmt: str | None,
    overwrite: bool,
    count: int | None,
    beside: Beside | None = None,
) -> Sink:
    """The ffmpeg sink for a path. Raises InputError if its suffix says nothing or it cannot be written."""
    suffix = path.suffix.lower()
    numbered = Numbered.of(path)
    if suffix in PICTURES or (suffix in ALSO_NUMBERED and numbered):
        encoder = PICTURES[suffix] if suffix in PICTURES else ALSO_NUMBERED[suffix]
        sink = PicturesSink(path, fmt, encoder, overwrite=overwrite, count=count)
        if beside is not None:
            sink.notices += left_out(beside, suffix, timed=True)  # each picture is a file: none has a time
        return sink
    check_output(path, overwrite=overwrite)
    encoder = encoder_for(path, fmt, pix_fmt)
    if pix_fmt is not None:
        check_pixels(encoder)
    if not encoder.known:  # two pictures for a name with a number: it may be a kind that has one picture a file
        encoder = tried(encoder, fmt, path, pictures=2 if numbered else 1)
    return EncodedSink(path, fmt, encoder, overwrite=overwrite, beside=beside)


@dataclass(frozen=True)
class _Way:
    """How pictures and what is beside them go to ffmpeg, and out of it. ivf: None where they come at the rate."""

    args: list[str]
    ivf: Ivf | None
    notices: list[str]

    @classmethod
    def of(cls, encoder: Encoder, fmt: VideoFormat, suffix: str, beside: Beside | None) -> _Way:
        """For a file of that suffix, up to its name."""
        tracks = muxing(beside, suffix)
        ivf = None
        if beside is not None and beside.stamps is not None and takes_times(suffix) and not encoder.rgb:
            ivf = Ivf(fmt, beside.tick, beside.stamps)
        pictures = input_args(fmt, input_format(encoder)) if ivf is None else IVF_ARGS
        times = () if ivf is None else KEEP_TICKS
        args = [*pictures, *tracks.inputs, *tracks.outputs, *times, *output_args(encoder, fmt)]
        lost = [] if beside is None else left_out(beside, suffix, timed=ivf is not None)
        return cls(args, ivf, [*range_notices(encoder, fmt, suffix), *tracks.notices, *lost])

    def feed(self, process: FfmpegProcess, picture: Picture, rgb_of: Colour | None) -> None:
        """Write one picture to ffmpeg."""
        feed_picture(process, picture, rgb_of, None if self.ivf is None else self.ivf.next_head())


class EncodedSink(Sink):
    """One file, encoded by ffmpeg as its suffix says; a notice says how."""

    def __init__(
        self, path: Path, fmt: VideoFormat, encoder: Encoder, *, overwrite: bool, beside: Beside | None = None
    ) -> None:
        super().__init__(str(path), fmt)
        self._overwrite = overwrite
        self._rgb = encoder.rgb
        self.notices.append(f"{path} is encoded with {encoder.text}")
        self._way = _Way.of(encoder, fmt, path.suffix.lower(), beside)
        self.notices += self._way.notices
        self._done = False
        self._place = place_of(path)
        try:
            self._partial = begin_partial(self._place)
        except OSError as exc:
            raise write_error(self.name, exc) from exc
        output = ["-y", file_argument(self._partial)]
        try:
            self._process = FfmpegProcess(
                [*self._way.args, *output], what=f"ffmpeg cannot write {path}", stdin_open=True
            )
        except BaseException:
            remove_partial(self._partial)
            raise

    def _put(self, picture: Picture) -> None:
        self._way.feed(self._process, picture, self.format.colour if self._rgb else None)

    def close(self) -> None:
        """Let ffmpeg finish, then put the file in its place."""
        if self._done:
            return
        try:
            if self.pictures == 0:
                raise InputError(f"no picture came for {self.name}")
            self._process.check()
            put_in_place(self._partial, self._place, overwrite=self._overwrite)
        except BaseException:
            self.abort()
            raise
        self._done = True
        self._process.stop()

    def abort(self) -> None:
        """Stop ffmpeg and remove the partial file."""
        if self._done:
            return
        self._done = True
        self._process.stop()
        remove_partial(self._partial)


class PipedSink(Sink):
    """A pipe or a file object: ffmpeg encodes, a thread passes on what it writes."""

    def __init__(
        self, file: Any, name: str, fmt: VideoFormat, encoder: Encoder, suffix: str, beside: Beside | None = None
    ) -> None:
        super().__init__(name, fmt)
        self.notices.append(f"{name} gets {encoder.text}")
        self._way = _Way.of(encoder, fmt, suffix, beside)
        self.notices += self._way.notices
        args = [*self._way.args, "pipe:1"]
        self._file = file
        self._rgb = encoder.rgb
        self._failure: InputError | None = None
        self._process = FfmpegProcess(args, what=f"ffmpeg cannot write {name}", stdin_open=True)
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self._thread.start()

    def _pass_on(self) -> None:
        try:
            with refusals_told(self.name):  # reading ends with a ValueError where `abort` closes the pipe
                while data := self._process.stdout.read1(1 << 20):
                    write_all(self._file, data, self.name)
                    flush(self._file, self.name)
        except InputError as exc:
            self._failure = exc
            self._process.stdout.close()  # ffmpeg's next write fails, then ours does

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _put(self, picture: Picture) -> None:
        self._raise()
        try:
            self._way.feed(self._process, picture, self.format.colour if self._rgb else None)
        except InputError:
            self._thread.join(timeout=1)
            self._raise()
            raise

    def close(self) -> None:
        """Let ffmpeg finish and pass on the rest; the file object stays open."""
        self._process.finish_input()
        self._thread.join()
        self._raise()
        self._process.check()
        if isinstance(self._file, AtomicFile):
            self._file.close()

    def abort(self) -> None:
        """Stop ffmpeg; what has been passed on has gone."""
        self._process.stop()
        if isinstance(self._file, AtomicFile):
            self._file.abort()
