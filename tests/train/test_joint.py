"""Stage joint sees what the codec does: its P-pictures, its bits, its warp."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

joint = pytest.importorskip("lvcodec.train.stages.joint", reason="pip install '.[train]'")

from lvcodec.encoder.decisions import DECISIONS  # noqa: E402
from lvcodec.encoder.network import EncoderNetwork  # noqa: E402
from lvcodec.encoder.picture import encode_intra, encode_predicted  # noqa: E402
from lvcodec.exact import ops, warp  # noqa: E402
from lvcodec.exact.planes import channels_to_planes, planes_to_channels  # noqa: E402
from lvcodec.models import loading, store  # noqa: E402
from lvcodec.nets.linear import UNITS_PER_LEVEL  # noqa: E402
from lvcodec.stream.structure import LAYER_CHAIN, Structure  # noqa: E402
from lvcodec.train.results import export  # noqa: E402
from lvcodec.train.stages.encoder_rules import p_quality  # noqa: E402
from lvcodec.train.stages.losses import MSE  # noqa: E402
from lvcodec.train.stages.soft_warp import soft_warp  # noqa: E402
from lvcodec.video.picture import Picture  # noqa: E402


def channels(picture: Picture) -> torch.Tensor:
    return planes_to_channels(*(torch.from_numpy(plane)[None, None].float() for plane in picture.planes))


def test_a_p_picture_is_the_codecs(fresh, make_clip, tmp_path: Path) -> None:
    """The same motion, nearly the same pixels and bits: a mean that rounds otherwise moves a symbol here and there."""
    run = fresh("joint", batch=4)
    for _ in range(5):
        run.step()
    model, priors = run.model.to(memory_format=torch.contiguous_format), run.priors
    info = store.write(
        tmp_path / "tiny",
        name="tiny",
        family="swift",
        shape=model.shape.as_dict(),
        arrays=export.arrays_of(model, priors),
        about={},
        overwrite=False,
    )
    first, second = make_clip(128, 128, 4, 7)[::3]
    decisions, one = DECISIONS["aligned"], Fraction(1)
    with torch.inference_mode():
        nets = [
            EncoderNetwork(loading.coding(info, index, backend="float"), 128, 128, torch.device("cpu"), index)
            for index in (80, 80 - decisions.layers[LAYER_CHAIN - 1])
        ]
        _, state, _ = encode_intra(first, nets[0])
        _, after, coder = encode_predicted(second, (state,), Structure(1).steps[0], nets[1], decisions, one)
    ops.simulate(model, True)
    with torch.no_grad():
        quality = p_quality("aligned", torch.tensor([5.0]))
        outcome, x_hat, fields = joint.code_aligned(
            model, priors, channels(second), channels(state.x_hat), quality, None, hard=True, measure=MSE
        )
    assert np.array_equal(fields[0], after.field)
    shown = channels_to_planes((x_hat / UNITS_PER_LEVEL).round().clamp(-128, 127))
    for ours, theirs in zip(shown, after.x_hat.planes, strict=True):
        assert (np.abs(ours[0, 0].numpy() - theirs) <= 1).mean() > 0.8
    assert float(outcome.rate) * 128 * 128 == pytest.approx(coder.bits["z_t"] + coder.bits["y_shift"], rel=0.05)


def test_gradients_reach_the_picture_before(fresh) -> None:
    """The second picture's error alone moves what codes the first."""
    run = fresh("joint", batch=2)
    x = run.crops.batch(2, 64, length=2)
    shown = x[:, 0].round().requires_grad_()
    outcome, _, _ = joint.code_aligned(
        run.model, run.priors, x[:, 1], shown, torch.full((2,), 4.0), None, hard=False, measure=MSE
    )
    outcome.distortion.sum().backward()
    assert shown.grad is not None and (shown.grad != 0).float().mean() > 0.5


@pytest.mark.parametrize("chroma", [False, True])
def test_the_soft_warp_is_the_decoders(chroma: bool) -> None:
    """To a level for vectors of whole pels, where taps do not matter; differentiable."""
    rng = np.random.Generator(np.random.PCG64(3))
    height, width = (32, 48) if chroma else (64, 96)
    plane = rng.integers(0, 256, (height, width)).astype(np.uint8)
    field = (rng.integers(-3, 4, warp.field_shape(64, 96)) * 8).astype(np.int32)
    planes = torch.from_numpy(plane)[None, None].float().requires_grad_()
    got = soft_warp(planes, torch.from_numpy(field)[None], chroma=chroma)
    want = warp.warp(plane, field, chroma=chroma)
    assert np.abs(got.detach()[0, 0].numpy() - want).max() < 0.6
    got.sum().backward()
    assert planes.grad.sum() == pytest.approx(height * width, rel=1e-3)


def test_p_pictures_are_coarser_as_in_the_mode() -> None:
    assert p_quality("aligned", torch.tensor([5.0, 1.2])).tolist() == [4.0, 1.0]
