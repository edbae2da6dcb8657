"""Which pictures of a coded file are I-pictures: by the records of an lvcodec stream, or as ffmpeg decodes it."""

from __future__ import annotations

import re
from pathlib import Path

import lvcodec
from lvcodec.measure import ffmpeg_features
from lvcodec.video.ffmpeg import file_argument
from lvcodec.video.source import STREAM_MAGIC


def intra_pictures(path: Path) -> frozenset[int]:
    """Their numbers from 0, in the order of display; none of a file that ffmpeg cannot decode.

    Raises StreamError for a broken lvcodec stream.
    """
    with open(path, "rb") as file:
        ours = file.read(len(STREAM_MAGIC)) == STREAM_MAGIC
    if ours:
        return frozenset(picture.number for picture in lvcodec.probe(path).pictures if picture.kind == "I")
    shown = ["-vf", "showinfo=checksum=0", "-fps_mode", "passthrough", "-f", "null", "-"]
    said = ffmpeg_features.run_ffmpeg("-v", "info", "-nostats", "-i", file_argument(path), *shown).stderr
    return frozenset(int(number) for number in re.findall(r" n: *(\d+) .* type:I\b", said))
