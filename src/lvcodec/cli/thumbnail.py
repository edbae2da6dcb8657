"""`lvcodec thumbnail`: a page of pictures that shows what is in a stream."""

from __future__ import annotations

import click

from lvcodec.cli.output import Output, output_options
from lvcodec.cli.params import check_source, check_target
from lvcodec.errors import count_text


@click.command(epilog="Example: lvcodec thumbnail clip.lvc --count 9 --columns 3 -o page.png")
@click.argument("source", metavar="STREAM")
@click.option("-o", "--output", "target", default="page.png", show_default=True, help="The page: .png, .jpg or .webp.")
@click.option("--count", type=click.IntRange(1, 1000), default=12, show_default=True, help="How many pictures.")
@click.option("--columns", type=click.IntRange(1, 1000), default=4, show_default=True, help="How many in a row.")
@click.option(
    "--width",
    type=click.IntRange(16, 4096),
    default=320,
    show_default=True,
    metavar="PIXELS",
    help="Width of each picture.",
)
@click.option("-y", "overwrite", is_flag=True, help="Replace the page if it exists.")
@output_options
def thumbnail(source: str, target: str, count: int, columns: int, width: int, overwrite: bool, out: Output) -> None:
    """Draw a contact sheet: pictures spread over a stream, with their times beneath.

    Only they are decoded, and what they are predicted from; I-pictures are preferred. A page named "-" goes to stdout
    as PNG.
    """
    check_source(source)
    check_target(target, source, overwrite=overwrite)
    from lvcodec.thumbnails import contact_sheet

    out.data_on_stdout = target == "-"
    with out.progress("decoding") as step:
        numbers = contact_sheet(
            source,
            target,
            count=count,
            columns=columns,
            width=width,
            overwrite=overwrite,
            on_picture=step,
            on_notice=out.notice,
        )
    out.summary({"pictures": numbers, "output": target}, f"{count_text(len(numbers), 'picture')} on {target}")
