"""The swift family at one quality, as the loop sees it (nets/coding.py): whole numbers in, whole numbers out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvcodec.entropy.tables import TableSet
from lvcodec.exact.packed import Packed, pack
from lvcodec.nets.swift import (
    LATENT_MAX,
    UNITS_PER_LEVEL,
    Swift,
    bytes_to_channels,
    channels_to_bytes,
    channels_to_planes,
    planes_to_channels,
    steps_from_tables,
)

CHANGE_MAX = 2**16  # of a channel of the decoder's output, UNITS_PER_LEVEL a level


class SwiftCoding:
    """Implements nets.coding.Coding. tables, centres: by name; steps: the exported integer tables.

    The model must hold its integers (models/loading.py loads them).
    """

    def __init__(
        self,
        model: Swift,
        steps: dict[str, Tensor],
        tables: dict[str, TableSet],
        centres: dict[str, NDArray[np.int32]],
        quality_index: int,
    ) -> None:
        self.model, self.tables, self.centres = model, tables, centres
        self.steps, self.quality_index = steps_from_tables(steps, quality_index), quality_index

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """(M, H/16, W/16) of padded pictures."""
        return self.model.shape.latent, height // 16, width // 16

    def z_shape(self, stream: str, height: int, width: int) -> tuple[int, int, int]:
        """(Z, H/64, W/64) of a hyper-latent, by the name of its prior."""
        shape = self.model.shape
        return shape.z_channels if stream == "z_intra" else shape.temporal, height // 64, width // 64

    def analyse(self, y: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """U_ENC: padded planes of bytes to latent units."""
        if self.model.packs:
            return self.model.analysis(bytes_to_channels(y, u, v))
        return self.model.analysis(planes_to_channels(y.float(), u.float(), v.float()))

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

    def pixels(self, units: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """U_DEC: latent units to padded planes of levels 0..255."""
        return self._planes(self.model.synthesis(units, self.steps))

    def changed(
        self, planes: tuple[Tensor, Tensor, Tensor], before: Tensor, after: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Padded planes of bytes, and U_DEC(after) - U_DEC(before) added before anything is rounded or clamped."""
        made = self.model.synthesis(torch.cat([after, before]).clamp_(-LATENT_MAX, LATENT_MAX), self.steps)
        if not self.model.packs:
            x = planes_to_channels(*(plane.double() for plane in planes)) * UNITS_PER_LEVEL
            return self._planes(x + made[:1] - made[1:])
        # A change of CHANGE_MAX is white or black already, and below it float32 holds all sixteenths of a level.
        change = made[:1].sub_(made[1:]).clamp_(-CHANGE_MAX, CHANGE_MAX).to(torch.float32)
        levels = change.mul_(1.0 / UNITS_PER_LEVEL).add_(bytes_to_channels(*planes).data)
        return channels_to_bytes(Packed(levels.round_().clamp_(0, 255).to(torch.uint8)))

    def _planes(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.model.packs:
            return channels_to_bytes(pack(x, 1.0 / UNITS_PER_LEVEL))
        return channels_to_planes(torch.round(x * (1.0 / UNITS_PER_LEVEL)).clamp(-128, 127))

    def hyper(self, latents: Tensor) -> Tensor:
        """h_a of the picture's latents, whole."""
        return self.model.hyper_analysis(latents, self.steps)

    def intra_passes(self, z: Tensor) -> Iterator[tuple[NDArray[np.intp], Callable[[Tensor], tuple[Tensor, Tensor]]]]:
        """Four passes: the first channels at even and odd positions, then the others."""
        psi = self.model.hyper_features(z, self.steps)
        shape = self.model.shape.latent, psi.shape[2], psi.shape[3]
        for step, (positions, inside) in enumerate(_positions(shape, self.model.first_group)):

            def parameters(y_hat: Tensor, step: int = step, inside: Tensor = inside) -> tuple[Tensor, Tensor]:
                pair = self.model.context_step(step, psi, self.units(y_hat.double()), self.steps)
                return pair[0].flatten()[inside], pair[1].flatten()[inside]

            yield positions, parameters

    def p_hyper(self, y_ref: Tensor, y_res: Tensor) -> Tensor:
        """P-HE."""
        return self.model.p_hyper(y_ref, y_res)

    def p_parameters(self, z: Tensor, y_ref: Tensor) -> tuple[Tensor, Tensor]:
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
