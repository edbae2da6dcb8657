"""Rate and PSNR on held-out clips, and the rate against x264 at equal PSNR.

Checkpoints are judged by estimated rates (-log2 p of rounded symbols) of single pictures, models by the bytes of real
streams. PSNR is (6 Y + U + V) / 8 on the planes, averaged over pictures; sides are cut to what pictures are padded to,
so that estimate and stream code the same.
"""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lvcodec import names
from lvcodec.errors import InputError, UsageError
from lvcodec.exact.backends import pick_backend
from lvcodec.exact.ops import simulate
from lvcodec.exact.planes import channels_to_planes, planes_to_channels
from lvcodec.measure import PAPER_GOP
from lvcodec.measure import clips as raw_clips
from lvcodec.measure.anchors import load_anchors
from lvcodec.measure.bdrate import Point, check_installed, distance
from lvcodec.measure.psnr import mean_psnr
from lvcodec.measure.raw import read_all
from lvcodec.models import store
from lvcodec.nets.linear import UNITS_PER_LEVEL
from lvcodec.options import Encoding
from lvcodec.quality import WHOLE
from lvcodec.sizes import MULTIPLE
from lvcodec.train.data.crops import CachedClip
from lvcodec.train.results.checkpoint import family_of, load
from lvcodec.train.stages.intra import code_intra
from lvcodec.train.stages.losses import MSE
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture

CRFS = range(15, 44, 4)
RATE = Fraction(25)  # pictures a second, for x264 and lvcodec alike
Curve = list[Point]  # (bits a pixel, dB), falling CRF or rising quality


