"""`lvcodec concat`: streams in, one stream out, nothing decoded."""

from __future__ import annotations

import click

import lvcodec
from lvcodec.cli.output import Output, output_options
from lvcodec.cli.params import PIPE, check_source, check_target
from lvcodec.errors import UsageError, count_text


@click.command(epilog="Example: lvcodec concat first.lvc second.lvc both.lvc")
@click.argument("sources", nargs=-1, required=True)
@click.argument("target")
@click.option("--video-only", is_flag=True, help="Leave out sound and other tracks, which cannot be joined.")
@click.option("-y", "overwrite", is_flag=True, help="Replace TARGET if it exists.")
@output_options
def concat(sources: tuple[str, ...], target: str, video_only: bool, overwrite: bool, out: Output) -> None:
    """Join streams of one coding, without decoding them.

    SOURCES follow each other in TARGET, in the order given; "-" is stdin or stdout. They must agree in family, weights,
    mode, GOP length, size, rate and colour; their quality may differ. The times of pictures are joined too.
    Streams with sound or other tracks are refused, unless --video-only leaves those out.
    """
    if sources.count(PIPE) > 1:
        raise UsageError("stdin can be read only once")
    for source in sources:
        check_source(source)
    check_target(target, *sources, overwrite=overwrite)
    out.data_on_stdout = target == PIPE
    stream = lvcodec.concat(sources, target, overwrite=overwrite, video_only=video_only)
    out.summary(
        stream.as_dict() | {"pictures": len(stream.pictures)},
        f"{count_text(len(stream.pictures), 'picture')} from {count_text(len(sources), 'stream')}, "
        f"{stream.size_bytes} bytes, {stream.bpp:.4f} bpp, {stream.kbps:.1f} kb/s",
    )
