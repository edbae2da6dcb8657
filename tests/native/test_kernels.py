"""Each compiled kernel, with every set of instructions of this processor, against what computes the same without it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.entropy.coder import Writer
from lvcodec.entropy.tables import TableSet
from lvcodec.errors import UsageError
from lvcodec.exact import warp, warp_blocks
from lvcodec.exact.backend import Integers
from lvcodec.exact.formats import INT8, Format
from lvcodec.exact.packed import Packed, Units, add, floats
from lvcodec.exact.reference import REFERENCE
from lvcodec.exact.taps import LUMA_TAPS
from lvcodec.native import self_test
from lvcodec.native.layers import Block, Given, Layer, Linear
from lvcodec.nets.linear import LINEAR

kernels_module = pytest.importorskip("lvcodec.native._kernels", reason="the compiled kernels were not built")


@pytest.fixture(params=native.LEVELS)
def kernels(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    level = native.LEVELS.index(request.param)
    if level > kernels_module.best():
        pytest.skip(f"this processor has no {request.param}")
    kernels_module.use(level)
    yield kernels_module
    kernels_module.use(kernels_module.best())


@pytest.mark.parametrize("name", self_test.SHA256)
def test_the_self_test(kernels: ModuleType, name: str) -> None:
    assert self_test.digest(name, kernels) == self_test.SHA256[name]


def test_the_self_test_is_of_the_right_warp() -> None:
    outputs = []
    for plane, field, taps, side in self_test.warp_inputs():
        form = tuple(map(tuple, taps.tolist())), side
        which = self_test.which_of(field)
        outputs.append(warp_blocks.moved(plane, field, *form))
        shown = which & 1 != 0, which & 2 != 0
        outputs.append(warp_blocks.both_moved((plane, plane[::-1].copy()), (field, -field), shown, *form))
    assert self_test.hashed(outputs) == self_test.SHA256["warp"]


def test_the_self_test_is_of_the_right_coder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "kernels", lambda: None)
    counts, index, centre, sign, values = self_test.coder_inputs()
    tables, writer = TableSet(counts, self_test.LENGTHS), Writer()
    for _ in range(2):
        writer.code(values, tables, index, centre, sign)
    number, words, _ = writer._words.end()
    written = np.frombuffer(number.to_bytes(4 * words, "big")[:-4], dtype=">u4")
    (account,) = writer._accounts.values()
    assert self_test.hashed([written, 2 * account.uses, values, values]) == self_test.SHA256["coder"]


def reference(given: Given, x: Units, fmt: Format = INT8) -> Units:
    weight, bias, shift = (torch.from_numpy(part) for part in (given.weight, given.bias, given.shift))
    return REFERENCE.layer(Integers(weight, bias, shift, fmt, given.act, 1, given.groups))(x)


def test_the_self_test_is_of_the_right_layers() -> None:
    def packed(x: NDArray[np.uint8], zero: int) -> Units:
        return Packed(torch.from_numpy(x)[None].permute(0, 3, 1, 2), zero)

    def levels(x: Units, zero: int) -> NDArray[np.float64]:
        return floats(x, torch.float64)[0].permute(1, 2, 0).numpy() + zero

    x = packed(self_test.activations(self_test.BLOCK[0]), 128)
    change = x
    for given in self_test.block_layers():
        change = reference(given, change)
    outputs = [levels(add(x, change, INT8), 128)]
    for inputs, count, kernel, act, zero in self_test.LAYERS:
        given = self_test.given_layer(inputs, count, kernel, act)
        outputs.append(levels(reference(given, packed(self_test.activations(inputs), zero)), 128 * (act == "clamp")))
    units = self_test.numbers((*self_test.SIDES, self_test.LINEAR[0]), -40000, 40000, 16807)
    units[1:] //= 8
    x = torch.from_numpy(units.astype(np.float64))[None].permute(0, 3, 1, 2)
    outputs.append(levels(reference(self_test.linear_layer(), x, LINEAR), 0))
    assert all(len(np.unique(output)) > 40 for output in outputs)
    assert self_test.hashed(outputs) == self_test.SHA256["layers"]


# ---- layers -----------------------------------------------------------------------------------------------------


def random_layer(random: np.random.Generator, shape: tuple[int, int, int], act: str, groups: int = 1) -> Given:
    outputs, inputs, kernel = shape
    weight = random.integers(-64, 65, (outputs, inputs // groups, kernel, kernel))
    return Given(weight, random.integers(-4000, 4001, outputs), random.integers(4, 12, outputs), act, groups)


@pytest.mark.parametrize(
    "shape", [(64, 194, 1), (96, 64, 1), (1, 33, 1), (85, 257, 1), (70, 36, 3), (128, 97, 3), (24, 21, 5)]
)
@pytest.mark.parametrize("act", ["relu", "clamp", "wide"])
@pytest.mark.parametrize("size", [(1, 1), (1, 13), (7, 6)])
def test_layers(kernels: ModuleType, shape: tuple[int, int, int], act: str, size: tuple[int, int]) -> None:
    random = np.random.Generator(np.random.PCG64(sum(shape)))
    given = random_layer(random, shape, act)
    for zero in (0, 128):
        for levels in (np.arange(256), [0, 255]):
            x = random.choice(levels, (*size, shape[1])).astype(np.uint8)
            layer = Layer(kernels, given, zero)
            assert Layer.fits(given)
            want = reference(given, Packed(torch.from_numpy(x)[None].permute(0, 3, 1, 2), zero))
            got = layer(x)
            assert np.array_equal(got, floats(want, torch.float32)[0].permute(1, 2, 0).numpy() + 128 * (act == "clamp"))
            places = random.integers(0, size[0] * size[1], 5)
            assert np.array_equal(layer(x, places), got.reshape(-1, shape[0])[places])


@pytest.mark.parametrize("channels,hidden", [(64, 64), (64, 128), (192, 384), (256, 512)])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 11)])
def test_blocks(kernels: ModuleType, channels: int, hidden: int, size: tuple[int, int]) -> None:
    random = np.random.Generator(np.random.PCG64(channels))
    shapes = (
        ((channels, channels, 3), "clamp", channels),
        ((hidden, channels, 1), "relu"),
        ((channels, hidden, 1), "wide"),
    )
    layers = [random_layer(random, *shape) for shape in shapes]
    block = Block(kernels, *layers)
    for levels in (np.arange(256), [0, 255]):
        x = random.choice(levels, (*size, channels)).astype(np.uint8)
        packed = Packed(torch.from_numpy(x)[None].permute(0, 3, 1, 2))
        change: Units = packed
        for given in layers:
            change = reference(given, change)
        got, want = block(x), add(packed, change, INT8)
        assert np.array_equal(got, want.data[0].permute(1, 2, 0).numpy())
        places = random.integers(0, size[0] * size[1], 5)
        some, flat = block(x, places).reshape(-1, channels), got.reshape(-1, channels)
        assert np.array_equal(some[places], flat[places])
        check_rows(block, x, random)


def test_no_places(kernels: ModuleType) -> None:
    none = np.zeros(0, np.int64)
    layer = Layer(kernels, self_test.given_layer(64, 70, 1, "clamp"), 128)
    block = Block(kernels, *self_test.block_layers())
    x = np.zeros((2, 3, 64), np.uint8)
    assert layer(x, none).shape == (0, 70) and layer(x[:1, :0]).shape == (1, 0, 70)
    assert block(x, none).shape == x.shape and block.at(x.reshape(-1, 64)[:0], none, (1, 2, 3)).shape == (0, 64)


def test_more_rows_than_a_picture_has_columns(kernels: ModuleType) -> None:
    x = np.zeros((1, 70_000, 4), np.uint8)
    x[0, -1] = 9
    out = Layer(kernels, self_test.given_layer(4, 8, 1, "clamp"), 0)(x)
    assert (out[0, :-1] == out[0, 0]).all() and (out[0, -1] != out[0, 0]).any()


def check_rows(block: Block, x: NDArray[np.uint8], random: np.random.Generator) -> None:
    """At some places of two pictures alone, the second upside down: as if all others were 0."""
    both = np.stack([x, x[::-1]])
    there = random.random(both.shape[:3]) < 0.6
    places, channels = np.flatnonzero(there), x.shape[2]
    whole = np.stack([block(picture) for picture in np.where(there[..., None], both, 128).astype(np.uint8)])
    rows = block.at(both.reshape(-1, channels)[places], places, there.shape)
    assert np.array_equal(rows, whole.reshape(-1, channels)[places])


@pytest.mark.parametrize("top", [100, 2**15 - 1, 2**15, 2**21 - 1])
@pytest.mark.parametrize("outputs,inputs", [(16, 2), (384, 192), (48, 256)])
def test_the_linear_path(kernels: ModuleType, outputs: int, inputs: int, top: int) -> None:
    random = np.random.Generator(np.random.PCG64(top))
    weight = random.normal(0, 3000, (outputs, inputs, 1, 1)).round().clip(-(2**16), 2**16).astype(np.int32)
    weight[0, :2, 0, 0] = -(2**16), 2**16
    bias, shift = random.integers(-(10**6), 10**6, outputs), random.integers(0, 20, outputs)
    given = Given(weight, bias, shift, "wide")
    assert Linear.fits(given, top)
    for x in (random.integers(-top, top + 1, (3, 5, inputs)), random.choice([-top, top], (1, 2, inputs))):
        want = reference(given, torch.from_numpy(x.astype(np.float64))[None].permute(0, 3, 1, 2), LINEAR)
        got = Linear(kernels, given)(x.astype(np.float64))
        assert np.array_equal(got, floats(want, torch.float64)[0].permute(1, 2, 0).numpy())


def test_a_linear_path_that_does_not_fit() -> None:
    given = Given(np.full((16, 512, 1, 1), 2**16), np.zeros(16, np.int64), np.zeros(16, np.int64), "wide")
    assert not Linear.fits(given, 2**15)  # 512 * 256 * 2^15: the high digits' sums do not fit 32 bits
    assert Linear.fits(replace(given, weight=given.weight // 8), 2**15)
    assert not Linear.fits(replace(given, weight=given.weight // 8), 2**31)


@pytest.mark.parametrize("place", [-1, 6])
def test_places_outside_are_refused(kernels: ModuleType, place: int) -> None:
    given = self_test.given_layer(64, 64, 1, "relu")
    x, places = np.zeros((2, 3, 64), np.uint8), np.array([0, place])
    with pytest.raises(ValueError, match="no such place"):
        Layer(kernels, given, 128)(x, places)
    with pytest.raises(ValueError, match="no such place"):
        Block(kernels, *self_test.block_layers())(x, places)


@pytest.mark.parametrize(("inputs", "side"), [(1021, 1), (1020, 3), (1017, 5)])
def test_the_widest_layers(kernels: ModuleType, inputs: int, side: int) -> None:
    given = random_layer(np.random.Generator(np.random.PCG64(1)), (2, inputs, side), "relu")
    assert Layer.fits(given)
    assert Layer(kernels, given, 0)(np.zeros((2, 2, inputs), np.uint8)).shape == (2, 2, 2)


def test_what_does_not_fit() -> None:
    given = self_test.given_layer(64, 64, 1, "relu")
    assert Layer.fits(given)
    assert not Layer.fits(replace(given, shift=given.shift * 0 + 31)) and not Layer.fits(replace(given, groups=2))
    assert not Layer.fits(self_test.given_layer(8, 8, 7, "relu"))
    assert not Layer.fits(self_test.given_layer(1021, 2, 3, "relu")) and not Layer.fits(
        self_test.given_layer(1022, 2, 1, "relu")
    )
    assert Block.fits(*self_test.block_layers()) and not Block.fits(given, given, given)


@pytest.mark.parametrize("wrong", ["out", "x", "weights", "bias", "shift", "shift's range", "kind", "taps"])
def test_layers_check_sizes(wrong: str) -> None:
    layer = Layer(kernels_module, self_test.given_layer(64, 70, 1, "relu"), 128)
    x, out, (weights, bias, shift) = np.zeros((2, 3, 64), np.uint8), np.empty((2, 3, 70), np.uint8), layer._parts
    taps, kind = 1, 0
    if wrong == "out":
        out = out[:1].copy()
    elif wrong == "x":
        x = x[:1].copy()
    elif wrong == "weights":
        weights = weights[:1].copy()
    elif wrong == "bias":
        bias = bias[:70].copy()
    elif wrong == "shift":
        shift = shift[:70].copy()
    elif wrong == "shift's range":
        shift = shift + 40
    elif wrong == "kind":
        kind = 3
    else:
        taps = 4
    with pytest.raises(ValueError, match="kernels"):
        kernels_module.layer(out, x, 2, 3, 64, 70, taps, 128, kind, weights, bias, shift, None)


# ---- which are used ---------------------------------------------------------------------------------------------


def test_another_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native.VARIABLE, "sse9")
    native._found.cache_clear()
    with pytest.raises(UsageError, match="LVCODEC_NATIVE is 'sse9'"):
        native.kernels()


@pytest.mark.parametrize("limit", [*native.LEVELS, native.OFF, ""])
def test_the_environment_limits_them(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native.VARIABLE, limit)
    script = "from lvcodec import native; print(native.kernels() is not None, native.condition(), sep='|')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    if limit == native.OFF:
        expected = f"False|switched off by {native.VARIABLE}"
    else:
        level = native.LEVELS.index(limit) if limit else kernels_module.best()
        expected = f"True|{native.LEVELS[min(level, kernels_module.best())]}"
    assert done.stdout.strip() == expected


def test_kernels_that_compute_wrong_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(self_test.SHA256, "warp", "0" * 64)
    native._found.cache_clear()
    try:
        assert native.kernels() is None and native.condition().endswith("computes wrong, not used")
    finally:
        native._found.cache_clear()


# ---- sizes ------------------------------------------------------------------------------------------------------


WARP_ARGUMENTS = "shown", "plane", "field", "taps", "other", "its_field", "which", "rows", "columns", "side"
WRONG_WARPS: dict[str, Callable[[dict[str, Any]], object]] = {
    **{name: partial(lambda given, name: given[name][1:].copy(), name=name) for name in WARP_ARGUMENTS[:7]},
    "side": lambda given: 12,
    "rows": lambda given: 1,
    "large taps": lambda given: given["taps"] * 2,
    "no field": lambda given: None,
    "neither": lambda given: given["which"] * 0,
}


@pytest.mark.parametrize("block", warp.SIDES)
@pytest.mark.parametrize("wrong", WRONG_WARPS)
def test_the_warp_checks_sizes(wrong: str, block: int) -> None:
    plane, field = np.zeros((20, 30), np.uint8), np.zeros(warp.field_shape(20, 30, block), np.int32)
    taps, which = np.array(LUMA_TAPS, np.int16), np.full(field.shape[1:], 3, np.uint8)
    values = plane.copy(), plane, field, taps, plane.copy(), field.copy(), which, *field.shape[1:], block
    given: dict[str, Any] = dict(zip(WARP_ARGUMENTS, values, strict=True))

    def run() -> None:
        *buffers, rows, columns, side = given.values()
        kernels_module.warp(*buffers, 20, 30, rows, columns, 4, 8, side)

    run()
    where = {"large taps": "taps", "no field": "its_field", "neither": "which"}.get(wrong, wrong)
    given[where] = WRONG_WARPS[wrong](given)
    with pytest.raises(ValueError, match="kernels"):
        run()
