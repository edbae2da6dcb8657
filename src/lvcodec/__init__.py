"""lvcodec, a learned video codec: encode, decode, probe and concat, and the records they return.

Importing this module loads neither numpy nor torch; each function loads what it needs when it is called.

    import lvcodec
    report = lvcodec.encode("clip.y4m", "clip.lvc", quality=4)
    lvcodec.decode("clip.lvc", "copy.y4m")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from lvcodec.errors import (
    InputError,
    LvcError,
    MismatchError,
    StreamError,
    TruncatedStreamError,
    UsageError,
    WeightsError,
)

if TYPE_CHECKING:
    import os
    from fractions import Fraction
    from typing import TypeAlias

    import numpy as np
    import numpy.typing as npt

    from lvcodec.report import DecodeReport, EncodeReport, PictureInfo, PlanePsnr, StreamInfo

    StreamLike: TypeAlias = str | os.PathLike[str] | BinaryIO
    VideoLike: TypeAlias = StreamLike | npt.NDArray[np.uint8]

__version__ = "0.1.0"

__all__ = [
    "DecodeReport",
    "EncodeReport",
    "InputError",
    "LvcError",
    "MismatchError",
    "PictureInfo",
    "PlanePsnr",
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

_REPORTS = frozenset({"DecodeReport", "EncodeReport", "PictureInfo", "PlanePsnr", "StreamInfo"})


def __getattr__(name: str) -> Any:
    if name in _REPORTS:
        from lvcodec import report

        return getattr(report, name)
    raise AttributeError(f"module 'lvcodec' has no attribute {name!r}")


def encode(
    source: VideoLike,
    target: StreamLike,
    *,
    quality: float = 4.0,
    mode: str = "aligned",
    family: str = "swift",
    model: str | os.PathLike[str] | None = None,
    gop: int = 12,
    size: tuple[int, int] | None = None,
    rate: Fraction | None = None,
    pix_fmt: str | None = None,
    frames: tuple[int | None, int | None] | None = None,
    alpha: float | None = None,
    effort: int = 0,
    recon: StreamLike | None = None,
    psnr: bool = False,
    verify: bool = False,
    jobs: int | None = None,
    device: str = "auto",
    backend: str = "auto",
    overwrite: bool = False,
    keep_partial: bool = False,
    on_picture: Callable[[int, int | None], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> EncodeReport:
    """Code a video into an lvcodec stream.

    source: a path (any video that ffmpeg reads, .y4m, raw .yuv), "-" for Y4M on stdin, a binary file object
        that gives Y4M, or RGB pictures as an array (N, H, W, 3) of uint8.
    target: a path, "-" for stdout, or a binary file object.
    quality: 1 (smallest) to 6 (best); fractions lie between.
    mode: "intra", "mfvc", "lds" or "aligned": how a picture uses the one before it ("aligned" needs the fewest bits).
    model: name or path of the weights; without it the family's own.
    gop: pictures from one I-picture to the next, >= 1.
    size, rate, pix_fmt: (width, height), pictures per second and format of raw video.
    frames: (first, end) of the pictures to code, counted from 0, end not included; None is the clip's own.
    alpha: 1 or 0.5, the length of the shift in "lds" and "aligned". None: 0.5 in "lds" where things move from the first
        picture to the second and the weights were trained for it (those of "swift"), else 1.
    effort: rounds in which the encoder looks for symbols that are worth their bits; "swift" only.
    recon: where to write the pictures that the decoder will show.
    psnr: measure the distortion. verify: decode what was written and compare.
    jobs: GOPs coded side by side, >= 1; by default as many as torch has threads, up to 4, and fewer of large
        pictures (two of 1080p); the threads are shared out among them. device: "auto", "cpu" or "cuda".
    backend: "auto", "reference", "float" or "int8": who computes the networks. The bits are the same; "auto" is the
        environment variable LVCODEC_BACKEND, or else the fastest.
    keep_partial: keep the whole pictures of a stream whose coding was interrupted.
    on_picture(done, total): called after each picture; total is None where the length is not known.
    on_notice(text): called with what the user should know.
    Raises UsageError, InputError, WeightsError; MismatchError if `verify` finds a difference.
    """
    from lvcodec.codec import sequence

    return sequence.encode(
        source,
        target,
        quality=quality,
        mode=mode,
        family=family,
        model=model,
        gop=gop,
        size=size,
        rate=rate,
        pix_fmt=pix_fmt,
        frames=frames,
        alpha=alpha,
        effort=effort,
        recon=recon,
        psnr=psnr,
        verify=verify,
        jobs=jobs,
        device=device,
        backend=backend,
        overwrite=overwrite,
        keep_partial=keep_partial,
        on_picture=on_picture,
        on_notice=on_notice,
    )


def decode(
    source: StreamLike,
    target: StreamLike,
    *,
    frames: tuple[int | None, int | None] | None = None,
    pix_fmt: str | None = None,
    check: bool = True,
    conceal: bool = False,
    jobs: int | None = None,
    device: str = "auto",
    backend: str = "auto",
    overwrite: bool = False,
    on_picture: Callable[[int, int | None], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> DecodeReport:
    """Turn an lvcodec stream back into video.

    source: a path, "-" for stdin, or a binary file object.
    target: a path (.y4m, .yuv, or what ffmpeg writes under that name), "-" for Y4M on stdout, or a binary
        file object that takes Y4M.
    frames: (first, end) of the pictures to write, counted from 0, end not included.
    pix_fmt: format of the written video; without it the stream's 4:2:0.
    check: compare each picture with the checksum that the encoder left.
    conceal: repeat the last good picture where the stream is damaged, and go on at the next I-picture.
    The others are as for `encode`.
    Raises UsageError, InputError, StreamError, MismatchError, WeightsError.
    """
    from lvcodec.codec import sequence

    return sequence.decode(
        source,
        target,
        frames=frames,
        pix_fmt=pix_fmt,
        check=check,
        conceal=conceal,
        jobs=jobs,
        device=device,
        backend=backend,
        overwrite=overwrite,
        on_picture=on_picture,
        on_notice=on_notice,
    )


def probe(source: StreamLike, *, streams: bool = False) -> StreamInfo:
    """Tell what a stream is and what its pictures cost, without decoding it.

    streams: also count the bits of each sub-stream, which needs the stream's weights (and loads torch).
    Raises InputError, StreamError; WeightsError with `streams`.
    """
    from lvcodec.codec import probe as inspect

    return inspect.probe(source, streams=streams)


def concat(sources: Sequence[StreamLike], target: StreamLike, *, overwrite: bool = False) -> StreamInfo:
    """Join whole streams of one coding (size, rate, weights, mode, alpha), in order, without decoding them.

    Pieces of a clip that are coded with "lds" to be joined need an alpha that is named: else each has its own.

    Raises UsageError if the streams do not fit together, InputError, StreamError.
    """
    from lvcodec.codec import probe as inspect

    return inspect.concat(sources, target, overwrite=overwrite)
