"""Values of options, and the checks of paths that come before any slow work."""

from __future__ import annotations

import os
import sys
from fractions import Fraction

import click

from lvcodec.errors import InputError, UsageError

PIPE = "-"


def frame_range(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int | None, int | None] | None:
    """A:B, pictures A to B - 1 counted from 0; either may be left out."""
    if value is None:
        return None
    first, colon, end = value.partition(":")
    if not colon or not all(part == "" or part.isdecimal() for part in (first, end)):
        raise click.BadParameter(f"{value!r} is not A:B, as in 0:100, 50: or :100")
    frames = (int(first) if first else None, int(end) if end else None)
    if frames[1] is not None and (frames[0] or 0) >= frames[1]:
        raise click.BadParameter(f"{value!r} holds no picture: the end is not included")
    return frames


def picture_size(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """WxH in pixels."""
    if value is None:
        return None
    width, cross, height = value.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise click.BadParameter(f"{value!r} is not WxH, as in 1920x1080")
    return int(width), int(height)


def picture_rate(ctx: click.Context, param: click.Parameter, value: str | None) -> Fraction | None:
    """Pictures a second: 25, 29.97 or 30000/1001."""
    if value is None:
        return None
    try:
        rate = Fraction(value)
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{value!r} is not a rate, as in 25 or 30000/1001") from None
    if rate <= 0:
        raise click.BadParameter(f"{value!r} is not above zero")
    return rate


def name_list(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Names separated by commas; "none" is an empty list."""
    if value is None:
        return None
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    return () if names == ("none",) else names


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


def check_source(source: str) -> None:
    """Refuse what cannot be read: InputError for a missing file, UsageError for a terminal."""
    if source == PIPE:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("stdin is a terminal", "pipe the input in, or name a file")
    elif os.path.isdir(source):
        raise InputError(f"{source}: is a folder")
    elif not os.path.exists(source) and not is_pattern(source):
        raise InputError(f"{source}: no such file")
    elif not is_pattern(source) and not os.access(source, os.R_OK):
        raise InputError(f"{source}: not readable")


def check_target(target: str, *others: str, overwrite: bool) -> None:
    """Refuse what cannot be written, or should not be, before torch is loaded.

    others: what is read or written too, and must not be the same file.
    Raises UsageError for a terminal, InputError as lvcodec.video.atomic.check_output does.
    """
    from lvcodec.video.atomic import check_output

    if target == PIPE and (sys.stdout is None or sys.stdout.isatty()):
        raise UsageError("stdout is a terminal", "redirect it, or name a file")
    check_output(target, *(other for other in others if other != PIPE), overwrite=overwrite)


def is_pattern(path: str) -> bool:
    """True for a numbered sequence of images, as in picture%04d.png."""
    return "%" in os.path.basename(path)


def effort_list(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    """Efforts, separated by commas: whole numbers from 0 to 64. Raises BadParameter."""
    try:
        efforts = tuple(int(part) for part in text.split(","))
    except ValueError:
        efforts = (-1,)
    if not all(0 <= effort <= 64 for effort in efforts):
        raise click.BadParameter(f"{text!r} is no list of efforts from 0 to 64, as in 0,8")
    return efforts
