"""What the loop asks of a family's networks at one quality, in numpy; the one place that converts to their arrays.

Symbols are int32 arrays (M, H, W) at 1/16 of the padded picture, hyper-latents (Z, H/4, W/4). Latents stay as the
networks have them, (1, M, H, W): only they look into them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints
from lvcodec.errors import WeightsError
from lvcodec.nets.coding import Array, Coding, InterPath, Parameters, Planes, as_numpy
from lvcodec.sizes import padded
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from lvcodec.entropy.tables import TableSet

Bytes = NDArray[np.uint8]


class Network:
    """A family at one quality, for pictures of one size (width, height as shown; padding happens here).

    quality_index: which of the qualities; streams carry it. first_step: of an I-picture's first step, where one of
    this quality takes two (codec/two_steps.py).
    """

    def __init__(self, coding: Coding, width: int, height: int, quality_index: int) -> None:
        self.quality_index = quality_index
        self.coding, self.width, self.height = coding, width, height
        self._height, self._width = padded(height), padded(width)
        self.first_step: Self | None = None

    @property
    def tables(self) -> dict[str, TableSet]:
        return self.coding.tables

    @property
    def inter(self) -> InterPath:
        """The inter path. Raises WeightsError if the weights have none."""
        if self.coding.inter is None:
            raise WeightsError("these weights have no inter path", "take newer ones")
        return self.coding.inter

    def analyse(self, picture: Picture) -> Array:
        """U_ENC: the picture's latents, unrounded."""
        y, u, v = (self.coding.given(plane) for plane in self.padded(picture))
        return self.coding.analyse(y, u, v)

    def symbols(self, latents: Array) -> Ints:
        """Latents, or a difference of two, rounded to whole quantiser steps."""
        return ints(self.coding.symbols(latents)[0])

    def latents(self, steps: Ints) -> Array:
        """Latents of whole quantiser steps, (M, H, W)."""
        return self.coding.units(self._given(steps))

    def pixels(self, latents: Array) -> Picture:
        """U_DEC: the picture of latents."""
        return cropped(self.coding.pixels(latents), self.height, self.width)

    def padded(self, picture: Picture) -> Planes:
        """Planes of bytes, gone on as their edges to the size that the networks take, (1, 1, H, W)."""
        return padded_planes(picture, self._height, self._width)

    def latent_shape(self) -> tuple[int, int, int]:
        """(M, H/16, W/16)."""
        return self.coding.latent_shape(self._height, self._width)

    def hyper_index(self, stream: str) -> tuple[Ints, Ints]:
        """Table number and centre of each element of a hyper-latent: one table a channel."""
        channels, height, width = self.coding.z_shape(stream, self._height, self._width)
        index = np.broadcast_to(np.arange(channels, dtype=np.int32)[:, None, None], (channels, height, width))
        return index, self.coding.centres[stream][:, None, None]

    def intra_passes(self, z: Ints) -> Iterator[tuple[NDArray[np.intp], Callable[[Ints], tuple[Ints, Ints]]]]:
        """The order of an I-picture's symbols.

        For each pass the flat positions in (M, H, W), and a function that gives their means (eighths of a step) and
        levels from the symbols known so far, (M, H, W) contiguous.
        """
        for positions, parameters in self.coding.intra_passes(self._given(z)):
            yield positions, partial(self._ask, parameters)

    def _ask(self, parameters: Callable[[Array], Parameters], y_hat: Ints) -> tuple[Ints, Ints]:
        # As it is: cheng2020 asks thousands of times and looks at few symbols of the latent each time.
        mean8, level = parameters(self.coding.given(y_hat[None]))
        return ints(mean8).ravel(), ints(level).ravel()

    def p_parameters(self, z: Ints, y_ref: Array) -> tuple[Ints, Ints]:
        """P-HD, TPM, EPM: means (eighths of a step) and levels of a P-picture's residuals, (M, H, W)."""
        mean8, level = self.coding.p_parameters(self._given(z), y_ref)
        return ints(mean8[0]), ints(level[0])

    def compensated(self, steps: Ints, z: Ints, y_shift: NDArray[Any], undo: NDArray[Any], y_ref: Array) -> Array:
        """The latents that LCM makes of a reference, whose quantiser steps and latents are `steps` and `y_ref`.

        undo: what takes the shift back where the mean tells that there was one.
        """
        change = self.coding.compensate(self._given(z), self._given(y_shift), self._given(undo), y_ref)
        return self.coding.units(change + self._given(steps))

    def _given(self, array: NDArray[Any]) -> Array:
        """A batch of one, float64."""
        return self.coding.given(np.ascontiguousarray(array, dtype=np.float64)[None])


def ints(array: Array) -> Ints:
    """Whole numbers that networks have put out."""
    return np.ascontiguousarray(as_numpy(array), dtype=np.int32)


def padded_planes(picture: Picture, height: int, width: int) -> tuple[Bytes, Bytes, Bytes]:
    """Copies of planes, gone on as their edges to a size of luma, (1, 1, H, W)."""
    y, u, v = (
        _padded(plane, height // part, width // part) for plane, part in zip(picture.planes, (1, 2, 2), strict=True)
    )
    return y[None, None], u[None, None], v[None, None]


def cropped(planes: Iterable[Array], height: int, width: int) -> Picture:
    """The picture of padded planes of levels, (1, 1, H, W): as much of them as a size of luma shows."""
    chroma = (height + 1) // 2, (width + 1) // 2
    cut = [
        np.ascontiguousarray(as_numpy(plane)[0, 0, :rows, :columns], dtype=np.uint8)
        for plane, (rows, columns) in zip(planes, ((height, width), chroma, chroma), strict=True)
    ]
    return Picture(*cut)


def _padded(plane: Bytes, height: int, width: int) -> Bytes:
    rows, columns = plane.shape
    out = np.empty((height, width), dtype=np.uint8)  # numpy's pad takes several times as long
    out[:rows, :columns] = plane
    out[:rows, columns:] = plane[:, -1:]
    out[rows:] = out[rows - 1]
    return out
