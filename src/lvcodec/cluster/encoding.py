"""A film coded on a cluster: planned here, its pieces coded there, joined here."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvcodec.cluster.engine import Piece, Run, check_workers, connected, count_of_workers
from lvcodec.cluster.samples import check_fits, coder_on
from lvcodec.cluster.worker import at_work
from lvcodec.codec.notices import Notices
from lvcodec.encoder.aim import Aim
from lvcodec.encoder.choices import open_clip
from lvcodec.encoder.pace import Stage
from lvcodec.errors import InputError, LvcError, MissingPicturesError, SizeMissedError, UsageError, count_text
from lvcodec.options import Encoding
from lvcodec.pieces import coding
from lvcodec.pieces.fingerprint import Fingerprint
from lvcodec.pieces.joining import join
from lvcodec.pieces.plan import Plan, stream_options
from lvcodec.pieces.planning import check_for_pieces, make_plan
from lvcodec.pieces.receipt import folder_is_there, receipt_of
from lvcodec.report import EncodeReport, OnNotice, OnPicture, OnProgress
from lvcodec.stream.files import is_path
from lvcodec.video.atomic import AtomicFile, check_output
from lvcodec.video.sink import open_sink

if TYPE_CHECKING:
    from distributed import Client

    from lvcodec.stream.files import StreamLike
    from lvcodec.video.base import VideoLike

SHIPPED_AHEAD = 2  # pieces for each worker that are sent before one comes back
LOCAL_THERE = ("jobs", "device", "backend")  # options that workers go by


def encode(
    source: VideoLike,
    target: StreamLike,
    options: Encoding,
    *,
    on_picture: OnPicture | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
) -> EncodeReport:
    """What lvcodec.encode does where `cluster` is set. Raises what a piece raises that has failed for good."""
    options.validate()
    check_for_pieces(options)
    if not is_path(source) or not is_path(target):
        raise UsageError("a cluster codes a file into a file", "pipes and arrays are coded on one machine")
    check_output(target, source, overwrite=options.overwrite)
    notices, began = Notices(on_notice), time.monotonic()
    folder = Path(f"{os.path.abspath(target)}.cluster")
    with connected(str(options.cluster), notices) as client:
        plan, lacking = _plan(os.path.abspath(source), folder, options, client, on_progress, notices)
        count = len(plan.pieces)
        notices(f"{count_text(plan.pictures, 'picture')} in {count_text(count, 'piece')}")
        while True:
            _code_missing(plan, options, client, on_picture, on_progress, notices)
            elapsed_s = time.monotonic() - began
            try:
                report = join(plan, target, overwrite=options.overwrite, elapsed_s=elapsed_s, on_notice=notices)
                break
            except SizeMissedError as error:
                pieces = f"{len(error.pieces)} piece{'' if len(error.pieces) == 1 else 's'}"
                notices(f"{error.message}: {pieces} of {count} are coded again")
                plan = Plan.read(plan.path)
    shutil.rmtree(folder, ignore_errors=True)
    report = replace(report, notices=tuple(notices.texts))
    if lacking is not None:
        raise MissingPicturesError(lacking.message, lacking.hint, report=report)
    return report


def _plan(
    source: str,
    folder: Path,
    options: Encoding,
    client: Client,
    on_progress: OnProgress | None,
    notices: Notices,
) -> tuple[Plan, MissingPicturesError | None]:
    """The plan in the folder, if that is to be gone on with; else a new one, and what its source lacks."""
    place = folder / "plan.json"
    if place.exists():
        if not options.resume:
            raise InputError(
                f"{folder} has what an earlier run has coded", "--resume goes on with it; remove it to begin anew"
            )
        plan = Plan.read(place)
        if stream_options(plan.encoding) != stream_options(options):
            raise InputError(f"{folder} was begun with other options", "remove it to begin anew")
        if plan.fingerprint != Fingerprint.of(source):
            raise InputError(f"{folder} was begun with another source", "remove it to begin anew")
        return plan, None
    folder_is_there(folder)
    notices(f"{source} is read once to be cut into pieces")
    try:
        plan = make_plan(
            source,
            place,
            options,
            coder_for=lambda outline: coder_on(client, outline, _there(options), notices),
            on_progress=on_progress,
            on_notice=notices,
        )
        return plan, None
    except MissingPicturesError as error:
        return Plan.read(place), error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _code_missing(
    plan: Plan,
    options: Encoding,
    client: Client,
    on_picture: OnPicture | None,
    on_progress: OnProgress | None,
    notices: Notices,
) -> None:
    """Have all pieces coded that are not there as the plan says."""
    missing = [number for number in range(len(plan.pieces)) if not _is_done(plan, number)]
    done = plan.pictures - sum(plan.pieces[number].pictures for number in missing)
    stage = Stage("encoding", plan.pictures, on_progress, done) if on_progress else None

    def on_pictures(pictures: int) -> None:
        if on_picture:
            on_picture(done + pictures, plan.pictures)
        if stage:
            stage.tell(done + pictures)

    if missing:
        _code(plan, missing, options, client, on_pictures, notices)


def _is_done(plan: Plan, number: int) -> bool:
    try:
        return receipt_of(plan, number) is not None
    except LvcError:
        return False


def _code(
    plan: Plan,
    numbers: list[int],
    options: Encoding,
    client: Client,
    on_pictures: Callable[[int], None],
    notices: Notices,
) -> None:
    """Have the pieces of these numbers coded, all into the plan's folder."""
    folder_is_there(plan.folder)
    there = _there(options)
    if options.ship:
        check_workers(client, check_fits, plan, there)
        workers = count_of_workers(client)
        run = Run(client, SHIPPED_AHEAD * workers, on_pictures, notices)
        for piece, data in run.results(_shipped(plan, set(numbers), there)):
            with AtomicFile(plan.file_of(piece.number), overwrite=True) as file:
                file.write(data)
        return
    check_workers(client, _check_shared, str(plan.path), plan.identity, there)
    run = Run(client, None, on_pictures, notices)
    for _ in run.results(
        Piece(
            number,
            plan.title(number),
            plan.pieces[number].pictures,
            _code_shared,
            (str(plan.path), number, plan.aim, there),
            plan.pieces[number].pictures,
            str(plan.log_of(number)),
        )
        for number in numbers
    ):
        pass


