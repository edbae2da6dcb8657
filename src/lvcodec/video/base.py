"""What every source of pictures and every sink for them is, whatever file or process stands behind it.

source.py and sink.py open them; planar.py, decoded.py and encoded.py are the kinds that there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable
from fractions import Fraction
from inspect import GEN_RUNNING, getgeneratorstate
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from lvcodec.errors import InputError, UsageError, count_text
from lvcodec.frames import FrameRange, Frames
from lvcodec.report import Estimate
from lvcodec.video import rawformat
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.presentation import Presentation
from lvcodec.video.side_file import SideFile
from lvcodec.video.writing import Output

if TYPE_CHECKING:
    import os
    from typing import BinaryIO

    import numpy as np
    import numpy.typing as npt

ASSUMED_RATE = Fraction(25)
RATE_IS_ASSUMED = f"no picture rate is stated: {ASSUMED_RATE} a second are assumed"

# A path, "-" for a pipe, an open file, or RGB pictures (N, H, W, 3).
VideoLike: TypeAlias = "str | os.PathLike[str] | BinaryIO | npt.NDArray[np.uint8]"


class InputOptions:
    """What the caller says of an input; None where nothing.

    size: (width, height), pix_fmt: ffmpeg's name, both of raw video. rate: pictures a second. frames: (first, end).
    lenient: whole pictures of a cut input are all that is wanted. seek_s: where the first of `frames` may be looked
    for, in seconds from the beginning. Raises UsageError for a pixel format that is not known.
    """

    def __init__(
        self,
        size: tuple[int, int] | None,
        rate: Fraction | None,
        pix_fmt: str | None,
        frames: Frames | None,
        *,
        lenient: bool = False,
        seek_s: Fraction | None = None,
    ) -> None:
        self.size, self.rate, self.frames, self.lenient, self.seek_s = size, rate, frames, lenient, seek_s
        self.pix_fmt = rawformat.raw_format(pix_fmt).name if pix_fmt is not None else None

    def check_against(self, name: str, size: tuple[int, int], pix_fmt: str) -> None:
        """Raise UsageError if the file says something else than the caller."""
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

    def choose_rate(self, stated: Fraction | None, notices: list[str]) -> Fraction:
        """The rate to go by; adds a notice if it is assumed, or is not the one that the file states."""
        if self.rate is None and stated is None:
            notices.append(RATE_IS_ASSUMED)
        elif self.rate is not None and stated is not None and self.rate != stated:
            notices.append(f"the stated rate of {stated} pictures a second is replaced by {self.rate}")
        return self.rate or stated or ASSUMED_RATE


class Source(ABC):
    """Pictures of a clip, in order: an iterator and a context manager.

    format: size, rate, colour of what comes out. count: how many pictures will come, None where only the end
    tells. expected: count, or where that is None an Estimate from the clip's duration, or None. notices: lines for
    the user, to which reading adds; `fresh_notices` hands each out once. missing: after the last picture, how many
    more the input says it has, of those that were wanted. Iterating raises InputError where the input is cut, holds
    no picture, or none of `frames`.

    total: pictures of the whole input, None where only the end tells; estimate: about as many, from its duration.
    Raises UsageError for `frames` that are no range, InputError if `total` is 0 or has none of them.
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
        self._range = FrameRange.of(frames)
        self._pictures: Generator[Picture, None, None] | None = None
        self.missing = 0
        self._told = 0
        self.count: int | None = None
        self.expected: int | None = None
        if total is not None:
            self.count = self.expected = self._counted(total)
        elif estimate is not None:
            self.expected = Estimate(self._range.count_of(estimate)) or None

    def _counted(self, total: int) -> int:
        """How many of `total` pictures will come. Raises InputError if none will."""
        first = self._range.first
        if total == 0:
            raise InputError(f"{self.name} holds no picture")
        if first >= total:
            raise InputError(f"{self.name} has only {count_text(total, 'picture')}, none from number {first} on")
        if short := self._range.shortfall(self.name, total):
            self.notices.append(short)
        return self._range.count_of(total)

    @abstractmethod
    def _all(self, first: int) -> Generator[Picture, None, None]:
        """All pictures from number `first` (from 0) on."""

    def place_s(self, number: int) -> Fraction | None:
        """A time shortly before picture `number`, which has been read, is shown, in seconds: for InputOptions.seek_s.

        None where it is not known, or where all pictures before it have to be read anyway.
        """
        return None

    def _lacking(self, taken: int) -> int:
        """How many pictures the input says it has beyond those that came; taken: how many did, of the range."""
        return 0 if self.count is None else self.count - taken

    def presentation(self, count: int) -> Presentation:
        """When the `count` pictures that came are shown, and how; after the last. `start` is on the input's clock."""
        return Presentation(aspect=self.format.aspect)

    @property
    def has_beside(self) -> bool:
        """Whether the input has more than its pictures, and it can be had."""
        return False

    def side_file(self, folder: Path, *, audio: bool) -> SideFile | None:
        """Copy all that the input has beside its pictures, within their time, into a file in `folder`.

        audio: its sound too. None if there is nothing, or nothing that can be had; notices tell of that.
        """
        return None

    def _look_back(self, first: int, end: int) -> list[str]:
        """Notices of what pictures `first` to `end` - 1, which came, are other than was said of them."""
        return []

    def fresh_notices(self) -> list[str]:
        """The notices since the last call."""
        fresh = self.notices[self._told :]
        self._told += len(fresh)
        return fresh

    @abstractmethod
    def _release(self) -> None:
        """Let go of files and processes."""

    def _selected(self) -> Generator[Picture, None, None]:
        """The pictures of the range."""
        first = number = self._range.first
        pictures = self._all(first)
        try:
            for picture in pictures:
                yield picture
                number += 1
                if self._range.is_over(number):
                    self.notices += self._look_back(first, number)
                    return
        finally:
            pictures.close()
        if number == first:
            what = f"picture number {first}" if first else "picture"
            raise InputError(f"{self.name} holds no {what}")
        end = self._range.end
        if self.count is None and (short := self._range.shortfall(self.name, number)):
            self.notices.append(short)
        taken = number - first
        lacking = self._lacking(taken)
        self.missing = lacking if end is None else min(lacking, end - number)
        if self.missing:
            said = count_text(taken + self.missing, "picture")
            self.notices.append(f"{self.name} says that it has {said}, but {taken} came")
        else:
            self.notices += self._look_back(first, number)

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> Picture:
        if self._pictures is None:
            self._pictures = self._selected()
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


class Sink(Output):
    """Takes pictures of `format`; `close` completes the output, `abort` leaves none.

    As a context manager it closes on success and aborts on an exception. All raise InputError where the output
    cannot be written (a full disk, a reader that has gone) or a picture has another size.
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
