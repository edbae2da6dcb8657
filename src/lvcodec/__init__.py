"""lvcodec, a learned video codec: whole files (encode, decode, probe, concat), pictures (open, Encoder), pieces (plan).

Importing this module loads neither numpy nor torch; each function loads what it needs when it is called.

    import lvcodec
    report = lvcodec.encode("clip.y4m", "clip.lvc", quality=4)
    lvcodec.decode("clip.lvc", "copy.y4m")
    for picture in lvcodec.open("clip.lvc"):
        print(picture.shape)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lvcodec.errors import (
    InputError,
    LvcError,
    MismatchError,
    MissingPicturesError,
    NoSuchPictureError,
    SizeMissedError,
    StreamError,
    TruncatedStreamError,
    UsageError,
    WeightsError,
)
from lvcodec.version import __version__

if TYPE_CHECKING:
    import os

    from lvcodec.codec.pictures import VideoReader
    from lvcodec.encoder.pushing import Encoder
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
    "Encoder",
    "Encoding",
    "InputError",
    "LvcError",
    "MismatchError",
    "MissingPicturesError",
    "NoSuchPictureError",
    "PictureInfo",
    "PlanePsnr",
    "Progress",
    "SizeMissedError",
    "StreamError",
    "StreamInfo",
    "TruncatedStreamError",
    "UsageError",
    "VideoReader",
    "WeightsError",
    "__version__",
    "concat",
    "decode",
    "encode",
    "encode_piece",
    "join",
    "open",
    "plan",
    "probe",
]

# Classes that are imported when they are asked for: where each is.
_CLASSES = {
    "Encoder": "encoder.pushing",
    "VideoReader": "codec.pictures",
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
    if name in _CLASSES:
        from importlib import import_module

        return getattr(import_module(f"lvcodec.{_CLASSES[name]}"), name)
    raise AttributeError(f"module 'lvcodec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


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

    source: a path (any file that ffmpeg reads, .y4m, raw .yuv), "-" for stdin, a binary file object that gives any
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
    from lvcodec.options import Encoding, with_changes

    settings = with_changes(Encoding, encoding, options)
    told: dict[str, Any] = {"on_picture": on_picture, "on_progress": on_progress, "on_notice": on_notice}
    if settings.cluster is not None:
        from lvcodec.cluster import encoding as on_cluster

        return on_cluster.encode(source, target, settings, **told)
    from lvcodec.encoder import targeting as encoder

    return encoder.encode(source, target, settings, **told)


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
    After damage the pictures before it are kept, unless they would replace a file.
    Raises UsageError, InputError, StreamError, MismatchError, WeightsError.
    """
    from lvcodec.options import Decoding, with_changes

    settings = with_changes(Decoding, decoding, options)
    if settings.cluster is not None:
        from lvcodec.cluster import decoding as on_cluster

        return on_cluster.decode(source, target, settings, on_picture=on_picture, on_notice=on_notice)
    from lvcodec.codec import decoding as decoder

    return decoder.decode(source, target, settings, on_picture=on_picture, on_notice=on_notice)


def open(
    source: StreamLike,
    *,
    pix_fmt: str = "rgb24",
    check: bool = True,
    device: str = "auto",
    backend: str = "auto",
    on_notice: OnNotice | None = None,
) -> VideoReader:
    """The pictures of a stream as a sequence of numpy arrays: iterate, index or slice it, each is decoded when taken.

    source: a path, or a binary file object that can be sought.
    pix_fmt: what a picture is: "rgb24" or "bgr24", an array (H, W, 3) of uint8 (BT.601 where the stream does not say);
        "yuv420p", the planes y (H, W), u and v (ceil(H/2), ceil(W/2)) as they were decoded. All are the caller's own.
    check, device, backend: as for Decoding.
    Any picture is decoded from the I-picture before it, or goes on from the one that was taken last: in order is
    fastest. Raises UsageError, InputError (also for a pipe), StreamError for a damaged header; taking a picture raises
    NoSuchPictureError (an IndexError), StreamError, MismatchError, WeightsError.
    """
    from lvcodec.codec.pictures import VideoReader

    return VideoReader(source, pix_fmt=pix_fmt, check=check, device=device, backend=backend, on_notice=on_notice)


