"""The quantiser's learned steps, in floats: for training, and as integer tables at export."""

from __future__ import annotations

import torch
from torch import Tensor

from lvcodec.entropy import grid
from lvcodec.exact.formats import INT8
from lvcodec.nets.linear import UNITS_PER_COEFFICIENT
from lvcodec.nets.shapes import (
    GAIN_BITS,
    INVERSE_BITS,
    MEAN_BITS,
    MIDDLE_INDEX,
    NORM_BITS,
    OFFSET_BITS,
    PARAMETER_GRID,
    SPREAD_BITS,
)
from lvcodec.nets.swift import Steps, Swift
from lvcodec.quality import HIGHEST, INDICES_A_QUALITY, LAMBDAS, LAST_INDEX, LOWEST


def between_qualities(rows: Tensor, quality: Tensor) -> Tensor:
    """Values at fractional qualities, linear between those of the whole ones.

    rows: (9, ...), of the whole qualities; quality: (B,) in 1..9. Returns (B, ...).
    """
    # quality.lambda_of does the same for one number on the host. All of this stays on the device, since a recorded step
    # of training (train/run/cuda_graph.py) cannot ask the host, and lets gradients pass to the rows.
    position = (quality - LOWEST).clamp(0, HIGHEST - LOWEST)
    low = position.floor().clamp(max=HIGHEST - LOWEST - 1).long()
    part = (position - low).view(-1, *[1] * (rows.ndim - 1))
    return rows[low] * (1 - part) + rows[low + 1] * part


def steps_for_training(model: Swift, quality: Tensor) -> Steps:
    """The quantiser for a batch of qualities, (B,) of LOWEST..HIGHEST, differentiable in the learned steps."""
    log_step = between_qualities(model.log_step, quality)[:, :, None, None]
    gain = torch.exp(-log_step) / UNITS_PER_COEFFICIENT
    deviation_symbols = gain / model.norm.float() * INT8.one  # symbols where a prior's mean is 1.0
    mean = deviation_symbols * (grid.MEAN_STEPS / PARAMETER_GRID)
    offset = grid.PER_OCTAVE * torch.log2(deviation_symbols / grid.LOWEST_SCALE)
    plane = INDICES_A_QUALITY * (quality - LOWEST) - MIDDLE_INDEX
    return Steps(gain, 1 / gain, mean, offset, plane.view(-1, 1, 1, 1))


def start_quantiser(model: Swift, deviation: Tensor) -> None:
    """Steps and deviations before any training. deviation: (M,) of the coefficients of the linear path.

    One step is right for all coefficients of an orthonormal transform: D = step^2 / 12 = 0.72 / lambda.
    """
    with torch.no_grad():
        log_steps = 0.5 * torch.log(12 * 0.72 / torch.tensor(LAMBDAS))
        model.log_step.copy_(log_steps.unsqueeze(1).expand_as(model.log_step))
        model.norm.copy_((INT8.one / (UNITS_PER_COEFFICIENT * deviation)).view(1, -1, 1, 1))
        model.spread.copy_((UNITS_PER_COEFFICIENT * deviation / PARAMETER_GRID).view(1, -1, 1, 1))


def export_steps(model: Swift) -> dict[str, Tensor]:
    """Integer tables of all quality indices, (LAST_INDEX + 1, M) int32 each, and of the deviations, (M,) each."""
    indices = torch.arange(LAST_INDEX + 1, dtype=torch.float64)
    with torch.no_grad():
        steps = steps_for_training(model, LOWEST + indices / INDICES_A_QUALITY)
        scaled = {
            "gain": steps.gain * 2.0**GAIN_BITS,
            "inverse": steps.inverse * 2.0**INVERSE_BITS,
            "mean": steps.mean * 2.0**MEAN_BITS,
            "offset": steps.offset * 2.0**OFFSET_BITS,
            "norm": model.norm.double() * 2.0**NORM_BITS,
            "spread": model.spread.double() * 2.0**SPREAD_BITS,
        }
        return {k: torch.round(v).reshape(-1, v.shape[1]).squeeze(0).to(torch.int32).cpu() for k, v in scaled.items()}
