"""Rate and PSNR on held-out clips, and the rate against x264 at equal PSNR:

    python -m lvcodec.train.validate --clips FOLDER CHECKPOINT|MODEL [...]            single pictures, x264 intra
    python -m lvcodec.train.validate --clips FOLDER --mode lds --pictures 24 MODEL    video, x264 GOP 12

Checkpoints are judged by estimated rates (-log2 p of rounded symbols) of single pictures, models by the bytes of real
streams. PSNR is (6 Y + U + V) / 8 on the planes, averaged over pictures; sides are cut to multiples of 64, so that
estimate and stream code the same.
"""
from __future__ import annotations

import io
import subprocess
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from lvcodec.models.steps import steps_for_training
from lvcodec.nets.swift import UNITS_PER_LEVEL, planes_to_channels
from lvcodec.train.checkpoint import load
from lvcodec.train.data import Clip, prepare
from lvcodec.train.stages import intra
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
    """A checkpoint's single pictures."""
    model, priors, _ = load(path, average=True)
    model.eval()
    x, curve = _channels(shown), []
    for quality in QUALITIES:
        q = torch.full((len(x),), float(quality))
        with torch.no_grad():
            outcome = intra(model, priors, x[:, None], q, hard=True)
            steps = steps_for_training(model, q)
            y_hat = torch.round(model.analysis(x) * steps.gain)
            x_hat = torch.round(model.synthesis(y_hat * steps.inverse, steps) / UNITS_PER_LEVEL).clamp(-128, 127)
        curve.append((float(outcome.rate.mean()), psnr_yuv(x, x_hat)))
    return curve


def coded(folder: Path, shown: Sequence[Picture], mode: str, effort: int = 0) -> Curve:
    """A model's real streams, GOP 12."""
    import lvcodec

    height, width = shown[0].planes[0].shape
    curve = []
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "clip.y4m"
        with open_sink(source, VideoFormat(width, height, Fraction(25))) as sink:
            for picture in shown:
                sink.write(picture)
        for quality in QUALITIES:
            report = lvcodec.encode(source, io.BytesIO(), model=folder, mode=mode, quality=quality, effort=effort,
                                    psnr=True)
            if report.psnr_db is not None:
                curve.append((report.bpp, report.psnr_db.yuv))
    return curve


def x264(shown: Sequence[Picture], mode: str) -> Curve:
    """x264 on the same pictures, elementary streams: medium -g 1 for `intra`, else veryfast zerolatency GOP 12."""
    import imageio_ffmpeg

    height, width = shown[0].planes[0].shape
    raw = b"".join(p.tobytes() for p in shown)
    tools = (["-preset", "medium", "-g", "1"] if mode == "intra" else
             ["-preset", "veryfast", "-tune", "zerolatency", "-g", "12", "-bf", "0", "-sc_threshold", "0"])
    as_raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}"]
    ffmpeg, curve = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin"], []
    for crf in CRFS:
        stream = subprocess.run([*ffmpeg, *as_raw, "-i", "-", "-c:v", "libx264", *tools, "-crf", str(crf), "-threads",
                                 "1", "-bsf:v", "filter_units=remove_types=6", "-f", "h264", "-"],
                                input=raw, stdout=subprocess.PIPE, check=True).stdout
        back = subprocess.run([*ffmpeg, "-f", "h264", "-i", "-", *as_raw[:4], "-"], input=stream,
                              stdout=subprocess.PIPE, check=True).stdout
        size = len(raw) // len(shown)
        got = [Picture.frombuffer(back[i * size : (i + 1) * size], width, height) for i in range(len(shown))]
        curve.append((8 * len(stream) / (width * height * len(shown)), psnr_yuv(_channels(shown), _channels(got))))
    return curve


def bd_rate(anchor: Curve, test: Curve) -> float:
    """Mean difference of rate in percent at equal PSNR, over the common interval."""
    from scipy.interpolate import PchipInterpolator

    low = max(min(p for _, p in c) for c in (anchor, test))
    high = min(max(p for _, p in c) for c in (anchor, test))
    areas = []
    for curve in (anchor, test):
        rate, psnr = np.array(sorted(curve, key=lambda point: point[1])).T
        areas.append(PchipInterpolator(psnr, np.log(rate)).integrate(low, high))
    return float(100 * (np.exp((areas[1] - areas[0]) / (high - low)) - 1))


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--clips", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--mode", type=click.Choice(["intra", "mfvc", "lds", "aligned"]), default="intra", show_default=True)
@click.option("--pictures", "count", type=int, default=3, show_default=True)
@click.option("--step", type=int, help="From one picture to the next; default 8 for intra, else 1.")
@click.option("--effort", type=int, default=0, show_default=True, help="Of the encoder, for real streams.")
@click.option("--cache", type=click.Path(path_type=Path), default=Path("runs/cache-heldout"), show_default=True)
def main(paths: tuple[Path, ...], clips: Path, mode: str, count: int, step: int | None, effort: int, cache: Path
         ) -> None:
    """Compare checkpoints and models with x264 on CLIPS."""
    if mode != "intra" and any(path.is_file() for path in paths):
        raise click.UsageError("checkpoints are judged by single pictures only; export one to judge its other modes")
    every = [pictures(clip, count, step or (8 if mode == "intra" else 1)) for clip in prepare([clips], cache)]
    anchors = [x264(shown, mode) for shown in every]
    for path in paths:
        curves = [coded(path, shown, mode, effort) if path.is_dir() else estimated(path, shown) for shown in every]
        gains = [bd_rate(anchor, curve) for anchor, curve in zip(anchors, curves, strict=True)]
        each = ", ".join(f"{g:+.1f}" for g in gains)
        click.echo(f"{path} {mode}: {np.mean(gains):+.1f} % against x264 ({each})")
        for curve in curves:
            click.echo("    " + "  ".join(f"{rate:.3f} bpp {psnr:.2f} dB" for rate, psnr in curve))


if __name__ == "__main__":
    main()
