"""One picture of a clip, and what all pictures of a clip share."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from lvcodec.errors import InputError
from lvcodec.report import picture_bytes
from lvcodec.video.colour import Colour, Plane

MAX_SIDE = 65535
MAX_PIXELS = 1 << 28  # 16384 x 16384: a lying header costs no more than 400 MB


@dataclass(frozen=True, eq=False)
class Picture:
    """8-bit planar 4:2:0: y (H, W), u and v (ceil(H/2), ceil(W/2)), np.uint8, C-contiguous.

    Raises InputError if a plane has another type or shape.
    """

    y: Plane
    u: Plane
    v: Plane

    def __post_init__(self) -> None:
        if self.y.ndim != 2 or self.y.size == 0:
            raise InputError(f"luma plane of shape {self.y.shape} is no picture")
        chroma = ((self.y.shape[0] + 1) // 2, (self.y.shape[1] + 1) // 2)
        for name, plane, shape in (("y", self.y, self.y.shape), ("u", self.u, chroma), ("v", self.v, chroma)):
            if plane.dtype != np.uint8:
                raise InputError(f"plane {name} is {plane.dtype}, not uint8")
            if plane.shape != shape:
                raise InputError(f"plane {name} is {plane.shape}, not {shape}")
            if not plane.flags.c_contiguous:
                object.__setattr__(self, name, np.ascontiguousarray(plane))

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Y, U, V."""
        return self.y, self.u, self.v

    @property
    def width(self) -> int:
        """Luma samples a row."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Luma rows."""
        return int(self.y.shape[0])

    def tobytes(self) -> bytes:
        """Y, U, V one after the other, row by row: one picture of a raw yuv420p file."""
        return b"".join(plane.tobytes() for plane in self.planes)

    @classmethod
    def frombuffer(cls, data: bytes | bytearray | memoryview, width: int, height: int) -> Picture:
        """The picture in `data`, laid out as by `tobytes`; shares its memory. Raises InputError on another length."""
        c_width, c_height = (width + 1) // 2, (height + 1) // 2
        luma, chroma = width * height, c_width * c_height
        if len(data) != luma + 2 * chroma:
            raise InputError(f"{len(data)} bytes are no {width}x{height} picture of 8-bit 4:2:0")
        samples = np.frombuffer(data, np.uint8)
        return cls(
            samples[:luma].reshape(height, width),
            samples[luma : luma + chroma].reshape(c_height, c_width),
            samples[luma + chroma :].reshape(c_height, c_width),
        )


@dataclass(frozen=True)
class VideoFormat:
    """Size in luma samples (1..65535 each, at most 2**28 in all), pictures a second, colour.

    Raises InputError for a size or rate out of range.
    """

    width: int
    height: int
    rate: Fraction
    colour: Colour = field(default_factory=Colour)

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
