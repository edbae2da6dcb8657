"""What all pictures of a clip share: size, rate, colour."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from lvcodec.errors import InputError
from lvcodec.sizes import picture_bytes
from lvcodec.video.colour import Colour

MAX_SIDE = 65535
MAX_PIXELS = 1 << 28  # 16384 x 16384: a lying header costs no more than 400 MB


@dataclass(frozen=True)
class VideoFormat:
    """Size in luma samples (1..65535 each, at most 2**28 in all), pictures a second, colour.

    range_stated: whether a source says its range; else `colour` has the usual one. No stream keeps that. aspect: of
    samples, width over height.
    Raises InputError for a size or rate out of range.
    """

    width: int
    height: int
    rate: Fraction
    colour: Colour = field(default_factory=Colour)
    range_stated: bool = field(default=True, compare=False, repr=False)
    aspect: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        check_size(self.width, self.height)
        if self.rate <= 0:
            raise InputError(f"{self.rate} pictures a second is no rate")

    @property
    def picture_bytes(self) -> int:
        """Bytes of one picture as raw 8-bit 4:2:0."""
        return picture_bytes(self.width, self.height)


def check_size(width: int, height: int, name: str = "the clip") -> None:
    """Raise InputError, about `name`, unless 1 <= width, height <= 65535 and width * height <= 2**28."""
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise InputError(f"{name} is said to be {width}x{height}, not within 1x1 and {MAX_SIDE}x{MAX_SIDE}")
    if width * height > MAX_PIXELS:
        raise InputError(f"{name} is said to be {width}x{height}: more than {MAX_PIXELS} pixels a picture")
