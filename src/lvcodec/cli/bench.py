"""`lvcodec bench`: codecs compared on clips."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from lvcodec import names
from lvcodec.bench.presets import AXES, PEOPLE, PRESETS, Preset
from lvcodec.cli.coding_options import cluster_option, network_options, raw_video_options
from lvcodec.cli.output import Output, output_options
from lvcodec.cli.params import (
    bframes_in_a_row,
    check_source,
    effort_list,
    frame_range,
    gop_length,
    name_list,
    number_list,
)
from lvcodec.errors import LvcError
from lvcodec.presets import DEFAULT_PRESET, ENCODER_PRESETS


@click.command(epilog="Example: lvcodec bench clips/ --out report --preset quick")
@click.argument("clips", nargs=-1, required=True, metavar="CLIP...|DIR")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the report. Points that are finished there are not coded again.",
)
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="uvg: UVG's 1080p files as the paper has them, and its Table 2. quick: few points of 24 pictures. "
    "ablation: each mode against what it has to beat.",
)
@click.option(
    "--modes",
    callback=name_list,
    metavar="LIST",
    help=f"lvcodec's modes, separated by commas, or none.  [default: {names.DEFAULT_MODE}]",
)
@click.option(
    "-q",
    "--quality",
    "qualities",
    callback=number_list,
    metavar="LIST",
    help=f"Points of lvcodec's curves.  [default: {','.join(map(str, Preset.qualities))}]",
)
@network_options
@click.option(
    "--gop",
    metavar="N|auto",
    callback=gop_length,
    help="Pictures from one I-picture to the next, of lvcodec and of anchors whose command takes it; auto is for "
    "lvcodec, as in encode.  [default: auto; 12 in uvg and ablation]",
)
@click.option(
    "--bframes",
    metavar="N|auto",
    callback=bframes_in_a_row,
    help="As in encode.  [default: auto, and 0 with a --gop of so many pictures]",
)
@click.option(
    "--effort",
    "efforts",
    callback=effort_list,
    metavar="LIST",
    help="Of lvcodec's encoder; each number is a curve of its own.  [default: the encoder preset's]",
)
@click.option(
    "--encoder-presets",
    callback=name_list,
    metavar="LIST",
    default=DEFAULT_PRESET,
    show_default=True,
    help=f"Of {', '.join(ENCODER_PRESETS)}, as encode's --preset; each is a curve of its own.",
)
@click.option(
    "--latents", type=click.Choice(names.LATENTS), help="Of lds, as in encode; analysed for the paper's system."
)
@click.option(
    "--anchors",
    callback=name_list,
    metavar="LIST",
    help=f"Codecs to compare with: {', '.join(names.ANCHORS)}; or all, or none.  [default: {','.join(PEOPLE)}]",
)
@click.option(
    "--anchor-file",
    "anchor_files",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="TOML file with further codecs, all of which are taken.",
)
@click.option("--reference", metavar="NAME", help="The codec that BD-rates are against.  [default: the first anchor]")
@click.option("--metrics", callback=name_list, metavar="LIST", help=f"Of {', '.join(names.METRICS)}.  [default: all]")
@click.option("--metric", help=f"Of curves and BD-rates: {', '.join(AXES)}.  [default: {Preset.metric}]")
@click.option("--frames", metavar="A:B", callback=frame_range, help="Only pictures A to B - 1, counted from 0.")
@raw_video_options
@click.option(
    "--pictures",
    "shown",
    callback=number_list,
    metavar="LIST",
    default="2,7,12",
    show_default=True,
    help="Whose crops are shown, counted from 1.",
)
@click.option("--crop", metavar="WxH+X+Y", help="The piece that is shown.  [default: the one with most detail]")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Points coded side by side; times are then taken alone, of one point a codec and clip.",
)
@cluster_option
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Of lvcodec and of decoders; encoders to compare with have one, for equal bytes everywhere.",
)
@click.option(
    "--device",
    type=click.Choice((names.AUTO, *names.DEVICES)),
    default=names.AUTO,
    show_default=True,
    help="Where the networks run.",
)
@output_options
def bench(clips: tuple[str, ...], folder: Path, shown: tuple[float, ...], out: Output, **options: Any) -> None:
    """Compare lvcodec and other codecs on real files.

    Codes every CLIP (DIR: every video in it), decodes what was written, measures the decoded pictures, and leaves
    tables (CSV, JSON, Markdown), rate-distortion curves, crops and a page with all of it in the --out folder. The
    tables go to stdout. A clip or codec that fails is a row that says so; the exit code is 1 then.
    """
    from lvcodec.bench.comparison import ComparisonRequest, compare

    for clip in clips:
        if not os.path.isdir(clip):
            check_source(clip)
    command = shlex.join(["lvcodec", *sys.argv[1:]])
    request = ComparisonRequest(clips, folder, shown=tuple(int(number) for number in shown), command=command, **options)
    with out.progress("comparing", unit="points", after_s=0) as step:
        report = compare(request, on_point=step, on_notice=out.notice)
    out.answer(report.record, report.lines)
    out.notice(f"the report is {report.page}")
    if report.failures:
        raise LvcError(
            f"{report.failures} of {len(report.record['rows'])} rows failed",
            "the table of failures says why; what is done is kept",
        )
