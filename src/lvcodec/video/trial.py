"""A trial of ffmpeg's before slow work: whether it writes what a suffix asks for, and which range the file then has."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from lvcodec.errors import InputError
from lvcodec.video.convert import is_grey, is_rgb
from lvcodec.video.encoder_args import input_format, output_args
from lvcodec.video.encoders import Encoder
from lvcodec.video.ffmpeg import FfmpegProcess, file_argument
from lvcodec.video.format import VideoFormat
from lvcodec.video.probe import probe_path


def tried(encoder: Encoder, fmt: VideoFormat, path: Path, *, pictures: int = 1) -> Encoder:
    """The encoder, once ffmpeg has written that many grey pictures with it, and what range it has for a fact.

    Raises InputError if ffmpeg cannot, or would write several files for one (a playlist and its segments).
    """
    what = f"ffmpeg cannot write {path}"
    grey = f"color=gray:size={fmt.width}x{fmt.height}:rate={fmt.rate},format={input_format(encoder)}"
    with tempfile.TemporaryDirectory(prefix="lvcodec-trial-") as folder:
        target = Path(folder) / f"trial{path.suffix}"
        process = FfmpegProcess(
            ["-f", "lavfi", "-i", grey, "-frames:v", str(pictures), *output_args(encoder, fmt), file_argument(target)],
            what=what,
        )
        try:
            process.check()
        finally:
            process.stop()
        if os.listdir(folder) != [target.name]:
            raise InputError(f"{what}: it would be several files", "name it .mkv or .mp4")
        if encoder.only is None and not encoder.rgb:
            return _of_its_range(encoder, fmt, target)
    return encoder


def _of_its_range(encoder: Encoder, fmt: VideoFormat, written: Path) -> Encoder:
    """The encoder, told of the one range that its files have where the trial did not come back with the clip's."""
    try:
        probe = probe_path(["-i", file_argument(written)], str(written))
    except InputError:  # nobody can read it: limited is what most will take it for
        return replace(encoder, only="tv")
    if is_rgb(probe.pix_fmt) or is_grey(probe.pix_fmt) or probe.colour.full_range == fmt.colour.full_range:
        return encoder
    return replace(encoder, only="pc" if probe.colour.full_range else "tv")
