"""What can be written where no name tells the format: into pipes and devices, as /dev/null or >(program).

A pipe has no suffix and cannot be sought: ffmpeg is told the container by name, and MP4 comes in fragments.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from lvcodec.errors import UsageError
from lvcodec.video.atomic import is_special
from lvcodec.video.encoders import PICTURES, Encoder, encoder_for
from lvcodec.video.format import VideoFormat
from lvcodec.video.trial import check_pixels, tried_in_pipe

USUAL = ".y4m"
_FILES_ONLY = {".wtv"}  # what ffmpeg writes into a pipe nobody can read
_SOUGHT = {".mp4", ".mov", ".m4v", ".f4v", ".3gp", ".3g2"}
_FRAGMENTS = ("-movflags", "+frag_keyframe+empty_moov")
# ffmpeg's names of containers that are not called as their suffix is
_CONTAINERS = {
    ".mkv": "matroska",
    ".m4v": "mp4",
    **dict.fromkeys((".ts", ".m2ts", ".mts", ".m2t"), "mpegts"),
    **dict.fromkeys((".mpg", ".mpeg"), "mpeg"),
    ".m1v": "mpeg1video",
    ".m2v": "mpeg2video",
    ".ogv": "ogg",
    ".wmv": "asf",
    ".mjpg": "mjpeg",
    ".264": "h264",
    ".avc": "h264",
    ".265": "hevc",
    ".h265": "hevc",
    ".266": "vvc",
    ".h266": "vvc",
}


def is_pipe(target: object) -> bool:
    """Whether output goes to what has no name to tell its format by: "-", a file object, a pipe, a device."""
    if not isinstance(target, str | os.PathLike):
        return True
    return os.fspath(target) == "-" or is_special(Path(target))


def output_suffix(target: object, stated: str | None) -> str:
    """The suffix of the format to write: as stated ("mkv"), by the target's name, or Y4M into a pipe.

    Raises UsageError for a format that is stated for a file of another.
    """
    own = os.path.splitext(os.fspath(target))[1].lower() if isinstance(target, str | os.PathLike) else ""
    if stated is None:
        return own or (USUAL if is_pipe(target) else "")
    suffix = "." + stated.lower().removeprefix(".")
    if not is_pipe(target) and suffix != own:
        raise UsageError(f"{target} is no {stated} file by its name", f"let its name end in {suffix}")
    return suffix


def pipe_encoder(suffix: str, fmt: VideoFormat, pix_fmt: str | None) -> Encoder:
    """How ffmpeg encodes for a pipe. Raises UsageError for what goes into no pipe, or is unknown."""
    if suffix in PICTURES:
        raise UsageError(f"{suffix[1:]} pictures go into files, not into a pipe", "name them frame_%03d" + suffix)
    if suffix in _FILES_ONLY:
        raise UsageError(f"{suffix[1:]} goes into a file, not into a pipe", "choose mkv, webm, mp4, ts …")
    encoder = encoder_for(Path(f"pipe{suffix}"), fmt, pix_fmt)
    if pix_fmt is not None:
        check_pixels(encoder)
    container = () if "-f" in encoder.args else ("-f", _CONTAINERS.get(suffix, suffix[1:]))
    fragments = _FRAGMENTS if suffix in _SOUGHT else ()
    encoder = replace(encoder, args=(*encoder.args, *fragments, "-flush_packets", "1", *container))
    return encoder if encoder.known else tried_in_pipe(encoder, fmt, suffix)
