"""What decoding does with one GOP: records in, pictures out. Its first record is an I-picture's, unless it was lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from lvcodec.codec.dpb import DecodedPictures
from lvcodec.codec.later import Compute, Later, Pixels, When, at_once, ready
from lvcodec.codec.modes import mode_of
from lvcodec.codec.networks import Networks
from lvcodec.codec.picture import decode_picture
from lvcodec.codec.state import State
from lvcodec.entropy.coder import Coder
from lvcodec.errors import MismatchError, StreamError, UsageError
from lvcodec.options import Decoding
from lvcodec.stream.header import Header
from lvcodec.stream.records import PictureRecord, planes_checksum
from lvcodec.video.picture import Picture


@dataclass(frozen=True)
class Shown:
    """A decoded picture, its number in the stream, and whether it stands in for a damaged one."""

    pixels: Pixels
    number: int
    concealed: bool = False

    @property
    def picture(self) -> Picture:
        """Waited for. Raises MismatchError if it is not the encoder's and that is checked."""
        return ready(self.pixels)


def gops_of(records: Iterator[PictureRecord | StreamError]) -> Iterator[Iterator[PictureRecord | StreamError]]:
    """Records from one I-picture up to the next, each read as it is asked for; a GOP is used up before the next."""
    following = next(records, None)
    while following is not None:

        def gop() -> Iterator[PictureRecord | StreamError]:
            nonlocal following
            record, begun = following, False
            while record is not None and not (begun and isinstance(record, PictureRecord) and record.kind == "I"):
                yield record
                begun, record = True, next(records, None)
            following = record

        yield gop()


def decode_gop(
    records: Iterable[PictureRecord | StreamError], header: Header, networks: Networks, options: Decoding
) -> Iterator[Shown | StreamError]:
    """Decode one GOP, and show its pictures in the order of display, as soon as their symbols are read.

    With `options.conceal`, damage is passed on as the error, and what depends on it is left out.
    """
    with Later() as later:
        yield from _decoded(records, header, networks, options, later)


def _decoded(
    records: Iterable[PictureRecord | StreamError], header: Header, networks: Networks, options: Decoding, later: When
) -> Iterator[Shown | StreamError]:
    decoded = DecodedPictures()
    for record in records:
        if isinstance(record, StreamError):
            decoded = DecodedPictures()
            yield record
            continue
        state: State | None = None
        references = decoded.references(record)
        if references is not None:  # else after damage: the reader lets no stream begin with a P-picture
            try:
                when = partial(_checked, later, record) if options.check else later
                state, _ = decode_record(record, references, header, networks, when)
            except StreamError as error:
                if not options.conceal:
                    raise
                yield error
        for number, pixels in decoded.add(record, state):
            yield Shown(pixels, number)


def _checked(when: When, record: PictureRecord, compute: Compute) -> Pixels:
    """A picture's pixels, compared with the encoder's when they are computed."""

    def checked() -> Picture:
        picture = compute()
        check_picture(picture, record, "--no-check decodes on")
        return picture

    return when(checked)


def decode_record(
    record: PictureRecord, references: tuple[State, ...], header: Header, networks: Networks, when: When = at_once
) -> tuple[State, Coder]:
    """Decode a picture. references: states after the pictures it refers to. Returns its own, and the coder.

    when: its pixels are computed.

    Raises StreamError that names the picture if it is damaged, or of a quality that the weights lack.
    """
    try:
        net = networks.at(record.quality_index)
        mode = mode_of(header.mode, record.shift)
        return decode_picture(record.payload, references, record.step, net, mode, record.shift.alpha, when)
    except (StreamError, UsageError) as error:  # the quality is the user's in encoding, here the stream's
        raise StreamError(
            f"picture {record.number}: {error.message}", error.hint, offset=record.offset, picture=record.number
        ) from error


def check_picture(picture: Picture, record: PictureRecord, hint: str) -> None:
    """Raise MismatchError if a decoded picture is not the encoder's. hint: what the user can do besides reporting."""
    got = planes_checksum(picture)
    if got != record.checksum:
        raise MismatchError(
            f"picture {record.number} decoded to other pixels than the encoder's "
            f"(checksum {got:04x}, not {record.checksum:04x})",
            f"please report it; {hint}",
            picture=record.number,
            expected=record.checksum,
            got=got,
        )
