"""One piece of a plan coded: its pictures found again, checked, and coded as they would be within the whole film."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO, cast

from lvcodec.codec.notices import Notices
from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.encoder.clip import opened
from lvcodec.encoder.encoding import encode
from lvcodec.encoder.groups import CodedGroup
from lvcodec.encoder.qualities import Planned
from lvcodec.errors import InputError, LvcError
from lvcodec.exact.loaded import without_gradients
from lvcodec.exact.settings import whole_products
from lvcodec.options import Encoding
from lvcodec.pieces.digest import digest_of, picture_crc
from lvcodec.pieces.fingerprint import Fingerprint
from lvcodec.pieces.machine import fitting_model
from lvcodec.pieces.plan import Plan
from lvcodec.pieces.receipt import Receipt, folder_is_there, receipt_of
from lvcodec.report import OnNotice, OnPicture
from lvcodec.stream.records import HEADER_BYTES
from lvcodec.video.atomic import AtomicFile
from lvcodec.video.base import Source, VideoLike
from lvcodec.video.picture import Picture
from lvcodec.video.source import ArraySource, open_source


def encode_piece(
    place: str | os.PathLike[str] | Plan,
    number: int,
    options: Encoding,
    *,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
) -> Receipt:
    """See lvcodec.encode_piece. options: those of this machine (plan.LOCAL)."""
    plan = place if isinstance(place, Plan) else Plan.read(place)
    plan.piece(number)
    if not options.overwrite and (receipt := _coded_already(plan, number)):
        if on_notice:
            on_notice(f"{plan.title(number)} is coded already; -y (overwrite=True) does it again")
        return receipt
    if Fingerprint.of(plan.source) != plan.fingerprint:
        raise InputError(f"{plan.source} is not the file that {plan.path} was made from", "make a new plan")
    return code(plan, number, options, on_picture=on_picture, on_notice=on_notice)


def code(
    plan: Plan,
    number: int,
    options: Encoding,
    *,
    source: VideoLike | None = None,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
) -> Receipt:
    """Code a piece into its file, whatever is there.

    source: a video of the piece's pictures alone; None: the plan's. Raises InputError if that has other pictures than
    the plan was made from, and what `lvcodec.encode` raises.
    """
    settings = _settings(plan, options)
    folder_is_there(plan.folder)

    def attempt(seek_s: Fraction | None) -> Receipt:
        with ExitStack() as stack:
            file = stack.enter_context(AtomicFile(plan.file_of(number), overwrite=True))
            pictures = stack.enter_context(_PieceSource(plan, number, source, seek_s))
            hashed, began, worked = _Hashed(file), time.monotonic(), time.process_time()
            report = encode(
                pictures,
                cast(BinaryIO, hashed),
                settings,
                on_picture=on_picture,
                on_notice=on_notice,
                qualities=plan.aim.qualities,
                starts=plan.pieces[number].starts,
                first_gop=plan.first_gops[number],
            )
            if hashed.head != plan.header.to_bytes():
                raise InputError(f"{plan.title(number)} has another header than {plan.path} says", "make a new plan")
            receipt = Receipt(
                plan.identity,
                number,
                digest_of(plan.qualities_of(number)),
                report.size_bytes,
                report.payload_bytes,
                hashed.digest.hexdigest(),
                round(time.monotonic() - began, 3),
                round(time.process_time() - worked, 3),
                platform.node(),
            )
            file.write(receipt.to_bytes())
        return receipt

    seek_s = plan.pieces[number].seek_s
    if seek_s is not None and source is None:
        try:
            return attempt(seek_s)
        except _OtherPictures:
            if on_notice:
                on_notice(f"{plan.title(number)} is not found by its time: all pictures before it are read")
    return attempt(None)


@enough_memory()
@whole_products()
def code_sample(
    plan: Plan, pictures: Sequence[Picture], index: int, options: Encoding, *, on_picture: OnPicture | None = None
) -> list[CodedGroup]:
    """Code pictures of a film as a GOP at a quality index, to try that: what the encoder of the whole film would."""
    source, groups, done = ArraySource(pictures, plan.header.video), [], 0
    with (
        opened(source, _settings(plan, options), plan.header.quality_index, Notices(None)) as clip,
        without_gradients(),
    ):
        for group in clip.coded([[Planned(picture, index) for picture in pictures]]):
            groups.append(group)
            done += len(group.pictures)
            if on_picture:
                on_picture(done, len(pictures))
    return groups


def _settings(plan: Plan, options: Encoding) -> Encoding:
    """The plan's options with those of this machine. Raises as fitting_model does."""
    info = fitting_model(plan, device=options.device, backend=options.backend)
    own = {field: getattr(options, field) for field in ("jobs", "device", "backend")}
    return replace(plan.encoding, model=info.path, frames=None, video_only=True, **own)


def _coded_already(plan: Plan, number: int) -> Receipt | None:
    try:
        return receipt_of(plan, number)
    except LvcError:  # foreign or damaged: it is coded anew
        return None


class _OtherPictures(InputError):
    """A source whose pictures are not those that the plan was made from."""


class _PieceSource(Source):
    """The pictures of a piece, with the format of the whole film.

    Raises _OtherPictures at the first picture or at the end if they are not what the plan was made from. What is found
    by seeking may be wrong in any way, so all errors are that, there.
    """

    def __init__(self, plan: Plan, number: int, source: VideoLike | None, seek_s: Fraction | None) -> None:
        piece, options = plan.pieces[number], plan.encoding
        before = options.frames[0] or 0 if options.frames else 0
        self._piece, self._title, self._sought = piece, plan.title(number), seek_s is not None
        self._place = plan.source if source is None else "what was sent"
        try:
            if source is not None:
                self._inner = open_source(source)
            else:
                self._inner = open_source(
                    plan.source,
                    size=options.size,
                    rate=plan.header.video.rate,
                    pix_fmt=options.pix_fmt,
                    frames=(before + piece.first, before + piece.end),
                    lenient=options.lenient,
                    seek_s=seek_s,
                )
        except InputError as error:
            raise self._to_tell(error) from error
        self._inner.fresh_notices()  # told when the plan was made
        super().__init__(self._place, plan.header.video, total=piece.pictures, frames=None, notices=())

    def _all(self, first: int) -> Generator[Picture, None, None]:
        crcs: list[int] = []
        try:
            for picture in self._inner:
                crcs.append(picture_crc(picture))
                if crcs[0] != self._piece.opening:
                    raise self._differs()
                yield picture
        except InputError as error:
            raise self._to_tell(error) from error
        if digest_of(crcs) != self._piece.digest:
            raise self._differs()

    def _differs(self) -> _OtherPictures:
        return _OtherPictures(
            f"{self._title}: {self._place} has other pictures there than the plan was made from", "make a new plan"
        )

    def _to_tell(self, error: InputError) -> InputError:
        return _OtherPictures(error.message, error.hint) if self._sought else error

    def _release(self) -> None:
        self._inner.close()


class _Hashed:
    """A file for writing that hashes all that goes into it. head: as many bytes as a header has."""

    def __init__(self, file: AtomicFile) -> None:
        self._file = file
        self.digest, self.head = hashlib.sha256(), b""

    def write(self, data: memoryview) -> int:
        """Write all of `data`, and return its size in bytes."""
        self.digest.update(data)
        self.head += bytes(data[: HEADER_BYTES - len(self.head)])
        return self._file.write(data)
