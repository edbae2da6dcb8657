"""Losses and settings: what distortion is, what MS-SSIM needs, what presets say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lvcodec.errors import UsageError
from lvcodec.exact.planes import planes_to_channels
from lvcodec.nets.linear import UNITS_PER_LEVEL
from lvcodec.quality import lambda_of
from lvcodec.train.settings import LOSSES, PAPER_STEPS, settings_of
from lvcodec.train.stages import chroma, losses


@pytest.fixture(scope="module")
def pair(make_clip) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture of 192x192 and another, (1, 96, 24, 24), in levels - 128."""
    one, other = (
        planes_to_channels(*(torch.from_numpy(p)[None, None].float() for p in picture.planes))
        for picture in make_clip(192, 192, 2, 3)
    )
    return one, other


def test_squared_error_weighs_planes() -> None:
    x = torch.zeros(2, 96, 8, 8)
    for channels, weight in ((slice(0, 64), 6 / 8), (slice(64, 80), 1 / 8), (slice(80, 96), 1 / 8)):
        x_hat = torch.zeros_like(x)
        x_hat[:, channels] = 3 * UNITS_PER_LEVEL
        assert losses.squared_error(x, x_hat).tolist() == pytest.approx([9 * weight] * 2)


def test_chroma_counts_more_where_quality_is_low() -> None:
    """By the square of how much finer its steps are, and as 6:1:1 says where they are not."""
    quality, x = torch.tensor([1.0, 3.5, 9.0]), torch.zeros(3, 96, 8, 8)
    for channels, times in ((slice(0, 64), [1, 1, 1]), (slice(64, 96), [1.6**2, 1.45**2, 1])):
        x_hat = torch.zeros_like(x)
        x_hat[:, channels] = UNITS_PER_LEVEL
        counted, squared = losses.errors(x, x_hat, quality, losses.MSE)
        assert (counted / squared).tolist() == pytest.approx(times)


def test_steps_of_chroma_are_finer_from_the_start(fresh) -> None:
    """Those of latents of chroma, and of no others; as many times as errors weigh more."""
    model = fresh("intra").model
    luma, finer = model.log_step.max(dim=1).values[:, None], torch.tensor(chroma.FINER).log()[:, None]
    made = ((luma - model.log_step - finer).abs() < 1e-6) & (finer > 0)
    assert 0 < made[0].sum() < len(made[0]) and torch.equal(made[0], made[3])
    assert torch.allclose(model.log_step[:, ~made[0]], luma.expand_as(model.log_step)[:, ~made[0]])


def test_ms_ssim_is_the_librarys(pair) -> None:
    """Luma with its usual window, chroma with one that spans the same; 0 for the same picture; a gradient."""
    from pytorch_msssim import ms_ssim

    from lvcodec.exact.planes import channels_to_planes

    x, other = pair
    assert losses.structural_error(x, x * UNITS_PER_LEVEL).tolist() == pytest.approx([0], abs=1e-6)
    given = (other * UNITS_PER_LEVEL).requires_grad_()
    got = losses.structural_error(x, given)
    planes = list(zip(channels_to_planes(x), channels_to_planes(other), strict=True))
    want = 6 / 8 * ms_ssim(*planes[0], data_range=255)
    want = want + sum(ms_ssim(*p, data_range=255, win_size=5, win_sigma=0.6) / 8 for p in planes[1:])
    assert got.item() == pytest.approx(1 - want.item(), abs=1e-5) and got.item() > 0.001
    got.sum().backward()
    assert torch.isfinite(given.grad).all() and given.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("measure", "expected"), [(losses.MSE, (0.0018, 0.0130, 0.0483)), (losses.MS_SSIM, (2.40, 16.64, 60.50))]
)
def test_lambdas_are_geometric_between_qualities(measure: losses.Measure, expected) -> None:
    got = measure.lmbda(torch.tensor([1.0, 4.0, 6.0, 1.5]))
    assert got[:3].tolist() == pytest.approx(expected)
    assert got[3].item() == pytest.approx(np.sqrt(measure.lambdas[0] * measure.lambdas[1]), rel=1e-5)


def test_lambdas_are_those_of_the_encoder() -> None:
    """Tensors interpolate as single numbers do: at every index of a stream, and between indices."""
    qualities = np.append(np.linspace(1, 6, 101), np.random.Generator(np.random.PCG64(1)).uniform(1, 6, 50))
    expected = [lambda_of(quality) for quality in qualities]
    got = losses.MSE.lmbda(torch.from_numpy(qualities))
    assert got.tolist() == pytest.approx(expected, rel=1e-12)
    assert losses.MSE.lmbda(torch.from_numpy(qualities).float()).tolist() == pytest.approx(expected, rel=1e-5)


def test_losses_and_settings_know_the_same_names() -> None:
    assert tuple(losses.MEASURES) == LOSSES


def test_small_crops_are_refused_for_ms_ssim() -> None:
    losses.check_crop("mse", 64)
    losses.check_crop("ms-ssim", 192)
    with pytest.raises(UsageError, match="too small; take --crop 192 or more"):
        losses.check_crop("ms-ssim", 128)


def test_a_stage_trains_by_ms_ssim(fresh, make_clip) -> None:
    from lvcodec.train.data.crops import CachedClip

    run = fresh("intra", loss="ms-ssim", crop=192, batch=1)
    raw = np.stack([np.frombuffer(p.tobytes(), np.uint8).reshape(288, 192) for p in make_clip(192, 192, 3, 1)])
    run.crops.moving = [CachedClip(raw, still=False)]
    for _ in range(2):
        run.step()
    loss, rate, squared = run.means()
    assert 10 < squared < 5000 and loss < rate * 3 + 60  # the log keeps squared errors


def test_presets_and_what_overrides_them() -> None:
    short = settings_of("short", "intra", minutes=2.0, steps=None, given={"batch": None, "crop": 64})
    assert (short.total, short.by_steps, short.batch, short.crop, short.optimiser) == (120.0, False, 12, 64, "muon")
    paper = settings_of("paper", "temporal", minutes=None, steps=None, given={})
    assert (paper.total, paper.by_steps, paper.crop, paper.optimiser) == (PAPER_STEPS["temporal"], True, 256, "adam")
    given = settings_of("paper", "temporal", minutes=None, steps=50, given={"crop": 128, "adam_lr": 1e-3})
    assert (given.total, given.crop, given.adam_lr, given.batch) == (50, 128, 1e-3, 16)


def test_the_papers_learning_rates() -> None:
    """1e-4; 5e-5 from 300,000 steps on; 1e-5 from 400,000; 5e-6 from 450,000; 1e-6 from 475,000."""
    paper = settings_of("paper", "temporal", minutes=None, steps=None, given={})
    at = {
        step: paper.adam_lr * paper.factor(step / 500_000, step)
        for step in (1000, 299_999, 300_000, 400_000, 450_000, 475_000, 499_999)
    }
    assert list(at.values()) == pytest.approx([1e-4, 1e-4, 5e-5, 1e-5, 5e-6, 1e-6, 1e-6])


def test_the_short_schedule() -> None:
    short = settings_of("short", "temporal", minutes=None, steps=1000, given={})
    assert short.factor(0.0, 0) == pytest.approx(0.01) and short.factor(0.5, 500) == 1.0
    assert short.factor(0.8, 800) == pytest.approx(0.51) and short.factor(1.0, 1000) == pytest.approx(0.02)
    assert (
        settings_of("short", "temporal", minutes=None, steps=9, given={"schedule": "constant"}).factor(1.0, 999) == 1.0
    )
