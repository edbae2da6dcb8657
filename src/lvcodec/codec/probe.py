"""What a stream holds, without decoding its pixels where that is not asked for; joining streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.errors import TruncatedStreamError, UsageError
from lvcodec.quality import of_index
from lvcodec.report import PictureInfo, StreamInfo
from lvcodec.stream.concat import concat_streams
from lvcodec.stream.container import StreamReader
from lvcodec.stream.files import create_stream, is_path, open_stream
from lvcodec.stream.header import Header
from lvcodec.stream.records import PictureRecord

if TYPE_CHECKING:
    from lvcodec import StreamLike


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
        bits: Sequence[Mapping[str, float] | None] = [None] * len(records)
        if streams:
            bits = _sub_streams(reader.header, records)
        pictures = [_picture(r, b) for r, b in zip(records, bits, strict=True)]
        return _info(reader.header, pictures, reader.size_bytes, reader.complete)


def _picture(record: PictureRecord, bits: Mapping[str, float] | None) -> PictureInfo:
    return PictureInfo(
        record.number, record.kind, of_index(record.quality_index), len(record.payload), record.overhead_bytes, bits
    )


def _info(header: Header, pictures: Sequence[PictureInfo], size_bytes: int, complete: bool) -> StreamInfo:
    video = header.video
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
        alpha=header.alpha,
        pictures=pictures,
        size_bytes=size_bytes,
        duration_s=float(len(pictures) / video.rate),
        complete=complete,
    )


def _sub_streams(header: Header, records: Sequence[PictureRecord]) -> list[Mapping[str, float]]:
    """Bits of each picture's sub-streams, by decoding the symbols."""
    import torch

    from lvcodec.codec.gop import decode_record
    from lvcodec.codec.networks import Networks
    from lvcodec.exact.settings import whole_products

    networks = Networks.of_stream(header)
    bits: list[Mapping[str, float]] = []
    state = None
    with whole_products(), torch.inference_mode():
        for record in records:
            state, coder = decode_record(record, state, header, networks)
            bits.append({name: value for name, value in coder.bits.items() if name})
    return bits


def concat(sources: Sequence[StreamLike], target: StreamLike, *, overwrite: bool = False) -> StreamInfo:
    """See lvcodec.concat."""
    if not is_path(target):
        raise UsageError("concat writes to a file, not to a pipe")
    with ExitStack() as stack:
        files = [stack.enter_context(open_stream(source)) for source in sources]
        concat_streams(files, stack.enter_context(create_stream(target, overwrite=overwrite)))
    return probe(target)
