"""The cheng2020 family: exact on both sides, wavefronts equal to raster order.

tests/models/test_importers.py compares it with CompressAI's floats.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from lvcodec.codec.modes import mode_of
from lvcodec.codec.network import Network
from lvcodec.codec.picture import decode_picture
from lvcodec.codec.state import State
from lvcodec.encoder.decisions import DECISIONS
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.picture import encode_intra, encode_predicted
from lvcodec.entropy import grid
from lvcodec.exact import masters
from lvcodec.exact.formats import WIDE, to_units
from lvcodec.exact.gdn import Gdn
from lvcodec.models import cheng2020_arrays, export, loading, store, untrained
from lvcodec.nets import rgb
from lvcodec.nets.cheng2020 import ONE, Cheng2020
from lvcodec.nets.cheng2020_coding import LEVEL_OF_ONE, LEVELS_PER_NAT, Cheng2020Coding, wavefronts
from lvcodec.stream.structure import Shift, Structure
from lvcodec.video.picture import Picture


@pytest.fixture(scope="module", autouse=True)
def inference() -> Iterator[None]:
    """No gradients, and one thread: two wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> store.ModelInfo:
    """Random weights of quality 1 (128 channels)."""
    with torch.inference_mode(False), torch.random.fork_rng():
        torch.manual_seed(1)
        return untrained.random_cheng2020(tmp_path_factory.mktemp("m") / "r", [1], {}, overwrite=False)


@pytest.fixture(scope="module")
def coding(model: store.ModelInfo) -> Cheng2020Coding:
    made = loading.coding(model, 0)
    assert isinstance(made, Cheng2020Coding)
    return made


def small_coding(tmp_path: Path, channels: int = 12) -> Cheng2020Coding:
    """A narrow network, quick to run."""
    with torch.inference_mode(False), torch.random.fork_rng():
        torch.manual_seed(2)
        net = Cheng2020(channels)
        untrained.scale_random(net)
        pmfs = {name: export.flat_pmf(channels) for name in export.PRIORS}
        arrays = cheng2020_arrays.network_arrays(net, pmfs, 1)
        info = cheng2020_arrays.write(
            tmp_path / "small", "small", {"1": channels}, arrays, {"qualities": [1]}, overwrite=True
        )
    made = loading.coding(info, 0)
    assert isinstance(made, Cheng2020Coding)
    return made


def round_trip(coding: Cheng2020Coding, clip: list[Picture], name: str, shift: Shift) -> list[tuple[bytes, Picture]]:
    """Payload and picture of each; the decoder's equal the encoder's."""
    net = EncoderNetwork(coding, clip[0].width, clip[0].height, 0)
    mode = mode_of(name, shift)
    sent: State | None = None
    got: State | None = None
    out = []
    for picture in clip:
        decisions = DECISIONS[name]
        if sent is None or got is None or decisions is None:
            payload, sent, writer = encode_intra(picture, net, two_steps=False)
            got, reader = decode_picture(payload, (), None, net, mode, shift.alpha)
        else:
            [step] = Structure(1).steps
            decided = decisions.where(shift)
            payload, sent, writer = encode_predicted(picture, (sent,), step, net, decided, shift.alpha)
            got, reader = decode_picture(payload, (got,), step, net, mode, shift.alpha)
        assert writer.bits == reader.bits
        for ours, theirs in zip(sent.x_hat.planes, got.x_hat.planes, strict=True):
            assert np.array_equal(ours, theirs)
        assert (got.x_hat.width, got.x_hat.height) == (picture.width, picture.height)
        out.append((payload, got.x_hat))
    return out


CASES = [
    ("intra", Shift()),
    ("mfvc", Shift()),
    ("lds", Shift()),
    ("lds", Shift(Fraction(1, 2))),
    ("lds", Shift(kept=True)),
    ("lds", Shift(Fraction(1, 2), kept=True)),
]


@pytest.mark.parametrize(("mode", "shift"), CASES)
@pytest.mark.parametrize("size", [(64, 64), (80, 48)])
def test_round_trip(coding: Cheng2020Coding, size: tuple[int, int], mode: str, shift: Shift, make_waves) -> None:
    coded = round_trip(coding, make_waves(*size, 3 if shift.kept else 2), mode, shift)
    assert all(len(payload) > 100 for payload, _ in coded)  # random weights, but not all zero


