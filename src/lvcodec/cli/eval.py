"""`lvcodec eval`: how far one video is from another."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvcodec.cli.coding_options import raw_video_options
from lvcodec.cli.output import Output, output_options, table
from lvcodec.cli.params import PIPE, check_source, frame_range, name_list
from lvcodec.errors import UsageError
from lvcodec.names import METRICS

if TYPE_CHECKING:
    from lvcodec.frames import Frames


@click.command(epilog="Example: lvcodec eval clip.y4m decoded.y4m --metrics psnr,ssim")
@click.argument("reference", metavar="REF")
@click.argument("distorted", metavar="DIST")
@click.option(
    "--metrics",
    callback=name_list,
    metavar="LIST",
    help=f"Of {', '.join(METRICS)}, separated by commas.  [default: all]",
)
@click.option("--each", is_flag=True, help="Also the figures of every picture.")
@click.option("--frames", metavar="A:B", callback=frame_range, help="Only pictures A to B - 1 of both, counted from 0.")
@raw_video_options
@click.option("--dist-pix-fmt", metavar="F", help="That of a raw DIST, if REF is raw and has another one.")
@output_options
def eval(
    reference: str,
    distorted: str,
    metrics: tuple[str, ...] | None,
    each: bool,
    frames: Frames | None,
    size: tuple[int, int] | None,
    rate: Fraction | None,
    pix_fmt: str | None,
    dist_pix_fmt: str | None,
    out: Output,
) -> None:
    """Measure how far a video is from its source.

    REF and DIST are any files that ffmpeg reads, .y4m or raw files; DIST may be an lvcodec stream; "-" is stdin. Both
    are compared picture by picture in 8-bit 4:2:0: PSNR of the planes, 6:1:1 and as RGB, SSIM, MS-SSIM of luma, VMAF,
    XPSNR, flicker (PSNR of luma's changes from picture to picture; pumping: how many dB of it I-pictures of a coded
    DIST lie below the others).
    Where they differ in range or matrix, DIST is converted to those of REF; what a file does not say is what the other
    one says.
    """
    if reference == distorted == PIPE:
        raise UsageError("REF and DIST cannot both come from stdin")
    check_source(reference, "lvcodec eval - DIST")
    check_source(distorted, "lvcodec eval REF -")
    from lvcodec.bench.evaluate import evaluate, lines, picture_table
    from lvcodec.measure.clips import Reading

    with out.progress("measuring") as step:
        evaluation = evaluate(
            Path(reference),
            Path(distorted),
            Reading(frames, size, rate, pix_fmt),
            dist_pix_fmt=dist_pix_fmt,
            metrics=metrics or METRICS,
            on_picture=step,
        )
    for text in evaluation.notices:
        out.notice(text)
    rows = table(picture_table(evaluation), right=range(20)) if each else []
    out.answer(evaluation.as_dict(each=each), [*rows, *lines(evaluation, metrics or METRICS)])
