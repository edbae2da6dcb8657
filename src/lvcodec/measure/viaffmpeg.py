"""What ffmpeg adds to the metrics: pictures as RGB by one stated conversion, and VMAF; which parts it has."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from lvcodec.errors import InputError
from lvcodec.measure.psnr import psnr_db
from lvcodec.video.colour import CHROMA_LOCATIONS, UNSPECIFIED
from lvcodec.video.ffmpeg import FfmpegProcess, ffmpeg_exe, last_words
from lvcodec.video.picture import VideoFormat

RGB_FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
HD_HEIGHT = 720  # unspecified colours are BT.709 from here on, BT.601 below
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
_LOCATIONS = {code: name for name, code in CHROMA_LOCATIONS.items()}


def raw_input(path: Path, video: VideoFormat) -> list[str]:
    """ffmpeg's arguments for a raw 8-bit 4:2:0 file."""
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
        str(path),
    ]


def rgb_matrix(video: VideoFormat) -> str:
    """Which matrix turns the clip into RGB (ffmpeg's name): its own, else by its height.

    Raises InputError for a matrix that swscale does not know.
    """
    matrix = video.colour.matrix
    if matrix == UNSPECIFIED:
        return "bt709" if video.height >= HD_HEIGHT else "bt601"
    if matrix not in _MATRICES:
        raise InputError(f"no RGB PSNR for colour matrix {matrix}", "leave rgb out of the metrics")
    return _MATRICES[matrix]


def rgb_psnr(reference: Path, decoded: Path, video: VideoFormat) -> Iterator[float]:
    """PSNR of each picture as 8-bit RGB, MSE over the three channels, at most 100 dB.

    Both sides go through the same conversion: the clip's matrix and range, chroma upsampled by ffmpeg's bicubic
    filter (RGB_FLAGS), chroma location the clip's, left where it says nothing.
    """
    shape = (video.height, video.width, 3)
    for pair in zip(_rgb(reference, video), _rgb(decoded, video), strict=True):
        yield psnr_db(*(np.frombuffer(data, np.uint8).reshape(shape) for data in pair))


def _rgb(path: Path, video: VideoFormat) -> Iterator[bytes]:
    span = "pc" if video.colour.full_range else "tv"
    location = _LOCATIONS[video.colour.chroma_location or CHROMA_LOCATIONS["left"]]
    scale = (
        f"scale=in_color_matrix={rgb_matrix(video)}:in_range={span}:out_range=pc:in_chroma_loc={location}:"
        f"flags={RGB_FLAGS}:sws_dither=none,format=rgb24"
    )
    process = FfmpegProcess(
        [*raw_input(path, video), "-vf", scale, "-f", "rawvideo", "-"], what=f"ffmpeg cannot convert {path.name} to RGB"
    )
    size = 3 * video.width * video.height
    try:
        while data := process.stdout.read(size):
            yield data
        process.check()
    finally:
        process.stop()


def vmaf(reference: Path, decoded: Path, video: VideoFormat) -> float | None:
    """VMAF by ffmpeg's libvmaf with its default model, mean over pictures; None where ffmpeg has no libvmaf."""
    if "libvmaf" not in filters():
        return None
    done = run_ffmpeg(
        "-v",
        "info",
        *raw_input(decoded, video),
        *raw_input(reference, video),
        "-lavfi",
        "libvmaf=n_threads=1",
        "-f",
        "null",
        "-",
    )
    score = re.search(r"VMAF score: ([\d.]+)", done.stderr)
    if done.returncode or not score:
        raise InputError(
            f"ffmpeg cannot compute VMAF: {last_words(done.stderr.splitlines()[-5:])}", "leave vmaf out of the metrics"
        )
    return float(score[1])


@lru_cache
def encoders() -> frozenset[str]:
    """The encoders that ffmpeg has."""
    return frozenset(re.findall(r"^ [A-Z.]{6} (\S+) ", run_ffmpeg("-v", "error", "-encoders").stdout, re.MULTILINE))


@lru_cache
def filters() -> frozenset[str]:
    """The filters that ffmpeg has."""
    said = run_ffmpeg("-v", "error", "-filters").stdout
    return frozenset(re.findall(r"^ [A-Z.]{2,3} (\S+) +\S+->", said, re.MULTILINE))


@lru_cache
def version() -> str:
    """ffmpeg and its version, one line."""
    return (run_ffmpeg("-version").stdout.splitlines() or ["ffmpeg"])[0].partition(" Copyright")[0]


def run_ffmpeg(*args: str) -> subprocess.CompletedProcess[str]:
    """Run ffmpeg to its end. Raises InputError if there is none."""
    try:
        return subprocess.run(
            [ffmpeg_exe(), "-hide_banner", "-nostdin", *args],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            start_new_session=True,
        )
    except OSError as error:
        raise InputError(f"cannot run ffmpeg: {error.strerror or error}") from error
