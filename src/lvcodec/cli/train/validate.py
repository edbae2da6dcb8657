"""`lvcodec train validate`: checkpoints and models against x264 on clips."""

from __future__ import annotations

import math
from pathlib import Path

import click

from lvcodec.cli.output import Output, output_options
from lvcodec.cli.train.paths import FOLDER, check_exist, held_out_cache
from lvcodec.names import MODES


@click.command(epilog="Example: lvcodec train validate --clips HELDOUT --mode aligned weights/swift")
@click.argument("paths", nargs=-1, required=True, type=FOLDER, metavar="CHECKPOINT|MODEL...")
@click.option("--clips", type=FOLDER, required=True, help="Folder of clips that were not trained on.")
@click.option("--mode", type=click.Choice(MODES), default="intra", show_default=True, help="How models code.")
@click.option("--pictures", "count", type=click.IntRange(min=1), help="Of each clip.  [default: 3 for intra, else 24]")
@click.option("--step", type=click.IntRange(min=1), help="From one to the next.  [default: 8 for intra, else 1]")
@click.option("--effort", type=click.IntRange(min=0), default=0, show_default=True, help="The encoder's, of models.")
@held_out_cache
@output_options
def validate(
    paths: tuple[Path, ...],
    clips: Path,
    mode: str,
    count: int | None,
    step: int | None,
    effort: int,
    cache: Path,
    out: Output,
) -> None:
    """Compare checkpoints and models with x264 on clips.

    Checkpoints are judged by estimated rates of single pictures, models by real streams: against x264 medium -g 1 in
    the mode intra, else veryfast zerolatency with GOPs of 12.
    """
    check_exist(*paths, clips)
    from lvcodec.train.data.crops import prepare
    from lvcodec.train.results.judge import judge

    records, lines = [], []
    for judged in judge(paths, prepare([clips], cache, notice=out.notice), mode, count=count, step=step, effort=effort):
        over = dict(zip(judged.names, judged.over_x264, strict=True))
        lines.append(f"{judged.path} {mode}: {over_x264(over)}")
        lines += [
            "    " + "  ".join(f"{rate:.3f} bpp {psnr:.2f} dB" for rate, psnr in curve) for curve in judged.curves
        ]
        records.append(
            {
                "path": str(judged.path),
                "mode": mode,
                "over_x264_percent": {k: None if math.isnan(v) else v for k, v in over.items()},
                "bpp_psnr_db": dict(zip(judged.names, judged.curves, strict=True)),
            }
        )
    out.answer(records, lines)


def over_x264(percent: dict[str, float]) -> str:
    """What clips cost over x264, as text: NaN is a curve that cannot be compared."""
    each = ", ".join(f"{clip} {'-' if math.isnan(value) else f'{value:+.1f}'}" for clip, value in percent.items())
    known = [value for value in percent.values() if not math.isnan(value)]
    mean = f"{sum(known) / len(known):+.1f} %" if len(known) == len(percent) else "no mean"
    return f"{mean} over x264 ({each})"
