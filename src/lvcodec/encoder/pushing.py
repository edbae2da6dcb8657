"""An encoder that is given its pictures one at a time: `lvcodec.Encoder`.

    write(picture) ──► queue ──► Source ──► encode, in a thread of its own ──► stream

Encoding asks for pictures when it wants them; here somebody has them before. The thread begins with the first
picture, whose size all others share.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Generator, Sequence
from concurrent.futures import Future
from queue import Empty, Full, Queue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np

from lvcodec.encoder.encoding import encode
from lvcodec.errors import InputError, UsageError
from lvcodec.options import Encoding, with_changes
from lvcodec.report import EncodeReport, OnNotice, OnPicture
from lvcodec.video.atomic import check_output
from lvcodec.video.base import ASSUMED_RATE, RATE_IS_ASSUMED, Source
from lvcodec.video.colour import Colour
from lvcodec.video.format import VideoFormat
from lvcodec.video.part import check_part
from lvcodec.video.picture import Picture, Plane
from lvcodec.video.rawformat import parse_rate
from lvcodec.video.rgb import rgb_to_planes

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike

Pixels: TypeAlias = "Plane | Sequence[Plane] | Picture"

WAITING = 4  # pictures
LOOK_S = 0.2  # how often a thread that waits looks whether the other is still there
OF_FILES = ("size", "pix_fmt", "frames")  # options that say what is in a file
# The mean of 2x2 pixels sits in their middle.
OF_RGB = Colour(1, 1, 1, full_range=False, chroma_location=2)


class _Abandoned(Exception):
    """Nobody wants the stream any more."""


class _Pushed(Source):
    """Pictures that another thread puts in. It knows nothing of the Encoder, which may go away."""

    def __init__(self, fmt: VideoFormat) -> None:
        super().__init__("the pictures", fmt, total=None, frames=None, notices=[])
        self._queue: Queue[Picture | None] = Queue(WAITING)
        self.abandoned = threading.Event()

    def put(self, picture: Picture | None, done: Future[EncodeReport]) -> None:
        """Add a picture, or None as the end, unless it is done and takes no more."""
        while not done.done():
            try:
                return self._queue.put(picture, timeout=LOOK_S)
            except Full:
                continue

    def _all(self, first: int) -> Generator[Picture, None, None]:
        while True:
            try:
                picture = self._queue.get(timeout=LOOK_S)
            except Empty:
                # At its end the interpreter waits for all threads, before it tells anybody.
                if self.abandoned.is_set() or not threading.main_thread().is_alive():
                    raise _Abandoned from None
                continue
            if picture is None:
                return
            yield picture

    def _release(self) -> None:
        pass


class Encoder:
    """Codes pictures into a stream as they come: a context manager that closes it, and leaves none after an exception.

    As with `lvcodec.encode`, GOPs that are whole by then stay as TARGET.part, for a later one with the option `resume`
    that is given the same pictures from the first on.

        with lvcodec.Encoder("clip.lvc", rate=30, quality=4) as encoder:
            for picture in pictures:
                encoder.write(picture)

    target, encoding, options, on_picture, on_notice: as for `lvcodec.encode`; the callbacks are called in another
    thread. rate: pictures a second, 25 if it is not given. The options `size`, `pix_fmt` and `frames` are for files, as
    are targets, which need the pictures twice.
    colour: what YUV planes mean; RGB becomes BT.709 of limited range. report: the EncodeReport, once it is closed.
    While it is open torch shares its threads out among the GOPs that are coded side by side, in the whole process.
    Raises UsageError, InputError. WeightsError and what else goes wrong later comes out of `write` or `close`.
    """

    def __init__(
        self,
        target: StreamLike,
        encoding: Encoding | None = None,
        *,
        colour: Colour | None = None,
        on_picture: OnPicture | None = None,
        on_notice: OnNotice | None = None,
        **options: Any,
    ) -> None:
        self._encoding = with_changes(Encoding, encoding, options).validate()
        for name in OF_FILES:
            if getattr(self._encoding, name) is not None:
                raise UsageError(f"{name} is for video files", "pictures that are written have their own")
        if self._encoding.has_target:
            raise UsageError("a target needs the pictures twice, and here they come once", "name a quality")
        rate = self._encoding.rate
        self._rate = ASSUMED_RATE if rate is None else parse_rate(rate)
        if rate is None and on_notice:
            on_notice(RATE_IS_ASSUMED)
        check_output(target, overwrite=self._encoding.overwrite)
        check_part(target, resume=self._encoding.resume, overwrite=self._encoding.overwrite)
        self.report: EncodeReport | None = None
        self._target, self._colour = target, colour
        self._on_picture, self._on_notice = on_picture, on_notice
        self._work: _Work | None = None
        self._closed = False

    def write(self, picture: Pixels) -> None:
        """Add a picture: RGB as (H, W, 3) uint8, or Y, U and V of 8-bit 4:2:0 as a `Picture` or three planes of uint8.

        It may be changed afterwards. Returns once the encoder has room for it.
        Raises InputError if it is no such picture, has not the first one's size or kind, or the encoder is closed; and
        what went wrong with those before.
        """
        if self._closed:
            raise InputError("the encoder is closed")
        is_rgb = isinstance(picture, np.ndarray) and picture.ndim == 3 and picture.shape[2] == 3
        if self._work is None:
            colour = OF_RGB if is_rgb else self._colour or Colour()
            first = _picture(picture, colour)
            fmt = VideoFormat(first.width, first.height, self._rate, colour)
            self._work = _Work(
                _Pushed(fmt), self._target, self._encoding, self._on_picture, self._on_notice, is_rgb=is_rgb
            )
            weakref.finalize(self, self._work.source.abandoned.set)
            self._work.add(first)
        else:
            self._work.put(picture, is_rgb=is_rgb)

    def close(self) -> EncodeReport:
        """Code what is left, complete the stream and tell what it cost.

        Raises InputError if no picture was written, and what went wrong with those that were.
        """
        if self.report is None:
            if self._closed:
                raise InputError("the encoder was closed without a stream")
            self._closed = True
            if self._work is None:
                raise InputError("no picture was written into the stream")
            self.report = self._work.finish()
        return self.report

    def abort(self) -> None:
        """End without a stream; with the option `keep_partial` one of the whole pictures so far is left."""
        self._closed = True
        if self._work is not None:
            self._work.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort()
        elif not self._closed:
            self.close()


class _Work:
    """The thread that encodes, and what comes of it."""

    def __init__(
        self,
        source: _Pushed,
        target: StreamLike,
        encoding: Encoding,
        on_picture: OnPicture | None,
        on_notice: OnNotice | None,
        *,
        is_rgb: bool,
    ) -> None:
        self.source = source
        self._is_rgb = is_rgb
        self._on_picture = on_picture
        self._done: Future[EncodeReport] = Future()
        self._thread = threading.Thread(target=self._run, args=(target, encoding, on_notice), name="lvcodec encoder")
        self._thread.start()

    def _run(self, target: StreamLike, encoding: Encoding, on_notice: OnNotice | None) -> None:
        try:
            report = encode(self.source, target, encoding, on_picture=self._step, on_notice=on_notice)
            self._done.set_result(report)
        except BaseException as error:  # handed to the thread that writes
            self._done.set_exception(error)

    def _step(self, done: int, total: int | None) -> None:
        """After each picture; the encoding stops here when it is abandoned, not after all pictures that wait."""
        if self.source.abandoned.is_set():
            raise _Abandoned
        if self._on_picture:
            self._on_picture(done, total)

    def put(self, pixels: Pixels, *, is_rgb: bool) -> None:
        if is_rgb != self._is_rgb:
            raise InputError("pictures of RGB and of planes do not go into one stream")
        fmt = self.source.format
        picture = _picture(pixels, fmt.colour)
        if (picture.width, picture.height) != (fmt.width, fmt.height):
            raise InputError(
                f"a picture of {picture.width}x{picture.height} cannot go into a stream of {fmt.width}x{fmt.height}"
            )
        self.add(picture)

    def add(self, picture: Picture) -> None:
        """Wait for room for a picture that is one of this stream. Raises what went wrong with those before."""
        self.source.put(picture, self._done)
        if self._done.done():
            self._done.result()  # which raises

    def finish(self) -> EncodeReport:
        try:
            self.source.put(None, self._done)
            return self._done.result()
        except BaseException:  # Ctrl-C too: nobody waits any more
            self.abandon()
            raise

    def abandon(self) -> None:
        self.source.abandoned.set()
        self._thread.join()


def _picture(pixels: Any, colour: Colour) -> Picture:
    """A picture of its own memory. Raises InputError if it is none."""
    if isinstance(pixels, np.ndarray):
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
            raise InputError(
                f"an array of {pixels.dtype} {pixels.shape} is no picture", "give (H, W, 3) uint8, RGB, or Y, U and V"
            )
        return Picture(*rgb_to_planes(np.moveaxis(pixels, 2, 0), colour))
    planes = pixels.planes if isinstance(pixels, Picture) else pixels
    if not isinstance(planes, Sequence) or len(planes) != 3 or not all(isinstance(p, np.ndarray) for p in planes):
        raise InputError(f"{type(pixels).__name__} is no picture", "give (H, W, 3) uint8, RGB, or Y, U and V")
    return Picture(*(plane.copy() for plane in planes))
