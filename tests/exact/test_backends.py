"""The backends give the same bits: layer by layer, on what lies between layers, and on whole streams."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import lvcodec
from lvcodec import native
from lvcodec.errors import UsageError
from lvcodec.exact import fused, int8, masters, packed
from lvcodec.exact.backends import condition, layers_of, pick_backend, works
from lvcodec.exact.condition import Condition
from lvcodec.exact.convolution import requantise
from lvcodec.exact.formats import INT8, WIDE
from lvcodec.exact.layers import RECTIFIED, SIGNED, Layers, shuffled
from lvcodec.exact.ops import Conv, layers, subpixel, use_backend
from lvcodec.exact.packed import Packed, add, add_parts, pack
from lvcodec.exact.planes import bytes_to_channels, channels_to_planes, planes_to_channels
from lvcodec.names import BACKENDS
from lvcodec.nets.layers import Residual
from lvcodec.nets.linear import LINEAR

CPU = torch.device("cpu")
IN_BYTES = [name for name in ("native", "int8") if works(name, CPU)]
OTHERS = ["float", *IN_BYTES]  # than the reference
TORCHS = ["reference", *(name for name in OTHERS if name != "native")]
HAS_INT8 = pytest.mark.skipif(not works("int8", CPU), reason="no fused int8 convolution here")
FORMS: dict[str, Callable[[], nn.Module]] = {
    "1x1": lambda: Conv(48, 24, fmt=INT8),
    "1x1 relu, odd": lambda: Conv(257, 85, fmt=INT8, act="relu"),
    "one channel": lambda: Conv(1, 1, 3, fmt=INT8),
    "3x3": lambda: Conv(32, 24, 3, fmt=INT8, in_max=128),
    "3x3 relu": lambda: Conv(33, 70, 3, fmt=INT8, act="relu"),
    "3x3 wide": lambda: Conv(32, 24, 3, fmt=INT8, act="wide", unit_bits=4),
    "3x3 wide, coarse": lambda: Conv(32, 24, 3, fmt=INT8, act="wide", unit_bits=-4),
    "3x3 wide, finer than its sums": lambda: Conv(32, 24, 3, fmt=INT8, act="wide", unit_bits=12),
    "5x5": lambda: Conv(21, 27, 5, fmt=INT8, act="relu"),
    "5x5 stride 2": lambda: Conv(16, 24, 5, fmt=INT8, act="relu", stride=2),
    "5x5 stride 2, wide": lambda: Conv(16, 24, 5, fmt=INT8, act="wide", stride=2, unit_bits=-4),
    "depthwise": lambda: Conv(40, 40, 3, fmt=INT8, groups=40, in_max=128),
    "subpixel": lambda: subpixel(32, 9, fmt=INT8),
    "subpixel 1x1": lambda: subpixel(32, 8, fmt=INT8, act="clamp", kernel=1),
    "more than 8 bits": lambda: Conv(96, 40, fmt=LINEAR, act="wide", in_max=255, unit_bits=4),
    "more than 8 bits, 3x3": lambda: Conv(20, 9, 3, fmt=LINEAR, act="wide", in_max=255, unit_bits=4),
    "more than 8 bits, too many sums for digits": lambda: Conv(1100, 5, fmt=LINEAR, act="wide", in_max=255),
    "dense block": lambda: Residual(32, "dense"),
    "depthwise block": lambda: Residual(32, "depthwise"),
    "depthwise block, 64 channels": lambda: Residual(64, "depthwise"),
    "depthwise block, 192 channels": lambda: Residual(192, "depthwise"),
    "1x1 wide": lambda: Conv(66, 70, fmt=INT8, act="wide"),
    "3x3, more outputs than are computed together": lambda: Conv(20, 150, 3, fmt=INT8, act="relu"),
}
SIZES = [(1, 1), (2, 3), (19, 22)]


def coded(module: nn.Module) -> nn.Module:
    """Integers from masters, those that start at zero made small numbers, with biases."""
    for name, layer in layers(module):
        with torch.no_grad():
            if not layer.weight.any():
                layer.weight.normal_(std=0.05)
            layer.bias.normal_()
        layer.load_integers(name, *masters.integers(name, layer))
    return module


def inputs(module: nn.Module, size: tuple[int, int], *, signed: bool, extreme: bool = False) -> Packed:
    _, first = next(layers(module))
    random = np.random.Generator(np.random.PCG64(3))
    shape = (2, first.weight.shape[1] * first.groups, *size)
    data = random.choice([0, 255], shape) if extreme else random.integers(0, 256, shape)
    return Packed(
        torch.from_numpy(data).to(torch.uint8).contiguous(memory_format=torch.channels_last), 128 if signed else 0
    )


def floats(x: Tensor | Packed) -> Tensor:
    return x.unpacked(torch.float64) if isinstance(x, Packed) else x.double()


def run(module: nn.Module, backend: str, x: Packed) -> Tensor:
    if backend == "native":
        return by_kernels(module, x)
    use_backend(module, layers_of(backend))
    return floats(module(x if backend in IN_BYTES else x.unpacked(torch.float32)))


def by_kernels(module: nn.Module, x: Packed) -> Tensor:
    """The same without torch, picture by picture."""
    arrays = {
        f"m.0.{name}{'.' * bool(name)}{part}": getattr(layer.integers, part).numpy()
        for name, layer in layers(module)
        for part in ("weight", "bias", "shift")
    }
    own, outputs = Layers(arrays, ""), []
    for picture in x.data.permute(0, 2, 3, 1).contiguous().numpy():
        if isinstance(module, Residual):
            outputs.append(own.blocks("m", picture).astype(np.float64) - SIGNED)
            continue
        conv, name = (module, "m.0") if isinstance(module, Conv) else (module[0], "m.0.0")
        if conv.fmt is not INT8:
            outputs.append(own.transform(name, picture.astype(np.float64) - x.zero, conv.fmt))
            continue
        out = getattr(own, conv.act)(name, picture, zero=x.zero, stride=conv.stride)
        out = out.astype(np.float64) - {"clamp": SIGNED, "relu": RECTIFIED, "wide": 0}[conv.act]
        outputs.append(out if conv is module else shuffled(out, module[1].factor))
    return torch.from_numpy(np.stack(outputs)).permute(0, 3, 1, 2)


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_backends_agree_on_a_layer(form: str, signed: bool, extreme: bool) -> None:
    torch.manual_seed(11)
    module = coded(FORMS[form]())
    _, first = next(layers(module))
    if not signed and (first.in_max == 128 or isinstance(module, Residual)):
        pytest.skip("takes signed activations only")
    with torch.inference_mode():
        for size in SIZES:
            x = inputs(module, size, signed=signed, extreme=extreme)
            expected = run(module, "reference", x)
            for backend in OTHERS:
                if backend != "native" or form != "depthwise":  # which the kernels know in blocks alone
                    assert torch.equal(run(module, backend, x), expected)


@pytest.mark.parametrize("kernel,channels", [(1, 513), (3, 513), (5, 81)])
def test_sums_up_to_the_bound(kernel: int, channels: int) -> None:
    """Weights of +-64 as many as the bound allows, activations at their ends: nothing saturates or rounds."""
    fan_in = min(channels * kernel * kernel, (2**24 - 1000) // (64 * 128))
    signs = torch.tensor([1, -1, 1, -1])[:, None] * torch.ones(4, fan_in, dtype=torch.int64)
    signs[2:, ::2] *= -1
    weight = torch.zeros(4, channels * kernel * kernel, dtype=torch.int32)
    weight[:, :fan_in] = 64 * signs
    for act, shift in (("wide", 0), ("wide", 16), ("clamp", 16), ("relu", 16)):
        layer = Conv(channels, 4, kernel, fmt=INT8, act=act, in_max=128)
        layer.load_integers(
            "layer", weight.view(layer.weight.shape), torch.tensor([999, -999, 1, 0]), torch.full((4,), shift)
        )
        for value in (0, 1, 255):
            data = torch.full((1, channels, 9, 9), value, dtype=torch.uint8)
            x = Packed(data.contiguous(memory_format=torch.channels_last))
            expected = run(layer, "reference", x)
            assert torch.equal(run(layer, "float", x), expected)
            assert torch.equal(run(layer, "int8", x), expected)


@HAS_INT8
def test_a_shift_that_would_round_twice_is_not_fused() -> None:
    """(2^23 + 1) * 2^-24 is above a half; after 128 was added in float32 it would be a half, and even."""
    layer = Conv(1, 1, fmt=INT8)
    layer.load_integers("layer", torch.ones(1, 1, 1, 1, dtype=torch.int32), torch.tensor([2**23]), torch.tensor([24]))
    x = Packed(torch.full((1, 1, 2, 2), 129, dtype=torch.uint8))
    assert run(layer, "reference", x).eq(1).all()
    for backend in IN_BYTES:
        assert torch.equal(run(layer, backend, x), run(layer, "reference", x))
    assert not fused.fits(torch.tensor([17]), "clamp") and fused.fits(torch.tensor([16]), "clamp")


@pytest.mark.parametrize("act", ["relu", "clamp", "wide"])
@pytest.mark.parametrize("transposed", [False, True])
def test_reference_agrees_on_wide_formats(act: str, transposed: bool) -> None:
    torch.manual_seed(12)
    layer = coded(Conv(6, 7, 5, fmt=WIDE, act=act, stride=2, transposed=transposed))
    x = torch.randint(-(2**23), 2**23, (2, 6, 8, 10)).double()
    with torch.inference_mode():
        use_backend(layer, layers_of("float"))
        expected = layer(x)
        use_backend(layer, layers_of("reference"))
        assert torch.equal(layer(x), expected)


def test_requantisation_is_half_to_even() -> None:
    acc = torch.arange(-70, 70)[None, None, :, None].expand(1, 5, -1, 1)
    shift = torch.tensor([0, 1, 2, 5, -3])
    exact = np.array([[Fraction(int(a)) * Fraction(2) ** -int(s) for a in acc[0, 0, :, 0]] for s in shift])
    assert requantise(acc, shift)[0, :, :, 0].tolist() == np.vectorize(round)(exact).tolist()


# ---- between the layers ---------------------------------------------------------------------------------------


def units(*shape: int, low: int = -128, high: int = 127) -> Tensor:
    random = np.random.Generator(np.random.PCG64(4))
    return torch.from_numpy(random.integers(low, high + 1, shape)).float()


@pytest.mark.parametrize("size", SIZES)
def test_packed_activations_are_the_same_numbers(size: tuple[int, int]) -> None:
    h, w = size
    x, other = units(2, 12, h, w), units(2, 12, h, w).flip(1)
    wide = units(2, 12, h, w, low=-400, high=400)
    mask = (units(1, 1, h, w) > 0).float()
    pairs = [
        (pack(x), x),
        (
            packed.join([pack(x), pack(other[:, :5]), pack(other[:, :1])]),
            torch.cat([x, other[:, :5], other[:, :1]], dim=1),
        ),
        (packed.keep(pack(x), mask), packed.keep(x, mask)),
        (packed.shuffle(pack(x), 2), packed.shuffle(x, 2)),
        (packed.unshuffle(pack(units(2, 3, 2 * h, 2 * w)), 2), packed.unshuffle(units(2, 3, 2 * h, 2 * w), 2)),
        (add(pack(x), pack(other), INT8), add(x, other, INT8)),
        (add(pack(x), wide.clone(), INT8), add(x, wide, INT8)),
    ]
    for ours, expected in pairs:
        assert isinstance(ours, Packed) and ours.data.dtype == torch.uint8
        assert torch.equal(floats(ours), expected.double())
    linear = units(2, 12, h, w).double()
    assert torch.equal(
        packed.shuffle(linear.contiguous(memory_format=torch.channels_last), 2), packed.shuffle(linear, 2)
    )
    assert torch.equal(packed.planar(linear[:1].contiguous(memory_format=torch.channels_last)), linear[:1])


def test_packing_rounds_and_clamps() -> None:
    x = torch.tensor([-300.0, -128.5, -1.5, -0.5, 0.5, 1.5, 2.5, 126.5, 127.5, 1e9]).view(1, -1, 1, 1)
    assert floats(pack(x)).flatten().tolist() == [-128, -128, -2, 0, 0, 2, 2, 126, 127, 127]


def test_planes_to_bytes_and_back() -> None:
    planes = [units(1, 1, 64, 128, low=0, high=255), *(units(1, 1, 32, 64, low=0, high=255) for _ in "uv")]
    as_bytes = [plane.to(torch.uint8) for plane in planes]
    channels = bytes_to_channels(*as_bytes)
    assert torch.equal(floats(channels), planes_to_channels(*planes).double())
    for ours, expected in zip(channels_to_planes(channels), channels_to_planes(floats(channels)), strict=True):
        assert ours.dtype == torch.uint8
        assert torch.equal(ours.double(), expected)


def test_kinds_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="different kinds"):
        packed.join([pack(units(1, 2, 3, 3)), units(1, 2, 3, 3)])
    with pytest.raises(ValueError, match="different kinds"):
        packed.join([pack(units(1, 2, 3, 3)), Packed(torch.zeros(1, 2, 3, 3, dtype=torch.uint8), 0)])


@pytest.mark.parametrize("part", [1.0, 1 / 16, 2.0**-11])
def test_parts_are_added_before_anything_is_rounded(part: float) -> None:
    x, some = units(1, 3, 5, 7), units(1, 3, 5, 7, low=-5000, high=5000).flip(1).double() / part * 0.03125
    for change in (some.round(), (some * 2**30).round()):  # and such as a forged stream makes
        expected = torch.round(x + change * part).clamp(-128, 127)
        assert torch.equal(floats(add_parts(x, change.clone(), part, INT8)), expected)
        assert torch.equal(floats(add_parts(pack(x), change.clone(), part, INT8)), expected)


# ---- the choice -------------------------------------------------------------------------------------------------


def test_backends_are_those_that_users_choose_from() -> None:
    assert all(layers_of(name).name == name for name in BACKENDS if name != "native")


def test_the_environment_stands_for_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("reference", "float"):
        monkeypatch.setenv("LVCODEC_BACKEND", name)
        assert pick_backend("auto", CPU) == name
    assert pick_backend("reference", CPU) == "reference"
    monkeypatch.setenv("LVCODEC_BACKEND", "fast")
    with pytest.raises(UsageError, match="no backend 'fast'"):
        pick_backend("auto", CPU)
    monkeypatch.delenv("LVCODEC_BACKEND")
    assert pick_backend("auto", CPU) == (*IN_BYTES, "float")[0]


@pytest.mark.parametrize("fault", ["absent", "wrong", "raises"])
def test_int8_is_not_used_where_it_disagrees_with_the_reference(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    right = fused.Fused.__call__

    def wrong(layer: fused.Fused, x: Packed) -> Packed | Tensor:
        if fault == "raises":
            raise RuntimeError("not on this machine")
        out = right(layer, x)
        return Packed(out.data ^ 1, out.zero) if isinstance(out, Packed) else out

    if fault == "absent":
        monkeypatch.setattr(fused, "OPERATOR", "no_such_operator")
    monkeypatch.setattr(fused.Fused, "__call__", wrong)
    monkeypatch.setattr(native, "multiplies", lambda: False)
    int8.fused_agrees.cache_clear()
    try:
        assert condition("int8", CPU) is (Condition.ABSENT if fault == "absent" else Condition.WRONG)
        assert pick_backend("auto", CPU) == "float"
        with pytest.raises(UsageError, match="does not work on this machine"):
            pick_backend("int8", CPU)
    finally:
        int8.fused_agrees.cache_clear()


# ---- whole streams ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode,alpha", [("intra", 1), ("mfvc", 1), ("lds", 1), ("lds", 0.5), ("aligned", 1)])
def test_streams_and_pictures_are_the_same(random_model: str, make_clip, tmp_path, mode: str, alpha: float) -> None:
    from lvcodec.video.format import VideoFormat
    from lvcodec.video.sink import open_sink

    clip = tmp_path / "clip.y4m"
    with open_sink(clip, VideoFormat(80, 70, Fraction(25))) as sink:
        for picture in make_clip(80, 70, 3):
            sink.write(picture)
    streams, shown = {}, {}
    for backend in ("reference", *OTHERS):
        stream = io.BytesIO()
        lvcodec.encode(clip, stream, mode=mode, alpha=alpha, quality=4.5, model=random_model, backend=backend)
        streams[backend] = stream.getvalue()
        out = io.BytesIO()
        lvcodec.decode(io.BytesIO(streams["reference"]), out, backend=backend)  # compared with checksums, too
        shown[backend] = out.getvalue()
    assert set(streams.values()) == {streams["reference"]}
    assert set(shown.values()) == {shown["reference"]}


@pytest.mark.parametrize("backend", TORCHS)
def test_places_are_taken_put_and_spread(backend: str) -> None:
    """at_places, replaced and spread of either kind of activations."""
    random = torch.Generator().manual_seed(4)
    x = torch.randint(0, 128, (2, 5, 4, 6), generator=random, dtype=torch.uint8)
    units = layers_of(backend).counts(x)
    assert torch.equal(packed.floats(units, torch.float32), x.float())
    places = torch.tensor([3, 20, 47])
    row = packed.at_places(units, places)
    rows = x.permute(0, 2, 3, 1).reshape(-1, 5).float()
    assert torch.equal(packed.floats(row, torch.float32)[0, :, 0].t(), rows[places])
    alone = packed.floats(packed.spread(row, places, (2, 4, 6)), torch.float32).permute(0, 2, 3, 1).reshape(-1, 5)
    assert torch.equal(alone[places], rows[places])
    assert alone.sum() == rows[places].sum()
    again = packed.floats(packed.replaced(units, places.flip(0), row), torch.float32).permute(0, 2, 3, 1).reshape(-1, 5)
    assert torch.equal(again[places.flip(0)], rows[places])
    least = packed.floats(packed.rectified(packed.pack(x.float() - 64)), torch.float32)
    assert torch.equal(least, (x.float() - 64).clamp_min(0))


@pytest.mark.parametrize("channels", [16, 64])
@pytest.mark.parametrize("backend", TORCHS)
def test_a_residual_block_at_places_is_the_whole_one_there(backend: str, channels: int) -> None:
    torch.manual_seed(5)
    block = Residual(channels, "depthwise")
    with torch.no_grad():
        block.body[2].weight.normal_(0, 0.1)
    for name, layer in layers(block):
        layer.load_integers(name, *masters.integers(name, layer))
    use_backend(block, layers_of(backend))
    x = layers_of(backend).units(torch.randint(-128, 128, (1, channels, 9, 11)).float(), 1.0)
    region = torch.zeros(9, 11, dtype=torch.bool)
    region[2:7, 3:11] = True
    region[4, 5] = False
    places = torch.nonzero(region.flatten())[:, 0]
    got = packed.floats(block.at(packed.at_places(x, places), places, (1, 9, 11)), torch.float32)
    whole = packed.floats(packed.at_places(block(x), places), torch.float32)
    inside = torch.tensor(
        [bool(region[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2].all()) for r, c in region.nonzero()]
    )
    assert torch.equal(got[..., inside], whole[..., inside])
    assert inside.any()
    assert not torch.equal(got, whole)
