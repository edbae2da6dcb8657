"""The swift family at one quality, as the loop sees it (nets/coding.py): whole numbers in, whole numbers out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvcodec.entropy.tables import TableSet
from lvcodec.exact.planes import channels_to_planes
from lvcodec.nets.coding import InterPath, Parameters, Planes
from lvcodec.nets.inter_coding import InterCoding
from lvcodec.nets.linear import LATENT_MAX, UNITS_PER_LEVEL
from lvcodec.nets.swift import Swift, steps_from_tables


class SwiftCoding:
    """Implements nets.coding.Coding. tables, centres: by name; steps: the exported integer tables; inter: if it has it.

    The model must hold its integers (models/loading.py loads them).
    """

    def __init__(
        self,
        model: Swift,
        steps: dict[str, Tensor],
        tables: dict[str, TableSet],
        centres: dict[str, NDArray[np.int32]],
        quality_index: int,
        inter: InterCoding | None = None,
    ) -> None:
        self.model, self.tables, self.centres = model, tables, centres
        self.inter: InterPath | None = inter
        self.steps, self.quality_index = steps_from_tables(steps, quality_index), quality_index
        self._backend = model.enc_out.backend

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """(M, H/16, W/16) of padded pictures."""
        return self.model.shape.latent, height // 16, width // 16

    def z_shape(self, stream: str, height: int, width: int) -> tuple[int, int, int]:
        """(Z, H/64, W/64) of a hyper-latent, by the name of its prior."""
        shape = self.model.shape
        return shape.z_channels if stream == "z_intra" else shape.temporal, height // 64, width // 64

    def given(self, array: NDArray[Any]) -> Tensor:
        """See Coding."""
        return torch.from_numpy(array).to(self.steps.gain.device)

    def analyse(self, y: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """U_ENC: padded planes of bytes to latent units."""
        return self.model.analysis(self._backend.levels(y, u, v))

    def scaled(self, latents: Tensor) -> Tensor:
        """latents * gain."""
        return latents * self.steps.gain

    def step_sizes(self) -> Tensor:
        """A quantiser step of each latent in coefficients of the linear path, nearly orthonormal; (1, M, 1, 1)."""
        return self.steps.size

    def symbols(self, latents: Tensor) -> Tensor:
        """round(latents * gain)."""
        return self.scaled(latents).round_()

    def units(self, symbols: Tensor) -> Tensor:
        """Latent units of quantiser steps (whole, or multiples of 1/64)."""
        units = (symbols * self.steps.inverse).round_()
        return units.clamp_(-LATENT_MAX, LATENT_MAX)  # a forged stream may hold symbols of any size

    def pixels(self, units: Tensor) -> Planes:
        """U_DEC: latent units to padded planes of levels 0..255."""
        return channels_to_planes(self._backend.units(self.model.synthesis(units, self.steps), 1.0 / UNITS_PER_LEVEL))

    def hyper(self, latents: Tensor) -> Tensor:
        """h_a of the picture's latents, whole."""
        return self.model.hyper_analysis(latents, self.steps)

    def intra_passes(self, z: Tensor) -> Iterator[tuple[NDArray[np.intp], Callable[[Tensor], Parameters]]]:
        """Four passes: the first channels at even and odd positions, then the others."""
        psi = self.model.hyper_features(z, self.steps)
        shape = self.model.shape.latent, psi.shape[2], psi.shape[3]
        for step, (positions, inside) in enumerate(_positions(shape, self.model.shape.first_group)):

            def parameters(y_hat: Tensor, step: int = step, inside: Tensor = inside) -> tuple[Tensor, Tensor]:
                pair = self.model.context_step(step, psi, self.units(y_hat.double()), self.steps)
                return pair[0].flatten()[inside], pair[1].flatten()[inside]

            yield positions, parameters

    def p_hyper(self, y_ref: Tensor, y_res: Tensor) -> Tensor:
        """P-HE."""
        return self.model.p_hyper(y_ref, y_res)

    def p_parameters(self, z: Tensor, y_ref: Tensor) -> Parameters:
        """P-HD, TPM, EPM."""
        return self.model.p_parameters(z, y_ref, self.steps)

    def shift_hyper(self, direction: Tensor, latents: Tensor) -> Tensor:
        """BFD-E."""
        return self.model.shift_hyper(direction, latents)

    def compensate(self, z: Tensor, y_shift: Tensor, undo: Tensor, y_ref: Tensor) -> Tensor:
        """LCM, as a change of y_ref in quantiser steps.

        A symbol more than half a step from the mean has been shifted for certain, and the decoder takes that back:
        only at the mean is anything lost that LCM has to repair. (The paper's LCM sees y_shift.)
        """
        return self.model.compensate(z, y_shift + undo, y_ref, self.steps)


@lru_cache(maxsize=4)
def _positions(shape: tuple[int, int, int], first: int) -> list[tuple[NDArray[np.intp], Tensor]]:
    """Of each pass: its flat positions in the latent, and the same within the pass's own channel group."""
    channels, height, width = shape
    odd = (np.arange(height)[:, None] + np.arange(width)) % 2
    passes = []
    for start, end in ((0, first), (first, channels)):
        for parity in (0, 1):
            inside = np.flatnonzero(np.broadcast_to(odd == parity, (end - start, height, width)))
            passes.append((inside + start * height * width, torch.from_numpy(inside)))
    return passes
