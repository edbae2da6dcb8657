"""`lvcodec decode`: stream in, video out."""

from __future__ import annotations

from typing import Any

import click

import lvcodec
from lvcodec.cli.coding_options import (
    backend_option,
    cluster_option,
    conceal_option,
    device_option,
    jobs_option,
    tracks_options,
)
from lvcodec.cli.malloc import keep_freed_memory
from lvcodec.cli.output import Output, output_options
from lvcodec.cli.params import PIPE, check_source, check_target, frame_range
from lvcodec.errors import count_text
from lvcodec.options import Decoding
from lvcodec.report import DecodeReport


@click.command(epilog="Example: lvcodec decode clip.lvc clip.y4m")
@click.argument("source")
@click.argument("target")
@click.option("--frames", metavar="A:B", callback=frame_range, help="Only pictures A to B - 1, counted from 0.")
@click.option("--pix-fmt", metavar="F", help="Pixel format of TARGET (ffmpeg's name).  [default: yuv420p]")
@click.option(
    "--format",
    metavar="F",
    help="What goes into a TARGET whose name has no suffix to tell it, as a pipe: mkv, yuv, …  [default: y4m]",
)
@click.option(
    "--no-check",
    "check",
    is_flag=True,
    default=True,
    flag_value=False,
    help="Do not compare each picture with the encoder's checksum.",
)
@conceal_option
@tracks_options
@jobs_option("decoded")
@device_option("pixels")
@backend_option("pixels")
@cluster_option
@click.option("-y", "overwrite", is_flag=True, help="Replace TARGET if it exists.")
@output_options
def decode(source: str, target: str, out: Output, **options: Any) -> None:
    """Turn an lvcodec stream back into video.

    SOURCE is a stream, or "-" for stdin. TARGET is written by its name: .y4m, raw .yuv, or anything that
    ffmpeg writes (a notice says how); "-" is stdout, which gets Y4M unless --format says something else, as do pipes
    and devices. Sound, subtitles and chapters that the stream has are put back where TARGET can hold them (.mkv takes
    all). TARGET appears when it is complete.

    Where SOURCE is damaged, the pictures before that are written and the exit code is 4; a file that -y was to replace
    stays as it was. --conceal goes on after the damage.
    """
    from lvcodec.video.pipe_formats import output_suffix  # which loads numpy

    decoding = Decoding(**options).validate()
    check_source(source)
    check_target(target, source, overwrite=decoding.overwrite)
    output_suffix(target, decoding.format)
    out.data_on_stdout = target == PIPE
    keep_freed_memory()
    with out.progress("decoding") as step:
        report = lvcodec.decode(source, target, decoding, on_picture=step, on_notice=out.notice)
    out.summary(report.as_dict(), summary_line(report))


def summary_line(report: DecodeReport) -> str:
    """Pictures, length and speed in one line."""
    line = (
        f"{count_text(report.pictures, 'picture')} ({report.duration_s:.2f} s) from {report.size_bytes} bytes, "
        f"{report.fps:.1f} fps"
    )
    return line + (f", {report.concealed} concealed" if report.concealed else "")
