"""CompressAI's checkpoints: what is refused, what an old one is called, and the same numbers as its floats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from lvcodec.errors import UsageError, WeightsError
from lvcodec.models import canary, cheng2020_arrays, export, importers, loading, store
from lvcodec.models.importers import import_compressai
from lvcodec.nets import rgb
from lvcodec.nets.cheng2020 import ONE, Cheng2020, causal_taps
from lvcodec.nets.cheng2020_coding import Cheng2020Coding
from lvcodec.video.picture import Picture

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def scaled_anchor(channels: int) -> torch.nn.Module:
    """CompressAI's network with weights that give latents of a few steps and divide by more than one channel."""
    models = pytest.importorskip("compressai.models")
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(7)
        net = models.Cheng2020Anchor(channels).double().eval()
        for name, parameter in net.named_parameters():
            if name.endswith("gamma"):
                parameter += 0.1 * torch.rand_like(parameter)
            elif name.endswith("beta"):
                parameter *= 0.6 + 0.8 * torch.rand_like(parameter)
            elif parameter.dim() == 4:
                parameter *= 1.5  # more, and activations leave +-2048
        x = torch.rand(1, 3, 64, 64, dtype=torch.float64)
        y = net.g_a(x)
        net.g_a[6].weight *= 5 / y.std()
        y = net.g_a(x)
        net.h_a[8].weight *= 4 / net.h_a(y).std()
        net.g_s[7][0].weight *= 0.25 / net.g_s(y.round()).std()
        net.g_s[7][0].bias += 0.5
        params = net.entropy_parameters(torch.cat([net.h_s(net.h_a(y).round()), net.context_prediction(y)], 1))
        net.entropy_parameters[4].weight *= 2 / params.std()
        net.entropy_parameters[4].bias[:channels] += 2
    return net


@pytest.fixture(scope="module")
def narrow() -> State:
    """The state of a network of 12 channels."""
    return scaled_anchor(12).state_dict()


# ---- names and files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "quality"),
    [
        ("cheng2020-anchor-3-e49be189.pth.tar", 3),
        ("mine-q3.pth", 3),
        ("quality=6.pth", 6),
        ("Quality_1.tar", 1),
        ("4.pth", 4),
    ],
)
def test_a_file_name_states_the_quality(name: str, quality: int) -> None:
    assert importers.quality_of(Path("q5") / name) == quality


@pytest.mark.parametrize("name", ["anchor.pth", "q7.pth", "a-1-2.pth", "q1-q2.pth"])
def test_a_name_that_does_not_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="does not say which quality"):
        importers.quality_of(Path(name))


def test_older_names_of_parameters() -> None:
    assert importers.rename("entropy_bottleneck._matrix0") == "entropy_bottleneck.matrices.0"
    assert importers.rename("entropy_bottleneck_bfd._bias3") == "entropy_bottleneck_bfd.biases.3"
    assert importers.rename("module.g_a.0.downsample.weight") == "g_a.0.skip.weight"
    today = "entropy_bottleneck_p.factors.2"
    assert importers.rename(today) == today


@pytest.mark.parametrize("qualities", [[1, 1], [1], [0, 2]])
def test_one_checkpoint_a_quality(tmp_path: Path, qualities: list[int]) -> None:
    paths = [tmp_path / "a.pth", tmp_path / "b.pth"]
    with pytest.raises(UsageError, match="qualities"):
        import_compressai(paths, tmp_path / "m", name="m", overwrite=False, qualities=qualities)


@pytest.mark.parametrize("content", ["text", "a list", "no file"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "q1.pth"
    if content == "text":
        path.write_text("no pickle", encoding="utf-8")
    elif content == "a list":
        torch.save([torch.zeros(1)], path)
    with pytest.raises(WeightsError, match="q1.pth"):
        import_compressai([path], tmp_path / "m", name="m", overwrite=False)
    assert not (tmp_path / "m").exists()


def missing_layer(state: State) -> None:
    del state["g_a.3.conv1.weight"]


def missing_gamma(state: State) -> None:
    del state["g_a.0.gdn.gamma"]


def further_layer(state: State) -> None:
    state["g_a.7.weight"] = torch.zeros(1)


def other_shape(state: State) -> None:
    state["h_s.0.bias"] = torch.zeros(13)


def not_finite(state: State) -> None:
    state["h_a.0.bias"] = torch.full_like(state["h_a.0.bias"], torch.nan)


def missing_prior(state: State) -> None:
    del state["entropy_bottleneck.matrices.2"]


def another_network(state: State) -> None:
    state["g_a.0.conv1.weight"] = torch.zeros(12, 1, 5, 5)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (missing_layer, "it lacks g_a.3.conv1.weight"),
        (missing_gamma, "it lacks g_a.0.gdn.gamma"),
        (further_layer, "a layer that Cheng2020Anchor lacks, g_a.7.weight"),
        (other_shape, r"h_s.0.bias is \(13,\), not \(12,\)"),
        (not_finite, "h_a.0.bias has values that are not finite"),
        (missing_prior, "entropy_bottleneck.matrices.2 is missing"),
        (another_network, "is not a Cheng2020Anchor checkpoint"),
    ],
)
def test_what_is_wrong_with_a_checkpoint(
    narrow: State, tmp_path: Path, damage: Callable[[State], None], message: str
) -> None:
    state = dict(narrow)
    damage(state)
    torch.save({"state_dict": state}, tmp_path / "q2.pth")
    with pytest.raises(WeightsError, match=message) as caught:
        import_compressai([tmp_path / "q2.pth"], tmp_path / "m", name="m", overwrite=False)
    assert "q2.pth" in caught.value.message


