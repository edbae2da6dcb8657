"""The inter path of swift: what a P- or B-picture's prediction lacks, coded and added to it.

    x - prediction ─► linear 384 → M ─► / step, decided ─► symbols        (the encoder alone)

    symbols of the references, motion, quality ─► features ─► which places are live ─► four heads ─► symbols' scales
    symbols ─► dequantised ─► linear M → 384 ─────────────┬─► + prediction ─► x_hat
               prediction, linear, quality ─► network at 1/8 ┘   (near symbols alone)

Nothing that symbols are parsed by depends on pixels: a decoder may read pictures ahead of reconstructing them. First it
is coded which places are live, at even positions (row + column), then at odd ones; at the others all symbols are 0, and
nothing more is computed. The four heads take turns: channels of the first group at even positions, at odd ones, then
the other channels likewise; each sees which places are live and how large the symbols known so far are. All but the two
linear layers runs in 8-bit units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from lvcodec.entropy import grid
from lvcodec.exact.formats import INT8
from lvcodec.exact.ops import Conv
from lvcodec.exact.packed import Units, add, at_places, expand, floats, join, keep, rectified, unshuffle
from lvcodec.exact.rounding import round_ste
from lvcodec.nets.inter_context import (
    CHANGE_PLANES,
    CONTEXT_PLANES,
    DECAY_BITS,
    INTER_CHANGE_MAX,
    KNOTS,
    LEVELS_PER_UNIT,
    LIVE_LEVELS,
    LIVE_PER_UNIT,
    LIVE_UNITS,
    LIVE_WIDTH,
    MAGNITUDES,
    MOTION_FEATURES,
    SEEN_PART,
)
from lvcodec.nets.layers import Residual, residuals
from lvcodec.nets.linear import LATENT_MAX, LINEAR, PATCH_CHANNELS, UNITS_PER_COEFFICIENT, UNITS_PER_LEVEL
from lvcodec.nets.shapes import PARAMETER_GRID, InterShape
from lvcodec.nets.temporal import unit_bits_for


@dataclass(frozen=True)
class InterSteps:
    """The quantiser at one quality: factors that broadcast against (B, M, H, W).

    inverse: latent units for one symbol; outward: how much further out than its whole step a symbol is put, in symbols;
    offset: scale levels to add to what a head puts out; odds: (B, 1, 1, 1), the same for whether a place is live.
    """

    inverse: Tensor
    outward: Tensor
    offset: Tensor
    odds: Tensor


class Inter(nn.Module):
    """The networks of the inter path."""

    def __init__(self, shape: InterShape) -> None:
        super().__init__()
        self.shape = shape
        m, first, width = shape.latent, shape.first, shape.head
        self.enc_linear = Conv(
            PATCH_CHANNELS,
            m,
            fmt=LINEAR,
            act="wide",
            in_max=255,
            unit_bits=unit_bits_for(LINEAR, UNITS_PER_COEFFICIENT),
        )
        self.dec_linear = Conv(m, PATCH_CHANNELS, fmt=LINEAR, act="wide", in_max=LATENT_MAX)
        self.entry = Conv(m + MOTION_FEATURES + CONTEXT_PLANES, shape.trunk, fmt=INT8, in_max=128)
        self.trunk = residuals(shape.trunk, shape.trunk_depth, "depthwise", widen=1)
        groups, known = (first, first, m - first, m - first), ((1,), (1, first), (1, first), (1, first, shape.squeezed))
        self.live_features = nn.ModuleList(Conv(shape.trunk, LIVE_WIDTH, fmt=INT8, in_max=128) for _ in range(2))
        self.live_known = Conv(1, LIVE_WIDTH, 3, fmt=INT8, act="wide", in_max=LIVE_UNITS)
        self.live_out = nn.ModuleList(
            Conv(
                LIVE_WIDTH,
                1,
                fmt=INT8,
                act="wide",
                in_max=128,
                zero=True,
                unit_bits=unit_bits_for(INT8, PARAMETER_GRID),
            )
            for _ in range(2)
        )
        self.squeeze = Conv(m - first, shape.squeezed, fmt=INT8, act="relu", in_max=128)
        self.head_features = nn.ModuleList(Conv(shape.trunk, width, fmt=INT8, in_max=128) for _ in groups)
        self.head_known = nn.ModuleList(
            nn.ModuleList(Conv(inputs, width, 3, fmt=INT8, act="wide") for inputs in seen) for seen in known
        )
        self.head_mix = nn.ModuleList(Conv(width, width, fmt=INT8, act="relu", in_max=128) for _ in groups)
        self.head_out = nn.ModuleList(
            Conv(width, coded, fmt=INT8, act="wide", zero=True, unit_bits=unit_bits_for(INT8, PARAMETER_GRID))
            for coded in groups
        )
        self.change_in = Conv(2 * 96 + CHANGE_PLANES, shape.width8, fmt=INT8, in_max=128)
        self.change_blocks = residuals(shape.width8, shape.depth8, "depthwise")
        self.change_out = Conv(
            shape.width8,
            96,
            fmt=INT8,
            act="wide",
            in_max=128,
            zero=True,
            unit_bits=unit_bits_for(INT8, 4 * UNITS_PER_LEVEL),
        )
        # at the whole qualities: natural logarithms of steps in coefficients, and of scales in symbols
        self.log_step = nn.Parameter(torch.zeros(KNOTS, m))
        self.log_scale = nn.Parameter(torch.zeros(KNOTS, m))
        self.log_odds = nn.Parameter(torch.full((KNOTS, 1), -2.0))  # of a live place
        self.dead_zone = nn.Parameter(torch.full((m,), 0.125))  # symbols: how much wider than a step that of 0 is
        self.outward = nn.Parameter(torch.zeros(m))  # symbols

    @property
    def coding(self) -> bool:
        return self.dec_linear.coding

    # ---- the entropy model --------------------------------------------------------------------------------------

    def features(self, history: Units, motion: Units, planes: Units) -> Units:
        """What all heads see, (B, trunk, H, W).

        history: (B, M, H, W) units, past magnitudes of the references together; motion: (B, MOTION_FEATURES, H, W);
        planes: (B, CONTEXT_PLANES, 1, 1).
        """
        return self.trunk(self.entry(join([history, motion, expand(planes, history)])))

    def live_levels(self, odd: int, features: Units, live: Units, even: Tensor, steps: InterSteps) -> Tensor:
        """Levels of the odds that a place is live, (B, 1, H, W), for even positions or, given those, for odd ones.

        live: (B, 1, H, W), LIVE_UNITS where a place is, anything where that is not known; even: (1, 1, H, W), ones at
        even positions.
        """
        hidden = self.live_features[odd](features)
        if odd:
            hidden = add(hidden, self.live_known(keep(live, even)), INT8)
        out = self.live_out[odd](rectified(hidden))
        return self._rounded(out, LIVE_PER_UNIT, steps.odds, LIVE_LEVELS)

    def levels(
        self, number: int, features: Units, known: Sequence[Units], even: Tensor, places: Tensor, offset: Tensor
    ) -> Tensor:
        """Scale levels of a head's channels at some places, (n, channels), unrounded in training.

        known: which places are live, in LIVE_UNITS, and magnitudes of the first group and of the others, as units,
        where they are known to the head, anything elsewhere; places: (n,), flat in B * H * W; offset: (n or 1,
        channels).
        """
        live, first, others = known
        seen = [live]
        if number:
            seen.append(keep(first, even) if number == 1 else first)
        if number == 3:
            seen.append(self.squeeze(keep(others, even)))
        hidden = self.head_features[number](at_places(features, places))
        for layer, units in zip(cast("nn.ModuleList", self.head_known[number]), seen, strict=True):
            hidden = add(hidden, at_places(layer(units), places), INT8)
        out = self.head_out[number](self.head_mix[number](rectified(hidden)))
        rows = floats(out, offset.dtype).permute(0, 2, 3, 1).flatten(0, 2)
        return self._rounded(rows, LEVELS_PER_UNIT, offset, grid.LEVELS)

    def _rounded(self, out: Units, per_unit: int, offset: Tensor, count: int) -> Tensor:
        """What a layer puts out for 1.0, `per_unit` levels, and the offset: levels 0 ... count - 1."""
        level = floats(out, offset.dtype).to(offset.dtype) * (per_unit / PARAMETER_GRID) + offset
        if self.coding:
            return level.round_().clamp_(0, count - 1)
        return (round_ste(level) if self.dec_linear.simulate else level).clamp(0, count - 1)

    # ---- the picture --------------------------------------------------------------------------------------------

    def analysis(self, residual: Tensor) -> Tensor:
        """Latent units of a residual, (B, 96, H/8, W/8) levels. For training; encoders lay out some places alone."""
        return self.enc_linear(unshuffle(residual, 2))

    def dequantised(self, symbols: Tensor, steps: InterSteps) -> Tensor:
        """Latent units of symbols, (B, M, H, W); whole in coding, where steps and symbols are float64."""
        units = (symbols.abs() + steps.outward) * steps.inverse * symbols.sign()
        return units.round_().clamp_(-LATENT_MAX, LATENT_MAX) if self.coding else units

    def change(self, prediction: Units, units: Tensor, some: Tensor, planes: Units) -> tuple[Tensor, Tensor]:
        """What is added to the prediction, UNITS_PER_LEVEL a level: where, and what.

        prediction: (B, 96, 2 H, 2 W) levels - 128; some: (B, H, W), where any symbol is not 0; units: (m, M), of those
        places; planes: (B, CHANGE_PLANES, 1, 1). Returns (n,), flat in B * 2 H * 2 W, and (n, 96).
        """
        near = near_places(some)
        shape = near.shape
        # three depthwise layers look so far around
        reached = nn.functional.max_pool2d(near[:, None], 2 * self.shape.depth8 + 1, 1, self.shape.depth8)
        places = torch.nonzero(reached.flatten())[:, 0]
        shown = near.flatten()[places] > 0
        linear = self._linear(units, some, places)
        row = linear.t().view(1, linear.shape[1], 1, -1)
        seen = self.change_in.backend.units(row, SEEN_PART) if self.coding else _clamped(row * SEEN_PART)
        hidden = self.change_in(
            join([at_places(prediction, places), seen, at_places(expand(planes, prediction), places)])
        )
        for block in self.change_blocks:
            hidden = cast("Residual", block).at(hidden, places, shape)
        added = floats(self.change_out(hidden), linear.dtype).to(linear.dtype)
        return places[shown], linear[shown] + added.permute(0, 2, 3, 1).flatten(0, 2)[shown]

    def _linear(self, units: Tensor, some: Tensor, places: Tensor) -> Tensor:
        """What the linear layer makes of symbols at places of twice the resolution, (n, 96)."""
        _, height, width = some.shape
        out = self.dec_linear(units.t().view(1, units.shape[1], 1, -1)).permute(0, 2, 3, 1).flatten(0, 2)
        if self.coding:  # more is at an end of the range of levels anyway, and so much is whole in float32
            out = out.clamp_(-INTER_CHANGE_MAX, INTER_CHANGE_MAX).float()
        patches = torch.cat([out.view(-1, 96, 4), out.new_zeros(1, 96, 4)])  # of the places without symbols, the last
        number = torch.full((some.numel(),), len(units), device=some.device)
        number[some.flatten()] = torch.arange(len(units), device=some.device)
        sample, place = places.div(4 * height * width, rounding_mode="floor"), places % (4 * height * width)
        row, column = place.div(2 * width, rounding_mode="floor"), place % (2 * width)
        patch = number[(sample * height + row // 2) * width + column // 2]
        return patches[patch, :, row % 2 * 2 + column % 2]


def _clamped(units: Tensor) -> Tensor:
    return units.clamp(INT8.low, INT8.high)


def near_places(some: Tensor) -> Tensor:
    """(B, 2 H, 2 W): ones at places at which some, (B, H, W), is true there or at one of the eight around it."""
    near = nn.functional.max_pool2d(some.float()[:, None], 3, 1, 1)[:, 0]
    return near.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)


def magnitudes(symbols: Tensor) -> Tensor:
    """MAGNITUDES of symbols, float32 units."""
    table = torch.tensor(MAGNITUDES, dtype=torch.float32, device=symbols.device)
    return table[symbols.abs().clamp(max=len(MAGNITUDES) - 1).long()]


def remembered(history: Tensor, symbols: Tensor) -> Tensor:
    """The history of a picture: its symbols' magnitudes, or what is left of its references' history where that is more.

    history: (B, M, H, W) whole units 0 ... MAGNITUDES[-1]; the same is returned.
    """
    left = history - torch.floor((history + (2**DECAY_BITS - 1)) * 2.0**-DECAY_BITS)
    return torch.maximum(magnitudes(symbols), left)
