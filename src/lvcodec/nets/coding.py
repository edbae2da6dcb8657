"""What the loop asks of a family at one quality: nets/swift_coding.py and nets/cheng2020_coding.py implement it.

    analyse (U_ENC), pixels (U_DEC)               planes of bytes to latents and back
    scaled, symbols, units, step_sizes            latents in quantiser steps and back
    hyper, intra_passes                           I-pictures' entropy model
    p_hyper, p_parameters                         P-pictures' (P-HE; P-HD, TPM, EPM)
    shift_hyper, compensate                       the shift (BFD-E; BFD-D, LCM)
    inter                                         P- and B-pictures of `aligned`, where the model has it

`scaled`, `step_sizes`, `hyper`, `p_hyper` and `shift_hyper` are for the encoder alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints

if TYPE_CHECKING:
    from torch import Tensor

    from lvcodec.entropy.tables import TableSet
    from lvcodec.nets.inter_coding import InterCoding

Parameters = tuple["Tensor", "Tensor"]
Planes = tuple["Tensor", "Tensor", "Tensor"]


class Coding(Protocol):
    """A family at one quality; tensors have a batch of one and hold whole numbers, exact."""

    tables: dict[str, TableSet]
    centres: dict[str, Ints]
    inter: InterCoding | None

    def analyse(self, y: Tensor, u: Tensor, v: Tensor) -> Tensor: ...
    def scaled(self, latents: Tensor) -> Tensor: ...
    def step_sizes(self) -> Tensor | None: ...
    def symbols(self, latents: Tensor) -> Tensor: ...
    def units(self, symbols: Tensor) -> Tensor: ...
    def pixels(self, units: Tensor) -> Planes: ...
    def hyper(self, latents: Tensor) -> Tensor: ...
    # The functions that it yields take symbols of any numeric type.
    def intra_passes(self, z: Tensor) -> Iterator[tuple[NDArray[np.intp], Callable[[Tensor], Parameters]]]: ...
    def p_hyper(self, y_ref: Tensor, y_res: Tensor) -> Tensor: ...
    def p_parameters(self, z: Tensor, y_ref: Tensor) -> Parameters: ...
    def shift_hyper(self, direction: Tensor, latents: Tensor) -> Tensor: ...
    def compensate(self, z: Tensor, y_shift: Tensor, undo: Tensor, y_ref: Tensor) -> Tensor: ...
    def z_shape(self, stream: str, height: int, width: int) -> tuple[int, int, int]: ...
    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]: ...
