"""`lvcodec plan`: a film cut into pieces for many machines."""

from __future__ import annotations

from typing import Any

import click

import lvcodec
from lvcodec.cli.coding_options import backend_option, device_option, stream_options, target_options
from lvcodec.cli.encode import check
from lvcodec.cli.output import Output, output_options
from lvcodec.cli.params import PIPE
from lvcodec.errors import UsageError
from lvcodec.options import Encoding


@click.command(
    epilog="Example: lvcodec plan -q 4 film.mp4 -o film.json | xargs -P 2 -I{} lvcodec encode --piece {} film.json "
    "&& lvcodec join film.json film.lvc; --target-vmaf 85 in place of -q 4 aims at that"
)
@click.argument("source")
@click.option("-o", "--output", "target", metavar="PLAN", required=True, help="The plan to write, a JSON file.")
@click.option(
    "--piece-length",
    "piece_s",
    type=click.FloatRange(min=0, min_open=True),
    default=12,
    show_default=True,
    metavar="S",
    help="Seconds of a piece, at least; it ends where a shot does, after five times as long at the latest.",
)
@stream_options
@target_options
@device_option("stream")
@backend_option("stream")
@click.option("--lenient", is_flag=True, help="Accept a SOURCE that is damaged or cut, of which pictures are missing.")
@click.option("-y", "overwrite", is_flag=True, help="Replace PLAN if it exists.")
@output_options
def plan(source: str, target: str, piece_s: float, alpha: str | None, out: Output, **options: Any) -> None:
    """Cut a film into pieces that machines can code one by one.

    SOURCE is read once, to its end; with a target, the quality is found here by trying samples of it. What comes to
    stdout is the numbers of the pieces, one a line, the longest piece first: each is for lvcodec encode --piece N PLAN,
    on any machine that sees SOURCE and PLAN, in any order; lvcodec join makes the stream of them, with the same bytes
    as lvcodec encode with these options. Where they miss a size, join tells which pieces to code again.
    """
    encoding = Encoding(alpha=float(alpha) if alpha else None, **options)
    if PIPE in (source, target):
        raise UsageError("a plan needs files that all machines can read", "name a SOURCE and a PLAN")
    check(source, target, encoding)
    with out.encoding() as step:
        pieces = lvcodec.plan(source, target, encoding, piece_s=piece_s, on_progress=step, on_notice=out.notice)
    out.answer({"plan": target, "pieces": pieces}, [str(number) for number in range(pieces)])
