"""Read files of raw 8-bit 4:2:0, which every codec of a comparison is given and gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lvcodec.errors import InputError
from lvcodec.video.ffmpeg import file_argument
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture


def count_pictures(path: Path, video: VideoFormat) -> int:
    """Pictures of a raw file. Raises InputError if it holds none or ends within one."""
    size = path.stat().st_size
    count, rest = divmod(size, video.picture_bytes)
    if rest or not count:
        raise InputError(f"{path.name} has {size} bytes, no whole number of {video.width}x{video.height} pictures")
    return count


def read_all(path: Path, video: VideoFormat) -> Iterator[Picture]:
    """All pictures of a raw file, in order. Raises InputError if it ends within one."""
    with open(path, "rb") as file:
        while data := file.read(video.picture_bytes):
            yield Picture.frombuffer(data, video.width, video.height)


def read_some(path: Path, video: VideoFormat, numbers: Sequence[int]) -> dict[int, Picture]:
    """Pictures of a raw file by their numbers from 0; those beyond its end are left out."""
    pictures = {}
    with open(path, "rb") as file:
        for number in sorted(set(numbers)):
            file.seek(number * video.picture_bytes)
            data = file.read(video.picture_bytes)
            if len(data) == video.picture_bytes:
                pictures[number] = Picture.frombuffer(data, video.width, video.height)
    return pictures


def ffmpeg_input(path: Path, video: VideoFormat) -> list[str]:
    """ffmpeg's arguments that read a raw file."""
    return [
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p",
        "-video_size",
        f"{video.width}x{video.height}",
        "-framerate",
        str(video.rate),
        "-i",
        file_argument(path),
    ]
