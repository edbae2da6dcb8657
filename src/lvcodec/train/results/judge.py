"""Rate and PSNR on held-out clips, and the rate against x264 at equal PSNR.

Checkpoints are judged by estimated rates (-log2 p of rounded symbols) of single pictures, models by the bytes of real
streams. PSNR is (6 Y + U + V) / 8 on the planes, averaged over pictures; sides are cut to multiples of 64, so that
estimate and stream code the same.
"""

from __future__ import annotations

import io
import math
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lvcodec.errors import InputError, UsageError
from lvcodec.exact.backends import pick_backend
from lvcodec.exact.ops import simulate
from lvcodec.exact.planes import planes_to_channels
from lvcodec.models import store
from lvcodec.nets.swift import UNITS_PER_LEVEL
from lvcodec.train.data.crops import Clip
from lvcodec.train.results.checkpoint import family_of, load
from lvcodec.train.stages.losses import MSE
from lvcodec.train.stages.swift import code_intra
from lvcodec.video.picture import Picture, VideoFormat
from lvcodec.video.sink import open_sink

QUALITIES = (1, 2, 3, 4, 5, 6)
CRFS = range(15, 44, 4)
Curve = list[tuple[float, float]]  # (bits a pixel, dB), falling CRF or rising quality


def pictures(clip: Clip, count: int, step: int) -> list[Picture]:
    """Every `step`-th picture, `count` of them, cut to multiples of 64."""
    full_height, full_width = clip.size
    height, width = full_height // 64 * 64, full_width // 64 * 64
    found = []
    for frame in clip.data[: count * step : step]:
        chroma = np.ascontiguousarray(frame[full_height:]).reshape(2, full_height // 2, full_width // 2)
        planes = (frame[:height, :width], *chroma[:, : height // 2, : width // 2])
        found.append(Picture(*(np.ascontiguousarray(plane) for plane in planes)))
    return found


def _channels(shown: Sequence[Picture]) -> Tensor:
    planes = (torch.from_numpy(np.stack([p.planes[i] for p in shown])[:, None]).float() for i in range(3))
    return planes_to_channels(*planes)


def psnr_yuv(x: Tensor, x_hat: Tensor) -> float:
    """(6 Y + U + V) / 8 in dB, averaged over pictures. x, x_hat: whole levels - 128, (B, 96, H/8, W/8)."""
    error = (x - x_hat).square()
    planes = [error[:, a:b].mean(dim=(1, 2, 3)) for a, b in ((0, 64), (64, 80), (80, 96))]
    y, u, v = (10 * torch.log10(255.0**2 / p.clamp_min(1e-3)) for p in planes)
    return float(((6 * y + u + v) / 8).mean())


def estimated(path: Path, shown: Sequence[Picture]) -> Curve:
    """A checkpoint's single pictures, its networks rounded as their integers will be."""
    model, priors, state = load(path, average=True)
    if family_of(state) != "swift":
        raise UsageError(
            f"{path} is of {family_of(state)}, and only checkpoints of swift can be judged",
            "export it, and judge the model",
        )
    model.eval()
    simulate(model, on=True)
    x, curve = _channels(shown), []
    for quality in QUALITIES:
        q = torch.full((len(x),), float(quality))
        with torch.no_grad():
            outcome, _, made = code_intra(model, priors, x, q, hard=True, measure=MSE)
            x_hat = torch.round(made / UNITS_PER_LEVEL).clamp(-128, 127)
        curve.append((float(outcome.rate.mean()), psnr_yuv(x, x_hat)))
    return curve


def coded(
    folder: Path, shown: Sequence[Picture], mode: str, qualities: Sequence[int] = QUALITIES, effort: int = 0
) -> Curve:
    """A model's real streams, GOP 12."""
    import lvcodec

    # Named, so that no short-lived model is remembered as right.
    backend = pick_backend("auto", torch.device("cpu")).name
    family = store.read_info(folder).family
    height, width = shown[0].planes[0].shape
    curve = []
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "clip.y4m"
        with open_sink(source, VideoFormat(width, height, Fraction(25))) as sink:
            for picture in shown:
                sink.write(picture)
        for quality in qualities:
            report = lvcodec.encode(
                source,
                io.BytesIO(),
                model=folder,
                family=family,
                mode=mode,
                quality=quality,
                effort=effort,
                psnr=True,
                backend=backend,
            )
            if report.psnr_db is not None:
                curve.append((report.bpp, report.psnr_db.yuv))
    return curve


def x264(shown: Sequence[Picture], mode: str) -> Curve:
    """x264 on the same pictures, elementary streams: medium -g 1 for `intra`, else veryfast zerolatency GOP 12."""
    import imageio_ffmpeg

    height, width = shown[0].planes[0].shape
    raw = b"".join(p.tobytes() for p in shown)
    tools = (
        ["-preset", "medium", "-g", "1"]
        if mode == "intra"
        else ["-preset", "veryfast", "-tune", "zerolatency", "-g", "12", "-bf", "0", "-sc_threshold", "0"]
    )
    as_raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}"]
    ffmpeg, curve = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin"], []
    for crf in CRFS:
        stream = _piped(
            [
                *ffmpeg,
                *as_raw,
                "-i",
                "-",
                "-c:v",
                "libx264",
                *tools,
                "-crf",
                str(crf),
                "-threads",
                "1",
                "-bsf:v",
                "filter_units=remove_types=6",
                "-f",
                "h264",
                "-",
            ],
            raw,
        )
        back = _piped([*ffmpeg, "-f", "h264", "-i", "-", *as_raw[:4], "-"], stream)
        size = len(raw) // len(shown)
        got = [Picture.frombuffer(back[i * size : (i + 1) * size], width, height) for i in range(len(shown))]
        curve.append((8 * len(stream) / (width * height * len(shown)), psnr_yuv(_channels(shown), _channels(got))))
    return curve


def _piped(command: list[str], data: bytes) -> bytes:
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode:
        raise InputError(f"ffmpeg cannot code with x264: {done.stderr.decode(errors='replace').strip()[-200:]}")
    return done.stdout


def bd_rate(anchor: Curve, test: Curve) -> float:
    """Mean difference of rate in percent at equal PSNR, over the common interval; NaN if that is less than a decibel,
    or a curve has fewer than two points or does not rise."""
    from scipy.interpolate import PchipInterpolator

    if min(len(anchor), len(test)) < 2:
        return math.nan
    low = max(min(p for _, p in c) for c in (anchor, test))
    high = min(max(p for _, p in c) for c in (anchor, test))
    areas = []
    for curve in (anchor, test):
        rate, psnr = np.array(sorted(curve, key=lambda point: point[1])).T
        if high - low < 1 or (np.diff(psnr) <= 0).any():
            return math.nan
        areas.append(PchipInterpolator(psnr, np.log(rate)).integrate(low, high))
    return float(100 * (np.exp((areas[1] - areas[0]) / (high - low)) - 1))


def pace_of(mode: str) -> tuple[int, int]:
    """Pictures of a clip, and from one to the next: few and far apart where each is coded alone."""
    return (3, 8) if mode == "intra" else (24, 1)


@dataclass(frozen=True)
class Judged:
    """What one checkpoint or model did on each clip: its curve, and its rate over x264's in percent."""

    path: Path
    names: list[str]
    curves: list[Curve]
    over_x264: list[float]


def judge(
    paths: Sequence[Path],
    clips: Sequence[Clip],
    mode: str,
    *,
    count: int | None = None,
    step: int | None = None,
    effort: int = 0,
) -> Iterator[Judged]:
    """Compare checkpoints and models with x264, clip by clip.

    count, step: pictures of a clip, and from one to the next, else as pace_of says. effort: the encoder's, of models.
    Raises UsageError if a checkpoint is to be judged by another mode than intra.
    """
    if mode != "intra" and any(path.is_file() for path in paths):
        raise UsageError("checkpoints are judged by single pictures only", "export one to judge its other modes")
    usual = pace_of(mode)
    every = [pictures(clip, count or usual[0], step or usual[1]) for clip in clips]
    anchors = [x264(shown, mode) for shown in every]
    for path in paths:
        has = store.read_info(path).manifest.get("qualities", QUALITIES) if path.is_dir() else QUALITIES
        curves = [coded(path, shown, mode, has, effort) if path.is_dir() else estimated(path, shown) for shown in every]
        gains = [bd_rate(anchor, curve) for anchor, curve in zip(anchors, curves, strict=True)]
        yield Judged(path, [clip.name for clip in clips], curves, gains)
