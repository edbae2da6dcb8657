"""RGB PSNR: pictures become 8-bit RGB by ffmpeg, both sides by the one conversion that is stated here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lvcodec.errors import InputError
from lvcodec.measure import raw
from lvcodec.measure.psnr import psnr_db
from lvcodec.video.colour import CHROMA_LOCATIONS, UNSPECIFIED
from lvcodec.video.ffmpeg import FfmpegProcess
from lvcodec.video.format import VideoFormat

FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
HD_HEIGHT = 720  # luma rows; colours that nothing is said of are BT.709 from here on, BT.601 below
_BT709, _BT601 = 1, 6  # H.273's numbers
_NAMES = {_BT709: "bt709", 4: "fcc", 5: "bt601", _BT601: "bt601", 7: "smpte240m", 9: "bt2020"}  # ffmpeg's
_LOCATIONS = {code: name for name, code in CHROMA_LOCATIONS.items()}


def shown_matrix(video: VideoFormat) -> int:
    """Which matrix (H.273's number) turns the clip into RGB: its own if that has a conversion, else by its height."""
    if video.colour.matrix in _NAMES:
        return video.colour.matrix
    return _BT709 if video.height >= HD_HEIGHT else _BT601


def matrix_name(video: VideoFormat) -> str:
    """The same as ffmpeg calls it. Raises InputError for a stated matrix that swscale does not know."""
    if video.colour.matrix not in (UNSPECIFIED, *_NAMES):
        raise InputError(f"no RGB PSNR for colour matrix {video.colour.matrix}", "leave rgb out of the metrics")
    return _NAMES[shown_matrix(video)]


def conversion_name(video: VideoFormat) -> str:
    """The conversion in a few words, for a report. Raises InputError as matrix_name does."""
    return f"{matrix_name(video)}, bicubic chroma"


def rgb_psnr(reference: Path, decoded: Path, video: VideoFormat) -> Iterator[float]:
    """PSNR of each picture of two raw files as 8-bit RGB, MSE over the three channels, at most 100 dB.

    Both sides go through the same conversion: the clip's matrix and range, chroma upsampled by ffmpeg's bicubic
    filter (FLAGS), chroma location the clip's, left where it says nothing.
    """
    shape = (video.height, video.width, 3)
    for pair in zip(_rgb(reference, video), _rgb(decoded, video), strict=True):
        yield psnr_db(*(np.frombuffer(data, np.uint8).reshape(shape) for data in pair))


def _rgb(path: Path, video: VideoFormat) -> Iterator[bytes]:
    """Each picture of a raw file as ffmpeg's rgb24."""
    span = "pc" if video.colour.full_range else "tv"
    location = _LOCATIONS[video.colour.chroma_location or CHROMA_LOCATIONS["left"]]
    scale = (
        f"scale=in_color_matrix={matrix_name(video)}:in_range={span}:out_range=pc:in_chroma_loc={location}:"
        f"flags={FLAGS}:sws_dither=none,format=rgb24"
    )
    process = FfmpegProcess(
        [*raw.ffmpeg_input(path, video), "-vf", scale, "-f", "rawvideo", "-"],
        what=f"ffmpeg cannot convert {path.name} to RGB",
    )
    size = 3 * video.width * video.height
    try:
        while data := process.stdout.read(size):
            yield data
        process.check()
    finally:
        process.stop()
