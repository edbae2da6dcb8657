"""A plan made: the whole film read once, its GOPs found as encoding finds them, and put together to pieces."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

from lvcodec import quality
from lvcodec.codec.notices import Notices
from lvcodec.encoder.choices import gops_of, header_of, layers_of, model_of, networks_of, open_clip
from lvcodec.encoder.side import Side, side_of
from lvcodec.errors import MissingPicturesError, UsageError
from lvcodec.exact.settings import whole_products
from lvcodec.options import Encoding
from lvcodec.pieces.beside import SideFileHash, kept
from lvcodec.pieces.digest import digest_of, picture_crc
from lvcodec.pieces.fingerprint import Fingerprint
from lvcodec.pieces.lengths import PIECE_S, grouped
from lvcodec.pieces.machine import canary_of
from lvcodec.pieces.plan import Piece, Plan, folder_of
from lvcodec.pieces.receipt import folder_is_there
from lvcodec.report import OnNotice, OnPicture
from lvcodec.version import __version__
from lvcodec.video.atomic import check_output
from lvcodec.video.base import Source


@whole_products()
def make_plan(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    options: Encoding,
    *,
    piece_s: float = PIECE_S,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
) -> Plan:
    """See lvcodec.plan."""
    options.validate()
    check_for_pieces(options)
    if not piece_s > 0:
        raise UsageError(f"pieces of {piece_s:g} seconds are none", "give a number above 0")
    check_output(target, source, overwrite=options.overwrite)
    notices = Notices(on_notice)
    fingerprint = Fingerprint.of(os.fspath(source))
    info, index = model_of(options), quality.index_of(options.quality)
    with ExitStack() as stack:
        pictures = stack.enter_context(open_clip(source, options))
        notices.pass_on(pictures)
        side = stack.enter_context(side_of(pictures, options, notices))
        video = pictures.format
        networks = networks_of(options, info, video, index, notices)
        networks.at(index)  # refused before all is read
        crcs = array("I")
        gops = []
        for gop in gops_of(pictures, options, video.rate):
            before = len(crcs)
            for picture in gop:
                crcs.append(picture_crc(picture))
                if on_picture:
                    on_picture(len(crcs), pictures.expected)
            gops.append(len(crcs) - before)
        notices.pass_on(pictures)
        header = header_of(options, info, index, layers_of(options, info, video.rate), video)
        runs = grouped(gops, header.gop if options.follows_cuts else 0, float(piece_s * video.rate))
        pieces = _pieces(runs, crcs, pictures, options.frames[0] or 0 if options.frames else 0)
        missing, name = pictures.missing, pictures.name
        beside = tuple(_kept(Path(target), side, pictures, len(crcs)))
    plan = Plan(
        Path(target),
        os.path.abspath(source),
        fingerprint,
        options,
        header,
        canary_of(networks, index),
        __version__,
        tuple(sorted(pieces, key=lambda piece: (-piece.pictures, piece.first))),
        beside,
    )
    plan.write(overwrite=options.overwrite)
    if missing and not options.lenient:
        raise MissingPicturesError(
            f"about {missing} pictures of {name} are missing",
            f"the {plan.pictures} that came are planned; --lenient (lenient=True) accepts that",
        )
    return plan


def _kept(target: Path, side: Side, pictures: Source, count: int) -> Iterator[SideFileHash]:
    """What goes beside the pictures, put into the folder of the pieces."""
    for what, chunks in side.parts(pictures, count):
        folder_is_there(folder_of(target))
        yield kept(folder_of(target), what, chunks)


def check_for_pieces(options: Encoding) -> None:
    """Refuse what only the encoder of the whole clip could do: a target is hit, and a buffer filled, by all of it.

    Raises UsageError.
    """
    if options.has_target:
        raise UsageError("a film in pieces is coded at one quality, and none is looked for", "say which by --quality")
    if options.maxrate is not None:
        raise UsageError("a film in pieces is coded without --maxrate", "what a piece may have depends on those before")
    for field in ("recon", "psnr", "verify"):
        if getattr(options, field):
            raise UsageError(f"a film in pieces is coded without --{field}", "decode the joined stream for that")


def _pieces(runs: Iterable[list[int]], crcs: array[int], pictures: Source, before: int) -> Iterator[Piece]:
    """The pieces in the order of the film. before: pictures of the source before the first one."""
    first = 0
    for gops in runs:
        end = first + sum(gops)
        seek_s: Fraction | None = pictures.place_s(before + first)
        yield Piece(first, tuple(gops), crcs[first], digest_of(crcs[first:end]), seek_s)
        first = end
