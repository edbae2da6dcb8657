"""Options that several commands share: how raw video is to be read, networks, tracks, jobs, device, backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from lvcodec import names
from lvcodec.cli.params import picture_rate, picture_size

Command = TypeVar("Command", bound=Callable[..., Any])

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


def raw_video_options(command: Command) -> Command:
    """--size, --fps and --pix-fmt of raw video."""
    return _with(command, _RAW_VIDEO)


def network_options(command: Command) -> Command:
    """--family and --model."""
    return _with(command, _NETWORKS)


def tracks_options(command: Command) -> Command:
    """--no-audio and --video-only."""
    return _with(command, _TRACKS)


def _with(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    for option in reversed(options):  # as decorators do, so that help shows them in order
        command = option(command)
    return command


def jobs_option(done: str) -> Callable[[Command], Command]:
    """--jobs; done: what happens to GOPs, "coded" or "decoded"."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        help=f"GOPs {done} side by side.  [default: as many as threads, up to 4, fewer of large pictures]",
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
        help=f"Who computes the networks; the {same} {_is(same)} the same. reference is very slow.",
    )


def _is(what: str) -> str:
    return "are" if what.endswith("s") else "is"
