"""One picture of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lvcodec.errors import InputError

Plane = npt.NDArray[np.uint8]


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