# ---- what becomes of it -------------------------------------------------------------------------------------------


def test_an_import_records_its_canary(tmp_path: Path) -> None:
    checkpoint = tmp_path / "narrow-q3.pth"
    torch.save(scaled_anchor(12).state_dict(), checkpoint)
    info = import_compressai([checkpoint], tmp_path / "m", name="m", overwrite=False)
    hashes = canary.recorded(store.read_info(info.path))
    assert hashes == {40: canary.digest(loading.coding(info, 40, backend="float"))}


def test_an_image_codec_gets_calm_modules(narrow: State) -> None:
    """Hyper-latents of P-pictures are zero and residuals are coded as they are, until something is trained."""
    model, pmfs, missing = importers.build(narrow, 3)
    assert missing and set(pmfs) == set(export.PRIORS)
    assert not model.temporal.ph_e[2].weight.any() and not model.shift.bfd_e[2].weight.any()
    assert not model.context_prediction.weight[:, :, ~causal_taps()].any()


def test_trained_modules_come_along(narrow: State) -> None:
    """With the priors of their hyper-latents."""
    trained = {key: part for key, part in Cheng2020(12).state_dict().items() if key.startswith(("temporal", "shift"))}
    of_intra = {key: part for key, part in narrow.items() if key.startswith("entropy_bottleneck.")}
    priors = {
        key.replace("entropy_bottleneck.", f"{prefix}."): part
        for prefix in ("entropy_bottleneck_p", "entropy_bottleneck_bfd")
        for key, part in of_intra.items()
    }
    model, pmfs, missing = importers.build({**narrow, **trained, **priors}, 3)
    assert not missing and np.array_equal(pmfs["z_p"], pmfs["z_intra"])
    assert torch.equal(model.temporal.ph_e[0].weight, trained["temporal.ph_e.0.weight"])


def test_priors_are_compressais(narrow: State) -> None:
    """Probabilities of whole numbers, against the layer that the checkpoint is of."""
    bottleneck = scaled_anchor(12).entropy_bottleneck
    pmf = importers.bottleneck_pmf(narrow, "entropy_bottleneck", 12)
    reach = pmf.shape[1] // 2
    values = torch.arange(-reach, reach + 1, dtype=torch.float64).expand(12, 1, -1)
    with torch.no_grad():
        likelihood, _, _ = bottleneck._likelihood(values)
    assert np.allclose(pmf, likelihood[:, 0].numpy(), atol=1e-9)
    assert (pmf.sum(axis=1) > 0.9).all()


@pytest.mark.parametrize("channels", [128, pytest.param(192, marks=pytest.mark.slow)])
def test_equals_compressai(tmp_path: Path, make_waves: Callable[..., list[Picture]], channels: int) -> None:
    """Integers against CompressAI's layers in float64: latents, hyper-latents, parameters and pixels."""
    theirs = scaled_anchor(channels)
    ours, pmfs, missing = importers.build(theirs.state_dict(), 3)
    arrays = cheng2020_arrays.network_arrays(ours, pmfs, 3)
    info = cheng2020_arrays.write(tmp_path / "m", "m", {"3": channels}, arrays, {"qualities": [3]}, overwrite=True)
    assert missing
    coding = loading.coding(info, 40)
    assert isinstance(coding, Cheng2020Coding)
    with torch.inference_mode():
        clip = make_waves(64, 64, 1)[0]
        planes = [torch.from_numpy(plane)[None, None].double() for plane in clip.planes]
        x = rgb.to_rgb(*planes, ONE)

        y = theirs.g_a(x / ONE)
        got = coding.analyse(*planes) / ONE
        assert decibels(y, got) > 60, "latents"
        y_hat = torch.round(y)
        z = theirs.h_a(y)
        assert decibels(z, coding.model.h_a(got * ONE) + 0.0) > 15  # whole already: the rounding is the error
        z_hat = torch.round(z)
        psi, context = theirs.h_s(z_hat), theirs.context_prediction(y_hat)
        scale, mean = theirs.entropy_parameters(torch.cat([psi, context], 1)).chunk(2, 1)
        scale_got, mean_got = coding.model.parameters_from(
            coding.model.h_s(z_hat * ONE), coding.model.context_prediction(y_hat * ONE)
        )
        assert decibels(scale, scale_got / ONE) > 60 and decibels(mean, mean_got / ONE) > 60
        x_hat = theirs.g_s(y_hat)
        x_hat_got = coding.model.g_s(y_hat * ONE) * 2.0**-rgb.RGB_BITS
        assert x_hat.std() > 0.1
        error = (x_hat - x_hat_got).square().mean()
        assert -10 * torch.log10(error) > 60, "pixels, relative to their range"


def decibels(want: torch.Tensor, got: torch.Tensor) -> float:
    """Power of what is wanted over that of the error."""
    assert want.std() > 0.1
    return float(10 * torch.log10(want.square().mean() / (want - got).square().mean().clamp(min=1e-30)))
