"""Integer layers: simulated training and coding agree, sums stay exact, bounds are checked, int8 can run them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lvcodec.errors import WeightsError
from lvcodec.exact import masters
from lvcodec.exact.formats import INT8, WIDE, Format
from lvcodec.exact.ops import Conv, layers, simulate, subpixel
from lvcodec.nets.layers import Residual

CASES = {
    "1x1": lambda: Conv(32, 24, fmt=INT8),
    "3x3 relu": lambda: Conv(32, 24, 3, fmt=INT8, act="relu"),
    "5x5 stride 2": lambda: Conv(16, 24, 5, fmt=INT8, act="relu", stride=2),
    "depthwise": lambda: Conv(32, 32, 3, fmt=INT8, groups=32),
    "wide": lambda: Conv(32, 24, 3, fmt=INT8, act="wide", unit_bits=4),
    "coarse": lambda: Conv(32, 24, 3, fmt=INT8, act="wide", unit_bits=-4),
    "subpixel": lambda: subpixel(32, 8, fmt=INT8),
    "dense block": lambda: filled(Residual(32, "dense")),
    "depthwise block": lambda: filled(Residual(32, "depthwise")),
    "wide format": lambda: Conv(8, 8, 3, fmt=WIDE),
    "transposed": lambda: Conv(8, 8, 5, fmt=WIDE, stride=2, transposed=True),
}


def filled(module: nn.Module) -> nn.Module:
    """Layers that start at zero get small weights."""
    for _, layer in layers(module):
        if not layer.weight.any():
            nn.init.normal_(layer.weight, std=0.05)
    return module


def coded(module: nn.Module) -> nn.Module:
    for name, layer in layers(module):
        layer.load_integers(name, *masters.integers(name, layer))
    return module


def units(channels: int, fmt: Format = INT8, size: int = 12) -> Tensor:
    top = min(fmt.high, 2**15)
    random = np.random.Generator(np.random.PCG64(3))
    return torch.from_numpy(random.integers(-top, top + 1, (2, channels, size, size))).to(torch.float32)


@pytest.mark.parametrize("case", CASES)
def test_simulated_training_is_coding(case: str) -> None:
    """What training sees with simulated rounding is, to the last bit, what the integers compute."""
    torch.manual_seed(1)
    module = CASES[case]()
    _, first = next(layers(module))
    with torch.no_grad():
        for _, layer in layers(module):
            # biases on the grid of the sums, so that training's unrounded bias is the integer one
            layer.bias.copy_(torch.randint(-8, 9, layer.bias.shape) / 8)
    channels = first.weight.shape[0 if first.transposed else 1] * first.groups
    x = units(channels, first.fmt)
    simulate(module, on=True)
    with torch.no_grad():
        training = module.double()(x.double())
        got = coded(module.float())(x)
    assert torch.equal(training.float(), got.float())
    assert torch.equal(got, torch.round(got)), "an activation is not whole"


@pytest.mark.parametrize("case", CASES)
def test_sums_equal_integer_sums(case: str) -> None:
    """The float backend's result is that of the same sums in int64."""
    torch.manual_seed(2)
    module = coded(CASES[case]())
    for name, layer in layers(module):
        channels = layer.weight.shape[0 if layer.transposed else 1] * layer.groups
        x = units(channels, layer.fmt).clamp(-layer.in_max, layer.in_max)
        weight, bias = layer.integers.weight, layer.integers.bias
        options = {"stride": layer.stride, "padding": layer.kernel // 2, "groups": layer.groups}
        if layer.transposed:
            options["output_padding"] = layer.stride - 1
        function = nn.functional.conv_transpose2d if layer.transposed else nn.functional.conv2d
        expected = function(x.to(torch.int64), weight.to(torch.int64), bias.to(torch.int64), **options)
        got = layer.convolve(x.to(layer.fmt.dtype), weight.to(layer.fmt.dtype))
        assert torch.equal(got.to(torch.int64) + bias.view(1, -1, 1, 1), expected), name


def test_bound_is_checked_at_load() -> None:
    layer = Conv(64, 8, 3, fmt=INT8)
    weight, bias, shift = masters.integers("layer", layer)
    with pytest.raises(WeightsError, match="above 64"):
        layer.load_integers("layer", torch.full_like(weight, 65), bias, shift)
    with pytest.raises(WeightsError, match="sums may reach"):
        Conv(512, 8, 5, fmt=INT8).load_integers("layer", torch.full((8, 512, 5, 5), 64, dtype=torch.int32), bias, shift)


def test_threads_and_layout_do_not_matter() -> None:
    torch.manual_seed(3)
    module = coded(filled(Residual(96, "dense")))
    x = units(96, size=40)
    results = []
    threads = torch.get_num_threads()
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        results += [module(x), module(x.contiguous(memory_format=torch.channels_last))]
    torch.set_num_threads(threads)
    assert all(torch.equal(results[0], r) for r in results[1:])
