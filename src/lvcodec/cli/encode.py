"""`lvcodec encode`: video in, stream out."""

from __future__ import annotations

import os
from typing import Any

import click

import lvcodec
from lvcodec import names
from lvcodec.cli.coding_options import (
    backend_option,
    cluster_option,
    device_option,
    jobs_option,
    stream_options,
    target_options,
)
from lvcodec.cli.malloc import keep_freed_memory
from lvcodec.cli.output import Output, output_options
from lvcodec.cli.params import PIPE, bit_rate, check_source, check_target, given
from lvcodec.errors import MissingPicturesError, UsageError, count_text
from lvcodec.options import Encoding
from lvcodec.report import EncodeReport
from lvcodec.video.part import check_part

PIECE_OPTIONS = ("jobs", "device", "backend", "overwrite")


@click.command(epilog="Example: lvcodec encode -q 4.5 --psnr clip_1920x1080_50.yuv clip.lvc")
@click.argument("source")
@click.argument("target", required=False)
@stream_options
@target_options
@click.option(
    "--maxrate",
    metavar="R",
    callback=bit_rate,
    help="Bits a second that a stream's reader gets; what would come late at --quality is coded coarser.",
)
@click.option(
    "--bufsize", metavar="BITS", callback=bit_rate, help="Bits that the reader holds.  [default: maxrate's of a second]"
)
@click.option("--recon", metavar="FILE", help="Also write the pictures that the decoder will show.")
@click.option("--psnr", is_flag=True, help="Measure the PSNR of the planes, in the source's 8-bit 4:2:0.")
@click.option("--verify", is_flag=True, help="Decode what was written and compare.")
@jobs_option("coded")
@device_option("stream")
@backend_option("stream")
@click.option("--piece", type=click.IntRange(min=0), metavar="K", help="Code piece K of a plan, which is the SOURCE.")
@cluster_option
@click.option("--ship", is_flag=True, help="Send pictures to the workers of --cluster, which share no folder with us.")
@click.option("--keep-partial", is_flag=True, help="Keep what is whole of a stream that was interrupted.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with TARGET.part, which an interrupted encoding has left, or with --cluster with TARGET.cluster, to "
    "the same bytes; begin where there is none. Without it what is left is refused, and -y begins TARGET.part anew.",
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
def encode(
    source: str, target: str | None, alpha: str | None, piece: int | None, progress: str, out: Output, **options: Any
) -> None:
    """Code a video into an lvcodec stream.

    SOURCE is any file that ffmpeg reads, a .y4m or raw .yuv file, or "-" for Y4M on stdin. TARGET is the
    stream, or "-" for stdout. Sound, subtitles, chapters and attachments of a file are kept as they are. Raw video
    tells its size and rate by options or by its name (clip_352x288_25.yuv). With --piece, SOURCE is a plan that lvcodec
    plan has made, and there is no TARGET.
    """
    out.json_progress = progress == "json"
    if piece is not None:
        _encode_piece(source, target, piece, out, options)
        return
    if target is None:
        raise click.MissingParameter(param_hint="'TARGET'", param_type="argument")
    encoding = Encoding(alpha=float(alpha) if alpha else None, **options)
    check(source, target, encoding)
    if encoding.cluster is None:
        check_part(target, resume=encoding.resume, overwrite=encoding.overwrite)
    out.data_on_stdout = PIPE in (target, encoding.recon)
    _tell_of_suffix(target, out)
    keep_freed_memory()
    try:
        with out.encoding() as step:
            report = lvcodec.encode(source, target, encoding, on_progress=step, on_notice=out.notice)
    except MissingPicturesError as error:
        if error.report is not None:
            out.summary(error.report.as_dict(), summary_line(error.report))
        raise
    out.summary(report.as_dict(), summary_line(report))


def _tell_of_suffix(target: str, out: Output) -> None:
    """A notice where the stream's name promises something that players know."""
    from lvcodec.video.encoders import is_video_suffix  # which loads numpy

    if is_video_suffix(os.path.splitext(target)[1].lower()):
        out.notice(f"{target} gets an lvcodec stream, which players do not know; the usual suffix is .lvc")


def _encode_piece(plan: str, target: str | None, piece: int, out: Output, options: dict[str, Any]) -> None:
    """One piece of a plan. Raises UsageError for a TARGET, or an option that is the plan's to say."""
    if target is not None:
        raise UsageError("--piece takes a plan alone: a piece's place is beside it")
    for param in click.get_current_context().command.params:
        name = str(param.name)
        if name in options and name not in PIECE_OPTIONS and given(name):
            raise UsageError(f"{param.opts[-1]} cannot be given with --piece", "lvcodec plan takes it")
    check_source(plan)
    keep_freed_memory()
    local = {name: options[name] for name in PIECE_OPTIONS}
    with out.progress(f"encoding piece {piece}") as step:
        lvcodec.encode_piece(plan, piece, **local, on_picture=step, on_notice=out.notice)
    out.summary({"plan": plan, "piece": piece}, f"piece {piece} of {plan} is coded")


def check(source: str, target: str, encoding: Encoding) -> None:
    """Refuse what cannot work, before torch is loaded. Raises UsageError or InputError."""
    encoding.validate()
    if encoding.has_target and given("quality"):
        raise UsageError("--quality says what a target finds", "leave one of them out")
    if encoding.chosen_mode not in names.SHIFTING_MODES:  # the library passes over them
        for option, value in (("--alpha", encoding.alpha), ("--latents", encoding.latents)):
            if value is not None:
                modes = " and ".join(names.SHIFTING_MODES)
                raise UsageError(f"{option} belongs to --mode {modes}, not to {encoding.chosen_mode}")
    if encoding.verify and target == PIPE:
        raise UsageError("--verify reads the stream back and needs a file as TARGET")
    check_source(source, "lvcodec encode - OUT")
    check_target(target, source, overwrite=encoding.overwrite)
    if isinstance(encoding.recon, str):
        if encoding.recon == PIPE == target:
            raise UsageError("the stream and --recon cannot both go to stdout")
        check_target(encoding.recon, source, outputs=[target], overwrite=encoding.overwrite)


def summary_line(report: EncodeReport) -> str:
    """Pictures, bytes, rate, speed and ratio in one line; bytes of sound and others, and PSNR, where there are any."""
    line = (
        f"{count_text(report.pictures, 'picture')}, {report.size_bytes} bytes, {report.bpp:.4f} bpp, "
        f"{report.kbps:.1f} kb/s, {report.fps:.1f} fps, ratio {report.ratio:.1f}"
    )
    if report.side_bytes:
        line += f", {report.side_bytes} of the bytes beside the pictures"
    psnr = report.psnr_db
    if psnr is not None:
        line += f", PSNR {psnr.yuv:.2f} dB (Y {psnr.y:.2f}, U {psnr.u:.2f}, V {psnr.v:.2f})"
    return line
