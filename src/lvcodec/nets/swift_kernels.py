"""The swift family at one quality as SwiftCoding is, by the compiled kernels: no torch.

The networks of nets/swift.py once more, in numpy, channels last, as they code; models/canary.py and the tests compare
them with those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Indices, Ints, Reals
from lvcodec.entropy import grid
from lvcodec.entropy.tables import TableSet
from lvcodec.exact.formats import INT8
from lvcodec.exact.layers import RECTIFIED, SIGNED, Bytes, Layers, added, shuffled, units, unshuffled
from lvcodec.exact.patches import channels_of, planes_of
from lvcodec.nets import shapes
from lvcodec.nets.coding import InterPath
from lvcodec.nets.inter_context import is_even
from lvcodec.nets.inter_kernels import InterKernels
from lvcodec.nets.linear import LATENT_MAX, LINEAR, UNITS_PER_COEFFICIENT, UNITS_PER_LEVEL
from lvcodec.nets.shapes import LATENT_GRID, MIDDLE_INDEX, PARAMETER_GRID, STEPS, SwiftShape

Array = NDArray[Any]
LEVELS_PER_OUTPUT = 8 / PARAMETER_GRID  # 1.0 of log-scale is eight levels
Z_MAX = 127  # of a hyper-latent


@dataclass(frozen=True, eq=False)
class SwiftModel:
    """A model's integers, for all qualities. steps: the quantiser's tables; centres: of the tables that have any."""

    shape: SwiftShape
    layers: Layers
    inter_layers: Layers
    steps: dict[str, Array]
    tables: dict[str, TableSet]
    centres: dict[str, Ints]

    @classmethod
    def of(
        cls, shape: SwiftShape, arrays: Mapping[str, Array], tables: dict[str, TableSet], centres: dict[str, Ints]
    ) -> SwiftModel:
        """From the integers of models/store.py."""
        steps = {name[len(STEPS) :]: part for name, part in arrays.items() if name.startswith(STEPS)}
        layers, inter = Layers(arrays, "layers."), Layers(arrays, "layers.inter.")
        return cls(shape, layers, inter, steps, tables, centres)


class SwiftKernels:
    """Implements nets.coding.Coding. Raises WeightsError, when a layer is first used, if its weights do not fit."""

    def __init__(self, model: SwiftModel, quality_index: int) -> None:
        self._model, self._layers, self._shape = model, model.layers, model.shape
        self.tables, self.centres, self.quality_index = model.tables, model.centres, quality_index
        self.inter: InterPath | None = None
        if model.shape.inter:
            self.inter = InterKernels(model.inter_layers, model.steps, model.tables, quality_index)
        self._gain = self._step("gain", shapes.GAIN_BITS)
        self._inverse = self._step("inverse", shapes.INVERSE_BITS)
        self._mean = self._step("mean", shapes.MEAN_BITS)
        self._offset = self._step("offset", shapes.OFFSET_BITS)
        self._norm = model.steps["norm"] * 2.0**-shapes.NORM_BITS  # 8-bit units for one latent unit
        self._spread = model.steps["spread"] * 2.0**-shapes.SPREAD_BITS  # latent units for one output of enc_out
        self._plane = np.clip(quality_index - MIDDLE_INDEX, INT8.low, INT8.high) + SIGNED  # byte that tells the quality

    def _step(self, name: str, bits: int) -> Reals:
        return np.asarray(self._model.steps[name][self.quality_index] * 2.0**-bits)

    def given(self, array: Array) -> Array:
        """See Coding."""
        return array

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """(M, H/16, W/16) of padded pictures."""
        return self._shape.latent, height // 16, width // 16

    def z_shape(self, stream: str, height: int, width: int) -> tuple[int, int, int]:
        """(Z, H/64, W/64) of a hyper-latent, by the name of its prior."""
        return self._shape.z_channels if stream == "z_intra" else self._shape.temporal, height // 64, width // 64

    # ---- pictures and latents ---------------------------------------------------------------------------------------

    def analyse(self, y: Array, u: Array, v: Array) -> Reals:
        """U_ENC: padded planes of bytes to latent units."""
        layers, x = self._layers, channels_of([plane[0, 0] for plane in (y, u, v)])
        linear = layers.transform("enc_linear", unshuffled(x, 2).astype(np.float64) - SIGNED, LINEAR)
        t = layers.blocks("enc8", layers.clamp("enc_in", x))
        t = layers.blocks("enc16", layers.clamp("enc_down", unshuffled(t, 2)))
        linear += np.rint(layers.wide("enc_out", t) * self._spread)
        return _planar(linear)

    def scaled(self, latents: Reals) -> Reals:
        """latents * gain."""
        return np.asarray(latents * self._gain[:, None, None])

    def step_sizes(self) -> Reals:
        """A quantiser step of each latent in coefficients of the linear path, nearly orthonormal; (1, M, 1, 1)."""
        return np.asarray(self._inverse / UNITS_PER_COEFFICIENT).reshape(1, -1, 1, 1)

    def symbols(self, latents: Reals) -> Reals:
        """round(latents * gain)."""
        return np.rint(self.scaled(latents))

    def units(self, symbols: Array) -> Reals:
        """Latent units of quantiser steps (whole, or multiples of 1/64)."""
        return _planar(self._units_of(symbols, slice(None)))

    def _units_of(self, symbols: Array, channels: slice) -> Reals:
        out = _channels_last(symbols[:, channels]) * self._inverse[channels]
        np.rint(out, out=out)
        return np.clip(out, -LATENT_MAX, LATENT_MAX, out=out)  # a forged stream may hold symbols of any size

    def pixels(self, latents: Reals) -> tuple[Array, Array, Array]:
        """U_DEC: latent units to padded planes of levels 0..255."""
        layers = self._layers
        linear = shuffled(layers.transform("dec_linear", _channels_last(latents), LINEAR), 2)
        t = layers.blocks("dec16", layers.clamp("dec_latent", self._joined(self._view(latents))))
        up = shuffled(layers.clamp("dec_up.0", t), 2)
        t = added(up, layers.clamp("dec_pixels", units(linear, 1.0 / UNITS_PER_LEVEL)).astype(np.int16) - SIGNED)
        linear += layers.wide("dec_out", layers.blocks("dec8", t))
        y, u, v = (plane[None, None] for plane in planes_of(units(linear, 1.0 / UNITS_PER_LEVEL)))
        return y, u, v

    # ---- I-pictures' prior ------------------------------------------------------------------------------------------

    def hyper(self, latents: Reals) -> Array:
        """h_a of the picture's latents, whole."""
        return self._hyper_encoder("hyper_enc", self._joined(self._view(latents)))

    def intra_passes(self, z: Array) -> Iterator[tuple[Indices, Callable[[Array], tuple[Array, Array]]]]:
        """Four passes: the first channels at even and odd positions, then the others."""
        psi = self._joined(self._hyper_decoder("hyper_dec", _symbol_view(z)))
        for step, (positions, places) in enumerate(_positions(self._shape, *psi.shape[:2])):

            def parameters(y_hat: Array, step: int = step, places: Indices = places) -> tuple[Array, Array]:
                return self._context_step(step, psi, y_hat, places)

            yield positions, parameters

    def _context_step(self, step: int, psi: Bytes, y_hat: Array, places: Indices) -> tuple[Array, Array]:
        """Means and levels of a pass at its places, channel by channel. y_hat: (1, M, H, W), anything where unknown."""
        layers, first = self._layers, self._shape.first_group
        even = is_even(*psi.shape[:2])
        known: list[Bytes] = []
        if step:
            known.append(self._known(y_hat, slice(0, first), even if step == 1 else None))
        if step == 3:
            known.append(self._known(y_hat, slice(first, None), even))
        hidden = layers.relu(f"contexts.{step}.0", np.concatenate([psi, *known], axis=2), places)[None]
        hidden = layers.relu(f"contexts.{step}.1", hidden, zero=RECTIFIED)
        rows = layers.wide(f"contexts.{step}.2", hidden, zero=RECTIFIED)[0]
        group = slice(0, first) if step < 2 else slice(first, None)
        mean8, level = self._on_grid(rows, self._mean[group], self._offset[group])
        return mean8.T.ravel(), level.T.ravel()

    def _known(self, y_hat: Array, channels: slice, even: NDArray[np.bool_] | None) -> Bytes:
        """Latents as the networks see them; even: alone there, 0 elsewhere."""
        view = units(self._units_of(y_hat, channels), self._norm[channels])
        if even is not None:
            view[~even] = SIGNED
        return view

    def _on_grid(self, out: Array, factor: Array | float, offset: Array) -> tuple[Reals, Reals]:
        """Outputs of a prior, (..., 2 C), as eighths of a symbol and levels of the scale grid."""
        mean, log_scale = np.split(out.astype(np.float64), 2, axis=-1)
        mean8, level = np.rint(mean * factor), np.rint(log_scale * LEVELS_PER_OUTPUT + offset)
        return np.clip(mean8, -grid.MEAN8_MAX, grid.MEAN8_MAX), np.clip(level, 0, grid.LEVELS - 1)

    # ---- P-pictures of the paper's modes ----------------------------------------------------------------------------

    def p_hyper(self, y_ref: Reals, y_res: Array) -> Array:
        """P-HE."""
        return self._hyper_encoder("temporal.ph_e", np.concatenate([self._view(y_ref), _symbol_view(y_res)], axis=2))

    def p_parameters(self, z: Array, y_ref: Reals) -> tuple[Array, Array]:
        """P-HD, TPM, EPM."""
        layers = self._layers
        t = layers.relu("temporal.tpm.0", self._view(y_ref))
        t = layers.relu("temporal.tpm.1", t, zero=RECTIFIED)
        t = layers.clamp("temporal.tpm.2", t, zero=RECTIFIED)
        psi = self._hyper_decoder("temporal.ph_d", _symbol_view(z))
        t = layers.relu("temporal.epm.0", self._joined(psi, t))
        t = layers.relu("temporal.epm.1", t, zero=RECTIFIED)
        out = layers.wide("temporal.epm.2", t, zero=RECTIFIED)
        mean8, level = self._on_grid(out, grid.MEAN_STEPS / PARAMETER_GRID, self._offset)
        return _planar(mean8), _planar(level)

    def shift_hyper(self, direction: Array, latents: Reals) -> Array:
        """BFD-E."""
        return self._hyper_encoder(
            "shift.bfd_e", np.concatenate([_symbol_view(direction), self._view(latents)], axis=2)
        )

    def compensate(self, z: Array, y_shift: Array, undo: Array, y_ref: Reals) -> Array:
        """LCM, as a change of y_ref in quantiser steps (nets/swift_coding.py)."""
        layers, y_known = self._layers, y_shift + undo
        decoded = self._hyper_decoder("shift.bfd_d", _symbol_view(z))
        t = layers.relu("shift.lcm.0", self._joined(decoded, _symbol_view(y_known), self._view(y_ref)))
        t = layers.relu("shift.lcm.1", t, zero=RECTIFIED)
        out = layers.wide("shift.lcm.2", t, zero=RECTIFIED)
        return np.asarray(_planar(out).astype(np.float64) / LATENT_GRID + y_known)

    # ---- what they have in common -----------------------------------------------------------------------------------

    def _view(self, latents: Reals) -> Bytes:
        """Latent units, (1, M, H, W), as bytes: divided by the channel's deviation."""
        return units(_channels_last(latents), self._norm)

    def _joined(self, *parts: Bytes) -> Bytes:
        """Channels after one another, and the quality's plane last."""
        plane = np.full((*parts[0].shape[:2], 1), self._plane, dtype=np.uint8)
        return np.concatenate([*parts, plane], axis=2)

    def _hyper_encoder(self, name: str, x: Bytes) -> Array:
        """nets/temporal.py has it; (1, Z, H/4, W/4) whole."""
        t = self._layers.relu(f"{name}.0", x)
        t = self._layers.relu(f"{name}.1", t, zero=RECTIFIED, stride=2)
        return np.clip(_planar(self._layers.wide(f"{name}.2", t, zero=RECTIFIED, stride=2)), -Z_MAX, Z_MAX)

    def _hyper_decoder(self, name: str, z: Bytes) -> Bytes:
        t = shuffled(self._layers.relu(f"{name}.0.0", z), 2)
        t = shuffled(self._layers.relu(f"{name}.1.0", t, zero=RECTIFIED), 2)
        return self._layers.clamp(f"{name}.2", t, zero=RECTIFIED)


def _channels_last(x: Array) -> Array:
    """(1, C, H, W) as (H, W, C)."""
    return np.ascontiguousarray(x[0].transpose(1, 2, 0))


def _planar(x: Array) -> Array:
    """(H, W, C) as (1, C, H, W), a view."""
    return x.transpose(2, 0, 1)[None]


def _symbol_view(symbols: Array) -> Bytes:
    """Small symbols (residuals, directions, hyper-latents), (1, C, H, W), as bytes."""
    return units(_channels_last(symbols), float(INT8.per_symbol))


@lru_cache(maxsize=4)
def _positions(shape: SwiftShape, height: int, width: int) -> list[tuple[Indices, Indices]]:
    """Of each pass: its flat positions in the latent, (M, H, W), and its places, flat in (H, W)."""
    first, passes = shape.first_group, []
    for start, end in ((0, first), (first, shape.latent)):
        for even in (True, False):
            places = np.flatnonzero(is_even(height, width) == even)
            positions = np.arange(start, end)[:, None] * (height * width) + places
            passes.append((positions.ravel(), places))
    return passes
