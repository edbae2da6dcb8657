"""`lvcodec play`: a stream into a player."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import lvcodec
from lvcodec.cli.coding_options import backend_option, conceal_option, device_option, jobs_option, tracks_options
from lvcodec.cli.malloc import keep_freed_memory
from lvcodec.cli.output import Output, output_options
from lvcodec.cli.params import PIPE, check_source, frame_range
from lvcodec.errors import InputError, MismatchError, StreamError, count_text
from lvcodec.options import Decoding
from lvcodec.stream import fields
from lvcodec.stream.container import StreamReader
from lvcodec.stream.files import open_stream
from lvcodec.video.player import PICTURES, PLAYERS, WITH_TRACKS, Player, find_player, was_closed


@click.command(epilog="Example: lvcodec play clip.lvc --frames 250:")
@click.argument("source", metavar="STREAM")
@click.option("--frames", metavar="A:B", callback=frame_range, help="Only pictures A to B - 1, counted from 0.")
@click.option("--player", type=click.Choice(list(PLAYERS)), help="Which player.  [default: the first that is there]")
@conceal_option
@tracks_options
@jobs_option("decoded")
@device_option("pixels")
@backend_option("pixels")
@output_options
def play(source: str, player: str | None, out: Output, **options: Any) -> None:
    """Show a stream in a player, ffplay or mpv.

    One of them has to be installed. Pictures are decoded while they are shown: a stream that takes longer to decode
    than to show stutters. Sound and subtitles of a stream that can be sought go along. "-" is stdin.
    """
    check_source(source)
    decoding = Decoding(format=_format_for(source, **options), **options).validate()
    find_player(player)
    keep_freed_memory()
    shown = 0

    def step(done: int, total: int | None) -> None:
        nonlocal shown
        shown = done

    with Player("lvcodec" if source == PIPE else Path(source).name, player) as window:
        try:
            lvcodec.decode(source, window.stdin, decoding, on_picture=step, on_notice=out.notice)
        except InputError as error:
            if not was_closed(error):
                raise
        except (StreamError, MismatchError):
            window.close()  # once what came before the damage has been seen
            raise
    out.summary({"pictures": shown, "player": window.name}, f"{count_text(shown, 'picture')} went to {window.name}")


def _format_for(source: str, *, video_only: bool, **_: Any) -> str:
    """What goes to the player: lossless Matroska where the stream has tracks, else Y4M, which costs nothing."""
    if video_only or source == PIPE:
        return PICTURES
    with open_stream(source) as file:
        side = StreamReader(file).side()
    return PICTURES if side is None or fields.SIDE_TRACKS not in side.sizes else WITH_TRACKS
