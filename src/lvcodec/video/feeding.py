"""Pictures into ffmpeg's standard input."""

from __future__ import annotations

from typing import Any

import numpy as np

from lvcodec.video.colour import Colour
from lvcodec.video.ffmpeg import FfmpegProcess
from lvcodec.video.picture import Picture
from lvcodec.video.rgb import planes_to_rgb
from lvcodec.video.writing import write_error


def feed_picture(process: FfmpegProcess, picture: Picture, rgb_of: Colour | None = None) -> None:
    """Write the samples of one picture to ffmpeg: its planes, or their RGB where they have the colour `rgb_of`.

    Raises InputError with ffmpeg's words if it has ended, or if there is no RGB of that colour.
    """
    parts: tuple[Any, ...] = picture.planes
    if rgb_of is not None:
        parts = (np.ascontiguousarray(np.moveaxis(planes_to_rgb(*picture.planes, rgb_of), 0, 2)),)
    try:
        for part in parts:
            process.stdin.write(memoryview(part).cast("B"))
        process.stdin.flush()
    except (BrokenPipeError, ConnectionResetError) as exc:
        process.wait()
        raise process.error() from exc
    except OSError as exc:
        raise write_error(process.what, exc) from exc
