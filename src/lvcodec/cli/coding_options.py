"""Options that several commands share: what goes into a stream, how raw video is to be read, jobs, device, backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from lvcodec import names, quality
from lvcodec.cli.params import (
    bframes_in_a_row,
    bit_rate,
    byte_count,
    frame_range,
    gop_length,
    picture_rate,
    picture_size,
)
from lvcodec.options import MAX_BFRAMES, MAX_EFFORT, USUAL_BFRAMES, Encoding
from lvcodec.presets import ENCODER_PRESETS

Command = TypeVar("Command", bound=Callable[..., Any])

USUAL = Encoding()
_RAW_VIDEO = (
    click.option("--size", metavar="WxH", callback=picture_size, help="Size of raw video, if its name does not tell."),
    click.option(
        "--fps",
        "rate",
        metavar="R",
        callback=picture_rate,
        help="Pictures a second of raw video, if its name does not tell.",
    ),
    click.option("--pix-fmt", metavar="F", help="Pixel format of raw video (ffmpeg's name).  [default: yuv420p]"),
)
_NETWORKS = (
    click.option(
        "--family",
        type=click.Choice(names.FAMILIES),
        default=names.DEFAULT_FAMILY,
        show_default=True,
        help="The networks: swift is made for small machines, cheng2020 is the published reference.",
    ),
    click.option("--model", metavar="NAME|PATH", help="Weights to use; see lvcodec models list."),
)

_TRACKS = (
    click.option("--no-audio", "audio", is_flag=True, default=True, flag_value=False, help="Leave out the sound."),
    click.option("--video-only", is_flag=True, help="Leave out all but the pictures: sound, subtitles, chapters."),
)

_TARGETS = (
    click.option(
        "--target-size",
        metavar="BYTES",
        callback=byte_count,
        help="Bytes that the file may have, as in 700k, 20M or 1.5G, sound included; the quality is found by trying, "
        "the file is read more than once, and comes to within 2 % of it, and no more.",
    ),
    click.option(
        "--bitrate",
        metavar="R",
        callback=bit_rate,
        help="Bits a second of the pictures, as in 300k or 2M; found in the same way.",
    ),
    click.option("--target-psnr", type=float, metavar="DB", help="Mean PSNR to aim at (planes 6:1:1)."),
    click.option("--target-vmaf", type=float, metavar="V", help="Mean VMAF to aim at."),
    click.option("--worst-shot", is_flag=True, help="Aim with the worst shot's PSNR or VMAF instead of the mean."),
)

_STREAM = (
    click.option(
        "-q",
        "--quality",
        type=click.FloatRange(quality.LOWEST, quality.HIGHEST),
        default=float(USUAL.quality),
        show_default=True,
        help=f"From {quality.LOWEST}, the smallest stream, to {quality.HIGHEST}, the best picture; fractions lie "
        "between. x264's --crf goes the other way: 9 looks like its 23, 7 like 27, 5 like 32, 3 like 38.",
    ),
    click.option(
        "--mode",
        type=click.Choice(names.MODES),
        help="How a picture uses those before it: not at all, the latents of the last one (MFVC), its pixels with "
        "latent shifting (LDS), or the pixels of one or two moved along (aligned).  [default: aligned; lds in "
        "cheng2020]",
    ),
    *_NETWORKS,
    click.option(
        "--gop",
        metavar="N|auto",
        callback=gop_length,
        help="Pictures from one I-picture to the next. auto: as many as the content allows, up to 250 or 8 seconds, "
        "with an I-picture where a shot begins; two pictures are read ahead.  [default: auto in aligned, 12 in other "
        "modes]",
    ),
    click.option(
        "--bframes",
        metavar="N|auto",
        callback=bframes_in_a_row,
        default=names.AUTO,
        show_default=True,
        help=f"The most B-pictures in a row, in aligned, up to {MAX_BFRAMES}; the encoder takes them where they pay, "
        f"and reads so many pictures ahead, and one more. auto: {USUAL_BFRAMES}, and 0 with --low-delay.",
    ),
    *_RAW_VIDEO,
    *_TRACKS,
    click.option("--frames", metavar="A:B", callback=frame_range, help="Only pictures A to B - 1, counted from 0."),
    click.option(
        "--alpha",
        type=click.Choice([f"{float(length):g}" for length in names.ALPHAS]),
        help="Length of the shift in lds, 0 for none.  [default: 1; in swift the cheapest for each GOP]",
    ),
    click.option(
        "--latents",
        type=click.Choice(names.LATENTS),
        help="In lds, what a picture after a shifted one is predicted from: latents of its pixels, as in the paper, or "
        "those that were coded.  [default: analysed; in swift the cheapest for each GOP]",
    ),
    click.option(
        "--preset",
        type=click.Choice(list(ENCODER_PRESETS)),
        default=USUAL.preset,
        show_default=True,
        help="How much time the encoder takes to find fewer bits.",
    ),
    click.option(
        "--effort",
        type=click.IntRange(0, MAX_EFFORT),
        metavar="N",
        help="Rounds of search for symbols that are worth their bits: smaller streams, slower encoding.  [default: the "
        "preset's: 8 in slow, else 0]",
    ),
    click.option(
        "--low-delay",
        is_flag=True,
        help="Code and write each picture before the next is read: no B-pictures, and no I-pictures where shots begin.",
    ),
)


def raw_video_options(command: Command) -> Command:
    """--size, --fps and --pix-fmt of raw video."""
    return _with(command, _RAW_VIDEO)


def network_options(command: Command) -> Command:
    """--family and --model."""
    return _with(command, _NETWORKS)


def tracks_options(command: Command) -> Command:
    """--no-audio and --video-only."""
    return _with(command, _TRACKS)


def stream_options(command: Command) -> Command:
    """All that decides what goes into a stream: the fields of Encoding that `encode` and `plan` have in common."""
    return _with(command, _STREAM)


def target_options(command: Command) -> Command:
    """A size, a rate, or a figure of quality to aim at."""
    return _with(command, _TARGETS)


def _with(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    for option in reversed(options):  # as decorators do, so that help shows them in order
        command = option(command)
    return command


def jobs_option(done: str) -> Callable[[Command], Command]:
    """--jobs; done: what happens to GOPs, "coded" or "decoded"."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        help=f"GOPs {done} side by side; OMP_NUM_THREADS limits the threads that compute.  [default: as many as "
        "threads, up to 4, fewer of large pictures]",
    )


