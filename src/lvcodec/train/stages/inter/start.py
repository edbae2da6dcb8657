"""The start of the inter path: a transform in which residuals are sparse, steps and scales that fit it.

Residuals are edges and texture that moved otherwise than predicted, few and in places. The transform begins as cosines
of 8x8 pels of luma and 4x4 of chroma, and is turned to what leaves fewer coefficients beyond a step, after Sezer,
Harmanci and Guleryuz, "Sparse orthonormal transforms for image compression", 2008
(docs/decisions.md#the-transform-of-residuals).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lvcodec.encoder.distortion import CHROMA, LUMA
from lvcodec.exact.planes import SIDES
from lvcodec.models.inter_steps import steps_for_training
from lvcodec.nets.inter import Inter, remembered
from lvcodec.nets.inter_context import KNOTS
from lvcodec.nets.linear import PATCH_CHANNELS, UNITS_PER_LEVEL
from lvcodec.train.stages.chroma import INTER_FINER
from lvcodec.train.stages.inter.coding import lmbda_of, promising, reconstructed
from lvcodec.train.stages.inter.pool import Pool
from lvcodec.train.stages.inter.unrolled import batch_of, decoded_of

ROUNDS = (30, 90)  # batches: from which the first transform is made, and then, in its own loop, the last
COUNT = 8
EDGE = 0.625
DEAD = 0.65  # symbols: what is smaller is not sent
LEAST = 1e-5  # chance of a symbol other than 0
STEP = 12 * 0.72  # of a coefficient whose lambda is 1, squared
THRESHOLD, FAINT = 0.9, 0.25  # steps: coefficients that are kept while the basis is turned; rows that are looked at
HELD = 0.05  # squared steps a row that each direction of the basis is taken to have as it is
TURNS = 30  # after which it hardly moves
CHROMA_SHARE = 0.2  # of chroma in a channel, from which on its steps are finer
CHANGE_START = 0.25  # of pixels' weights, whose numbers are large


def start(model: Inter, pool: Pool, rounds: Sequence[int] = ROUNDS) -> None:
    """Set transform, steps and scales so that the path works before any training; the pool's chains run meanwhile."""
    with torch.no_grad():
        knots = torch.arange(1, KNOTS + 1, dtype=torch.float32)
        model.log_step.copy_(0.5 * torch.log(STEP / lmbda_of(knots))[:, None].expand_as(model.log_step))
        model.change_in.weight[:, :96] *= CHANGE_START
        for number, batches in enumerate(rounds):
            patches, lambdas = _residuals(model, pool, batches, coded=number > 0)
            _transform(model, patches, lambdas)
        model.log_step[:, _chroma(model) > CHROMA_SHARE] -= torch.tensor(INTER_FINER).log()[:, None]
        _scales(model, patches, lambdas)


def _residuals(model: Inter, pool: Pool, batches: int, *, coded: bool) -> tuple[Tensor, Tensor]:
    """Residuals as patches (N, n, 384) and their pictures' lambdas, (N,), while chains run.

    coded: they run by the transform, whose coefficients are rounded; else by the source itself.
    """
    found, lambdas = [], []
    for _ in range(batches):
        tasks = [pool.next(chain) for chain in pool.draw(COUNT)]
        batch = batch_of(model, tasks, {})
        residual = batch.x - batch.prediction
        found.append(F.pixel_unshuffle(residual, 2).permute(0, 2, 3, 1).flatten(1, 2))
        lambdas.append(lmbda_of(batch.quality))
        shown, symbols = batch.x, torch.zeros_like(batch.history)
        if coded:
            steps = steps_for_training(model, batch.quality)
            real = model.analysis(residual) / steps.inverse
            symbols = torch.where(real.abs() < DEAD, 0.0, real.round())
            x_hat = reconstructed(model, batch, symbols, model.dequantised(symbols, steps))
            shown = (x_hat / UNITS_PER_LEVEL).round().clamp(-128, 127)
        for task, decoded in zip(tasks, decoded_of(tasks, shown, remembered(batch.history, symbols)), strict=True):
            pool.put(task, decoded)
    return torch.cat(found), torch.cat(lambdas)


