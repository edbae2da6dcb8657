"""Pictures into ffmpeg's standard input: one after the other, or in IVF, which has a time for each.

IVF is a head of 32 bytes and one of 12 before each picture; ffmpeg reads raw pictures in it, and times to the tick.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from lvcodec.video.colour import Colour
from lvcodec.video.ffmpeg import FfmpegProcess
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.presentation import stamp_of
from lvcodec.video.rgb import planes_to_rgb
from lvcodec.video.writing import write_error

_IVF_HEAD = struct.Struct("<4sHH4sHHIIII")
_IVF_PICTURE = struct.Struct("<IQ")
IVF_ARGS = ("-f", "ivf", "-i", "pipe:0")


class Ivf:
    """The heads of IVF around raw 4:2:0 pictures that are shown at `stamps`, in ticks of `tick` seconds."""

    def __init__(self, fmt: VideoFormat, tick: Fraction, stamps: Sequence[int]) -> None:
        self._format, self._tick, self._stamps = fmt, tick, stamps
        self._number = 0

    def next_head(self) -> bytes:
        """What stands before the next picture."""
        head = b""
        if self._number == 0:
            sides, tick = (self._format.width, self._format.height), self._tick
            count = len(self._stamps) - 1
            head = _IVF_HEAD.pack(b"DKIF", 0, 32, b"I420", *sides, tick.denominator, tick.numerator, count, 0)
        head += _IVF_PICTURE.pack(self._format.picture_bytes, stamp_of(self._stamps, self._number))
        self._number += 1
        return head


def feed_picture(
    process: FfmpegProcess, picture: Picture, rgb_of: Colour | None = None, head: bytes | None = None
) -> None:
    """Write the samples of one picture to ffmpeg: its planes, or their RGB where they have the colour `rgb_of`.

    head: what goes before them. Raises InputError with ffmpeg's words if it has ended, or if there is no RGB of that
    colour.
    """
    parts: tuple[Any, ...] = picture.planes
    if rgb_of is not None:
        parts = (np.ascontiguousarray(np.moveaxis(planes_to_rgb(*picture.planes, rgb_of), 0, 2)),)
    try:
        if head is not None:
            process.stdin.write(head)
        for part in parts:
            process.stdin.write(memoryview(part).cast("B"))
        process.stdin.flush()
    except (BrokenPipeError, ConnectionResetError) as exc:
        process.wait()
        raise process.error() from exc
    except OSError as exc:
        raise write_error(process.what, exc) from exc