def test_mfvc_shows_what_intra_shows(coding: Cheng2020Coding, make_waves) -> None:
    clip = make_waves(64, 64, 3)
    intra = round_trip(coding, clip, "intra", Shift())
    mfvc = round_trip(coding, clip, "mfvc", Shift())
    for (_, one), (_, other) in zip(intra, mfvc, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.planes, other.planes, strict=True))


@pytest.mark.parametrize("name", ["mfvc", "lds"])
def test_threads_do_not_matter(coding: Cheng2020Coding, name: str, make_waves) -> None:
    clip = make_waves(80, 48, 2)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(round_trip(coding, clip, name, Shift()))
    finally:
        torch.set_num_threads(before)
    for (payload, picture), (payload_2, picture_2) in zip(*found, strict=True):
        assert payload == payload_2
        assert all(np.array_equal(a, b) for a, b in zip(picture.planes, picture_2.planes, strict=True))


@pytest.mark.parametrize(("height", "width"), [(4, 8), (8, 4), (4, 4)])
def test_wavefronts_equal_raster_order(tmp_path: Path, height: int, width: int) -> None:
    """Symbols not yet coded are garbage in a pass; out comes what the whole latent's masked convolution gives."""
    coding = small_coding(tmp_path)
    channels = coding.model.n
    generator = torch.Generator().manual_seed(3)
    y_hat = torch.randint(-9, 10, (1, channels, height, width), generator=generator).double()
    z = torch.randint(-5, 6, (1, channels, height // 4, width // 4), generator=generator).double()
    psi = coding.model.h_s(to_units(z, ONE, WIDE, rounded=False))
    context = coding.model.context_prediction(to_units(y_hat, ONE, WIDE, rounded=False))
    mean8, level = (t.flatten() for t in coding.on_grid(*coding.model.parameters_from(psi, context)))
    assert len(set(level.tolist())) > 5 and len(set(mean8.tolist())) > 20

    known = torch.full_like(y_hat, 777.0)
    seen = np.zeros(y_hat.numel(), dtype=int)
    count = 0
    for positions, parameters in coding.intra_passes(z):
        assert positions.dtype == np.intp
        got_mean, got_level = parameters(known)
        assert torch.equal(got_mean.flatten(), mean8[positions])
        assert torch.equal(got_level.flatten(), level[positions])
        known.view(-1)[positions] = y_hat.view(-1)[positions]
        seen[positions] += 1
        count += 1
    assert (seen == 1).all()
    assert count == width + 3 * (height - 1)


def test_wavefront_count_of_narrow_latents() -> None:
    """With fewer than three columns some passes would be empty; none is made."""
    assert sum(inside.numel() for inside, _, _ in wavefronts(4, 2)) == 8
    assert all(inside.numel() for inside, _, _ in wavefronts(4, 2))


@pytest.mark.parametrize("inverse", [False, True])
def test_gdn(inverse: bool) -> None:
    """Exact GDN is the float64 formula to a few units, on numbers from tiny to the format's edge."""
    generator = torch.Generator().manual_seed(0)
    layer = Gdn(32, fmt=WIDE, inverse=inverse)
    with torch.no_grad():
        layer.weight.copy_(torch.rand(32, 32, 1, 1, generator=generator) * 0.05)
        layer.bias.copy_(torch.rand(32, generator=generator) + 1e-3)
    layer.load_integers("gdn", *masters.integers("gdn", layer))
    for spread in (0.01, 1.0, 30.0):
        x = torch.round(torch.randn(1, 32, 9, 7, generator=generator).double() * spread * ONE)
        got = layer(x) / ONE
        real = x / ONE
        norm = torch.sqrt(
            torch.einsum("oi,nihw->nohw", layer.weight[:, :, 0, 0].double(), real**2)
            + layer.bias.double().view(1, -1, 1, 1)
        )
        want = (real * norm if inverse else real / norm).clamp(WIDE.low / ONE, WIDE.high / ONE)
        # the least square the layer knows is 2^-16, that of 1/256
        assert (got - want).abs().max() < 2e-3 * max(1.0, float(want.abs().max()))
        assert torch.equal(got * ONE, torch.round(got * ONE))
    edge = torch.full((1, 32, 1, 1), float(WIDE.low), dtype=torch.float64)
    assert layer(edge).isfinite().all()


def test_rgb_and_back() -> None:
    """Chroma that is the same in 2x2 pixels comes back, samples outside the nominal range too."""
    random = np.random.default_rng(0)
    y, u, v = (
        torch.from_numpy(random.integers(0, 256, (1, 1, *shape)).astype(np.float64))
        for shape in ((32, 48), (16, 24), (16, 24))
    )
    units = rgb.to_rgb(y, u, v, ONE)
    assert units.shape == (1, 3, 32, 48) and torch.equal(units, units.round())
    back = rgb.to_planes(units * 2.0 ** (rgb.RGB_BITS - 12))
    for plane, again in zip((y, u, v), back, strict=True):
        assert torch.equal(plane, again)
    grey = rgb.to_rgb(
        torch.full((1, 1, 2, 2), 235.0), torch.full((1, 1, 1, 1), 128.0), torch.full((1, 1, 1, 1), 128.0), ONE
    )
    assert torch.equal(grey, torch.full((1, 3, 2, 2), float(ONE), dtype=grey.dtype))


def test_scales_on_the_grid(coding: Cheng2020Coding) -> None:
    """A Gaussian's level is the nearest on a logarithmic scale, not below sigma 0.11; a Laplace's is by e^sigma."""
    sigma = np.geomspace(0.001, 200, 500)
    units = np.rint(sigma * ONE)
    _, level = coding.on_grid(torch.from_numpy(units), torch.zeros(500, dtype=torch.float64))
    want = grid.PER_OCTAVE * np.log2(np.maximum(units / ONE, 0.11) / grid.LOWEST_SCALE)
    assert np.abs(level.numpy() - want.clip(0, grid.LEVELS - 1)).max() < 0.502
    assert level.min() == 7 and level.max() == grid.LEVELS - 1
    assert LEVELS_PER_NAT == pytest.approx(6 / np.log(2), rel=1e-15)
    assert LEVEL_OF_ONE == pytest.approx(6 * np.log2(20), rel=1e-15)


def test_forged_symbols_stay_in_range(tmp_path: Path) -> None:
    """Symbols of any size, as a forged stream could hold, still give pixels and parameters."""
    coding = small_coding(tmp_path)
    wild = torch.full((1, coding.model.n, 4, 4), 2.0**30, dtype=torch.float64)
    wild[:, ::2] = -(2.0**31)
    z = torch.full((1, coding.model.n, 1, 1), 2.0**24, dtype=torch.float64)
    for plane in coding.pixels(wild):
        assert plane.min() >= 0 and plane.max() <= 255
    for _, parameters in coding.intra_passes(z):
        mean8, level = parameters(wild)
        assert mean8.abs().max() <= 2**17 and level.min() >= 0 and level.max() < grid.LEVELS
    mean8, level = coding.p_parameters(z, wild)
    assert mean8.abs().max() <= 2**17 and level.min() >= 0 and level.max() < grid.LEVELS
    assert coding.compensate(z, wild, wild, wild).isfinite().all()


def test_a_pass_converts_what_it_looks_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of passes over a latent of gigabytes: no more is made a tensor of than the hyper-latent, once."""
    made: list[tuple[int, ...]] = []
    honest = Network._given
    monkeypatch.setattr(Network, "_given", lambda net, array: made.append(array.shape) or honest(net, array))
    net = Network(small_coding(tmp_path), 64, 64, 0)
    z, y_hat = np.zeros((12, 1, 1), np.int32), np.zeros(net.latent_shape(), np.int32)
    asked = [parameters(y_hat)[0].size for _, parameters in net.intra_passes(z)]
    assert sum(asked) == y_hat.size and len(asked) == 13 and made == [z.shape]


def test_the_reference_backend_gives_the_same_bits(model: store.ModelInfo, make_clip) -> None:
    """int64 sums and shifts in place of float64 sums."""
    clip = make_clip(64, 64, 2)
    for name in ("intra", "lds"):
        coded = [
            round_trip(loading.coding(model, 0, backend=backend), clip, name, Shift())
            for backend in ("float", "reference")
        ]
        assert [payload for payload, _ in coded[0]] == [payload for payload, _ in coded[1]]
