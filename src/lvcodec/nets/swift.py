"""The swift family: the paper's roles on a small machine, one variable-rate model (docs/architecture.md).

    planes ─► 96 channels at 1/8 ─┬─ linear path (KLT of 16x16 + 8x8 + 8x8 patches) ─┐
                                  └─ residual blocks at 1/8 and 1/16 ────────────────┴─► y ─ · gain, round ─► y_hat

Latents y are held as whole *latent units*, 16 for one step of an orthonormal transform coefficient; symbols are
y * gain. Networks see latents divided by their deviation (`norm`). Everything in pixels is 4:2:0, minus 128.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lvcodec import quality
from lvcodec.entropy import grid
from lvcodec.exact.formats import INT8, to_units
from lvcodec.exact.ops import Conv, subpixel
from lvcodec.exact.packed import Units, add, expand, join, keep, planar, shuffle, unshuffle
from lvcodec.exact.rounding import round_ste
from lvcodec.nets import shapes
from lvcodec.nets.compensation import ShiftCompensation
from lvcodec.nets.inter import Inter
from lvcodec.nets.layers import residuals
from lvcodec.nets.linear import LATENT_MAX, LINEAR, PATCH_CHANNELS, UNITS_PER_COEFFICIENT, UNITS_PER_LEVEL
from lvcodec.nets.shapes import LATENT_GRID, MIDDLE_INDEX, PARAMETER_GRID, STEPS, InterShape, SwiftShape
from lvcodec.nets.temporal import TemporalPrior, hyper_decoder, hyper_encoder, unit_bits_for


@dataclass(frozen=True)
class Steps:
    """The quantiser at one quality: factors that broadcast against (B, M, H, W).

    gain: symbols for one latent unit; inverse: latent units for one symbol; mean: eighths of a symbol for one
    output of a prior's mean; offset: scale levels to add to a prior's log-scale; plane: (B, 1, 1, 1) units that
    tell the networks the quality.
    """

    gain: Tensor
    inverse: Tensor
    mean: Tensor
    offset: Tensor
    plane: Tensor

    @property
    def size(self) -> Tensor:
        """A step in coefficients of an orthonormal transform, as the linear path nearly is."""
        return self.inverse / UNITS_PER_COEFFICIENT


class Swift(nn.Module):
    """All networks of the family. `shape` fixes the sizes; integers and tables come from models/ (or training)."""

    norm: Tensor
    spread: Tensor

    def __init__(self, shape: SwiftShape) -> None:
        super().__init__()
        self.shape = shape
        m, c8, c16 = shape.latent, shape.width8, shape.width16
        kernel = 3 if shape.lapped else 1
        self.enc_linear = Conv(
            PATCH_CHANNELS,
            m,
            kernel,
            fmt=LINEAR,
            act="wide",
            in_max=128,
            unit_bits=unit_bits_for(LINEAR, UNITS_PER_COEFFICIENT),
        )
        self.dec_linear = Conv(m, PATCH_CHANNELS, kernel, fmt=LINEAR, act="wide", in_max=LATENT_MAX)
        self.enc_in = Conv(96, c8, 3, fmt=INT8, in_max=128)
        self.enc8 = residuals(c8, shape.depth8, shape.block)
        self.enc_down = Conv(4 * c8, c16, fmt=INT8, in_max=128)
        self.enc16 = residuals(c16, shape.depth16, shape.block)
        self.enc_out = Conv(
            c16, m, fmt=INT8, act="wide", in_max=128, zero=True, unit_bits=unit_bits_for(INT8, PARAMETER_GRID)
        )
        self.dec_latent = Conv(m + 1, c16, fmt=INT8, in_max=128)
        self.dec16 = residuals(c16, shape.depth16, shape.block)
        self.dec_up = subpixel(c16, c8, fmt=INT8, act="clamp", kernel=1)
        self.dec_pixels = Conv(96, c8, fmt=INT8, in_max=128)
        self.dec8 = residuals(c8, shape.depth8, shape.block)
        self.dec_out = Conv(
            c8, 96, 3, fmt=INT8, act="wide", in_max=128, zero=True, unit_bits=unit_bits_for(INT8, 16 * UNITS_PER_LEVEL)
        )
        self.hyper_enc = hyper_encoder(m + 1, shape.hyper, INT8, z_channels=shape.z_channels)
        self.hyper_dec = hyper_decoder(shape.hyper, INT8, z_channels=shape.z_channels)
        first, psi = shape.first_group, 2 * shape.hyper + 1
        self.contexts = nn.ModuleList(
            _context(psi + known, shape.context, 2 * coded, 1 if known == 0 else 3)
            for known, coded in ((0, first), (first, first), (first, m - first), (m, m - first))
        )
        self.temporal = TemporalPrior(m, shape.temporal, INT8, extra=1)
        self.shift = ShiftCompensation(m, shape.temporal, INT8, extra=1)
        if shape.inter:
            self.inter = Inter(InterShape())
        # learned steps of the whole qualities, natural logarithm of coefficient steps
        self.log_step = nn.Parameter(torch.zeros(len(quality.WHOLE), m))
        self.register_buffer("norm", torch.ones(1, m, 1, 1))  # 8-bit units for one latent unit
        self.register_buffer("spread", torch.ones(1, m, 1, 1))  # latent units for one output of enc_out

    # ---- pictures and latents -------------------------------------------------------------------------------

    def analysis(self, x: Units) -> Tensor:
        """U_ENC. x: (B, 96, H/8, W/8) levels - 128. Returns y, (B, M, H/16, W/16) latent units."""
        linear = self.enc_linear(unshuffle(x, 2))
        t = self.enc8(self.enc_in(x))
        t = self.enc16(self.enc_down(unshuffle(t, 2)))
        nonlinear = self.enc_out(t).to(linear.dtype) * self.spread
        return linear.add_(nonlinear.round_()) if self.enc_out.coding else linear + nonlinear

    def synthesis(self, y: Tensor, steps: Steps) -> Tensor:
        """U_DEC. y: (B, M, H/16, W/16) latent units. Returns (B, 96, H/8, W/8), UNITS_PER_LEVEL a level, unclamped."""
        if not self.enc_out.coding:  # codecs give what is within the limits
            y = y.clamp(-LATENT_MAX, LATENT_MAX)
        linear = shuffle(self.dec_linear(y), 2)
        t = self.dec16(self.dec_latent(join([self.view(y), self._plane(steps, y)])))
        t = add(self.dec_up(t), self.dec_pixels(self._units(linear, 1.0 / UNITS_PER_LEVEL)), INT8)
        nonlinear = self.dec_out(self.dec8(t)).to(linear.dtype)
        return linear.add_(nonlinear) if self.enc_out.coding else linear + nonlinear

    # ---- what the priors see --------------------------------------------------------------------------------

    @property
    def rounds(self) -> bool:
        """Whether weights and activations are whole numbers, as in coding."""
        return self.enc_out.coding or self.enc_out.simulate

    def _units(self, x: Tensor, factor: float | Tensor) -> Units:
        """x * factor as 8-bit units, as training or the backend holds them."""
        if self.enc_out.coding:
            return self.enc_out.backend.units(x, factor)
        return to_units(x, factor, INT8, rounded=self.enc_out.simulate).to(x.dtype)

    def view(self, y: Tensor, first: int = 0) -> Units:
        """Latent units (of the channels from `first` on) as 8-bit units: divided by the channel's deviation."""
        return self._units(y, self.norm[:, first : first + y.shape[1]])

    def symbol_view(self, symbols: Tensor) -> Units:
        """Small symbols (residuals, directions, hyper-latents) as 8-bit units."""
        return self._units(symbols, INT8.per_symbol)

    def _plane(self, steps: Steps, like: Units) -> Units:
        if self.enc_out.coding:
            return expand(self.enc_out.backend.units(steps.plane, 1.0), like)
        dtype = like.dtype if isinstance(like, Tensor) and like.dtype != torch.float64 else torch.float32
        return expand(steps.plane.to(dtype), like)

    # ---- intra prior ----------------------------------------------------------------------------------------

    def hyper_analysis(self, y: Tensor, steps: Steps) -> Tensor:
        """h_a. y: latent units. Returns z, (B, Z, H/64, W/64), not yet rounded in training."""
        return self.hyper_enc(join([self.view(y), self._plane(steps, y)])).clamp(-127, 127)

    def hyper_features(self, z: Tensor, steps: Steps) -> Units:
        """h_d: z to features at 1/16, the quality plane joined to them."""
        psi = self.hyper_dec(self.symbol_view(z))
        return join([psi, self._plane(steps, psi)])

    def context_step(self, step: int, psi: Units, y: Tensor, steps: Steps) -> tuple[Tensor, Tensor]:
        """Parameters of one of the four steps (group 0 even, odd, group 1 even, odd positions).

        y: latent units of the quantised latents; positions not yet coded may hold anything.
        Returns mean (eighths of a symbol) and level (of the scale grid), unrounded in training, for all positions
        of the step's channel group.
        """
        first = self.shape.first_group
        known = [self.view(y[:, :first])] if step else []
        if step == 3:
            known.append(self.view(y[:, first:], first))
        if step in (1, 3):
            known[-1] = keep(known[-1], parity(y, 0))
        joined = join([psi, *known])
        mean, log_scale = self.contexts[step](joined).chunk(2, dim=1)
        group = slice(0, first) if step < 2 else slice(first, None)
        return self._on_grid(mean, log_scale, steps.mean[:, group], steps.offset[:, group])

    def _on_grid(self, mean: Tensor, log_scale: Tensor, factor: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of a prior as eighths of a symbol and scale levels: 1.0 of log-scale is eight levels."""
        mean8 = mean.to(factor.dtype) * factor
        level = log_scale.to(offset.dtype) * (8 / PARAMETER_GRID) + offset
        if self.enc_out.coding:
            return mean8.round_().clamp_(-grid.MEAN8_MAX, grid.MEAN8_MAX), level.round_().clamp_(0, grid.LEVELS - 1)
        if self.rounds:
            mean8, level = round_ste(mean8), round_ste(level)
        return mean8.clamp(-grid.MEAN8_MAX, grid.MEAN8_MAX), level.clamp(0, grid.LEVELS - 1)

    # ---- P-pictures -----------------------------------------------------------------------------------------

    def p_hyper(self, y_ref: Tensor, y_res: Tensor) -> Tensor:
        """P-HE. y_ref: latent units; y_res: symbols. Returns z_t, not yet rounded in training.

        The paper joins y_ref and y_t; the residual says the same and survives 8 bits.
        """
        return self.temporal.ph_e(join([self.view(y_ref), self.symbol_view(y_res)])).clamp(-127, 127)

    def p_parameters(self, z: Tensor, y_ref: Tensor, steps: Steps) -> tuple[Tensor, Tensor]:
        """P-HD, TPM and EPM: mean (eighths of a symbol) and level of each residual."""
        mean, log_scale = self.temporal.parameters_of(self.symbol_view(z), self.view(y_ref), self._plane(steps, y_ref))
        return self._on_grid(
            mean, log_scale, torch.full_like(steps.offset, grid.MEAN_STEPS / PARAMETER_GRID), steps.offset
        )

    def shift_hyper(self, direction: Tensor, y: Tensor) -> Tensor:
        """BFD-E. direction: -1, 0, 1; y: latent units of the picture's own latents."""
        return self.shift.bfd_e(join([self.symbol_view(direction), self.view(y)])).clamp(-127, 127)

    def compensate(self, z: Tensor, y_known: Tensor, y_ref: Tensor, steps: Steps) -> Tensor:
        """LCM: y_final - y_ref in symbols, multiples of 1/64.

        y_known: the residual as far as the decoder knows it, in symbols. It passes through unchanged; the network adds
        to it, starting from nothing.
        """
        out = self.shift.correction(
            self.symbol_view(z), self.symbol_view(y_known), self.view(y_ref), self._plane(steps, y_ref)
        )
        if self.enc_out.coding:
            return planar(out).to(y_known.dtype).div_(LATENT_GRID).add_(y_known)
        return y_known + out.to(y_known.dtype) / LATENT_GRID


def _context(in_channels: int, width: int, out_channels: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        Conv(in_channels, width, kernel, fmt=INT8, act="relu"),
        Conv(width, width, fmt=INT8, act="relu"),
        Conv(width, out_channels, fmt=INT8, act="wide", unit_bits=unit_bits_for(INT8, PARAMETER_GRID)),
    )


def parity(like: Tensor, odd: int) -> Tensor:
    """(1, 1, H, W) ones where row + column is even (odd = 0) or odd (odd = 1), zeros elsewhere."""
    rows = torch.arange(like.shape[-2], device=like.device)[:, None]
    columns = torch.arange(like.shape[-1], device=like.device)[None]
    return ((rows + columns) % 2 == odd).to(like.dtype)[None, None]


def step_tables(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """The quantiser's integer tables and the deviations among a model's integers."""
    return {name[len(STEPS) :]: torch.from_numpy(part) for name, part in arrays.items() if name.startswith(STEPS)}


def steps_from_tables(tables: dict[str, Tensor], quality_index: int) -> Steps:
    """The quantiser of one quality from the exported integer tables (models/steps.py), exact."""

    def row(name: str, bits: int) -> Tensor:
        return (tables[name][quality_index].to(torch.float64) * 2.0**-bits).view(1, -1, 1, 1)

    offset = row("offset", shapes.OFFSET_BITS)
    if bool((offset.abs() <= 2**16).all()):
        # Added to whole numbers times 2^-5, it is exact in float32 below 2^19, and a level is clamped to 0..67.
        offset = offset.float()
    return Steps(
        row("gain", shapes.GAIN_BITS),
        row("inverse", shapes.INVERSE_BITS),
        row("mean", shapes.MEAN_BITS),
        offset,
        torch.full((1, 1, 1, 1), float(quality_index - MIDDLE_INDEX), device=offset.device),
    )


def load_constants(model: Swift, tables: dict[str, Tensor]) -> None:
    """Set the deviations from exported integers (float64, exact)."""
    model.norm = (tables["norm"].double() * 2.0**-shapes.NORM_BITS).view(1, -1, 1, 1)
    model.spread = (tables["spread"].double() * 2.0**-shapes.SPREAD_BITS).view(1, -1, 1, 1)