def conceal_option(command: Command) -> Command:
    """--conceal of commands that decode."""
    return click.option(
        "--conceal",
        is_flag=True,
        help="Where the stream is damaged, repeat the last good picture up to the next I-picture.",
    )(command)


def device_option(same: str) -> Callable[[Command], Command]:
    """--device; same: what does not depend on it, "stream" or "pixels"."""
    return click.option(
        "--device",
        type=click.Choice([names.AUTO, *names.DEVICES]),
        default=names.AUTO,
        show_default=True,
        help=f"Where the networks run; the {same} {_is(same)} the same.",
    )


def backend_option(same: str) -> Callable[[Command], Command]:
    """--backend; same: as for device_option."""
    return click.option(
        "--backend",
        type=click.Choice([names.AUTO, *names.BACKENDS]),
        default=names.AUTO,
        show_default=True,
        help=f"Who computes the networks; the {same} {_is(same)} the same. reference is very slow. LVCODEC_BACKEND "
        "names the one that auto takes.",
    )


def cluster_option(command: Command) -> Command:
    """--cluster."""
    return click.option(
        "--cluster",
        metavar="ADDRESS|local[:N]",
        help="Use the workers of a dask scheduler, or N processes here (local: one for each processor).",
    )(command)


def _is(what: str) -> str:
    return "are" if what.endswith("s") else "is"
