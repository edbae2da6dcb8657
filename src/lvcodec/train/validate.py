"""Rate and PSNR of checkpoints on held-out clips, and the rate between them at equal PSNR:

    python -m lvcodec.train.validate --clips FOLDER CHECKPOINT [CHECKPOINT ...]

Rates are estimates (-log2 p of rounded symbols), single pictures for the intra stage; what a file costs differs by
the rounding of tables and networks to integers.
"""
from __future__ import annotations

import csv
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

QUALITIES = (1, 2, 3, 4, 5, 6)


def pictures(clip: Clip, count: int, step: int) -> Tensor:
    """(count, 96, H/8, W/8): every `step`-th picture, cut to multiples of 64."""
    height, width = (side // 64 * 64 for side in clip.size)
    frames = torch.from_numpy(np.array(clip.data[: count * step : step])).float()
    full = clip.size
    y = frames[:, None, :height, :width]
    chroma = frames[:, full[0] :].reshape(len(frames), 2, full[0] // 2, full[1] // 2)
    chroma = chroma[:, :, : height // 2, : width // 2]
    return planes_to_channels(y, chroma[:, :1], chroma[:, 1:])


def psnr_yuv(x: Tensor, x_hat: Tensor) -> float:
    """(6 Y + U + V) / 8 in dB, averaged over pictures. x: levels - 128; x_hat: UNITS_PER_LEVEL a level."""
    error = (x - torch.round(x_hat / UNITS_PER_LEVEL).clamp(-128, 127)).square()
    planes = [error[:, a:b].mean(dim=(1, 2, 3)) for a, b in ((0, 64), (64, 80), (80, 96))]
    y, u, v = (10 * torch.log10(255.0**2 / p.clamp_min(1e-3)) for p in planes)
    return float(((6 * y + u + v) / 8).mean())


def bd_rate(anchor: list[tuple[float, float]], test: list[tuple[float, float]]) -> float:
    """Mean difference of rate in percent at equal PSNR, over the common interval. Curves: (bpp, dB), rising."""
    from scipy.interpolate import PchipInterpolator

    low = max(min(p for _, p in c) for c in (anchor, test))
    high = min(max(p for _, p in c) for c in (anchor, test))
    areas = []
    for curve in (anchor, test):
        rate, psnr = np.array(sorted(curve, key=lambda point: point[1])).T
        areas.append(PchipInterpolator(psnr, np.log(rate)).integrate(low, high))
    return float(100 * (np.exp((areas[1] - areas[0]) / (high - low)) - 1))


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--clips", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--cache", type=click.Path(path_type=Path), default=Path("runs/cache-heldout"))
@click.option("--csv", "table", type=click.Path(path_type=Path), help="Write the points there too.")
def main(checkpoints: tuple[Path, ...], clips: Path, cache: Path, table: Path | None) -> None:
    """Compare intra-stage checkpoints; the first is the anchor."""
    curves: list[list[list[tuple[float, float]]]] = []
    rows = []
    for path in checkpoints:
        model, priors, _ = load(path, average=True)
        model.eval()
        mine = []
        for number, clip in enumerate(prepare([clips], cache)):
            x, curve = pictures(clip, 3, 8), []
            for quality in QUALITIES:
                q = torch.full((len(x),), float(quality))
                with torch.no_grad():
                    outcome = intra(model, priors, x[:, None], q, hard=True)
                    steps = steps_for_training(model, q)
                    y_hat = torch.round(model.analysis(x) * steps.gain)
                    psnr = psnr_yuv(x, model.synthesis(y_hat * steps.inverse, steps))
                curve.append((float(outcome.rate.mean()), psnr))
                rows.append([str(path), number, quality, *curve[-1]])
            mine.append(curve)
        curves.append(mine)
        gain = [bd_rate(a, b) for a, b in zip(curves[0], mine, strict=True)]
        click.echo(f"{path}: {np.mean(gain):+.1f} % against the first (" + ", ".join(f"{g:+.1f}" for g in gain) + ")")
        for curve in mine:
            click.echo("    " + "  ".join(f"{rate:.3f} bpp {psnr:.2f} dB" for rate, psnr in curve))
    if table:
        with table.open("w", newline="") as file:
            csv.writer(file).writerows([["checkpoint", "clip", "quality", "bpp", "psnr_yuv_db"], *rows])


if __name__ == "__main__":
    main()