def _transform(model: Inter, patches: Tensor, lambdas: Tensor) -> None:
    """Both linear layers: an orthonormal transform of levels weighted as the distortion weighs them."""
    scale = torch.full((PATCH_CHANNELS,), CHROMA)
    scale[: PATCH_CHANNELS * 2 // 3] = LUMA  # pixel_unshuffle keeps each of the 96 channels' four positions together
    scale = scale.sqrt()
    rows = (patches * scale * torch.sqrt(lambdas / STEP)[:, None, None]).flatten(0, 1)  # steps
    basis = _sparse(_cosines(), rows[(rows.abs() > FAINT).any(dim=1)])
    strongest = (rows @ basis.T).square().mean(dim=0).argsort(descending=True, stable=True)
    basis = basis[strongest[: model.shape.latent]]
    model.enc_linear.weight.copy_((basis * scale)[:, :, None, None])
    model.dec_linear.weight.copy_((basis / scale).T[:, :, None, None])


def _sparse(basis: Tensor, rows: Tensor) -> Tensor:
    """An orthonormal basis, (n, n), turned so that rows (N, n) have fewer coefficients beyond THRESHOLD.

    In turn: what is larger is kept, and the basis becomes the one that shows the rows best by that. HELD keeps
    directions as they are in which hardly any row has anything.
    """
    held = HELD * max(len(rows), 1) * basis
    for _ in range(TURNS):
        coefficients = rows @ basis.T
        kept = coefficients * (coefficients.abs() > THRESHOLD)
        left, _, right = torch.linalg.svd(kept.T @ rows + held)
        basis = left @ right
    return basis


def _cosines() -> Tensor:
    """Rows, (384, 384), that transform a patch's blocks of 8x8 pels of Y and 4x4 of U and V."""
    parts = [torch.kron(waves, waves) for waves in map(_waves, SIDES)]  # of a patch's quarter, (96, 96)
    return torch.kron(torch.block_diag(*parts), torch.eye(4))  # a channel's four are those of the quarters


def _waves(side: int) -> Tensor:
    """The cosine transform of so many pels, (side, side), orthonormal."""
    waves = torch.cos(math.pi / side * torch.arange(side)[:, None] * (torch.arange(side) + 0.5)) * math.sqrt(2 / side)
    waves[0] *= math.sqrt(0.5)
    return waves


def _chroma(model: Inter) -> Tensor:
    """The part of chroma in each channel of the transform, (M,), as the distortion weighs it."""
    energy = model.enc_linear.weight[:, :, 0, 0] * model.dec_linear.weight[:, :, 0, 0].T  # of the orthonormal basis
    return energy[:, PATCH_CHANNELS * 2 // 3 :].sum(dim=1) / energy.sum(dim=1)


def _scales(model: Inter, patches: Tensor, lambdas: Tensor) -> None:
    """The scale of each channel at each quality, from how large symbols of live places are on average."""
    knots = lmbda_of(torch.arange(1, KNOTS + 1, dtype=torch.float32)).log()
    coefficients = patches @ model.enc_linear.weight.flatten(1).T
    for knot in range(KNOTS):  # a symbol is 0 within EDGE of 0, with the chance 1 - exp(-EDGE / scale)
        step = model.log_step[knot].exp()
        rows = coefficients / step
        worth = (lmbda_of(torch.tensor([knot + 1.0])) * step.max().square()).expand_as(step)
        live = promising(rows.flatten(0, 1), worth).view(rows.shape[:2])
        sizes = torch.where(rows.abs() < DEAD, 0.0, rows.abs()) * live[:, :, None]
        near = torch.exp(-4 * (lambdas.log() - knots[knot]).square())
        share = (near[:, None] * live).sum().clamp_min(1.0)
        mean = (near[:, None] * sizes.sum(dim=1)).sum(dim=0) / share
        odds = (mean / (1 + mean)).clamp_min(LEAST)
        model.log_scale[knot] = torch.log(-EDGE / odds.log())
