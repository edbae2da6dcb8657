"""VMAF, by ffmpeg's libvmaf."""

from __future__ import annotations

import re
from pathlib import Path

from lvcodec.errors import InputError
from lvcodec.measure import ffmpeg_features, raw
from lvcodec.video.ffmpeg import last_words
from lvcodec.video.format import VideoFormat


def vmaf(reference: Path, decoded: Path, video: VideoFormat) -> float | None:
    """VMAF of two raw files by the default model, mean over pictures, 0 to 100; None where ffmpeg has no libvmaf.

    Raises InputError if ffmpeg fails.
    """
    if "libvmaf" not in ffmpeg_features.filters():
        return None
    done = ffmpeg_features.run_ffmpeg(
        "-v",
        "info",
        *raw.ffmpeg_input(decoded, video),
        *raw.ffmpeg_input(reference, video),
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
