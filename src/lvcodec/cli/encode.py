"""`lvcodec encode`: video in, stream out."""

from __future__ import annotations

from typing import Any

import click

import lvcodec
from lvcodec import names, quality
from lvcodec.cli.coding_options import backend_option, device_option, jobs_option, network_options, raw_video_options
from lvcodec.cli.malloc import keep_freed_memory
from lvcodec.cli.output import Output, output_options
from lvcodec.cli.params import (
    PIPE,
    bframes_in_a_row,
    bit_rate,
    byte_count,
    check_source,
    check_target,
    frame_range,
    given,
    gop_length,
)
from lvcodec.errors import MissingPicturesError, UsageError
from lvcodec.options import MAX_BFRAMES, MAX_EFFORT, USUAL_BFRAMES, Encoding
from lvcodec.presets import ENCODER_PRESETS
from lvcodec.report import EncodeReport
from lvcodec.video.part import check_part

USUAL = Encoding()


@click.command(epilog="Example: lvcodec encode -q 4.5 --psnr clip_1920x1080_50.yuv clip.lvc")
@click.argument("source")
@click.argument("target")
@click.option(
    "-q",
    "--quality",
    type=click.FloatRange(quality.LOWEST, quality.HIGHEST),
    default=float(USUAL.quality),
    show_default=True,
    help="From 1, the smallest stream, to 6, the best picture; fractions lie between.",
)
@click.option(
    "--target-size",
    metavar="BYTES",
    callback=byte_count,
    help="Bytes that the file may have, as in 700k, 20M or 1.5G; the quality is found by trying, the file is read more "
    "than once, and comes to within 2 % of it, and no more.",
)
@click.option("--bitrate", metavar="R", callback=bit_rate, help="Bits a second, as in 300k or 2M; the same by them.")
@click.option("--target-psnr", type=float, metavar="DB", help="Mean PSNR to aim at (planes 6:1:1).")
@click.option("--target-vmaf", type=float, metavar="V", help="Mean VMAF to aim at.")
@click.option("--worst-shot", is_flag=True, help="Aim with the worst shot's PSNR or VMAF instead of the mean.")
@click.option(
    "--maxrate",
    metavar="R",
    callback=bit_rate,
    help="Bits a second that a stream's reader gets; what would come late at --quality is coded coarser.",
)
@click.option(
    "--bufsize", metavar="BITS", callback=bit_rate, help="Bits that the reader holds.  [default: maxrate's of a second]"
)
@click.option(
    "--mode",
    type=click.Choice(names.MODES),
    help="How a picture uses those before it: not at all, the latents of the last one (MFVC), its pixels with latent "
    "shifting (LDS), or the pixels of one or two moved along (aligned).  [default: aligned; lds in cheng2020]",
)
@network_options
@click.option(
    "--gop",
    metavar="N|auto",
    callback=gop_length,
    help="Pictures from one I-picture to the next. auto: as many as the content allows, up to 250 or 8 seconds, with "
    "an I-picture where a shot begins; two pictures are read ahead.  [default: auto in aligned, 12 in other modes]",
)
@click.option(
    "--bframes",
    metavar="N|auto",
    callback=bframes_in_a_row,
    default=names.AUTO,
    show_default=True,
    help=f"The most B-pictures in a row, in aligned, up to {MAX_BFRAMES}; the encoder takes them where they pay, and "
    f"reads so many pictures ahead, and one more. auto: {USUAL_BFRAMES}, and 0 with --low-delay.",
)
@raw_video_options
@click.option("--frames", metavar="A:B", callback=frame_range, help="Only pictures A to B - 1, counted from 0.")
@click.option(
    "--alpha",
    type=click.Choice([f"{float(length):g}" for length in names.ALPHAS]),
    help="Length of the shift in lds.  [default: 1; in swift 0.5 where things move]",
)
@click.option(
    "--preset",
    type=click.Choice(list(ENCODER_PRESETS)),
    default=USUAL.preset,
    show_default=True,
    help="How much time the encoder takes to find fewer bits.",
)
@click.option(
    "--effort",
    type=click.IntRange(0, MAX_EFFORT),
    metavar="N",
    help="Rounds of search for symbols that are worth their bits: smaller streams, slower encoding.  [default: the "
    "preset's: 8 in slow, else 0]",
)
@click.option(
    "--low-delay",
    is_flag=True,
    help="Code and write each picture before the next is read: no B-pictures, and no I-pictures where shots begin.",
)
@click.option("--recon", metavar="FILE", help="Also write the pictures that the decoder will show.")
@click.option("--psnr", is_flag=True, help="Measure the PSNR of the planes, in the source's 8-bit 4:2:0.")
@click.option("--verify", is_flag=True, help="Decode what was written and compare.")
@jobs_option("coded")
@device_option("stream")
@backend_option("stream")
@click.option("--keep-partial", is_flag=True, help="Keep what is whole of a stream that was interrupted.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with TARGET.part, which an interrupted encoding has left, to the same bytes; begin where there is "
    "none. Without it such a part is refused, and -y begins anew.",
)
@click.option("--lenient", is_flag=True, help="Accept a SOURCE that is damaged or cut, of which pictures are missing.")
@click.option(
    "--progress",
    type=click.Choice(["bar", "json"]),
    default="bar",
    show_default=True,
    help="bar: where stderr is a terminal. json: for programs, all on stderr but errors is objects, one a line.",
)
@click.option("-y", "overwrite", is_flag=True, help="Replace TARGET (and the --recon file) if it exists.")
@output_options
def encode(source: str, target: str, alpha: str | None, progress: str, out: Output, **options: Any) -> None:
    """Code a video into an lvcodec stream.

    SOURCE is anything that ffmpeg reads, a .y4m or raw .yuv file, or "-" for Y4M on stdin. TARGET is the
    stream, or "-" for stdout. Raw video tells its size and rate by options or by its name
    (clip_352x288_25.yuv).
    """
    encoding = Encoding(alpha=float(alpha) if alpha else None, **options)
    if encoding.has_target and given("quality"):
        raise UsageError("--quality says what a target finds", "leave one of them out")
    check(source, target, encoding)
    out.json_progress = progress == "json"
    out.data_on_stdout = PIPE in (target, encoding.recon)
    keep_freed_memory()
    try:
        with out.encoding() as step:
            report = lvcodec.encode(source, target, encoding, on_progress=step, on_notice=out.notice)
    except MissingPicturesError as error:
        if error.report is not None:
            out.summary(error.report.as_dict(), summary_line(error.report))
        raise
    out.summary(report.as_dict(), summary_line(report))


