"""The pieces of a plan joined: all checked before anything is written, then one stream of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lvcodec.errors import InputError, LvcError, StreamError
from lvcodec.pieces.plan import Plan
from lvcodec.pieces.receipt import Receipt, receipt_of
from lvcodec.report import EncodeReport
from lvcodec.stream.concat import copied_pictures
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.files import create_stream, open_stream
from lvcodec.video.atomic import check_output

if TYPE_CHECKING:
    from lvcodec.report import OnPicture
    from lvcodec.stream.files import StreamLike

TOLD = 5  # problems that one message names


def join(
    place: str | os.PathLike[str] | Plan,
    target: StreamLike,
    *,
    overwrite: bool = False,
    elapsed_s: float | None = None,
    on_picture: OnPicture | None = None,
) -> EncodeReport:
    """See lvcodec.join. elapsed_s: how long coding took; None for the sum over all pieces."""
    plan = place if isinstance(place, Plan) else Plan.read(place)
    check_output(target, *map(plan.file_of, plan.in_order), overwrite=overwrite)
    receipts = checked(plan)
    done = 0
    with create_stream(target, overwrite=overwrite) as out:
        writer = StreamWriter(out, plan.header)
        for number in plan.in_order:
            title = plan.title(number)
            with open_stream(plan.file_of(number)) as file:
                reader = StreamReader(file)
                done += sum(1 for _ in copied_pictures(reader, writer, title))
            if reader.header != plan.header or done != plan.pieces[number].end:
                raise StreamError(f"{title} is damaged: it has other pictures or another header than {plan.path} says")
            if on_picture:
                on_picture(done, plan.pictures)
        for side in plan.beside:
            writer.side(side.what, side.chunks(plan.folder))
        writer.finish()
    return EncodeReport.measured(
        plan.header.video,
        pictures=done,
        size_bytes=writer.size_bytes,
        payload_bytes=sum(receipt.payload_bytes for receipt in receipts),
        elapsed_s=sum(receipt.elapsed_s for receipt in receipts) if elapsed_s is None else elapsed_s,
        side_bytes=writer.side_bytes,
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
