"""`lvcodec inspect`: maps of one picture's symbols, means and bits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvcodec.cli.output import Output, output_options, table
from lvcodec.cli.params import PIPE, check_source, check_target

if TYPE_CHECKING:
    from lvcodec.bench.latent_figure import Inspection

NAMES = {
    "plain": "without the shift",
    "shifted": "with the shift",
    "estimate": "with the shift, the paper's estimate",
    "bits": "latent",
    "symbol_bits": "symbols",
}


@click.command(epilog="Example: lvcodec inspect clip.lvc --frame 2 --channel 19 -o maps.png")
@click.argument("source", metavar="STREAM")
@click.option(
    "--frame",
    "number",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="The picture, counted from 0 as in info --frames.",
)
@click.option(
    "--channel",
    type=click.IntRange(min=0),
    help="The latent channel, counted from 0.  [default: the one that takes most bits]",
)
@click.option(
    "--motion",
    is_flag=True,
    help="Draw blocks and their motion over the picture (P- and B-pictures of aligned) instead.",
)
@click.option("-o", "--output", "target", default="maps.png", show_default=True, help="The figure, a PNG.")
@click.option("-y", "overwrite", is_flag=True, help="Replace the figure if it exists.")
@output_options
def inspect(
    source: str, number: int, channel: int | None, motion: bool, target: str, overwrite: bool, out: Output
) -> None:
    """Draw what one picture of a stream is made of, and what that cost.

    Of a P- or B-picture of aligned: the symbols of what its prediction lacks, the level of their scale, their bits; and
    place by place, which are live (all others have no symbols), what these flags cost, and bits of all channels. With
    --motion its blocks, of 64 to 16 pixels, or to 8 in GOPs of quality 6 or more.

    Of a P-picture of mfvc or lds: the residual y_res, its mean, its direction from the mean (BFD), the shifted
    residual, and bits a latent position without the shift (y_res by its Laplace table) and with it (y_shift by the
    push-forward of that table). Of an I-picture: the latent, its mean, the level of its scale, bits; beyond quality 5
    those of the first of its two steps (the second is in the table of sub-streams, as live and residual). Positions are
    1/16 of the picture, which is padded to multiples of 16 pixels in P- and B-pictures of aligned, of 64 in all others.

    y_res is what the symbol stands for that the encoder chose, not always the nearest to the picture's latents. Streams
    of mfvc, and pictures of lds that are not shifted, tell y_res and BFD exactly; the shift is then what would have
    been coded with it. Shifted pictures of lds tell y_shift only: beyond half a step from the mean y_res and BFD follow
    from it; within, the encoder's BFD cannot be known from the stream, and the maps show the likeliest residual, so
    that bits without the shift are the least possible. (A shift of alpha 0.5 renames symbols: all is known, and nothing
    saved.) What z_bfd costs is not in the maps, but in the table of sub-streams. The paper's estimate is by the mass of
    y_res's own table at y_shift: not the rate of the stream, and after a shift of 0.5 of none that could be decoded.
    """
    check_source(source)
    check_target(target, source, overwrite=overwrite)
    from lvcodec.bench.latent_figure import inspect_picture

    with out.progress("decoding") as step:
        inspection = inspect_picture(
            source,
            number,
            channel,
            Path(target),
            motion=motion,
            overwrite=overwrite,
            on_picture=step,
            name="stdin" if source == PIPE else Path(source).name,
        )
    live = inspection.maps.arrays.get("live")
    places = [] if live is None else [f"live places: {live.sum()} of {live.size}", ""]
    streams = [[name, f"{bits:.1f}"] for name, bits in inspection.maps.streams.items()]
    out.answer(
        inspection.as_dict() | {"output": target},
        [
            inspection.heading,
            "",
            *bits_table(inspection),
            "",
            *places,
            *table([["sub-stream", "bits"], *streams], right=[1]),
        ],
    )
    out.notice(f"the maps are {target}")


def bits_table(inspection: Inspection) -> list[str]:
    """Bits of each map, in the channel and in all, and what they stand for."""
    rows = []
    for name, bits in inspection.bits().items():
        meaning = "not coded" if inspection.maps.exact else "not coded; the least possible"
        if name == "estimate":
            meaning = "not coded" if inspection.maps.alpha == 1 else "not decodable"
        rows.append(
            [
                NAMES[name],
                f"{bits['channel']:.1f}",
                f"{bits['all']:.1f}",
                "coded" if name == inspection.maps.coded else meaning,
            ]
        )
    return table([["bits", f"channel {inspection.channel}", "all channels", ""], *rows], right=[1, 2])
