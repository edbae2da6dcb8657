"""What several tests of video/ need: ffmpeg on files, and comparisons to the last bit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from lvcodec.video.colour import Colour
from lvcodec.video.ffmpeg import ffmpeg_exe
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.source import open_source

BT709_LEFT = Colour(1, 1, 1, chroma_location=1)


def video_format(pictures: list[Picture], rate: str = "25", colour: Colour | None = None) -> VideoFormat:
    return VideoFormat(pictures[0].width, pictures[0].height, Fraction(rate), colour or Colour())


def raw(pictures: Iterable[Picture]) -> bytes:
    return b"".join(picture.tobytes() for picture in pictures)


def read_all(source: object, **options: object) -> tuple[list[Picture], VideoFormat, list[str]]:
    with open_source(source, **options) as opened:  # type: ignore[arg-type]
        return list(opened), opened.format, opened.notices


def ffmpeg(*args: str | Path, data: bytes | None = None) -> bytes:
    command = [ffmpeg_exe(), "-hide_banner", "-nostdin", "-v", "error", "-y", *map(str, args)]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def encode(pictures: list[Picture], path: Path, *args: str, rate: str = "25") -> Path:
    """Encode with the ffmpeg binary alone, as somebody else would."""
    size = f"{pictures[0].width}x{pictures[0].height}"
    ffmpeg(
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p",
        "-video_size",
        size,
        "-framerate",
        rate,
        "-i",
        "pipe:0",
        *args,
        path,
        data=raw(pictures),
    )
    return path
