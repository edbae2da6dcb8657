"""The cheng2020 family at one quality, as the loop sees it (nets/coding.py): whole numbers in, whole numbers out.

I-pictures are coded in wavefronts. Under the 5x5 mask a position needs two to its left and the two rows above as
far as two to its right, so all with equal column + 3 * row are independent: W + 3 (H - 1) passes in place of W * H,
each of all channels, with the parameters that raster order would give.

        0  1  2  3  4  5        the pass in which each position of a 6x3 latent is coded
        3  4  5  6  7  8
        6  7  8  9 10 11
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvcodec.entropy import grid
from lvcodec.entropy.tables import TableSet
from lvcodec.errors import WeightsError
from lvcodec.exact.formats import WIDE, clamp, to_units
from lvcodec.exact.ops import Conv
from lvcodec.nets import rgb
from lvcodec.nets.cheng2020 import CONTEXT, ONE, SYMBOL_MAX, Cheng2020, causal_taps
from lvcodec.nets.coding import InterPath, Parameters, Planes
from lvcodec.nets.shapes import LATENT_GRID, PARAMETER_GRID

ROW_STEP = CONTEXT // 2 + 1  # passes between a position and the one below it
# log2 of the scale grid's steps, for EPM's natural logarithm: 6 / ln 2 levels to 1.0, and 6 * log2(1 / 0.05)
LEVELS_PER_NAT = 8.656170245333781
LEVEL_OF_ONE = 25.931568569324174


class Cheng2020Coding:
    """Implements nets.coding.Coding. The model must hold its integers (models/loading.py).

    thresholds: (LEVELS - 1,) whole numbers, not falling, ONE to a symbol: the scales at which an I-picture's level
    steps up. tables, centres: by name.
    Raises WeightsError if the thresholds are not such.
    """

    inter: InterPath | None = None

    def __init__(
        self,
        model: Cheng2020,
        thresholds: NDArray[np.int32],
        tables: dict[str, TableSet],
        centres: dict[str, NDArray[np.int32]],
        device: torch.device | str = "cpu",
    ) -> None:
        self.model, self.tables, self.centres = model, tables, centres
        if thresholds.shape != (grid.LEVELS - 1,) or (np.diff(thresholds.astype(np.int64)) < 0).any():
            raise WeightsError("the thresholds of the scale grid are not in order")
        self.thresholds = torch.from_numpy(thresholds).to(device, torch.float64)
        self.context = _causal_only(model.context_prediction)

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """(N, H/16, W/16) of padded pictures."""
        return self.model.n, height // 16, width // 16

    def z_shape(self, stream: str, height: int, width: int) -> tuple[int, int, int]:
        """(N, H/64, W/64), the same for all hyper-latents."""
        return self.model.n, height // 64, width // 64

    # ---- pictures and latents -------------------------------------------------------------------------------

    def given(self, array: NDArray[Any]) -> Tensor:
        """See Coding."""
        return torch.from_numpy(array).to(self.thresholds.device)

    def analyse(self, y: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """U_ENC: padded planes in levels to latents, ONE units to a symbol."""
        y, u, v = (plane.to(torch.float64) for plane in (y, u, v))
        return self.model.g_a(rgb.to_rgb(y, u, v, ONE))

    def scaled(self, latents: Tensor) -> Tensor:
        """y in steps."""
        return latents * (1.0 / ONE)

    def step_sizes(self) -> None:
        """What a step is in pixels depends on all of g_s here, so nobody can tell."""
        return None

    def symbols(self, latents: Tensor) -> Tensor:
        """round(y), |v| <= SYMBOL_MAX."""
        return _small(torch.round(self.scaled(latents)))

    def units(self, symbols: Tensor) -> Tensor:
        """Latents of quantiser steps (multiples of 1/ONE)."""
        return _units(symbols)

    def pixels(self, units: Tensor) -> Planes:
        """U_DEC: latents to padded planes of levels 0..255."""
        y, u, v = (plane.clamp(0, 255) for plane in rgb.to_planes(self.model.g_s(units)))
        return y, u, v

    def hyper(self, latents: Tensor) -> Tensor:
        """h_a of the latents before rounding, as in CompressAI; whole."""
        return _small(self.model.h_a(latents))

    def intra_passes(self, z: Tensor) -> Iterator[tuple[NDArray[np.intp], Callable[[Tensor], Parameters]]]:
        """The wavefronts: of each its flat positions in (N, H, W), and what gives their means and levels."""
        psi = self.model.h_s(_units(z))
        channels, height, width = self.model.n, psi.shape[2], psi.shape[3]
        first_of_channel = np.arange(channels, dtype=np.intp)[:, None] * (height * width)
        psi = psi.flatten(2)
        for inside, taps, known in wavefronts(height, width):

            def parameters(
                y_hat: Tensor, inside: Tensor = inside, taps: Tensor = taps, known: Tensor = known
            ) -> Parameters:
                patches = y_hat.flatten(2)[:, :, taps.to(y_hat.device)].double() * known.to(y_hat.device)
                context = self.context(_units(patches).reshape(1, -1, 1, inside.numel()))
                here = psi[:, :, inside.to(psi.device)].unsqueeze(2)
                scale, mean = self.model.parameters_from(here, context)
                return self.on_grid(scale, mean)

            yield (first_of_channel + inside.numpy()).reshape(-1), parameters

    def on_grid(self, scale: Tensor, mean: Tensor) -> Parameters:
        """Means in eighths of a symbol and levels of the Gaussian grid; scale, mean: ONE whole numbers to a symbol."""
        level = torch.bucketize(scale, self.thresholds, right=True)
        return _eighths(mean, ONE), level

    # ---- P-pictures -----------------------------------------------------------------------------------------

    def p_hyper(self, y_ref: Tensor, y_res: Tensor) -> Tensor:
        """P-HE of y_ref and y_t, as in the paper."""
        return _small(self.model.temporal.ph_e(torch.cat([y_ref, clamp(y_ref + y_res * ONE, WIDE)], dim=1)))

    def p_parameters(self, z: Tensor, y_ref: Tensor) -> Parameters:
        """P-HD, TPM, EPM: means in eighths of a symbol, and levels of a Laplace scale whose logarithm EPM gives."""
        mean, log_scale = self.model.temporal.parameters_of(_units(z), y_ref)
        level = torch.round(log_scale * (LEVELS_PER_NAT / PARAMETER_GRID) + LEVEL_OF_ONE)
        return _eighths(mean, PARAMETER_GRID), level.clamp(0, grid.LEVELS - 1)

    def shift_hyper(self, direction: Tensor, latents: Tensor) -> Tensor:
        """BFD-E of the directions and the picture's own rounded latents."""
        return _small(self.model.shift.bfd_e(torch.cat([_units(direction), _units(self.symbols(latents))], dim=1)))

    def compensate(self, z: Tensor, y_shift: Tensor, undo: Tensor, y_ref: Tensor) -> Tensor:
        """LCM, as a change of y_ref in quantiser steps: all that is added, from y_shift alone, as in the paper."""
        return self.model.shift.correction(_units(z), _units(y_shift), y_ref) * (1.0 / LATENT_GRID)


