"""Each compiled kernel, with every set of instructions of this processor, against what computes the same without it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

from lvcodec import native
from lvcodec.entropy.coder import Writer
from lvcodec.entropy.tables import TableSet
from lvcodec.errors import UsageError
from lvcodec.exact import warp
from lvcodec.native import self_test

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
    cases = self_test.warp_inputs()
    outputs = [warp.moved(plane, field, tuple(map(tuple, taps.tolist())), side) for plane, field, taps, side in cases]
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


@pytest.mark.parametrize("wrong", ["shown", "plane", "field", "taps", "cover", "form", "large taps", "read only"])
def test_the_warp_checks_sizes(wrong: str) -> None:
    plane, field = np.zeros((20, 30), np.uint8), np.zeros((2, 2, 2), np.int32)
    shown, taps, side = np.empty_like(plane), np.array(warp.LUMA_TAPS, np.int16), 16
    if wrong == "shown":
        shown = shown[:-1].copy()
    elif wrong == "plane":
        plane = plane[:-1].copy()
    elif wrong == "field":
        field = field[:1].copy()
    elif wrong == "taps":
        taps = taps[:3].copy()
    elif wrong == "cover":
        side = 8
    elif wrong == "form":
        side = 12
    elif wrong == "large taps":
        taps = taps * 2
    else:
        shown.flags.writeable = False
    with pytest.raises((ValueError, TypeError, BufferError)):
        kernels_module.warp(shown, plane, field, taps, 20, 30, 2, 2, 4, 8, side)
