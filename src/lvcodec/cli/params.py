"""Values of options, and the checks of paths that come before any slow work."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import click
from click.core import ParameterSource

from lvcodec import names
from lvcodec.errors import InputError, UsageError
from lvcodec.frames import FrameRange, Frames
from lvcodec.options import MAX_BFRAMES, MAX_EFFORT
from lvcodec.stream.fields import MAX_GOP
from lvcodec.video.atomic import check_output
from lvcodec.video.rawformat import parse_rate, parse_size

PIPE = "-"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # of one letter it is a drive of Windows
_URL = re.compile(_SCHEME.pattern + "//")
T = TypeVar("T")


def frame_range(ctx: click.Context, param: click.Parameter, value: str | None) -> Frames | None:
    """A:B, pictures A to B - 1 counted from 0; either may be left out."""
    if value is None:
        return None
    frames = _told_as_usage(FrameRange.parse, value)
    return frames.first, frames.end


def gop_length(ctx: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    """Pictures from one I-picture to the next, or "auto"."""
    return _auto_or_number(value, 1, MAX_GOP)


def bframes_in_a_row(ctx: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    """The most B-pictures in a row, or "auto"."""
    return _auto_or_number(value, 0, MAX_BFRAMES)


def _auto_or_number(value: str | None, least: int, most: int) -> int | str | None:
    if value is None or value == names.AUTO:
        return value
    if not value.isdecimal() or not least <= int(value) <= most:
        raise click.BadParameter(f"{value!r} is neither auto nor a number from {least} to {most}")
    return int(value)


def byte_count(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Bytes: 700000, 700k, 20M, 1.5G, in powers of 1000."""
    return None if value is None else round(_amount(value))


def bit_rate(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Bits a second: 300000, 300k, 2.5M."""
    return None if value is None else _amount(value)


def given(name: str) -> bool:
    """Whether the command line of the command that runs has the option."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _amount(value: str) -> float:
    """A number above 0, with k, M or G behind it for thousands, millions and thousands of millions."""
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)([kKMG]?)", value)
    amount = float(found[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[found[2].replace("K", "k")] if found else 0.0
    if amount < 1:
        raise click.BadParameter(f"{value!r} is no number above 0, as in 300k, 20M or 1.5G")
    return amount


def picture_size(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """WxH in pixels, or a size's name such as cif."""
    return None if value is None else _told_as_usage(parse_size, value)


def picture_rate(ctx: click.Context, param: click.Parameter, value: str | None) -> Fraction | None:
    """Pictures a second: 25, 29.97 or 30000/1001."""
    return None if value is None else _told_as_usage(parse_rate, value)


def name_list(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Names separated by commas; "none" is an empty list."""
    if value is None:
        return None
    listed = tuple(name.strip() for name in value.split(",") if name.strip())
    return () if listed == ("none",) else listed


def number_list(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Numbers above 0 separated by commas."""
    if value is None:
        return None
    try:
        numbers = tuple(float(part) for part in value.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(0 < number < 1e6 for number in numbers):
        raise click.BadParameter(f"{value!r} is no list of numbers above 0, as in 1,2.5,4")
    return numbers


def effort_list(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Efforts, separated by commas: whole numbers from 0 to 64."""
    if value is None:
        return None
    try:
        efforts = tuple(int(part) for part in value.split(","))
    except ValueError:
        efforts = (-1,)
    if not all(0 <= effort <= MAX_EFFORT for effort in efforts):
        raise click.BadParameter(f"{value!r} is no list of efforts from 0 to {MAX_EFFORT}, as in 0,8")
    return efforts


def check_source(source: str, command: str | None = None) -> None:
    """Refuse what cannot be read: InputError for a missing file, UsageError for a terminal.

    command: how a video from a pipe is given, where the source is a video.
    """
    if source == PIPE:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("stdin is a terminal", "pipe the input in, or name a file")
    elif os.path.isdir(source):
        raise InputError(f"{source}: is a folder")
    elif not os.path.exists(source) and (_URL.match(source) or not is_pattern(source)):
        raise InputError(f"{source}: no such file", _instead_of_url(source, command))
    elif not is_pattern(source) and not os.access(source, os.R_OK):
        raise InputError(f"{source}: not readable")


def _instead_of_url(source: str, command: str | None) -> str | None:
    """What to do where a name that no file has begins as a URL does."""
    if not _SCHEME.match(source):
        return None
    if source.startswith("file:"):
        return "leave out file:"
    return "URLs are not read" + (f"; ffmpeg -i URL -f yuv4mpegpipe - | {command}" if command else "")


def check_target(target: str, *sources: str, outputs: Sequence[str] = (), overwrite: bool) -> None:
    """Refuse what cannot be written, or should not be, before torch is loaded.

    sources, outputs: what is read, and written too, and must not be the same file.
    Raises UsageError for a terminal, InputError as lvcodec.video.atomic.check_output does.
    """
    if target == PIPE and (sys.stdout is None or sys.stdout.isatty()):
        raise UsageError("stdout is a terminal", "redirect it, or name a file")
    check_output(target, *sources, outputs=outputs, overwrite=overwrite)


def is_pattern(path: str) -> bool:
    """True for a numbered sequence of images, as in picture%04d.png."""
    return "%" in os.path.basename(path)


def _told_as_usage(parse: Callable[[str], T], value: str) -> T:
    """What `parse` makes of an option's value. Raises BadParameter, which names the option, for its UsageError."""
    try:
        return parse(value)
    except UsageError as error:
        raise click.BadParameter(str(error)) from None


def check_model_folder(target: str, *, overwrite: bool) -> None:
    """Refuse, before torch is loaded, a TARGET that is a file or that holds a model already."""
    from lvcodec.models import store

    if Path(target).exists() and not Path(target).is_dir():
        raise InputError(f"{target}: is not a folder")
    if (Path(target) / store.MANIFEST).exists() and not overwrite:
        raise InputError(f"{target}: holds a model already", "-y replaces it")
