"""A plan made: the whole film read once, its GOPs found as encoding finds them, and put together to pieces.

Where a target is aimed at, samples of the film are kept meanwhile, and the qualities found on them as encoding does.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from lvcodec import quality
from lvcodec.codec.notices import Notices
from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.encoder import trials
from lvcodec.encoder.aim import Aim
from lvcodec.encoder.clip import Clip, opened
from lvcodec.encoder.pace import Stage
from lvcodec.encoder.probing import Coder
from lvcodec.encoder.qualities import Qualities
from lvcodec.encoder.side import Side
from lvcodec.errors import MissingPicturesError, UsageError, count_text
from lvcodec.exact.settings import whole_products
from lvcodec.options import Encoding
from lvcodec.pieces.beside import SideFileHash, kept
from lvcodec.pieces.digest import digest_of, picture_crc
from lvcodec.pieces.fingerprint import Fingerprint
from lvcodec.pieces.lengths import PIECE_S, grouped
from lvcodec.pieces.machine import canary_of
from lvcodec.pieces.plan import Piece, Plan, folder_of
from lvcodec.pieces.receipt import folder_is_there
from lvcodec.report import OnNotice, OnPicture, OnProgress
from lvcodec.version import __version__
from lvcodec.video.atomic import check_output
from lvcodec.video.base import Source
from lvcodec.video.picture import Picture


@enough_memory()
@whole_products()
def make_plan(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    options: Encoding,
    *,
    piece_s: float = PIECE_S,
    coder_for: Callable[[Plan], Coder] | None = None,
    on_picture: OnPicture | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
) -> Plan:
    """See lvcodec.plan.

    coder_for: gives what codes samples in place of this machine, for an outline of the plan: one without its pieces and
    at a quality that is not the one to be found.
    """
    options.validate()
    check_for_pieces(options)
    if not piece_s > 0:
        raise UsageError(f"pieces of {piece_s:g} seconds are none", "give a number above 0")
    check_output(target, source, overwrite=options.overwrite)
    notices = Notices(on_notice)
    fingerprint = Fingerprint.of(os.fspath(source))
    index = trials.FIRST if options.has_target else quality.index_of(options.quality)
    with ExitStack() as stack:
        clip = stack.enter_context(opened(source, options, index, notices))
        outline = Plan(
            Path(target),
            os.path.abspath(source),
            fingerprint,
            options,
            clip.header,
            canary_of(clip.networks, index),
            __version__,
            (),
            Aim(Qualities(index)),
        )
        aim, crcs, gops = _read_once(clip, outline, coder_for, notices, on_picture, on_progress)
        pictures = clip.pictures
        header = replace(clip.header, quality_index=aim.qualities.index)
        runs_of_pieces = grouped(gops, header.gop if options.follows_cuts else 0, float(piece_s * header.video.rate))
        pieces = _pieces(runs_of_pieces, crcs, pictures, options.frames[0] or 0 if options.frames else 0)
        missing, name = pictures.missing, pictures.name
        beside = tuple(_kept(Path(target), clip.side, pictures, len(crcs)))
    plan = replace(
        outline,
        header=header,
        canary=canary_of(clip.networks, header.quality_index),
        pieces=tuple(sorted(pieces, key=lambda piece: (-piece.pictures, piece.first))),
        aim=aim,
        beside=beside,
    )
    plan.write(overwrite=options.overwrite)
    if missing and not options.lenient:
        raise MissingPicturesError(
            f"{name} lacks about {count_text(missing, 'picture')}",
            f"the {plan.pictures} that came are planned; --lenient (lenient=True) accepts that",
        )
    return plan


def _read_once(
    clip: Clip,
    outline: Plan,
    coder_for: Callable[[Plan], Coder] | None,
    notices: Notices,
    on_picture: OnPicture | None,
    on_progress: OnProgress | None,
) -> tuple[Aim, array[int], list[int]]:
    """Read the whole film. Returns what it is coded at, the CRC of each picture, and the pictures of each GOP."""
    crcs, gops = array("I"), list[int]()
    tell = on_progress or (lambda progress: None)

    def seen(picture: Picture) -> None:
        crcs.append(picture_crc(picture))
        if on_picture:
            on_picture(len(crcs), clip.pictures.expected)

    runs, aim = _noted(clip.runs, seen, gops), outline.aim
    if outline.encoding.has_target:
        coder = coder_for(outline) if coder_for else clip.coded
        aim = trials.found(clip, runs, coder, outline.encoding, notices, tell)
    else:
        stage = Stage("planning", clip.pictures.expected, tell)
        for run in runs:
            for _ in run:
                stage.tell(len(crcs))
    notices.pass_on(clip.pictures)
    return aim, crcs, gops


def _noted(
    runs: Iterable[Iterable[Picture]], seen: Callable[[Picture], None], gops: list[int]
) -> Iterator[Iterator[Picture]]:
    """The same GOPs; calls seen(picture) for each picture, and appends the pictures of each GOP to `gops`."""
    for run in runs:
        gops.append(0)

        def noted(run: Iterable[Picture] = run) -> Iterator[Picture]:
            for picture in run:
                seen(picture)
                gops[-1] += 1
                yield picture

        yield noted()


def _kept(target: Path, side: Side, pictures: Source, count: int) -> Iterator[SideFileHash]:
    """What goes beside the pictures, put into the folder of the pieces."""
    for what, chunks in side.parts(pictures, count):
        folder_is_there(folder_of(target))
        yield kept(folder_of(target), what, chunks)


def check_for_pieces(options: Encoding) -> None:
    """Refuse what only the encoder of the whole clip could do. Raises UsageError."""
    if options.maxrate is not None:
        raise UsageError(
            "a film in pieces is coded without --maxrate", "what a picture may have depends on the bytes of all before"
        )
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