def _units(symbols: Tensor) -> Tensor:
    """Symbols as the networks see them; a forged stream may hold symbols of any size."""
    return to_units(symbols, ONE, WIDE, rounded=False)


def _small(symbols: Tensor) -> Tensor:
    return symbols.clamp(-SYMBOL_MAX, SYMBOL_MAX)


def _eighths(mean: Tensor, one: int) -> Tensor:
    return torch.round(mean * (grid.MEAN_STEPS / one)).clamp(-grid.MEAN8_MAX, grid.MEAN8_MAX)


def _causal_only(layer: Conv) -> Conv:
    """A masked convolution as the product with gathered patches: a 1x1 layer over (channel, tap), the same sums."""
    own = layer.integers
    if own is None:
        raise WeightsError("the masked convolution has no integers")
    taps = causal_taps()
    if own.weight[:, :, ~taps].any():
        raise WeightsError("the masked convolution has weights where its mask is zero")
    flat = own.weight[:, :, taps].flatten(1)
    with torch.device("meta"):
        gathered = Conv(flat.shape[1], flat.shape[0], fmt=layer.fmt, act=layer.act, in_max=layer.in_max)
    gathered.use(layer.backend)
    gathered.load_integers("context_prediction", flat[:, :, None, None].contiguous(), own.bias, own.shift)
    return gathered


@lru_cache(maxsize=4)
def wavefronts(height: int, width: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Of each pass: its positions (n,) in (H, W), flat; those of the 12 causal taps (12, n); which lie inside (12, n).

    A tap outside the latent points at position 0 and counts 0.
    """
    rows, columns = np.divmod(np.arange(height * width), width)
    order = columns + ROW_STEP * rows
    offsets = np.argwhere(causal_taps().numpy()) - CONTEXT // 2
    passes = []
    for number in range(width + ROW_STEP * (height - 1)):
        inside = np.flatnonzero(order == number)
        if not inside.size:
            continue
        tap_rows = rows[inside] + offsets[:, :1]
        tap_columns = columns[inside] + offsets[:, 1:]
        known = (tap_rows >= 0) & (tap_columns >= 0) & (tap_columns < width)
        taps = np.where(known, tap_rows * width + tap_columns, 0)
        passes.append((torch.from_numpy(inside), torch.from_numpy(taps), torch.from_numpy(known).to(torch.float64)))
    return passes
