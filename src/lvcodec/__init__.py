"""lvcodec, a learned video codec: encode, decode, probe and concat, and the records they return.

Importing this module loads neither numpy nor torch; each function loads what it needs when it is called.

    import lvcodec
    report = lvcodec.encode("clip.y4m", "clip.lvc", quality=4)
    lvcodec.decode("clip.lvc", "copy.y4m")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lvcodec.errors import (
    InputError,
    LvcError,
    MismatchError,
    MissingPicturesError,
    StreamError,
    TruncatedStreamError,
    UsageError,
    WeightsError,
)
from lvcodec.version import __version__

if TYPE_CHECKING:
    from lvcodec.options import Decoding, Encoding
    from lvcodec.report import (
        DecodeReport,
        EncodeReport,
        OnNotice,
        OnPicture,
        OnProgress,
        PictureInfo,
        PlanePsnr,
        StreamInfo,
    )
    from lvcodec.stream.files import StreamLike
    from lvcodec.video.base import VideoLike

__all__ = [
    "DecodeReport",
    "Decoding",
    "EncodeReport",
    "Encoding",
    "InputError",
    "LvcError",
    "MismatchError",
    "MissingPicturesError",
    "PictureInfo",
    "PlanePsnr",
    "Progress",
    "StreamError",
    "StreamInfo",
    "TruncatedStreamError",
    "UsageError",
    "WeightsError",
    "__version__",
    "concat",
    "decode",
    "encode",
    "probe",
]

# Records that are imported when they are asked for: where each is.
_RECORDS = {
    "Decoding": "options",
    "Encoding": "options",
    "DecodeReport": "report",
    "EncodeReport": "report",
    "PictureInfo": "report",
    "PlanePsnr": "report",
    "Progress": "report",
    "StreamInfo": "report",
}


def __getattr__(name: str) -> Any:
    if name in _RECORDS:
        from importlib import import_module

        return getattr(import_module(f"lvcodec.{_RECORDS[name]}"), name)
    raise AttributeError(f"module 'lvcodec' has no attribute {name!r}")


def encode(
    source: VideoLike,
    target: StreamLike,
    encoding: Encoding | None = None,
    *,
    on_picture: OnPicture | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    **options: Any,
) -> EncodeReport:
    """Code a video into an lvcodec stream.

    source: a path (any video that ffmpeg reads, .y4m, raw .yuv), "-" for stdin, a binary file object that gives any
        of these, or RGB pictures as an array (N, H, W, 3) of uint8.
    target: a path, "-" for stdout, or a binary file object.
    encoding: how it is to be coded; `options` are fields of Encoding that take the place of its own, so that
        encode("in.y4m", "out.lvc", quality=5, gop=24) does without one.
    on_picture(done, total): called after each picture; total is None where the length is not known.
    on_progress(progress): the same with speed, bytes, expected bytes and time left, as a Progress.
    on_notice(text): called with what the user should know.
    Raises UsageError, InputError, WeightsError; MismatchError if `verify` finds a difference; MissingPicturesError,
    which has the report, if the video says that it has more pictures than came and `lenient` is not set.
    """
    from lvcodec.encoder import targeting as encoder
    from lvcodec.options import Encoding, with_changes

    settings = with_changes(Encoding, encoding, options)
    return encoder.encode(source, target, settings, on_picture=on_picture, on_progress=on_progress, on_notice=on_notice)


def decode(
    source: StreamLike,
    target: StreamLike,
    decoding: Decoding | None = None,
    *,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
    **options: Any,
) -> DecodeReport:
    """Turn an lvcodec stream back into video.

    source: a path, "-" for stdin, or a binary file object.
    target: a path (.y4m, .yuv, or what ffmpeg writes under that name), "-" for stdout, or a binary file object; what
        has no suffix gets Y4M, or what the option `format` says.
    decoding: how it is to be decoded; `options` are fields of Decoding that take the place of its own.
    on_picture, on_notice: as for `encode`.
    Raises UsageError, InputError, StreamError, MismatchError, WeightsError.
    """
    from lvcodec.codec import decoding as decoder
    from lvcodec.options import Decoding, with_changes

    settings = with_changes(Decoding, decoding, options)
    return decoder.decode(source, target, settings, on_picture=on_picture, on_notice=on_notice)


def probe(source: StreamLike, *, streams: bool = False) -> StreamInfo:
    """Tell what a stream is and what its pictures cost, without decoding it.

    streams: also count the bits of each sub-stream, which needs the stream's weights (and loads torch).
    Raises InputError, StreamError; WeightsError with `streams`.
    """
    from lvcodec.codec import probe as prober

    return prober.probe(source, streams=streams)


def concat(sources: Sequence[StreamLike], target: StreamLike, *, overwrite: bool = False) -> StreamInfo:
    """Join whole streams of one coding, in order, without decoding them.

    sources: a list of what `decode` takes. target: as for `encode`.
    They have to agree in family, weights, mode, alpha, GOP length, size, rate and colour; qualities may differ.
    Pieces of a clip that are coded with "lds" to be joined need an alpha that is named: else each has its own.
    Raises UsageError, InputError if the streams do not fit together, StreamError; errors name the stream.
    """
    from lvcodec.stream import concat as joining

    return joining.concat(sources, target, overwrite=overwrite)
