"""VMAF, by ffmpeg's libvmaf."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import fmean

from lvcodec.errors import InputError
from lvcodec.measure import ffmpeg_features, raw
from lvcodec.video.ffmpeg import last_words
from lvcodec.video.format import VideoFormat


def vmaf(reference: Path, decoded: Path, video: VideoFormat) -> float | None:
    """VMAF of two raw files by the default model, mean over pictures, 0 to 100; None where ffmpeg has no libvmaf.

    Raises InputError if ffmpeg fails.
    """
    each = vmaf_of_pictures(reference, decoded, video)
    return None if each is None else fmean(each)


def vmaf_of_pictures(reference: Path, decoded: Path, video: VideoFormat) -> list[float] | None:
    """The same of each picture."""
    if "libvmaf" not in ffmpeg_features.filters():
        return None
    with tempfile.TemporaryDirectory(prefix="vmaf-") as folder:
        log = Path(folder) / "log.json"
        done = ffmpeg_features.run_ffmpeg(
            "-v",
            "info",
            *raw.ffmpeg_input(decoded, video),
            *raw.ffmpeg_input(reference, video),
            "-lavfi",
            f"libvmaf=n_threads=1:log_fmt=json:log_path={_in_filter(log)}",
            "-f",
            "null",
            "-",
        )
        try:
            frames = json.loads(log.read_text(encoding="utf-8"))["frames"]
            scores = [float(frame["metrics"]["vmaf"]) for frame in frames]
        except (OSError, ValueError, KeyError):
            scores = []
    if done.returncode or not scores:
        raise InputError(
            f"ffmpeg cannot compute VMAF: {last_words(done.stderr.splitlines()[-5:])}", "leave vmaf out of the metrics"
        )
    return scores


def _in_filter(path: Path) -> str:
    """A path as an option of a filter: what separates options and filters is escaped, once for each."""
    text = str(path)
    for _ in range(2):
        text = "".join(f"\\{letter}" if letter in "\\:',;[]" else letter for letter in text)
    return text
