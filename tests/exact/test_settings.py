"""Coding does not depend on what the program that uses it told torch about short floats, and leaves that as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import pytest
import torch
from golden import streams
from golden.streams import STREAMS

from lvcodec.exact import settings, warp
from lvcodec.exact.floats import FLOAT
from lvcodec.exact.self_test import LAYERS_SHA256, layer_digest
from lvcodec.exact.settings import whole_products
from lvcodec.models import canary, loading
from lvcodec.models.store import ModelInfo

CPU = torch.device("cpu")
ALIGNED = next(golden for golden in STREAMS if golden.name == "swift-aligned")
MODERN = pytest.mark.skipif(not settings._owners(torch), reason="this torch has one precision for all")


def legacy(value: str) -> Callable[[], AbstractContextManager[None]]:
    @contextmanager
    def context() -> Iterator[None]:
        torch.set_float32_matmul_precision(value)
        try:
            yield
        finally:
            torch.set_float32_matmul_precision("highest")

    return context


def modern(place: int, value: str) -> Callable[[], AbstractContextManager[None]]:
    @contextmanager
    def context() -> Iterator[None]:
        owner = settings._owners(torch)[place]
        before = owner.fp32_precision
        owner.fp32_precision = value
        try:
            yield
        finally:
            owner.fp32_precision = before

    return context


SETTINGS = [
    pytest.param(nullcontext, id="untouched"),
    pytest.param(lambda: torch.autocast("cpu", dtype=torch.bfloat16), id="autocast"),
    pytest.param(legacy("high"), id="high"),
    pytest.param(legacy("medium"), id="medium"),
    *(
        pytest.param(modern(place, value), marks=MODERN, id=f"{name} {value}")
        for place, name in enumerate(("all", "mkldnn", "matmul", "conv"))
        for value in ("bf16", "tf32")
    ),
]


def told() -> tuple[object, ...]:
    return torch.is_autocast_enabled("cpu"), *(owner.fp32_precision for owner in settings._owners(torch))


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_changes_nothing_and_is_left_as_it_was(
    setting: Callable[[], AbstractContextManager[None]], golden_models: dict[str, ModelInfo]
) -> None:
    with setting():
        before = told()
        for backend in ("float", "auto"):
            assert streams.decoded_hash(ALIGNED.path.read_bytes(), backend=backend) == streams.recorded()[ALIGNED.name]
            assert told() == before
        assert layer_digest(FLOAT, CPU) == LAYERS_SHA256
        with whole_products():
            assert told()[0] is False and all(value == "ieee" for value in told()[3:])
        assert told() == before


@pytest.mark.parametrize("side", warp.SIDES)
def test_autocast_would_change_a_warp_and_the_canary_sees_it(
    golden_models: dict[str, ModelInfo], side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where torch computes it: compiled kernels know nothing of autocast."""
    monkeypatch.setattr(warp.native, "kernels", lambda: None)
    plane = (np.arange(64 * 64) * 48271 % 251).astype(np.uint8).reshape(64, 64)
    field = np.full(warp.field_shape(64, 64, side), 1, dtype=np.int32)
    expected = warp.warp(plane, field, side)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not np.array_equal(warp.warp(plane, field, side), expected)
        with whole_products():
            assert np.array_equal(warp.warp(plane, field, side), expected)
    coding = loading.coding(golden_models["swift"], 100, CPU, "reference")
    honest, right = warp.warp, canary.digest(coding)

    def wrong(plane: np.ndarray, field: np.ndarray, its_side: int, *, chroma: bool) -> np.ndarray:
        return honest(plane, field, its_side, chroma=chroma) ^ np.uint8(chroma and its_side == side)

    monkeypatch.setattr(warp, "warp", wrong)
    assert canary.digest(coding) != right


def test_the_last_of_several_threads_restores(golden_models: dict[str, ModelInfo]) -> None:
    """The settings are the process's: the first of two calls to end must not take them from the other."""
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with whole_products():
            entered.set()
            leave.wait(10)

    with legacy("medium")():
        before, thread = told(), threading.Thread(target=other)
        with whole_products():
            thread.start()
            assert entered.wait(10)
        assert told()[1:] != before[1:] or not settings._owners(torch)
        leave.set()
        thread.join()
        assert told() == before


def test_a_torch_with_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_owners", lambda torch: [])
    with legacy("medium")():
        with whole_products():
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
