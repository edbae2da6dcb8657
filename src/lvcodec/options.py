"""What encoding and decoding can be told: one record each, with its defaults, its ranges and one validator.

`lvcodec.encode` and `lvcodec.decode` take their fields as keywords, the command line fills them in by name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from lvcodec import names, quality
from lvcodec.errors import UsageError
from lvcodec.frames import FrameRange, Frames
from lvcodec.stream.fields import MAX_GOP

if TYPE_CHECKING:
    from fractions import Fraction

    from lvcodec import StreamLike

MAX_EFFORT = 64
ALPHAS = (1.0, 0.5)

Record = TypeVar("Record", "Encoding", "Decoding")


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a video is to be coded.

    quality: 1 (smallest) to 6 (best); fractions lie between.
    mode: "intra", "mfvc", "lds" or "aligned": how a picture uses the one before it ("aligned" needs the fewest bits).
    family: "swift" or "cheng2020", the kind of networks.
    model: name or path of the weights; without it the family's own.
    gop: pictures from one I-picture to the next, 1 to 65535.
    size, rate, pix_fmt: (width, height), pictures per second and format of raw video.
    frames: (first, end) of the pictures to code, counted from 0, end not included; None is the clip's own.
    alpha: 1 or 0.5, the length of the shift in "lds" and "aligned". None: 0.5 in "lds" where things move from the first
        picture to the second and the weights were trained for it (those of "swift"), else 1.
    effort: rounds of search for symbols that are worth their bits, 0 to 64; above 0 in "swift" only.
    recon: where to write the pictures that the decoder will show.
    psnr: measure the distortion. verify: decode what was written and compare; needs a target that is a file.
    jobs: GOPs coded side by side, 1 or more; by default as many as torch has threads, up to 4, and fewer of large
        pictures (two of 1080p); the threads are shared out among them.
    device: "auto", "cpu" or "cuda", where the networks run.
    backend: "auto", "int8", "float" or "reference": who computes the networks. The bits are the same; "auto" is the
        environment variable LVCODEC_BACKEND, or else the fastest.
    overwrite: replace outputs that exist.
    keep_partial: keep the whole pictures of a stream whose coding was interrupted.
    lenient: accept a video of which pictures are missing; without it they are an error, once the others are coded.
    """

    quality: float = quality.DEFAULT
    mode: str = names.DEFAULT_MODE
    family: str = names.DEFAULT_FAMILY
    model: str | os.PathLike[str] | None = None
    gop: int = 12
    size: tuple[int, int] | None = None
    rate: Fraction | None = None
    pix_fmt: str | None = None
    frames: Frames | None = None
    alpha: float | None = None
    effort: int = 0
    recon: StreamLike | None = None
    psnr: bool = False
    verify: bool = False
    jobs: int | None = None
    device: str = names.AUTO
    backend: str = names.AUTO
    overwrite: bool = False
    keep_partial: bool = False
    lenient: bool = False

    def validate(self) -> Self:
        """Itself. Raises UsageError with the value and its range for the first that is out of it."""
        quality.index_of(self.quality)
        _one_of("mode", self.mode, names.MODES)
        _one_of("family", self.family, names.FAMILIES)
        _within("gop", self.gop, 1, MAX_GOP)
        _within("effort", self.effort, 0, MAX_EFFORT)
        if self.alpha is not None and self.alpha not in ALPHAS:
            raise UsageError(f"alpha is {self.alpha:g}; it must be 1 or 0.5")
        FrameRange.of(self.frames)
        _check_where(self.jobs, self.device, self.backend)
        return self


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How a stream is to be decoded.

    frames: (first, end) of the pictures to write, counted from 0, end not included.
    pix_fmt: format of the written video; without it the stream's 4:2:0.
    format: what is written into a pipe, a device or a file object, as a file's suffix would say it ("mkv"); else Y4M.
    check: compare each picture with the checksum that the encoder left.
    conceal: repeat the last good picture where the stream is damaged, and go on at the next I-picture.
    jobs, device, backend, overwrite: as for Encoding.
    """

    frames: Frames | None = None
    pix_fmt: str | None = None
    format: str | None = None
    check: bool = True
    conceal: bool = False
    jobs: int | None = None
    device: str = names.AUTO
    backend: str = names.AUTO
    overwrite: bool = False

    def validate(self) -> Self:
        """Itself. Raises UsageError with the value and its range for the first that is out of it."""
        FrameRange.of(self.frames)
        _check_where(self.jobs, self.device, self.backend)
        return self


def filled_in(record: Record, changes: dict[str, Any]) -> Record:
    """The record with some fields changed. Raises UsageError for a field that it does not have."""
    known = [field.name for field in fields(record)]
    for name in changes:
        if name not in known:
            raise UsageError(f"there is no option {name!r}", f"choose among {', '.join(known)}")
    return replace(record, **changes)


def _one_of(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise UsageError(f"there is no {name} {value!r}", f"choose one of {', '.join(choices)}")


def _within(name: str, value: int, least: int, most: int | None = None) -> None:
    if value < least or (most is not None and value > most):
        raise UsageError(f"{name} is {value}; it must be {least} {'or more' if most is None else f'to {most}'}")


def _check_where(jobs: int | None, device: str, backend: str) -> None:
    if jobs is not None:
        _within("jobs", jobs, 1)
    _one_of("device", device, (names.AUTO, *names.DEVICES))
    _one_of("backend", backend, (names.AUTO, *names.BACKENDS))
