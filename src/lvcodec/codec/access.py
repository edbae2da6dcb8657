"""Any picture of a stream, decoded when it is asked for: what `lvcodec.open` and thumbnails stand on.

    number ──► its GOP, by the index ──► decode from the I-picture on ──► the picture
                    └ or go on from the picture that was asked for last

Symbols are read in the caller's thread, while another computes the pixels of the picture before; between two pictures
no setting of torch is changed. Whole streams are decoded faster by `lvcodec.decode`, several GOPs side by side.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.codec.side import presentation_of
from lvcodec.errors import InputError, NoSuchPictureError, StreamError, count_text
from lvcodec.options import Decoding
from lvcodec.report import OnNotice
from lvcodec.stream.container import StreamReader
from lvcodec.stream.files import faults_named, name_of, open_stream
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from lvcodec.codec.gop import Shown
    from lvcodec.codec.networks import Networks
    from lvcodec.stream.files import StreamLike


@contextmanager
def _coding(video: VideoFormat) -> Iterator[None]:
    """torch as decoding wants it, and with as many threads as one of several GOPs has that are decoded side by side.

    More do not pay: layers of small pictures are too short to share, and threads that wait for each other keep others
    from running.
    """
    from lvcodec.codec.jobs import default_jobs
    from lvcodec.exact.loaded import shared_out, without_gradients
    from lvcodec.exact.settings import whole_products

    with shared_out(default_jobs(video.width, video.height)), whole_products(), without_gradients():
        yield


class Access:
    """The pictures of a stream by their numbers, from 0 in the order of display. Threads take turns.

    source: a path, or a binary file object that can be sought; it stays open until `close`. options: its check, device
    and backend count. video: size, rate and colour. keys: the numbers of the I-pictures. shown: when pictures are.
    failure: what is wrong with the stream after the last picture, if it has no end.
    Raises UsageError, InputError (also for a pipe), StreamError for a damaged header.
    """

    def __init__(self, source: StreamLike, options: Decoding, on_notice: OnNotice | None = None) -> None:
        self._options = options.validate()
        self._source = source
        self._on_notice = on_notice
        self._lock = Lock()
        self._networks: Networks | None = None
        self._closed = False
        self._last: Shown | None = None
        self._following: Iterator[Shown | StreamError] = iter(())  # the pictures after it
        self._open = ExitStack()
        with self._open:
            self._reader = StreamReader(self._open.enter_context(open_stream(source)))
            if not self._reader.seekable:
                raise InputError(
                    "single pictures cannot be taken from a pipe", "name a file; decode reads pipes in order"
                )
            side = self._reader.side()
            self.shown = presentation_of(self._reader, side, on_notice or (lambda text: None))
            self.failure = self._reader.scan()
            if self.failure is not None and (name := name_of(source)):
                self.failure.say_of(name)
            self.keys = [place.number for place in self._reader.index() or ()]
            self.video = self._reader.header.video
            self.count = self._reader.count or 0
            self._open = self._open.pop_all()

    @enough_memory()
    def picture(self, number: int) -> Picture:
        """Decode a picture, and those of its GOP that come before it unless they have just been decoded.

        Raises NoSuchPictureError, InputError once it is closed; StreamError, MismatchError, WeightsError.
        """
        if self._closed:
            raise InputError("the stream has been closed")
        if not 0 <= number < self.count:
            raise NoSuchPictureError(f"the stream has {count_text(self.count, 'picture')}, and none of number {number}")
        with faults_named(self._source), self._lock, _coding(self.video):
            key = self.keys[bisect_right(self.keys, number) - 1]
            last = self._last
            if last is None or not key <= last.number <= number:
                last = self._begin(key)
            while last.number != number:
                last = self._next()
            return last.picture

    def _begin(self, key: int) -> Shown:
        """The I-picture of that number."""
        from lvcodec.codec.gop import decode_gop, gops_of
        from lvcodec.codec.networks import Networks

        header = self._reader.header
        if self._networks is None:
            where = {"device": self._options.device, "backend": self._options.backend}
            self._networks = Networks.of_stream(header, on_notice=self._on_notice, **where)
        self._reader.seek(key)
        self._following = decode_gop(next(gops_of(self._reader)), header, self._networks, self._options)
        return self._next()

    def _next(self) -> Shown:
        """The picture shown after the last one. After a failure the next one begins anew."""
        self._last = None
        for shown in self._following:
            if isinstance(shown, StreamError):  # decode_gop passes them on where it conceals, and nobody asks it to
                raise shown
            self._last = shown
            return shown
        raise StreamError("the index tells of pictures that are not there")

    def close(self) -> None:
        """Close the file, if it was opened here; no picture can be taken any more."""
        with self._lock:
            self._last, self._following, self._closed = None, iter(()), True
            self._open.close()
