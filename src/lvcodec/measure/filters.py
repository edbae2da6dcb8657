"""Figures that filters of ffmpeg compute, which an ffmpeg may lack: VMAF and XPSNR."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from statistics import fmean

from lvcodec.errors import InputError
from lvcodec.measure import ffmpeg_features, raw
from lvcodec.measure.psnr import CAP_DB
from lvcodec.report import PlanePsnr
from lvcodec.video.ffmpeg import last_words
from lvcodec.video.format import VideoFormat

FILTERS = {"vmaf": "libvmaf", "xpsnr": "xpsnr"}  # by metric


def vmaf(reference: Path, decoded: Path, video: VideoFormat) -> float | None:
    """VMAF of two raw files by the default model, mean over pictures, 0 to 100; None where ffmpeg has no libvmaf.

    Raises InputError if ffmpeg fails.
    """
    each = vmaf_of_pictures(reference, decoded, video)
    return None if each is None else fmean(each)


def vmaf_of_pictures(reference: Path, decoded: Path, video: VideoFormat) -> list[float] | None:
    """The same of each picture."""
    with tempfile.TemporaryDirectory(prefix="vmaf-") as folder:
        log = Path(folder) / "log.json"
        options = f"=n_threads=1:log_fmt=json:log_path={_in_filter(log)}"
        if _run("vmaf", options, (decoded, reference), video, "VMAF score:") is None:
            return None
        try:
            frames = json.loads(log.read_text(encoding="utf-8"))["frames"]
            return [float(frame["metrics"]["vmaf"]) for frame in frames]
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"ffmpeg tells no VMAF of pictures: {error}", "leave vmaf out of the metrics") from error


def xpsnr(reference: Path, decoded: Path, video: VideoFormat) -> PlanePsnr | None:
    """XPSNR (Helmrich et al. 2020) of two raw files in dB, each plane at most 100; None where ffmpeg has no xpsnr.

    Errors weigh less where the source is busy in space and time. The filter averages over pictures; its planes are
    weighted 6:1:1 here, as PSNR is. Raises InputError if ffmpeg fails.
    """
    planes = " +".join(rf"{plane}: (-?[\d.]+|inf)" for plane in "yuv")
    # the weights are those of the first input, so that has to be the source
    found = _run("xpsnr", "", (reference, decoded), video, rf"XPSNR +{planes}")
    return PlanePsnr.weighted(*(min(CAP_DB, float(value)) for value in found.groups())) if found else None


def _run(
    metric: str, options: str, inputs: tuple[Path, Path], video: VideoFormat, pattern: str
) -> re.Match[str] | None:
    """What the metric's filter says of two raw files; None where ffmpeg has none."""
    if FILTERS[metric] not in ffmpeg_features.filters():
        return None
    sources = [word for path in inputs for word in raw.ffmpeg_input(path, video)]
    done = ffmpeg_features.run_ffmpeg("-v", "info", *sources, "-lavfi", FILTERS[metric] + options, "-f", "null", "-")
    found = re.search(pattern, done.stderr)
    if done.returncode or not found:
        raise InputError(
            f"ffmpeg cannot compute {metric.upper()}: {last_words(done.stderr.splitlines()[-5:])}",
            f"leave {metric} out of the metrics",
        )
    return found


def _in_filter(path: Path) -> str:
    """A path as an option of a filter: what separates options and filters is escaped, once for each."""
    text = str(path)
    for _ in range(2):
        text = "".join(f"\\{letter}" if letter in "\\:',;[]" else letter for letter in text)
    return text
