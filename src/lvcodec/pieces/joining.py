"""The pieces of a plan joined: all checked before anything is written, then one stream of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from lvcodec.codec.notices import Notices
from lvcodec.errors import InputError, LvcError, SizeMissedError, StreamError
from lvcodec.pieces.plan import Plan
from lvcodec.pieces.receipt import Receipt, receipt_of
from lvcodec.report import EncodeReport
from lvcodec.stream.concat import copied_pictures
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.files import create_stream, open_stream
from lvcodec.video.atomic import check_output

if TYPE_CHECKING:
    from lvcodec.report import OnNotice, OnPicture
    from lvcodec.stream.files import StreamLike

TOLD = 5  # problems that one message names


def join(
    place: str | os.PathLike[str] | Plan,
    target: StreamLike,
    *,
    overwrite: bool = False,
    elapsed_s: float | None = None,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
) -> EncodeReport:
    """See lvcodec.join. elapsed_s: how long coding took; None for the sum over all pieces."""
    plan = place if isinstance(place, Plan) else Plan.read(place)
    check_output(target, *map(plan.file_of, plan.in_order), overwrite=overwrite)
    receipts, notices = checked(plan), Notices(on_notice)
    if plan.aim.qualities.most_bytes is not None:
        _check_size(plan, notices)
    with create_stream(target, overwrite=overwrite) as out:
        writer = StreamWriter(out, plan.header)
        for done in _written(plan, writer):
            if on_picture:
                on_picture(done, plan.pictures)
    return EncodeReport.measured(
        plan.header.video,
        pictures=plan.pictures,
        size_bytes=writer.size_bytes,
        payload_bytes=sum(receipt.payload_bytes for receipt in receipts),
        elapsed_s=sum(receipt.elapsed_s for receipt in receipts) if elapsed_s is None else elapsed_s,
        side_bytes=writer.side_bytes,
        notices=notices.texts,
    )


def _written(plan: Plan, writer: StreamWriter) -> Iterator[int]:
    """Write the whole stream; gives how many pictures are in it, after each GOP."""
    done = 0
    for number in plan.in_order:
        piece, title = plan.pieces[number], plan.title(number)
        ends = set(accumulate(piece.gops, initial=piece.first))
        with open_stream(plan.file_of(number)) as file:
            reader = StreamReader(file)
            for done, _ in enumerate(copied_pictures(reader, writer, title), start=piece.first + 1):
                if done in ends:
                    yield done
        # by bytes: a plan just made knows things of its source that no header keeps, as the shape of samples
        if reader.header.to_bytes() != plan.header.to_bytes() or done != piece.end:
            raise StreamError(f"{title} is damaged: it has other pictures or another header than {plan.path} says")
    for side in plan.beside:
        writer.side(side.what, side.chunks(plan.folder))
    writer.finish()


def _check_size(plan: Plan, notices: Notices) -> None:
    """See whether the stream has the size that it is to have, or tell why it has less.

    Raises SizeMissedError, after the plan has got other qualities, if it could be nearer; InputError if no qualities
    are low enough.
    """
    with open(os.devnull, "wb") as nowhere:
        writer = StreamWriter(nowhere, plan.header)
        ends = [writer.size_bytes for _ in _written(plan, writer)]
    size_bytes = writer.size_bytes - writer.side_bytes
    aim = plan.aim.corrected(size_bytes, [end - start for start, end in pairwise([0, *ends])])
    if aim is None:
        if shortfall := plan.aim.shortfall(size_bytes):
            notices(shortfall)
        return
    other = replace(plan, aim=aim)
    again = [number for number in plan.in_order if other.qualities_of(number) != plan.qualities_of(number)]
    other.write(overwrite=True)
    pieces = f"piece{'' if len(again) == 1 else 's'} {', '.join(map(str, again[:TOLD]))}"
    if len(again) > TOLD:
        pieces += f" and {len(again) - TOLD} more"
    raise SizeMissedError(
        f"the pictures have {size_bytes} bytes, and are to have {aim.qualities.most_bytes:.0f}",
        f"code {pieces} again by lvcodec encode --piece N {plan.path}, then join again",
        pieces=again,
    )


def checked(plan: Plan) -> list[Receipt]:
    """The receipts of all pieces, in the order of the film.

    Raises InputError, or StreamError if damage is all there is, naming the pieces that are missing, foreign or damaged;
    InputError too for what goes beside them.
    """
    receipts: list[Receipt] = []
    problems: list[LvcError] = []
    for side in plan.beside:
        side.check(plan.folder)
    for number in plan.in_order:
        try:
            receipt = receipt_of(plan, number)
            if receipt is None:
                raise InputError(f"{plan.title(number)} is missing: there is no {plan.file_of(number)}")
            receipts.append(receipt)
        except LvcError as error:
            problems.append(error)
    if problems:
        told = "; ".join(str(error) for error in problems[:TOLD])
        if len(problems) > TOLD:
            told += f"; and {len(problems) - TOLD} more"
        kind = StreamError if all(isinstance(error, StreamError) for error in problems) else InputError
        raise kind(told, f"lvcodec encode --piece N {plan.path} codes piece N")
    return receipts
