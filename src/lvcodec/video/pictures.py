"""Output as pictures, one a file: a still, or a numbered sequence (frame_%03d.png, from 1 on)."""

from __future__ import annotations

from pathlib import Path

from lvcodec.errors import InputError
from lvcodec.video.atomic import begin_partial, check_output, place_of, put_in_place, remove_partial
from lvcodec.video.base import Sink
from lvcodec.video.encoder_args import input_args, input_format, output_args, range_notices
from lvcodec.video.encoders import Encoder
from lvcodec.video.feeding import feed_picture
from lvcodec.video.ffmpeg import FfmpegProcess
from lvcodec.video.format import VideoFormat
from lvcodec.video.numbered import Numbered
from lvcodec.video.picture import Picture
from lvcodec.video.trial import tried
from lvcodec.video.writing import write_error


class PicturesSink(Sink):
    """ffmpeg makes the pictures in a folder beside; at the end they are moved to their places.

    count: how many will come, None if that is not known; none of their places may be taken, unless `overwrite`.
    """

    def __init__(
        self, path: Path, fmt: VideoFormat, encoder: Encoder, *, overwrite: bool, count: int | None = None
    ) -> None:
        super().__init__(str(path), fmt)
        self._path = path
        self._overwrite = overwrite
        self._numbered = Numbered.of(path)
        self._rgb = encoder.rgb
        self._placed: list[Path] = []
        self._check(count)
        if not encoder.known:
            encoder = tried(encoder, fmt, path)
        self.notices.append(f"{path} is encoded with {encoder.text}")
        self.notices += range_notices(encoder, fmt, path.suffix)
        try:
            self._folder = begin_partial(self._place(1), folder=True)
        except OSError as exc:
            raise write_error(self.name, exc) from exc
        args = [*input_args(fmt, input_format(encoder)), *output_args(encoder, fmt), "-start_number", "1"]
        if "image2" not in encoder.args:
            args += ["-f", "image2"]
        try:
            self._process = FfmpegProcess(
                [*args, f"%d{path.suffix}"], what=f"ffmpeg cannot write {path}", stdin_open=True, cwd=self._folder
            )
        except BaseException:
            remove_partial(self._folder)
            raise

    def _check(self, count: int | None) -> None:
        """Refuse names that stand for nothing, and places that cannot be written or are taken."""
        if self._numbered is None:
            if "%" in self._path.name.replace("%%", ""):
                raise InputError(f"{self._path} is no pattern for pictures", "write it as frame_%03d.png")
            self._refuse_more(count)
            check_output(self._path, overwrite=self._overwrite)
            return
        check_output(self._numbered.path(1), overwrite=self._overwrite)
        if count is not None:
            for number, path in sorted(self._numbered.present().items()):
                if 1 <= number <= count:
                    check_output(path, overwrite=self._overwrite)

    def _refuse_more(self, count: int | None) -> None:
        if count is not None and count > 1:
            raise InputError(
                f"{self.name} holds one picture, and there are more",
                f"name them {self._path.stem}_%03d{self._path.suffix}",
            )

    def _place(self, number: int) -> Path:
        return place_of(self._path) if self._numbered is None else self._numbered.path(number)

    def _put(self, picture: Picture) -> None:
        if self._numbered is None:
            self._refuse_more(self.pictures + 1)
        else:  # one that is taken ends the work now, not once all is decoded
            check_output(self._numbered.path(self.pictures + 1), overwrite=self._overwrite)
        feed_picture(self._process, picture, self.format.colour if self._rgb else None)

    def close(self) -> None:
        """Let ffmpeg finish, then move the pictures to their places: all, or where a new one is taken now, none."""
        if not self._folder.exists():
            return
        try:
            if self.pictures == 0:
                raise InputError(f"no picture came for {self.name}")
            self._process.check()
            for number in range(1, self.pictures + 1):
                place = self._place(number)
                put_in_place(self._folder / f"{number}{self._path.suffix}", place, overwrite=self._overwrite)
                self._placed.append(place)
        except BaseException:
            if not self._overwrite:  # they are new, and all ours
                for place in self._placed:
                    place.unlink(missing_ok=True)
            raise
        finally:
            self.abort()

    def abort(self) -> None:
        """Stop ffmpeg and remove what was written."""
        self._process.stop()
        remove_partial(self._folder)
