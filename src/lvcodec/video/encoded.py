"""Output through ffmpeg: playable files, pictures, and raw or Y4M in other pixel formats.

Pictures (PNG and its like) get RGB from lvcodec's own exact conversion; all else gets the planes as they are,
with the colour description.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np

from lvcodec.errors import InputError
from lvcodec.video.atomic import AtomicFile, check_output, is_special, partial_path, put_in_place
from lvcodec.video.base import Sink
from lvcodec.video.encoders import (
    PICTURES,
    RGB_PICTURES,
    Encoder,
    encoder_for,
    input_args,
    jpeg_args,
    output_args,
)
from lvcodec.video.ffmpeg import FfmpegProcess, file_argument
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.pipe_formats import check_encoder
from lvcodec.video.rgb import planes_to_rgb
from lvcodec.video.writing import refusals_told, write_all, write_error


def encoded_sink(path: Path, fmt: VideoFormat, *, pix_fmt: str | None, overwrite: bool) -> Sink:
    """The ffmpeg sink for a path. Raises InputError if its suffix says nothing or it cannot be written."""
    check_output(path, overwrite=overwrite or "%" in path.name)
    if path.suffix.lower() in PICTURES:
        return PicturesSink(path, fmt, overwrite=overwrite)
    return EncodedSink(path, fmt, encoder_for(path, fmt, pix_fmt), overwrite=overwrite)


class EncodedSink(Sink):
    """One file, encoded by ffmpeg as its suffix says; a notice says how."""

    def __init__(self, path: Path, fmt: VideoFormat, encoder: Encoder, *, overwrite: bool) -> None:
        super().__init__(str(path), fmt)
        self._overwrite = overwrite
        self._place = path if is_special(path) else Path(path).resolve()
        self._partial = None if is_special(path) else partial_path(self._place)
        self.notices.append(f"{path} is encoded with {encoder.text}")
        self._done = False
        output = [*output_args(encoder, fmt), "-y", file_argument(self._partial or path)]
        what = f"ffmpeg cannot write {path}"
        if not encoder.known:
            self._try(fmt, output, what)
        self._process = FfmpegProcess([*input_args(fmt, "yuv420p"), *output], what=what, stdin_open=True)

    def _try(self, fmt: VideoFormat, output: list[str], what: str) -> None:
        """Encode one grey picture, so that a suffix nobody knows is refused before any work."""
        trial = FfmpegProcess(
            [
                "-f",
                "lavfi",
                "-i",
                f"color=gray:size={fmt.width}x{fmt.height}:rate={fmt.rate}",
                "-frames:v",
                "1",
                *output,
            ],
            what=what,
        )
        try:
            trial.check()
        finally:
            trial.stop()
            if self._partial is not None:
                self._partial.unlink(missing_ok=True)

    def _put(self, picture: Picture) -> None:
        feed_picture(self._process, picture.planes)

    def close(self) -> None:
        """Let ffmpeg finish, then put the file in its place."""
        if self._done:
            return
        try:
            if self.pictures == 0:
                raise InputError(f"no picture came for {self.name}")
            self._process.check()
            if self._partial is not None:
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
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)


class PicturesSink(Sink):
    """A still picture, or a numbered sequence (frame_%03d.png, from 1 on): made in a folder beside, then moved."""

    def __init__(self, path: Path, fmt: VideoFormat, *, overwrite: bool) -> None:
        super().__init__(str(path), fmt)
        self._path = path
        self._overwrite = overwrite
        self._many = "%" in path.name
        self._check_place()
        self._rgb = path.suffix.lower() in RGB_PICTURES
        encoder = PICTURES[path.suffix.lower()]
        self.notices.append(f"{path} is encoded with {encoder.text}")
        try:
            self._folder = Path(
                tempfile.mkdtemp(prefix=f".{path.stem.replace('%', '')}.", suffix=".part", dir=path.parent)
            )
        except OSError as exc:
            raise write_error(self.name, exc) from exc
        # JPEG is BT.601, full range, whatever the clip is
        conversion = [] if self._rgb else jpeg_args(fmt)
        args = [
            *input_args(fmt, "rgb24" if self._rgb else "yuv420p"),
            *conversion,
            *encoder.args,
            "-start_number",
            "1",
            f"%d{path.suffix}",
        ]
        try:
            self._process = FfmpegProcess(args, what=f"ffmpeg cannot write {path}", stdin_open=True, cwd=self._folder)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _check_place(self) -> None:
        if not self._many:
            check_output(self._path, overwrite=self._overwrite)
            return
        if len(re.findall(r"%(?:0\d+)?d", self._path.name.replace("%%", ""))) != 1:
            raise InputError(f"{self._path} is no pattern for pictures", "write it as frame_%03d.png")
        self._check_numbers(range(1, 2))

    def _check_numbers(self, numbers: range) -> None:
        for number in numbers:
            check_output(self._numbered(number), overwrite=self._overwrite)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(self._path.name % number) if self._many else self._path

    def _put(self, picture: Picture) -> None:
        if self.pictures == 1 and not self._many:
            raise InputError(
                f"{self.name} holds one picture, and there are more",
                f"name them {self._path.stem}_%03d{self._path.suffix}",
            )
        if self._rgb:
            rgb = planes_to_rgb(*picture.planes, self.format.colour)
            feed_picture(self._process, (np.ascontiguousarray(np.moveaxis(rgb, 0, 2)),))
        else:
            feed_picture(self._process, picture.planes)

    def close(self) -> None:
        """Let ffmpeg finish, then move the pictures to their places."""
        if not self._folder.exists():
            return
        try:
            if self.pictures == 0:
                raise InputError(f"no picture came for {self.name}")
            self._process.check()
            self._check_numbers(range(1, self.pictures + 1))
            for number in range(1, self.pictures + 1):
                put_in_place(
                    self._folder / f"{number}{self._path.suffix}",
                    self._numbered(number),
                    overwrite=self._overwrite,
                )
        finally:
            self.abort()

    def abort(self) -> None:
        """Stop ffmpeg and remove what was written."""
        self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


class PipedSink(Sink):
    """A pipe or a file object: ffmpeg encodes, a thread passes on what it writes."""

    def __init__(self, file: Any, name: str, fmt: VideoFormat, encoder: Encoder, suffix: str) -> None:
        super().__init__(name, fmt)
        self.notices.append(f"{name} gets {encoder.text}")
        output = output_args(encoder, fmt)
        if not encoder.known:
            check_encoder(output, fmt, suffix)
        args = [*input_args(fmt, "yuv420p"), *output, "pipe:1"]
        self._file = file
        self._failure: InputError | None = None
        self._process = FfmpegProcess(args, what=f"ffmpeg cannot write {name}", stdin_open=True)
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self._thread.start()

    def _pass_on(self) -> None:
        try:
            with refusals_told(self.name):  # reading ends with a ValueError where `abort` closes the pipe
                while data := self._process.stdout.read1(1 << 20):
                    write_all(self._file, data, self.name)
                    self._file.flush()
        except InputError as exc:
            self._failure = exc
            self._process.stdout.close()  # ffmpeg's next write fails, then ours does

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _put(self, picture: Picture) -> None:
        self._raise()
        try:
            feed_picture(self._process, picture.planes)
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


def feed_picture(process: FfmpegProcess, parts: tuple[Any, ...]) -> None:
    """Write the samples of one picture to ffmpeg. Raises InputError with its words if it has ended."""
    try:
        for part in parts:
            process.stdin.write(memoryview(part).cast("B"))
        process.stdin.flush()
    except (BrokenPipeError, ConnectionResetError) as exc:
        process.wait()
        raise process.error() from exc
    except OSError as exc:
        raise write_error(process.what, exc) from exc
