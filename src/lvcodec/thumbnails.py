"""Contact sheets: pictures spread over a stream, shrunken, in rows, each with its time beneath.

    stream ──► numbers of pictures ──► decode each from the I-picture before it ──► shrink ──► page ──► file

The pictures come one from each of as many equal parts of the stream. Where an I-picture lies in a part that is taken,
since it costs no other picture; a shot begins there, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lvcodec.codec.pictures import VideoReader
from lvcodec.errors import InputError, UsageError
from lvcodec.report import OnNotice, OnPicture
from lvcodec.stream.files import create_stream
from lvcodec.video.atomic import check_output
from lvcodec.video.writing import write_all

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MOST, WIDEST = 1000, 4096  # pictures; pixels
GAP = 8  # pixels between pictures, and around them
TEXT = 24  # pixels of height for a time
PAPER, INK = 255, 40
MOST_SIDE = 65535  # of a page: what PNG and JPEG readers take

Page = NDArray[np.uint8]


def contact_sheet(
    source: StreamLike,
    target: StreamLike,
    *,
    count: int = 12,
    columns: int = 4,
    width: int = 320,
    overwrite: bool = False,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
) -> list[int]:
    """Draw a contact sheet, and return the numbers of its pictures.

    source: as for lvcodec.open. target: a path that ends in .png, .jpg or .webp, or "-" or a file object, which get
    PNG. count: how many pictures, 1 to 1000; fewer where the stream has no more. columns: how many in a row. width: of
    each, in pixels, 16 to 4096.
    Raises UsageError, InputError; StreamError, MismatchError, WeightsError as lvcodec.open does.
    """
    suffix = check_sheet(target, count=count, columns=columns, width=width)
    check_output(target, source, overwrite=overwrite)
    with VideoReader(source, on_notice=on_notice) as video:
        numbers = spread(len(video), video.keys, count)
        if not numbers:
            raise InputError("the stream holds no pictures")
        height = max(1, round(width * video.height / video.width))
        page = _Sheet(len(numbers), min(columns, len(numbers)), width, height)
        times = texts_of([video.time_of(number) for number in numbers])
        for done, (number, time) in enumerate(zip(numbers, times, strict=True), 1):
            page.add(video[number], time)
            if on_picture:
                on_picture(done, len(numbers))
    with create_stream(target, overwrite=overwrite) as file:
        write_all(file, _encoded(page.pixels, suffix), "the contact sheet")
    return numbers


def check_sheet(target: StreamLike, *, count: int, columns: int, width: int) -> str:
    """The suffix that says what kind of file the sheet becomes. Raises UsageError, as contact_sheet does."""
    for name, value, least, most in (
        ("count", count, 1, MOST),
        ("columns", columns, 1, MOST),
        ("width", width, 16, WIDEST),
    ):
        if not least <= value <= most:
            raise UsageError(f"{name} is {value}; it must be {least} to {most}")
    suffix = SUFFIXES[0]
    if isinstance(target, str | os.PathLike) and os.fspath(target) != "-":
        suffix = Path(target).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{target} is no name for a contact sheet", f"let it end in one of {', '.join(SUFFIXES)}")
    return suffix


def spread(total: int, keys: Sequence[int], count: int) -> list[int]:
    """Numbers of at most `count` of `total` pictures, in order: one from each of as many equal parts.

    keys: the numbers of I-pictures. Of those in a part the one next to its middle is taken, else the middle itself.
    """
    count = min(count, total)
    bounds = [total * part // count for part in range(count + 1)] if count else [0]
    return [_of_part(first, end, keys) for first, end in zip(bounds, bounds[1:], strict=False)]


def _of_part(first: int, end: int, keys: Sequence[int]) -> int:
    middle = (first + end) // 2
    return min((key for key in keys if first <= key < end), key=lambda key: abs(key - middle), default=middle)


def texts_of(times_s: Sequence[float]) -> Iterator[str]:
    """Times as "1:02.50", with hours where the last one has any, and hundredths where two would read the same."""
    fine = any(after - before < 1 for before, after in zip(times_s, times_s[1:], strict=False))
    for time_s in times_s:
        hundredths = round(time_s * 100) if fine else int(time_s) * 100
        minutes, rest = divmod(hundredths, 6000)
        hours, minutes = divmod(minutes, 60)
        clock = f"{hours}:{minutes:02}" if times_s[-1] >= 3600 else f"{minutes}"
        yield f"{clock}:{rest // 100:02}" + (f".{rest % 100:02}" if fine else "")


class _Sheet:
    """A page on which pictures are put from left to right and from top to bottom."""

    def __init__(self, count: int, columns: int, width: int, height: int) -> None:
        self._columns, self._width, self._height = columns, width, height
        self._done = 0
        rows = -(-count // columns)
        shape = (GAP + rows * (height + TEXT), GAP + columns * (width + GAP))
        if max(shape) > MOST_SIDE:
            raise UsageError(
                f"the contact sheet would be {shape[1]}x{shape[0]}, more than {MOST_SIDE}",
                "fewer or smaller pictures make it smaller",
            )
        self.pixels: Page = np.full((*shape, 3), PAPER, np.uint8)

    def add(self, rgb: Page, text: str) -> None:
        """Put the next picture in its place, shrunken, with the text beneath."""
        import cv2

        row, column = divmod(self._done, self._columns)
        self._done += 1
        top, left = GAP + row * (self._height + TEXT), GAP + column * (self._width + GAP)
        shrinks = rgb.shape[1] >= self._width
        small = cv2.resize(
            rgb,
            (self._width, self._height),
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC,
        )
        self.pixels[top : top + self._height, left : left + self._width] = small
        font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.45
        (length, _), _ = cv2.getTextSize(text, font, size, 1)
        place = (left + max(0, self._width - length) // 2, top + self._height + TEXT - GAP)
        cv2.putText(self.pixels, text, place, font, size, (INK, INK, INK), 1, cv2.LINE_AA)


def _encoded(page: Page, suffix: str) -> Page:
    """The bytes of an image file. Raises InputError where the format has no room for the page."""
    import cv2

    try:
        done, data = cv2.imencode(suffix, page[:, :, ::-1])
        if done:
            return np.asarray(data, np.uint8)
    except cv2.error:
        pass
    raise InputError(
        f"no {suffix} file can hold a page of {page.shape[1]}x{page.shape[0]}",
        "fewer or smaller pictures make it smaller",
    )
