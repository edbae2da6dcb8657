"""What the loop asks of a family's networks at one quality, in numpy; the one place that converts to tensors.

Symbols are int32 arrays (M, H, W) at 1/16 of the padded picture, hyper-latents (Z, H/4, W/4). `Latents` stay
tensors: only the networks look into them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints
from lvcodec.errors import WeightsError
from lvcodec.nets.coding import Coding, Parameters, Planes
from lvcodec.sizes import padded
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from torch import Tensor

    from lvcodec.entropy.tables import TableSet
    from lvcodec.nets.inter_coding import InterCoding


class Network:
    """A family at one quality, for pictures of one size (width, height as shown; padding happens here).

    quality_index: which of the qualities; streams carry it.
    """

    def __init__(self, coding: Coding, width: int, height: int, device: Any, quality_index: int) -> None:
        self.quality_index = quality_index
        self.coding, self.width, self.height, self.device = coding, width, height, device
        self._height, self._width = padded(height), padded(width)

    @property
    def tables(self) -> dict[str, TableSet]:
        return self.coding.tables

    @property
    def inter(self) -> InterCoding:
        """The inter path, of `aligned`. Raises WeightsError if the weights have none."""
        if self.coding.inter is None:
            raise WeightsError("these weights have no inter path", "--mode lds codes without, or take newer weights")
        return self.coding.inter

    def analyse(self, picture: Picture) -> Tensor:
        """U_ENC: the picture's latents, unrounded."""
        return self.coding.analyse(*self._padded(picture))

    def symbols(self, latents: Tensor) -> Ints:
        """Latents, or a difference of two, rounded to whole quantiser steps."""
        return ints(self.coding.symbols(latents))

    def latents(self, steps: NDArray[Any] | Tensor) -> Tensor:
        """Latents of quantiser steps: whole ones, (M, H, W), or a tensor as `compensate` gives it."""
        return self.coding.units(self._tensor(steps) if isinstance(steps, np.ndarray) else steps)

    def steps(self, symbols: NDArray[Any]) -> Tensor:
        """Quantiser steps as a tensor, (1, M, H, W) float64."""
        return self._tensor(symbols)

    def pixels(self, latents: Tensor) -> Picture:
        """U_DEC: the picture of latents."""
        return self._picture(self.coding.pixels(latents))

    def _padded(self, picture: Picture) -> Planes:
        import torch

        y, u, v = (
            torch.from_numpy(
                np.pad(
                    plane,
                    ((0, self._height // part - plane.shape[0]), (0, self._width // part - plane.shape[1])),
                    mode="edge",
                )
            ).to(self.device)[None, None]
            for plane, part in zip(picture.planes, (1, 2, 2), strict=True)
        )
        return y, u, v

    def _picture(self, planes: Planes) -> Picture:
        import torch

        chroma = (self.height + 1) // 2, (self.width + 1) // 2
        cut = [
            np.ascontiguousarray(p[0, 0, :h, :w].to(torch.uint8).cpu().numpy())
            for p, (h, w) in zip(planes, ((self.height, self.width), chroma, chroma), strict=True)
        ]
        return Picture(*cut)

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
        for positions, parameters in self.coding.intra_passes(self._tensor(z)):
            yield positions, partial(self._ask, parameters)

    def _ask(self, parameters: Callable[[Tensor], Parameters], y_hat: Ints) -> tuple[Ints, Ints]:
        import torch

        # Not converted here: cheng2020 asks thousands of times and looks at few symbols of the latent each time.
        return _pair(parameters(torch.from_numpy(y_hat).to(self.device)[None]))

    def p_parameters(self, z: Ints, y_ref: Tensor) -> tuple[Ints, Ints]:
        """P-HD, TPM, EPM: means (eighths of a step) and levels of a P-picture's residuals, (M, H, W)."""
        mean8, level = _pair(self.coding.p_parameters(self._tensor(z), y_ref))
        return mean8.reshape(self.latent_shape()), level.reshape(self.latent_shape())

    def compensate(self, z: Ints, y_shift: NDArray[Any], undo: NDArray[Any], y_ref: Tensor) -> Tensor:
        """LCM: the change of y_ref in quantiser steps, (1, M, H, W) multiples of 1/64, float64.

        undo: what takes the shift back where the mean tells that there was one.
        """
        return self.coding.compensate(self._tensor(z), self._tensor(y_shift), self._tensor(undo), y_ref)

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device, torch.float64)[None]


def ints(tensor: Tensor) -> Ints:
    """The first of a batch of whole numbers, as an array."""
    import torch

    from lvcodec.exact.packed import planar

    return np.asarray(planar(tensor.to(torch.int32))[0].cpu().numpy())


def _pair(parameters: Parameters) -> tuple[Ints, Ints]:
    mean8, level = (ints(part if part.dim() == 4 else part.view(1, 1, 1, -1)) for part in parameters)
    return mean8.ravel(), level.ravel()