def probe(source: StreamLike, *, streams: bool = False) -> StreamInfo:
    """Tell what a stream is and what its pictures cost, without decoding it.

    streams: also count the bits of each sub-stream, which needs the stream's weights (and loads torch).
    Raises InputError, StreamError; WeightsError with `streams`.
    """
    from lvcodec.codec import probe as prober

    return prober.probe(source, streams=streams)


def concat(
    sources: Sequence[StreamLike], target: StreamLike, *, overwrite: bool = False, video_only: bool = False
) -> StreamInfo:
    """Join whole streams of one coding, in order, without decoding them.

    sources: a list of what `decode` takes. target: as for `encode`.
    They have to agree in family, weights, mode, GOP length, size, rate and colour; qualities may differ.
    video_only: leave out sound and other tracks, which cannot be joined; streams that have any are refused else.
    Raises UsageError, InputError if the streams do not fit together, StreamError; errors name the stream.
    """
    from lvcodec.stream import concat as joining

    return joining.concat(sources, target, overwrite=overwrite, video_only=video_only)


def plan(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    encoding: Encoding | None = None,
    *,
    piece_s: float = 12,
    on_picture: OnPicture | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    **options: Any,
) -> int:
    """Cut a film into pieces that machines can code one by one; returns how many, numbered from 0, the longest first.

    source: a file that all of them can read. target: the plan, a JSON file.
    piece_s: seconds of a piece, at least; it ends where a shot does, after five times as long at the latest.
    encoding, options, on_picture, on_progress, on_notice: as for `encode`. on_picture counts the pictures
        that are read; on_progress tells of samples too, on which qualities are tried where a target is to be hit.
    Raises what `encode` does, and UsageError for what only the encoder of the whole clip could do (recon, psnr, verify,
    maxrate).
    """
    from lvcodec.options import Encoding, with_changes
    from lvcodec.pieces import planning

    settings = with_changes(Encoding, encoding, options)
    told: dict[str, Any] = {"on_picture": on_picture, "on_progress": on_progress, "on_notice": on_notice}
    return len(planning.make_plan(source, target, settings, piece_s=piece_s, **told).pieces)


def encode_piece(
    plan: str | os.PathLike[str],
    number: int,
    *,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
    **options: Any,
) -> None:
    """Code one piece of a plan into its file, which appears when it is complete.

    A piece that is coded already is left as it is, unless `overwrite`. options: jobs, device, backend, overwrite, as
    for `encode`; all else is the plan's.
    Raises InputError if plan, source or this lvcodec are not what they should be, and what `encode` raises.
    """
    from lvcodec.options import Encoding, with_changes
    from lvcodec.pieces import coding

    settings = with_changes(Encoding, None, options).validate()
    coding.encode_piece(plan, number, settings, on_picture=on_picture, on_notice=on_notice)


def join(
    plan: str | os.PathLike[str],
    target: StreamLike,
    *,
    overwrite: bool = False,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
) -> EncodeReport:
    """Join the coded pieces of a plan to the stream that `encode` would have written.

    The report's fps are over the time that all pieces took, one after another.
    Raises, before anything is written, InputError or StreamError for pieces that are missing, foreign or damaged;
    SizeMissedError, which has the numbers of some pieces, if the size that the plan aims at is missed: those are to be
    coded again by `encode_piece`, at qualities that the plan now has, and all joined again.
    """
    from lvcodec.pieces import joining

    return joining.join(plan, target, overwrite=overwrite, on_picture=on_picture, on_notice=on_notice)
