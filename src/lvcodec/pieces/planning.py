"""A plan made: the whole film read once, its GOPs found as encoding finds them, and put together to pieces."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

from lvcodec import quality
from lvcodec.codec.notices import Notices
from lvcodec.encoder.choices import gops_of, header_of, layers_of, model_of, open_clip
from lvcodec.encoder.network import EncoderNetworks
from lvcodec.errors import MissingPicturesError, UsageError
from lvcodec.exact.settings import whole_products
from lvcodec.options import Encoding
from lvcodec.pieces.digest import digest_of, picture_crc
from lvcodec.pieces.fingerprint import Fingerprint
from lvcodec.pieces.lengths import PIECE_S, grouped
from lvcodec.pieces.machine import canary_of
from lvcodec.pieces.plan import Piece, Plan
from lvcodec.report import OnNotice, OnPicture
from lvcodec.version import __version__
from lvcodec.video.atomic import check_output
from lvcodec.video.base import Source
from lvcodec.video.picture import Picture


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
    _check(options, piece_s)
    check_output(target, source, overwrite=options.overwrite)
    notices = Notices(on_notice)
    fingerprint = Fingerprint.of(os.fspath(source))
    info, index = model_of(options), quality.index_of(options.quality)
    with open_clip(source, options) as pictures:
        notices.pass_on(pictures)
        video = pictures.format
        networks = EncoderNetworks(
            info, video, index, device=options.device, backend=options.backend, on_notice=notices, effort=options.effort
        )
        networks.at(index)  # refused before all is read
        crcs = array("I")
        read = _read(pictures, crcs, on_picture)
        gops = [sum(1 for _ in gop) for gop in gops_of(read, options, video.rate)]
        notices.pass_on(pictures)
        header = header_of(options, info, index, layers_of(options, info, video.rate), video)
        cuts_only = options.longest_gop is None
        runs = grouped(gops, header.gop if cuts_only else 0, float(piece_s * video.rate))
        pieces = _pieces(runs, crcs, pictures, options.frames[0] or 0 if options.frames else 0)
        missing, name = pictures.missing, pictures.name
    plan = Plan(
        Path(target),
        os.path.abspath(source),
        fingerprint,
        options,
        header,
        canary_of(networks, index),
        __version__,
        tuple(sorted(pieces, key=lambda piece: (-piece.pictures, piece.first))),
    )
    plan.write(overwrite=options.overwrite)
    if missing and not options.lenient:
        raise MissingPicturesError(
            f"about {missing} pictures of {name} are missing",
            f"the {plan.pictures} that came are planned; --lenient (lenient=True) accepts that",
        )
    return plan


def _check(options: Encoding, piece_s: float) -> None:
    """Refuse what only the encoder of the whole clip could do."""
    for field in ("recon", "psnr", "verify"):
        if getattr(options, field):
            raise UsageError(f"a film in pieces is coded without --{field}", "decode the joined stream for that")
    if not piece_s > 0:
        raise UsageError(f"pieces of {piece_s:g} seconds are none", "give a number above 0")


def _read(pictures: Source, crcs: array[int], on_picture: OnPicture | None) -> Iterator[Picture]:
    """All pictures, with the CRC-32 of each noted."""
    for picture in pictures:
        crcs.append(picture_crc(picture))
        yield picture
        if on_picture:
            on_picture(len(crcs), pictures.expected)


def _pieces(runs: Iterable[list[int]], crcs: array[int], pictures: Source, before: int) -> Iterator[Piece]:
    """The pieces in the order of the film. before: pictures of the source before the first one."""
    first = 0
    for gops in runs:
        end = first + sum(gops)
        seek_s: Fraction | None = pictures.place_s(before + first)
        yield Piece(first, tuple(gops), crcs[first], digest_of(crcs[first:end]), seek_s)
        first = end