def pictures(clip: CachedClip, count: int, step: int) -> list[Picture]:
    """Every `step`-th picture, `count` of them, sides cut to multiples of MULTIPLE."""
    full_height, full_width = clip.size
    height, width = full_height // MULTIPLE * MULTIPLE, full_width // MULTIPLE * MULTIPLE
    cut = []
    for frame in clip.data[: count * step : step]:
        chroma = np.ascontiguousarray(frame[full_height:]).reshape(2, full_height // 2, full_width // 2)
        planes = (frame[:height, :width], *chroma[:, : height // 2, : width // 2])
        cut.append(Picture(*(np.ascontiguousarray(plane) for plane in planes)))
    return cut


def to_channels(shown: Sequence[Picture]) -> Tensor:
    """Pictures of one size as levels - 128, (B, 96, H/8, W/8)."""
    planes = (torch.from_numpy(np.stack([p.planes[i] for p in shown])[:, None]).float() for i in range(3))
    return planes_to_channels(*planes)


def from_channels(x: Tensor) -> list[Picture]:
    """The inverse of to_channels. x: whole levels - 128."""
    planes = [plane[:, 0].to(torch.uint8).numpy() for plane in channels_to_planes(x)]
    return [Picture(*of_picture) for of_picture in zip(*planes, strict=True)]


def estimated(path: Path, shown: Sequence[Picture]) -> Curve:
    """A checkpoint's single pictures, its networks rounded as their integers will be.

    By the auto-encoder alone: what a model codes beyond quality 5 takes a second step (codec/two_steps.py).
    """
    model, priors, state = load(path, average=True)
    if family_of(state) != "swift":
        raise UsageError(
            f"{path} is of {family_of(state)}, and only checkpoints of swift can be judged",
            "export it, and judge the model",
        )
    model.eval()
    simulate(model, on=True)
    x, curve = to_channels(shown), []
    for quality in WHOLE:
        q = torch.full((len(x),), float(quality))
        with torch.no_grad():
            outcome, _, units = code_intra(model, priors, x, q, hard=True, measure=MSE)
            x_hat = torch.round(units / UNITS_PER_LEVEL).clamp(-128, 127)
        curve.append((float(outcome.rate.mean()), mean_psnr(shown, from_channels(x_hat)).yuv))
    return curve


@contextmanager
def written(shown: Sequence[Picture]) -> Iterator[raw_clips.Clip]:
    """The pictures as a raw clip, in a folder of its own for as long as the context lasts."""
    video = VideoFormat(shown[0].width, shown[0].height, RATE)
    with (
        tempfile.TemporaryDirectory() as folder,
        raw_clips.prepared("clip", (shown, video), Path(folder), raw_clips.Reading()) as clip,
    ):
        yield clip


def coded(
    folder: Path, shown: Sequence[Picture], mode: str, qualities: Sequence[int] = WHOLE, effort: int = 0
) -> Curve:
    """A model's real streams, at the GOP of the anchors; in `aligned` with the structure that the encoder decides."""
    import lvcodec

    # The backend is named, so that no short-lived model is remembered as right.
    backend = pick_backend(names.AUTO, "cpu")
    family = store.read_info(folder).family
    curve = []
    with written(shown) as clip:
        for quality in qualities:
            encoding = Encoding(
                size=(clip.video.width, clip.video.height),
                rate=clip.video.rate,
                pix_fmt="yuv420p",
                model=folder,
                family=family,
                mode=mode,
                gop=PAPER_GOP,
                quality=quality,
                effort=effort,
                psnr=True,
                backend=backend,
            )
            report = lvcodec.encode(clip.raw, io.BytesIO(), encoding)
            if report.psnr_db is not None:
                curve.append((report.bpp, report.psnr_db.yuv))
    return curve


def x264(shown: Sequence[Picture], mode: str) -> Curve:
    """x264 on the same pictures: the anchor x264-intra for `intra`, else x264-veryfast.

    Raises InputError if this ffmpeg has no x264, LvcError if it fails.
    """
    anchor = load_anchors()["x264-intra" if mode == "intra" else "x264-veryfast"]
    if not anchor.available():
        raise InputError(f"models are compared with x264, and this ffmpeg has no {anchor.encoder}")
    curve = []
    with written(shown) as clip:
        stream, decoded = (clip.raw.with_suffix(suffix) for suffix in (f".{anchor.suffix}", ".decoded"))
        for crf in CRFS:
            anchor.encode_clip(clip, crf, stream)
            anchor.decode_clip(stream, clip, decoded)
            psnr = mean_psnr(shown, list(read_all(decoded, clip.video)))
            curve.append((clip.bpp(stream.stat().st_size), psnr.yuv))
    return curve


def rate_over(anchor: Curve, curve: Curve) -> float:
    """BD-rate of a curve over the anchor's in percent; NaN where lvcodec.measure.bdrate gives none, for its reasons."""
    percent = distance(anchor, curve).rate_percent
    return math.nan if percent is None else percent


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
    clips: Sequence[CachedClip],
    mode: str,
    *,
    count: int | None = None,
    step: int | None = None,
    effort: int = 0,
) -> Iterator[Judged]:
    """Compare checkpoints and models with x264, clip by clip.

    count, step: pictures of a clip, and from one to the next, else as pace_of says. effort: the encoder's, of models.
    Raises UsageError if a checkpoint is to be judged by another mode than intra, InputError if a package is missing.
    """
    check_installed()
    if mode != "intra" and any(path.is_file() for path in paths):
        raise UsageError("checkpoints are judged by single pictures only", "export one to judge its other modes")
    usual = pace_of(mode)
    every = [pictures(clip, count or usual[0], step or usual[1]) for clip in clips]
    anchors = [x264(shown, mode) for shown in every]
    for path in paths:
        qualities = store.read_info(path).manifest.get("qualities", WHOLE) if path.is_dir() else WHOLE
        curves = [
            coded(path, shown, mode, qualities, effort) if path.is_dir() else estimated(path, shown) for shown in every
        ]
        gains = [rate_over(anchor, curve) for anchor, curve in zip(anchors, curves, strict=True)]
        yield Judged(path, [clip.name for clip in clips], curves, gains)
