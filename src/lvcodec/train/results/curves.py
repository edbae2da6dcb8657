"""A run's curves as a PNG: loss, rate and PSNR, learning rate, and what validation found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError
from lvcodec.train.results.held_out import HeldOutPoint
from lvcodec.train.results.log import Line

SIZE_INCHES = (6.4, 8.8)


def check() -> None:
    """Raise InputError if matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise InputError("training draws its curves with matplotlib", "pip install 'lvcodec[train]'") from error


def draw(path: Path, lines: Sequence[Line], measured: Sequence[HeldOutPoint], title: str) -> None:
    """Write the figure beside its place and rename it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    loss, rate, psnr, held_out = figure.subplots(4, sharex=True)
    steps = [line.step for line in lines]
    loss.plot(steps, [line.loss for line in lines], color="tab:blue")
    loss.set_ylabel("loss")
    rates = loss.twinx()
    rates.plot(steps, [line.learning_rate for line in lines], color="0.7", linewidth=1)
    rates.set_ylabel("learning rate", color="0.5")
    rate.plot(steps, [line.rate_bpp for line in lines], color="tab:orange")
    rate.set_ylabel("bits a pixel")
    psnr.plot(steps, [line.psnr_db for line in lines], color="tab:green")
    psnr.set_ylabel("PSNR 6:1:1, dB")
    _held_out(held_out, measured)
    held_out.set_xlabel("steps")
    loss.set_title(title)
    for axis in (loss, rate, psnr, held_out):
        axis.grid(True, linewidth=0.4, alpha=0.5)
    partial = path.with_suffix(".partial")
    figure.savefig(partial, dpi=110, format="png")
    partial.replace(path)


def _held_out(axis: Any, measured: Sequence[HeldOutPoint]) -> None:
    """Mean over clips of the rate against x264's, a curve a mode."""
    axis.set_ylabel("rate over x264's, %")
    for mode in sorted({m.mode for m in measured}):
        of_mode = [m for m in measured if m.mode == mode]
        steps = sorted({m.step for m in of_mode})
        clips = [{m.clip: m.over_x264_percent for m in of_mode if m.step == step} for step in steps]
        means = [sum(c.values()) / len(c) for c in clips]  # NaN, which is not drawn, where one clip has no figure
        axis.plot(steps, means, marker="o", markersize=3, label=mode)
    if axis.lines:
        axis.legend(frameon=False)
