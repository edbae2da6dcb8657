"""A trial of ffmpeg's before slow work: whether it writes what a suffix asks for, and which range the file then has."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

from lvcodec.errors import InputError, UsageError
from lvcodec.video.convert import is_grey, is_rgb
from lvcodec.video.encoder_args import input_format, output_args
from lvcodec.video.encoders import USUAL_SUFFIXES, Encoder
from lvcodec.video.ffmpeg import FfmpegProcess, file_argument
from lvcodec.video.format import VideoFormat
from lvcodec.video.probe import said_of
from lvcodec.video.rawformat import raw_format

_CODEC = "-c:v"
TOLD = 10  # pixel formats to choose among in a message


def tried(encoder: Encoder, fmt: VideoFormat, path: Path, *, pictures: int = 1) -> Encoder:
    """The encoder, once ffmpeg has written that many grey pictures with it, and what range it has for a fact.

    Raises InputError if ffmpeg cannot, or would write several files for one (a playlist and its segments); UsageError
    if it takes another pixel format.
    """
    what = f"ffmpeg cannot write {path}"
    with tempfile.TemporaryDirectory(prefix="lvcodec-trial-") as folder:
        target = Path(folder) / f"trial{path.suffix}"
        process = FfmpegProcess([*_grey(encoder, fmt, pictures), file_argument(target)], what=what)
        try:
            process.check()
        except InputError as exc:
            message = exc.message.replace(file_argument(target), str(path))
            if "Unable to choose an output format" in message:
                message = f"{what}: it has no format for {path.suffix}"
            raise InputError(message, f"name it {USUAL_SUFFIXES}") from exc
        finally:
            process.stop()
        if os.listdir(folder) != [target.name]:
            raise InputError(f"{what}: it would be several files", "name it .mkv or .mp4")
        return _of_its_range(encoder, fmt, target)


def tried_in_pipe(encoder: Encoder, fmt: VideoFormat, suffix: str) -> Encoder:
    """The same for what goes into a pipe, as files of that suffix are. Raises UsageError if ffmpeg cannot."""
    with tempfile.TemporaryDirectory(prefix="lvcodec-trial-") as folder:
        target = Path(folder) / f"trial{suffix}"
        process = FfmpegProcess(
            [*_grey(encoder, fmt, 1), "pipe:1"], what=f"ffmpeg cannot write {suffix[1:]} into a pipe"
        )
        try:
            with open(target, "wb") as file:
                shutil.copyfileobj(process.stdout, file)
            process.check()
        except InputError as exc:
            raise UsageError(exc.message, "choose y4m, yuv, mkv, webm, mp4, ts …") from exc
        finally:
            process.stop()
        return _of_its_range(encoder, fmt, target)


def check_pixels(encoder: Encoder) -> None:
    """Raise UsageError, with those to choose among, for a pixel format that ffmpeg would swap for another."""
    codec = dict(pairwise(encoder.args)).get(_CODEC)
    taken = [] if codec is None else _taken(codec)
    if taken and encoder.pix_fmt not in taken:
        known = list(filter(_is_known, taken))
        choice = "choose " + ", ".join(known[:TOLD]) + " …" * (len(known) > TOLD)
        raise UsageError(f"{codec} takes no {encoder.pix_fmt}", choice if known else "leave out the pixel format")


@cache
def _taken(codec: str) -> list[str]:
    """The pixel formats that one of ffmpeg's encoders takes; none where it does not say."""
    process = FfmpegProcess(["-h", f"encoder={codec}"], what=f"asking ffmpeg about {codec} failed")
    try:
        text = process.stdout.read().decode("utf-8", "replace")
        process.check()
    finally:
        process.stop()
    found = re.search(r"Supported pixel formats: (.*)", text)
    return found[1].split() if found else []


def _is_known(pix_fmt: str) -> bool:
    try:
        return bool(raw_format(pix_fmt))
    except UsageError:
        return False


def _grey(encoder: Encoder, fmt: VideoFormat, pictures: int) -> list[str]:
    """ffmpeg's options for encoding so many grey pictures, up to the place."""
    grey = f"color=gray:size={fmt.width}x{fmt.height}:rate={fmt.rate},format={input_format(encoder)}"
    return ["-f", "lavfi", "-i", grey, "-frames:v", str(pictures), *output_args(encoder, fmt)]


def _of_its_range(encoder: Encoder, fmt: VideoFormat, written: Path) -> Encoder:
    """The encoder, told of the one range that its files have where the trial did not come back with the clip's.

    Raises UsageError if the file has another pixel format, of a codec that ffmpeg has chosen.
    """
    if encoder.only is not None or encoder.rgb:
        return encoder
    try:
        said = said_of(["-i", file_argument(written)], str(written))
    except InputError:  # nobody can read it: limited is what most will take it for
        return replace(encoder, only="tv")
    asked = encoder.pix_fmt if _CODEC not in encoder.args else None
    if asked is not None and said.pix_fmt.replace("yuvj", "yuv") != asked.replace("yuvj", "yuv"):
        raise UsageError(f"ffmpeg takes {said.pix_fmt} for {written.suffix}, not {asked}", "leave out the pixel format")
    if is_rgb(said.pix_fmt) or is_grey(said.pix_fmt) or said.colour.full_range == fmt.colour.full_range:
        return encoder
    return replace(encoder, only="pc" if said.colour.full_range else "tv")
