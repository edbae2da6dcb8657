"""Side data that tells when and how pictures are shown: fields, then the pictures' durations, deflated.

A duration is written as its difference from the one before (from 0 for the first): at a constant rate that is zeros.
"""

from __future__ import annotations

import io
import zlib
from array import array
from collections.abc import Sequence
from fractions import Fraction

from lvcodec.errors import StreamError
from lvcodec.stream import fields
from lvcodec.stream.layout import VARINT_BYTES, Count, Field, Layout, LayoutReader, LayoutWriter
from lvcodec.stream.lookahead import Lookahead
from lvcodec.video.presentation import MAX_PARTS, Presentation

MAX_START_S = 1 << 31


def write_presentation(shown: Presentation) -> bytes:
    """The bytes of a presentation. Raises InputError for a value out of its range."""
    values = {
        "aspect_num": shown.aspect.numerator,
        "aspect_den": shown.aspect.denominator,
        "tick_num": shown.tick.numerator,
        "tick_den": shown.tick.denominator,
        "start": shown.start,
    }
    data = bytes(LayoutWriter().put(fields.PRESENTATION, values).data)
    return data + (b"" if shown.durations is None else _deflated(shown.durations))


def read_presentation(data: bytes, pictures: int) -> Presentation:
    """The presentation of a stream of so many pictures. Raises StreamError if the bytes are none."""
    reader = LayoutReader(Lookahead(io.BytesIO(data)).reader())
    values = reader.get(fields.PRESENTATION)
    rest = data[reader.size_bytes :]
    tick = Fraction(values["tick_num"], values["tick_den"])
    if values["start"] * tick > MAX_START_S:
        raise StreamError(f"pictures begin after {values['start'] * tick} s")
    return Presentation(
        tick=tick,
        start=values["start"],
        durations=_inflated(rest, pictures) if rest else None,
        aspect=Fraction(values["aspect_num"], values["aspect_den"]),
    )


def _changes(pictures: int) -> Layout:
    """How a picture's duration differs from that before: 2c where it is longer by c, 2c − 1 where it is shorter."""
    return (Field("changes", "varint", "", count=Count("n", lambda values: pictures), framing=True),)


def _deflated(durations: Sequence[int]) -> bytes:
    before, changes = 0, []
    for duration in durations:
        change, before = duration - before, duration
        changes.append(2 * change if change >= 0 else -2 * change - 1)
    return zlib.compress(LayoutWriter().put(_changes(len(changes)), {"changes": tuple(changes)}).data, 9)


def _inflated(data: bytes, pictures: int) -> array[int]:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, VARINT_BYTES * pictures + 1)  # a forged stream costs no more memory
    except zlib.error as error:
        raise StreamError(f"the durations of pictures cannot be inflated: {error}") from error
    reader = LayoutReader(Lookahead(io.BytesIO(plain)).reader())
    durations, before = array("q"), 0
    for number in reader.get(_changes(pictures))["changes"]:
        before += number // 2 if number % 2 == 0 else -(number + 1) // 2
        if not 1 <= before <= MAX_PARTS:
            raise StreamError(f"a picture of {before} ticks")
        durations.append(before)
    if reader.size_bytes != len(plain) or not inflater.eof:
        raise StreamError("there are more durations than pictures")
    if inflater.unused_data:
        raise StreamError("something follows the durations of pictures")
    return durations
