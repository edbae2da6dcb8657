"""What encoding and decoding can be told: one record each, with its defaults, its ranges and one validator.

`lvcodec.encode` and `lvcodec.decode` take their fields as keywords, the command line fills them in by name.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self, TypeVar

from lvcodec import names, quality
from lvcodec.errors import UsageError
from lvcodec.frames import FrameRange, Frames
from lvcodec.presets import DEFAULT_PRESET, ENCODER_PRESETS, EncoderPreset
from lvcodec.stream.fields import MAX_GOP

if TYPE_CHECKING:
    from fractions import Fraction

    from lvcodec.stream.files import StreamLike

MAX_EFFORT = 64
PAPER_GOP = 12  # pictures, of Kim et al. 2022
MAX_BFRAMES, USUAL_BFRAMES = 15, 7  # in a row

Record = TypeVar("Record", "Encoding", "Decoding")


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a video is to be coded.

    quality: 1 (smallest) to 9 (best); fractions lie between.
    target_size: bytes of the whole stream, sound included, in place of `quality`: no more, and less by 2 % at most, if
        qualities reach that far. bitrate: bits a second of the pictures, in the same way. target_psnr, target_vmaf: dB
        (planes 6:1:1) or VMAF of the clip's mean, or with `worst_shot` of its worst shot. All try qualities on samples
        of the video, all of a short one, so that it is read more than once.
    maxrate, bufsize: bits a second, and bits (maxrate's of a second, if None): a decoder whose buffer holds so many,
        and gets so many a second, always has the next record; what would be too much is coded coarser. GOPs are then
        coded one after another.
    mode: "intra", "mfvc", "lds" or, in "swift", "aligned": how a picture uses those before it ("aligned" needs the
        fewest bits). None: "aligned" in "swift", "lds" in "cheng2020".
    family: "swift" or "cheng2020", the kind of networks.
    model: name or path of the weights; without it the family's own.
    gop: pictures from one I-picture to the next, 1 to 65535; or "auto": as many as the content allows, with an
        I-picture where a shot begins and after 250 pictures or 8 seconds at the latest, for which two pictures are
        read ahead. None: "auto" in mode "aligned", 12 in the others.
    bframes: the most B-pictures in a row, 0 to 15, in mode "aligned"; "auto" is 7 there and 0 in the others. As many
        pictures and one more are read before they are coded, as a chain of P-pictures or in pyramids, whichever costs
        less. 0: none; `low_delay` waits for no other picture either.
    size, rate, pix_fmt: (width, height), pictures per second and format of raw video.
    frames: (first, end) of the pictures to code, counted from 0, end not included; None is the clip's own.
    alpha: 1, 0.5 or 0 (none), the length of the shift in "lds". None: in each GOP what is cheapest in its first three
        P-pictures, which are read before they are coded (one with `low_delay`), where the weights were trained for that
        (those of "swift"), else 1.
    latents: "analysed" or "kept", what a P-picture of "lds" is predicted from if the one before it was shifted: the
        latents of that one's pixels, as in the paper, or those that its symbols tell. None: in each GOP what is
        cheapest, tried as lengths are, where the weights were trained for that, else "analysed".
    preset: "fast", "medium" or "slow": how much time the encoder takes to find fewer bits.
    effort: rounds of search for symbols that are worth their bits, 0 to 64; above 0 in "swift" only. None: the
        preset's.
    low_delay: each picture is coded and written before the next is read: no B-pictures, and no I-pictures where shots
        begin, for which others would be read ahead, but after 250 pictures or 8 seconds, or as `gop` says.
    recon: where to write the pictures that the decoder will show.
    psnr: measure the distortion. verify: decode what was written and compare; needs a target that is a file.
    jobs: GOPs coded side by side, 1 or more; by default as many as torch has threads, up to 4, and fewer of large
        pictures (two of 1080p); the threads are shared out among them.
    device: "auto", "cpu" or "cuda", where the networks run.
    backend: "auto", "native", "int8", "float" or "reference": who computes the networks. The bits are the same; "auto"
        is the environment variable LVCODEC_BACKEND, or else the fastest.
    overwrite: replace outputs that exist.
    keep_partial: keep the whole pictures of a stream whose coding was interrupted.
    resume: go on with TARGET.part, which an interrupted encoding has left, to the bytes that it would have come to; the
        video is read from its first picture on and compared. Where there is none, begin. Without it such a part is an
        error, so that it is not lost, unless `overwrite` is set. With `cluster`: go on with TARGET.cluster.
    lenient: accept a video of which pictures are missing; without it they are an error, once the others are coded.
    audio: keep the sound of a file too. video_only: keep neither sound nor subtitles nor anything else but pictures.
    cluster: code on many machines, to the same bytes: "local", "local:N" for N processes here, or the address of a dask
        scheduler. Source and target must be files, in folders that the workers see by the same names; with `ship` the
        pictures are sent instead. What is coded lies in the folder TARGET.cluster until it is joined. No maxrate.
    """

    quality: float = quality.DEFAULT
    target_size: int | None = None
    bitrate: float | None = None
    target_psnr: float | None = None
    target_vmaf: float | None = None
    worst_shot: bool = False
    maxrate: float | None = None
    bufsize: float | None = None
    mode: str | None = None
    family: str = names.DEFAULT_FAMILY
    model: str | os.PathLike[str] | None = None
    gop: int | str | None = None
    bframes: int | str = names.AUTO
    size: tuple[int, int] | None = None
    rate: Fraction | None = None
    pix_fmt: str | None = None
    frames: Frames | None = None
    alpha: float | None = None
    latents: str | None = None
    preset: str = DEFAULT_PRESET
    effort: int | None = None
    low_delay: bool = False
    recon: StreamLike | None = None
    psnr: bool = False
    verify: bool = False
    jobs: int | None = None
    device: str = names.AUTO
    backend: str = names.AUTO
    overwrite: bool = False
    keep_partial: bool = False
    resume: bool = False
    lenient: bool = False
    audio: bool = True
    video_only: bool = False
    cluster: str | None = None
    ship: bool = False

    @property
    def has_size(self) -> bool:
        """Whether a size is aimed at."""
        return self.target_size is not None or self.bitrate is not None

    @property
    def has_target(self) -> bool:
        """Whether the quality is to be found, and not told."""
        return self.has_size or self.target_psnr is not None or self.target_vmaf is not None

    @property
    def target_text(self) -> str:
        """What is aimed at, on one line; empty where nothing is."""
        worst = " of the worst shot" if self.worst_shot else ""
        texts = {
            "{:.0f} bytes": self.target_size,
            "{:.0f} bits a second": self.bitrate,
            f"{{:g}} dB{worst}": self.target_psnr,
            f"VMAF {{:g}}{worst}": self.target_vmaf,
        }
        return ", ".join(text.format(value) for text, value in texts.items() if value is not None)

    @property
    def chosen_mode(self) -> str:
        """The mode, or the family's own."""
        return names.DEFAULT_MODES.get(self.family, names.DEFAULT_MODE) if self.mode is None else self.mode

    @property
    def longest_gop(self) -> int | None:
        """The most pictures from one I-picture to the next; None: as many as the content allows."""
        gop = (names.AUTO if self.chosen_mode in names.PYRAMID_MODES else PAPER_GOP) if self.gop is None else self.gop
        return None if isinstance(gop, str) else gop

    @property
    def most_bframes(self) -> int:
        """The most B-pictures in a row."""
        if isinstance(self.bframes, str):
            return USUAL_BFRAMES if self.chosen_mode in names.PYRAMID_MODES and not self.low_delay else 0
        return self.bframes

    @property
    def follows_cuts(self) -> bool:
        """Whether an I-picture stands where a shot begins."""
        return self.longest_gop is None and not self.low_delay

    @property
    def chosen_preset(self) -> EncoderPreset:
        """What the preset's name stands for, with the effort that was asked for, or that the family has."""
        named = ENCODER_PRESETS[self.preset]
        usual = named.effort if self.family in names.REFINED_FAMILIES else 0
        return replace(named, effort=usual if self.effort is None else self.effort)

    def validate(self) -> Self:
        """Itself. Raises UsageError with the value and its range for the first that is out of it."""
        _check_types(self)
        quality.index_of(self.quality)
        self._check_target()
        _one_of("mode", self.chosen_mode, names.MODES)
        _one_of("family", self.family, names.FAMILIES)
        if self.family != names.DEFAULT_FAMILY and self.chosen_mode not in names.PAPER_MODES:
            modes = ", ".join(names.PAPER_MODES)
            raise UsageError(f"family {self.family} has no mode {self.mode}", f"choose one of {modes}")
        if self.gop is not None and not isinstance(self.gop, str):
            _within("gop", self.gop, 1, MAX_GOP)
        if not isinstance(self.bframes, str):
            _within("bframes", self.bframes, 0, MAX_BFRAMES)
            if self.bframes and self.chosen_mode not in names.PYRAMID_MODES:
                raise UsageError(f"mode {self.chosen_mode} has no B-pictures", "leave --bframes out")
            if self.bframes and self.low_delay:
                raise UsageError("B-pictures wait for later ones", "leave --bframes or --low-delay out")
        _one_of("preset", self.preset, tuple(ENCODER_PRESETS))
        if self.effort is not None:
            _within("effort", self.effort, 0, MAX_EFFORT)
        if self.effort and self.family not in names.REFINED_FAMILIES:
            families = " and ".join(names.REFINED_FAMILIES)
            raise UsageError(f"effort is for the {families} family, not for {self.family}", "leave --effort out")
        self._check_shift()
        if self.ship and self.cluster is None:
            raise UsageError("--ship belongs to --cluster")
        FrameRange.of(self.frames)
        _check_where(self.jobs, self.device, self.backend)
        return self

    def _check_shift(self) -> None:
        if self.alpha is not None and self.alpha not in names.ALPHAS:
            lengths = " or ".join(f"{float(length):g}" for length in names.ALPHAS)
            raise UsageError(f"alpha is {float(self.alpha):g}; it must be {lengths}")
        if self.latents is not None:
            if self.latents not in names.LATENTS:
                raise UsageError(f"latents are {self.latents}; they must be {' or '.join(names.LATENTS)}")
            if self.latents == "analysed" and self.alpha == 0:
                raise UsageError("pictures that are not shifted keep their latents", "leave --latents or --alpha out")

    def _check_target(self) -> None:
        ranges = {"target_size": math.inf, "bitrate": math.inf, "target_psnr": 100.0, "target_vmaf": 100.0}
        told = [name for name in ranges if getattr(self, name) is not None]
        if len(told) > 1:
            raise UsageError(f"{told[0]} and {told[1]} cannot both be aimed at", "choose one")
        if self.maxrate is not None:
            told.append("maxrate")
            if len(told) > 1:
                raise UsageError("maxrate limits a quality, and a target finds one", "choose one")
        if self.bufsize is not None:
            told.append("bufsize")
            if self.maxrate is None:
                raise UsageError("bufsize is of a maxrate", "say that too")
        ranges |= {"maxrate": math.inf, "bufsize": math.inf}
        for name in told:
            if not 0 < getattr(self, name) <= ranges[name]:
                most = "" if math.isinf(ranges[name]) else f" and at most {ranges[name]:g}"
                raise UsageError(f"{name} is {float(getattr(self, name)):g}; it must be above 0{most}")
        if told and self.family not in names.ONE_NETWORK_FAMILIES:
            raise UsageError(f"family {self.family} has few qualities, and none to aim with", "say which by quality")
        if self.worst_shot and self.target_psnr is None and self.target_vmaf is None:
            raise UsageError("the worst shot is of a PSNR or a VMAF that is aimed at", "leave --worst-shot out")


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How a stream is to be decoded.

    frames: (first, end) of the pictures to write, counted from 0, end not included.
    pix_fmt: format of the written video; without it the stream's 4:2:0.
    format: what is written into a pipe, a device or a file object, as a file's suffix would say it ("mkv"); else Y4M.
    check: compare each picture with the checksum that the encoder left.
    conceal: repeat the last good picture where the stream is damaged, and go on at the next I-picture.
    audio: put the sound beside the pictures too. video_only: put nothing beside them.
    jobs, device, backend, overwrite: as for Encoding.
    cluster: decode on many machines, as for Encoding; the source's folder and the target's must be seen by all of them.
    """

    frames: Frames | None = None
    pix_fmt: str | None = None
    format: str | None = None
    check: bool = True
    conceal: bool = False
    audio: bool = True
    video_only: bool = False
    jobs: int | None = None
    device: str = names.AUTO
    backend: str = names.AUTO
    overwrite: bool = False
    cluster: str | None = None

    def validate(self) -> Self:
        """Itself. Raises UsageError with the value and its range for the first that is out of it."""
        _check_types(self)
        if self.conceal and self.cluster is not None:
            raise UsageError("a damaged stream is decoded on one machine", "leave --cluster out")
        FrameRange.of(self.frames)
        _check_where(self.jobs, self.device, self.backend)
        return self


def with_changes(kind: type[Record], record: Record | None, changes: dict[str, Any]) -> Record:
    """The record, or one of its defaults, with some fields changed.

    Raises UsageError for a field that it does not have, and for a record that is of no such kind.
    """
    if record is not None and not isinstance(record, kind):
        raise UsageError(f"{_shown(record)} is no record of {kind.__name__}", f"make one by lvcodec.{kind.__name__}()")
    known = [field.name for field in fields(kind)]
    for name in changes:
        if name not in known:
            raise UsageError(f"there is no option {name!r}", f"choose among {', '.join(known)}")
    return replace(record or kind(), **changes)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_whole_or_auto(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, str) and value == names.AUTO)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_name(value: object) -> bool:
    return isinstance(value, str)


def _is_path(value: object) -> bool:
    return isinstance(value, (str, os.PathLike))


def _is_place(value: object) -> bool:
    return _is_path(value) or hasattr(value, "write")


def _is_switch(value: object) -> bool:
    return isinstance(value, Hashable) and value in (False, True)  # numpy's too


def _is_size(value: object) -> bool:
    """(width, height), and the texts that the command line takes."""
    if isinstance(value, str):
        return True
    return isinstance(value, Iterable) and len(sides := tuple(value)) == 2 and all(map(_is_whole, sides))


def _is_rate(value: object) -> bool:
    return isinstance(value, str) or _is_number(value)


_WHOLE, _NUMBER, _NAME = ("a whole number", _is_whole), ("a number", _is_number), ("a name", _is_name)
_WHOLE_OR_AUTO = ("a whole number or auto", _is_whole_or_auto)
_SWITCH = ("True or False", _is_switch)
# Of which type each field is; `frames` is FrameRange's to check. Those that are None by default may be None.
_TYPES: dict[str, tuple[str, Callable[[object], bool]]] = {
    "quality": _NUMBER,
    "target_size": _WHOLE,
    "bitrate": _NUMBER,
    "target_psnr": _NUMBER,
    "target_vmaf": _NUMBER,
    "worst_shot": _SWITCH,
    "maxrate": _NUMBER,
    "bufsize": _NUMBER,
    "mode": _NAME,
    "family": _NAME,
    "model": ("a name or a path", _is_path),
    "gop": _WHOLE_OR_AUTO,
    "bframes": _WHOLE_OR_AUTO,
    "size": ("(width, height)", _is_size),
    "rate": ("a number", _is_rate),
    "pix_fmt": _NAME,
    "format": _NAME,
    "alpha": _NUMBER,
    "latents": _NAME,
    "preset": _NAME,
    "effort": _WHOLE,
    "low_delay": _SWITCH,
    "recon": ("a path or a file object", _is_place),
    "psnr": _SWITCH,
    "verify": _SWITCH,
    "check": _SWITCH,
    "conceal": _SWITCH,
    "jobs": _WHOLE,
    "device": _NAME,
    "backend": _NAME,
    "overwrite": _SWITCH,
    "keep_partial": _SWITCH,
    "resume": _SWITCH,
    "lenient": _SWITCH,
    "audio": _SWITCH,
    "video_only": _SWITCH,
    "cluster": _NAME,
    "ship": _SWITCH,
}


def _check_types(record: Encoding | Decoding) -> None:
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name not in _TYPES or (value is None and field.default is None):
            continue
        what, holds = _TYPES[field.name]
        if not holds(value):
            raise UsageError(f"{field.name} is {_shown(value)}; it must be {what}")


def _shown(value: object) -> str:
    """A value on one line: itself where that is short, else its type."""
    text = repr(value)
    return text if len(text) <= 40 and text.isprintable() else f"of type {type(value).__name__}"


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