def check(source: str, target: str, encoding: Encoding) -> None:
    """Refuse what cannot work, before torch is loaded. Raises UsageError or InputError."""
    encoding.validate()
    if encoding.alpha is not None and encoding.chosen_mode not in names.SHIFTING_MODES:  # the library passes over it
        raise UsageError(
            f"--alpha belongs to --mode {' and '.join(names.SHIFTING_MODES)}, not to {encoding.chosen_mode}"
        )
    if encoding.verify and target == PIPE:
        raise UsageError("--verify reads the stream back and needs a file as TARGET")
    check_source(source)
    check_target(target, source, overwrite=encoding.overwrite)
    check_part(target, resume=encoding.resume, overwrite=encoding.overwrite)
    if isinstance(encoding.recon, str):
        if encoding.recon == PIPE == target:
            raise UsageError("the stream and --recon cannot both go to stdout")
        check_target(encoding.recon, source, outputs=[target], overwrite=encoding.overwrite)


def summary_line(report: EncodeReport) -> str:
    """Pictures, bytes, rate, speed and ratio in one line, PSNR at its end where it was measured."""
    line = (
        f"{report.pictures} pictures, {report.size_bytes} bytes, {report.bpp:.4f} bpp, "
        f"{report.kbps:.1f} kb/s, {report.fps:.1f} fps, ratio {report.ratio:.1f}"
    )
    psnr = report.psnr_db
    if psnr is not None:
        line += f", PSNR {psnr.yuv:.2f} dB (Y {psnr.y:.2f}, U {psnr.u:.2f}, V {psnr.v:.2f})"
    return line
