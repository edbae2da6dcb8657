"""A stream as a sequence of numpy arrays: what `lvcodec.open` gives.

A slice is a sequence too, and nothing is decoded before it is taken.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, overload

import numpy as np

from lvcodec import names
from lvcodec.codec.access import Access
from lvcodec.errors import NoSuchPictureError, check_known, count_text
from lvcodec.options import Decoding
from lvcodec.report import OnNotice
from lvcodec.video.colour import Colour
from lvcodec.video.picture import Picture, Plane
from lvcodec.video.rgb import planes_to_rgb

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike

Pixels: TypeAlias = "Plane | tuple[Plane, Plane, Plane]"


def _rgb(picture: Picture, colour: Colour) -> Plane:
    return np.ascontiguousarray(np.moveaxis(planes_to_rgb(*picture.planes, colour), 0, 2))


def _bgr(picture: Picture, colour: Colour) -> Plane:
    return np.ascontiguousarray(_rgb(picture, colour)[:, :, ::-1])


def _planes(picture: Picture, colour: Colour) -> tuple[Plane, Plane, Plane]:
    y, u, v = (plane.copy() for plane in picture.planes)  # the decoder's own are what later pictures refer to
    return y, u, v


_CONVERT: dict[str, Callable[[Picture, Colour], Pixels]] = {"rgb24": _rgb, "bgr24": _bgr, "yuv420p": _planes}


class Pictures:
    """Some pictures of a stream in some order: a sequence that decodes a picture when it is taken."""

    def __init__(self, access: Access, numbers: range, pix_fmt: str) -> None:
        self._access, self._numbers, self._pix_fmt = access, numbers, pix_fmt

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Pictures: ...
    def __getitem__(self, index: int | slice) -> Any:
        """One picture, or those of a slice as a sequence. Raises IndexError, and what `lvcodec.open` says."""
        if isinstance(index, slice):
            return Pictures(self._access, self._numbers[index], self._pix_fmt)
        try:
            number = self._numbers[index]
        except IndexError:
            raise NoSuchPictureError(f"of {count_text(len(self), 'picture')} none has the number {index}") from None
        return self._taken(number)

    def __iter__(self) -> Iterator[Any]:
        return map(self._taken, self._numbers)

    def _taken(self, number: int) -> Pixels:
        return _CONVERT[self._pix_fmt](self._access.picture(number), self._access.video.colour)


class VideoReader(Pictures):
    """All pictures of a stream in the order of display; a context manager.

    width, height: in pixels. shape: of a picture as RGB. rate: pictures a second, the average where each has its own
    time. duration_s: how long they play. keys: numbers of the I-pictures; to take one of these is fastest. complete:
    False where the stream is cut or damaged so that its end is not there: then there are only the pictures before that,
    at a constant rate, and iterating over all of them raises StreamError at the end.
    """

    def __init__(
        self,
        source: StreamLike,
        *,
        pix_fmt: str = "rgb24",
        check: bool = True,
        device: str = names.AUTO,
        backend: str = names.AUTO,
        on_notice: OnNotice | None = None,
    ) -> None:
        check_known("pixel format", pix_fmt, _CONVERT)
        access = Access(source, Decoding(check=check, device=device, backend=backend), on_notice)
        super().__init__(access, range(access.count), pix_fmt)
        self.width, self.height = access.video.width, access.video.height
        self.shape = (self.height, self.width, 3)
        self.rate: Fraction = access.video.rate
        stamps = access.shown.stamps()
        self._tick = 1 / self.rate if stamps is None else access.shown.tick
        self._stamps: Sequence[int] = range(access.count + 1) if stamps is None else stamps  # and of the end
        self.duration_s = float(self._stamps[-1] * self._tick)
        self.keys: tuple[int, ...] = tuple(access.keys)
        self.complete = access.failure is None

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        if self._access.failure is not None:
            raise self._access.failure

    def number_at(self, time_s: float) -> int:
        """The number of the picture that is shown at a time, in seconds from the first one's.

        Raises NoSuchPictureError (an IndexError) before the first picture and after the last one.
        """
        if not (math.isfinite(time_s) and 0 <= time_s < self.duration_s):
            raise NoSuchPictureError(
                f"no picture is shown at {time_s} seconds", f"they play {self.duration_s:g} seconds"
            )
        ticks = time_s / self._tick + 1e-6  # the time of a picture itself may be rounded down
        return min(bisect_right(self._stamps, ticks), len(self)) - 1

    def time_of(self, number: int) -> float:
        """When the picture of that number is shown, in seconds after the first one. Raises NoSuchPictureError."""
        if not 0 <= number < len(self):
            raise NoSuchPictureError(f"of {count_text(len(self), 'picture')} none has the number {number}")
        return float(self._stamps[number] * self._tick)

    def close(self) -> None:
        """Close the stream; no picture can be taken any more, of slices neither."""
        self._access.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        there = count_text(len(self), "picture")
        return f"<lvcodec.VideoReader: {there} of {self.width}x{self.height}, {self.rate} a second>"
