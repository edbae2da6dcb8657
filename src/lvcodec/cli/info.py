"""`lvcodec info`: what a stream is, and what its pictures cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import click

import lvcodec
from lvcodec.cli.output import Output, output_options, table
from lvcodec.cli.params import check_source
from lvcodec.errors import count_text
from lvcodec.names import SHIFTING_MODES
from lvcodec.report import StreamInfo


@click.command(epilog="Example: lvcodec info --frames clip.lvc")
@click.argument("source", metavar="FILE")
@click.option("--frames", is_flag=True, help="One row a picture: number, type, references, quality, bytes.")
@click.option("--streams", is_flag=True, help="Bits of each sub-stream; needs the stream's weights.")
@output_options
def info(source: str, frames: bool, streams: bool, out: Output) -> None:
    """Show what a stream is and what its pictures cost.

    That comes from the header and the records of FILE ("-" is stdin); no picture is decoded.

    With --streams, what the paper of lds would count for a stream of lds stands beside its bits. That is an estimate
    and not its rate; where the shift is 1/2, no file of so few bits can be decoded.
    """
    check_source(source)
    stream = lvcodec.probe(source, streams=streams)
    if not stream.complete:
        out.notice(f"{source}: stops before its end record; what is there decodes")
    record = stream.as_dict()
    lines = header_lines(stream)
    if streams:
        totals = stream_totals(stream)
        record["streams"] = totals
        rows = [[name, f"{bits:.1f}"] for name, bits in totals.items()]
        lines += ["", *table([["sub-stream", "bits"], *rows], right=[1])]
        if estimate := paper_estimate(stream):
            decodable = all(alpha.denominator == 1 for alpha in stream.alphas)
            record["paper_estimate"] = {**estimate, "decodable": decodable}
            rows = [[name, f"{bits:.1f}"] for name, bits in estimate.items()]
            title = f"paper's estimate, not {'what is coded' if decodable else 'decodable'}"
            lines += ["", *table([[title, "bits"], *rows], right=[1])]
    if frames:
        lines += ["", *picture_lines(stream)]
    else:
        record["pictures"] = len(stream.pictures)
    out.answer(record, lines)


def header_lines(stream: StreamInfo) -> list[str]:
    """The header's fields and the stream's totals, one a line."""
    kinds = [picture.kind for picture in stream.pictures]
    numbers = ", ".join(f"{kinds.count(kind)} {kind}" for kind in "IPB" if kind in kinds or kind != "B")
    groups = len({picture.offset for picture in stream.pictures})
    rows = [
        ("family", stream.family),
        ("mode", stream.mode + _shift(stream)),
        ("quality", f"{stream.quality:g}"),
        ("weights", stream.weights_id),
        ("size", f"{stream.width}x{stream.height}"),
        ("rate", f"{float(stream.rate):.6g} pictures/s ({stream.rate})" + ", variable" * stream.variable),
        ("colour", stream.colour.describe()),
        ("GOP", f"{stream.gop}"),
        ("pictures", f"{len(kinds)} ({numbers}) in {count_text(groups, 'group')}, {stream.duration_s:.2f} s"),
        ("bytes", f"{stream.size_bytes} ({stream.size_bytes - stream.payload_bytes} of them not payload)"),
        *([("beside", f"{stream.side_bytes} of the bytes, not counted in the cost")] if stream.side_bytes else []),
        ("cost", f"{stream.bpp:.4f} bpp, {stream.kbps:.1f} kb/s, ratio {stream.ratio:.1f}"),
        ("complete", "yes" if stream.complete else "no"),
        *_beside(stream),
    ]
    return [f"{name:<9} {value}" for name, value in rows]


def _shift(stream: StreamInfo) -> str:
    """Of a stream that shifts: how, where there are two ways with the number of pictures that have each."""
    counts = Counter((picture.alpha, picture.kept) for picture in stream.pictures if picture.kind == "P")
    if stream.mode not in SHIFTING_MODES or not counts:
        return ""
    ways = [
        (f"{float(alpha):g}" + " with latents kept" * kept, f" ({count} P)")
        for (alpha, kept), count in sorted(counts.items(), reverse=True)
    ]
    return ", alpha " + " and ".join(way + count * (len(ways) > 1) for way, count in ways)


def _beside(stream: StreamInfo) -> list[tuple[str, str]]:
    """What there is beside the pictures, a row each; nothing for most streams."""
    rows = [("samples", f"{stream.aspect.numerator}:{stream.aspect.denominator}")] if stream.aspect != 1 else []
    if stream.tracks is None:
        return [*rows, ("tracks", "cannot be read: damaged, or through a pipe")]
    return rows + [("track", line) for line in stream.tracks]


def stream_totals(stream: StreamInfo) -> Mapping[str, float]:
    """Bits of each sub-stream over all pictures, in the order in which they first occur."""
    totals: dict[str, float] = {}
    for picture in stream.pictures:
        for name, bits in (picture.streams or {}).items():
            totals[name] = totals.get(name, 0.0) + bits
    return totals


def paper_estimate(stream: StreamInfo) -> Mapping[str, float]:
    """What the paper of lds counts for y_shift and for all symbols together; nothing where no residual is shifted."""
    shifted = [picture.shift_estimate_bits for picture in stream.pictures if picture.shift_estimate_bits is not None]
    total = stream.paper_estimate_bits
    return {"y_shift": sum(shifted), "all symbols": total} if shifted and total is not None else {}


def picture_lines(stream: StreamInfo) -> list[str]:
    """One row a picture and one for the sum; a column a sub-stream where their bits are known."""
    names = list(stream_totals(stream))
    heading = ["picture", "type", "from", "quality", "payload", "overhead", "bytes"]
    heading += [f"{name} bits" for name in names]
    rows = [
        [
            f"{picture.number}",
            picture.kind,
            ",".join(str(number) for number in picture.references) or "-",
            f"{picture.quality:g}",
            f"{picture.payload_bytes}",
            f"{picture.overhead_bytes}",
            f"{picture.size_bytes}",
            *(f"{(picture.streams or {}).get(name, 0.0):.1f}" for name in names),
        ]
        for picture in stream.pictures
    ]
    total = [
        "all",
        "",
        "",
        "",
        f"{stream.payload_bytes}",
        f"{sum(picture.overhead_bytes for picture in stream.pictures)}",
        f"{sum(picture.size_bytes for picture in stream.pictures)}",
        *(f"{bits:.1f}" for bits in stream_totals(stream).values()),
    ]
    return table([heading, *rows, total], right=[0, *range(3, len(heading))])
