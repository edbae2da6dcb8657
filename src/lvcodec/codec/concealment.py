"""Damage is bridged: the last good picture is shown where a damaged record cost some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvcodec.codec.gop import Shown
from lvcodec.errors import StreamError, TruncatedStreamError
from lvcodec.report import OnNotice
from lvcodec.stream.container import StreamReader
from lvcodec.stream.records import PictureRecord
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture


def records_of(reader: StreamReader, *, conceal: bool) -> Iterator[PictureRecord | StreamError]:
    """The stream's records; with `conceal`, the error of each damaged one stands where its pictures would."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except StreamError as error:
            if not conceal:
                raise
            yield error
            if isinstance(error, TruncatedStreamError):
                return
            try:
                reader.resync()
            except StreamError:
                return


def fill_gaps(
    items: Iterable[Shown | StreamError], start: int, reader: StreamReader, notices: OnNotice
) -> Iterator[Shown]:
    """Repeat the last good picture (grey before the first) where numbers are missing, from picture `start` on."""
    last: Picture | None = None
    expected = start

    def repeated(end: int) -> Iterator[Shown]:
        picture = last or grey(reader.header.video)
        for number in range(expected, end):
            yield Shown(picture, number, concealed=True)

    for item in items:
        if isinstance(item, StreamError):
            notices(f"concealed: {item.message}")
            continue
        yield from repeated(item.number)
        last, expected = item.picture, item.number + 1
        yield item
    yield from repeated(reader.count or 0)


def grey(video: VideoFormat) -> Picture:
    """A picture without any content: 128 in all planes."""
    return Picture.frombuffer(bytes([128]) * video.picture_bytes, video.width, video.height)