def _there(options: Encoding) -> dict[str, Any]:
    """The options that workers go by."""
    return {name: getattr(options, name) for name in LOCAL_THERE}


def _shipped(plan: Plan, numbers: set[int], there: dict[str, Any]) -> Iterator[Piece]:
    """The pieces in the order of the film, each with its pictures as a lossless video: the source is read once."""
    with open_clip(plan.source, plan.encoding) as pictures, tempfile.TemporaryDirectory(prefix="lvcodec-") as folder:
        place = Path(folder) / "piece.mkv"
        for number in plan.in_order:
            piece = plan.pieces[number]
            with open_sink(place, plan.header.video, overwrite=True) as sink:
                for _ in range(piece.pictures):
                    sink.write(next(pictures))
            if number in numbers:
                yield Piece(
                    number, plan.title(number), piece.pictures, _code_sent, (plan, number, place.read_bytes(), there)
                )


# ---- on workers ---------------------------------------------------------------------------------------------------


def _check_shared(place: str, identity: str, there: dict[str, Any]) -> None:
    try:
        plan = Plan.read(place)
    except InputError as error:
        raise InputError(f"it cannot read {place}", "share that folder, or give --ship") from error
    if plan.identity != identity:
        raise InputError(f"its {place} is another plan", "share that folder, or give --ship")
    check_fits(plan, there)


def _code_shared(place: str, number: int, aim: Aim, there: dict[str, Any]) -> None:
    plan = replace(Plan.read(place), aim=aim)  # a network's folder may show for a while what the file was before
    with at_work(plan.log_of(number)) as tell:
        coding.encode_piece(plan, number, Encoding(**there), on_picture=tell)


def _code_sent(plan: Plan, number: int, video: bytes, there: dict[str, Any]) -> bytes:
    """Code the pictures of `video`, and return the bytes of the piece's file."""
    with at_work() as tell, tempfile.TemporaryDirectory(prefix="lvcodec-") as folder:
        source, here = Path(folder) / "piece.mkv", replace(plan, path=Path(folder) / "plan.json")
        source.write_bytes(video)
        coding.code(here, number, Encoding(**there), source=source, on_picture=tell)
        return here.file_of(number).read_bytes()
