"""What a stream is and what its pictures cost, as its header and records tell it: nothing is decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lvcodec import quality
from lvcodec.report import PictureInfo, StreamInfo
from lvcodec.stream.header import Header
from lvcodec.stream.records import PictureRecord
from lvcodec.video.presentation import Presentation


def picture_info(
    record: PictureRecord, streams: Mapping[str, float] | None = None, shift_estimate_bits: float | None = None
) -> PictureInfo:
    """What a record tells of its picture. streams, shift_estimate_bits: as PictureInfo has them, where known."""
    return PictureInfo(
        number=record.number,
        kind=record.kind,
        references=record.references,
        quality=quality.of_index(record.quality_index),
        payload_bytes=len(record.payload),
        alpha=record.shift.alpha,
        kept=record.shift.kept,
        overhead_bytes=record.overhead_bytes,
        offset=record.offset,
        streams=streams,
        shift_estimate_bits=shift_estimate_bits,
    )


def stream_info(
    header: Header,
    pictures: Sequence[PictureInfo],
    *,
    size_bytes: int,
    complete: bool,
    side_bytes: int = 0,
    tracks: Sequence[str] | None = (),
    shown: Presentation | None = None,
) -> StreamInfo:
    """What a stream of this header and these pictures, in any order, is.

    size_bytes: of it, as far as it is there; side_bytes: of them, side data. tracks: a line each, None if nobody knows.
    shown: when and how its pictures are shown.
    """
    video, shown = header.video, shown or Presentation()
    return StreamInfo(
        family=header.family,
        mode=header.mode,
        quality=header.quality,
        weights_id=header.weights_id.hex(),
        width=video.width,
        height=video.height,
        rate=video.rate,
        colour=video.colour,
        gop=header.gop,
        pictures=sorted(pictures, key=lambda picture: picture.number),
        size_bytes=size_bytes,
        duration_s=float(shown.time_s(len(pictures), video.rate)),
        complete=complete,
        tracks=tracks,
        side_bytes=side_bytes,
        aspect=shown.aspect,
        variable=shown.durations is not None,
    )
