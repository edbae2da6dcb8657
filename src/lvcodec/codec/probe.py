"""What a stream holds, without decoding its pixels; the bits of sub-streams are decoded where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.codec.side import lines_of, presentation_of
from lvcodec.errors import StreamError, TruncatedStreamError
from lvcodec.report import PictureInfo, StreamInfo
from lvcodec.stream.container import StreamReader
from lvcodec.stream.files import open_stream
from lvcodec.stream.header import Header
from lvcodec.stream.info import picture_info, stream_info
from lvcodec.stream.records import PictureRecord
from lvcodec.video.presentation import Presentation

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike


@enough_memory()
def probe(source: StreamLike, *, streams: bool = False) -> StreamInfo:
    """See lvcodec.probe."""
    with open_stream(source) as file:
        reader = StreamReader(file)
        records: list[PictureRecord] = []
        try:
            records.extend(reader)
        except TruncatedStreamError:
            pass  # `complete` tells; what is there is whole
        pictures = _sub_streams(reader.header, records) if streams else [picture_info(record) for record in records]
        tracks, shown = _beside(reader)
        return stream_info(
            reader.header,
            pictures,
            size_bytes=reader.size_bytes,
            complete=reader.complete,
            side_bytes=reader.side_bytes,
            tracks=tracks,
            shown=shown,
        )


def _beside(reader: StreamReader) -> tuple[Sequence[str] | None, Presentation]:
    """What stands beside the pictures, a line each, None if it cannot be read; and when they are shown."""
    damage: list[str] = []
    side = reader.side()
    shown = presentation_of(reader, side, damage.append)
    try:
        lines = lines_of(side)
    except StreamError as error:
        damage.append(error.message)
    unread = damage or reader.side_damage is not None or (side is None and reader.side_bytes)
    return (None if unread else lines), shown


def _sub_streams(header: Header, records: Sequence[PictureRecord]) -> list[PictureInfo]:
    """The pictures with the bits of their sub-streams, by decoding the symbols."""
    from lvcodec.codec.dpb import DecodedPictures
    from lvcodec.codec.gop import decode_record
    from lvcodec.codec.networks import Networks
    from lvcodec.codec.paper_rate import shift_estimate
    from lvcodec.exact.loaded import without_gradients
    from lvcodec.exact.settings import whole_products

    networks = Networks.of_stream(header)
    pictures: list[PictureInfo] = []
    decoded = DecodedPictures()
    with whole_products(), without_gradients():
        for record in records:
            references = decoded.references(record) or ()
            state, coder = decode_record(record, references, header, networks)
            decoded.add(record, state)
            estimate = shift_estimate(record, references, header, networks)
            pictures.append(picture_info(record, dict(coder.bits), estimate))
    return pictures
