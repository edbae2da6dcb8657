"""The canary: one hash for all backends, compared once on each installation, and what follows where it differs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from golden import models, streams

import lvcodec
from lvcodec import native
from lvcodec.errors import WeightsError
from lvcodec.exact import fused
from lvcodec.exact.backend import Condition
from lvcodec.exact.backends import works
from lvcodec.exact.int8 import Int8Backend
from lvcodec.exact.packed import Packed
from lvcodec.models import canary, loading, store
from lvcodec.models.store import ModelInfo
from lvcodec.names import BACKENDS
from lvcodec.native.layers import Layer
from lvcodec.quality import LAST_INDEX

CPU = "cpu"
HAS_INT8 = pytest.mark.skipif(not works("int8", CPU), reason="no fused int8 convolution here")
HERE = [name for name in BACKENDS if works(name, CPU)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LVCODEC_BACKEND", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ModelInfo]:
    """A golden model with its canary in the manifest; networks built in other backends are forgotten."""
    loading._built.clear()
    yield canary.record(models.make("swift", tmp_path))
    loading._built.clear()


@pytest.mark.parametrize("family", models.MODELS)
def test_backends_agree_on_a_model(golden_models: dict[str, ModelInfo], family: str) -> None:
    model = golden_models[family]
    for index in loading.qualities(model):
        hashes = {canary.digest(loading.coding(model, index, CPU, backend)) for backend in HERE}
        assert len(hashes) == 1


def test_one_unit_changes_the_hash(model: ModelInfo) -> None:
    """In any layer: every network is run, and its output is kept. The encoders of hyper-latents, which the decoder does
    not run, round so coarsely at their end that it takes more there, and of the few odds of live places the same is
    true."""
    arrays = store.read_integers(model)
    expected = canary.recorded(model)[LAST_INDEX]
    missed = []
    for name in [name for name in arrays if name.endswith(".bias")]:
        off = dict(arrays)
        scale = arrays[name.replace(".bias", ".shift")].astype(int).clip(0)
        units = 16 if any(part in name for part in ("hyper_enc.", "ph_e.", "bfd_e.", "inter.live_")) else 1
        off[name] = arrays[name].astype("int64") + (units << scale)  # after the shift, in every channel
        other = replace(model, weights_id=name)
        if canary.digest(loading.build(other, off, LAST_INDEX, CPU, "float")) == expected:
            missed.append(name)
    assert missed == []


def test_what_is_recorded(model: ModelInfo) -> None:
    told = json.loads((model.path / store.MANIFEST).read_text(encoding="utf-8"))
    assert told == dict(model.manifest) and list(canary.recorded(model)) == [0, LAST_INDEX]
    assert canary.recorded(store.read_info(model.path)) == canary.recorded(model)
    assert canary.recorded(replace(model, manifest={})) == {}
    assert canary.recorded(replace(model, manifest={"canary": {"version": canary.VERSION + 1, "sha256": "x"}})) == {}
    with pytest.raises(WeightsError, match="a canary that cannot be read"):
        canary.recorded(replace(model, manifest={"canary": {"version": canary.VERSION, "sha256": []}}))


# ---- once on each installation ------------------------------------------------------------------------------------


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The backends whose canary was run, in order."""
    seen: list[str] = []
    honest = canary.attempt

    def counting(info: ModelInfo, index: int, device: torch.device, backend: str) -> str:
        seen.append(backend)
        return honest(info, index, device, backend)

    monkeypatch.setattr(canary, "attempt", counting)
    return seen


def test_it_runs_once_on_an_installation(
    model: ModelInfo, tried: list[str], own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    first = canary.choose(model, 40, CPU, "auto", notices.append)
    assert tried == [first] * 2 and first == HERE[0]  # both ends of the qualities
    assert canary.choose(model, 40, CPU, "auto", notices.append) == first and len(tried) == 2
    (marker,) = (path for path in own_cache.rglob("*") if path.is_file())
    assert f"torch: {torch.__version__}" in marker.read_text(encoding="utf-8")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")  # another installation, as far as this goes
    canary.choose(model, 40, CPU, "auto", notices.append)
    assert len(tried) == 4 and notices == []


@pytest.mark.parametrize("why", ["damaged", "unwritable"])
def test_a_cache_that_is_none_does_no_harm(model: ModelInfo, tried: list[str], own_cache: Path, why: str) -> None:
    if why == "unwritable":
        own_cache.write_text("a file where the folder would be", encoding="utf-8")
    canary.choose(model, 40, CPU, "auto")
    if why == "damaged":
        for path in own_cache.rglob("*"):
            if path.is_file():
                path.write_bytes(b"\xff\0")
    canary.choose(model, 40, CPU, "auto")
    assert len(tried) == 4


def test_a_backend_that_is_named_is_taken(model: ModelInfo, tried: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert canary.choose(model, 40, CPU, "float") == "float"
    monkeypatch.setenv("LVCODEC_BACKEND", "reference")
    assert canary.choose(model, 40, CPU, "auto") == "reference"
    assert tried == []


def test_without_a_recorded_hash_nothing_is_tried(golden_models: dict[str, ModelInfo], tried: list[str]) -> None:
    assert canary.choose(golden_models["swift"], 40, CPU, "auto") == HERE[0] and tried == []


@pytest.fixture
def without_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "multiplies", lambda: False)


@HAS_INT8
def test_a_wrong_backend_is_passed_over(without_native, model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    """One unit, in one layer of the network; the small layers that int8 tries by itself are right."""
    honest = fused.Fused.__call__

    def wrong(layer: fused.Fused, x: Packed) -> Packed | torch.Tensor:
        out = honest(layer, x)
        if not isinstance(out, Packed) and len(layer._scale) == 24:
            out[0, 0, 0, 0] += 1
        return out

    monkeypatch.setattr(fused.Fused, "__call__", wrong)
    notices: list[str] = []
    assert canary.choose(model, 40, CPU, "auto", notices.append) == "float"
    assert len(notices) == 1 and "the int8 backend does not compute right" in notices[0] and "float" in notices[0]


@pytest.mark.skipif(not works("native", CPU), reason="no compiled kernels here")
def test_kernels_that_are_wrong_are_passed_over(model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    """One unit, in one layer of the network; what the kernels' self-test tries is right."""
    honest = Layer.__call__

    def wrong(layer: Layer, x: np.ndarray, places: np.ndarray | None = None) -> np.ndarray:
        out = honest(layer, x, places)
        if layer.outputs == 24 and out.dtype == np.float32:
            out.flat[0] += 1
        return out

    monkeypatch.setattr(Layer, "__call__", wrong)
    notices: list[str] = []
    chosen = canary.choose(model, 40, CPU, "auto", notices.append)
    assert chosen != "native" and len(notices) == 1 and "the native backend does not compute right" in notices[0]


@HAS_INT8
def test_all_but_the_reference_may_be_wrong(without_native, model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "attempt", lambda *args: "0" * 64)
    notices: list[str] = []
    assert canary.choose(model, 40, CPU, "auto", notices.append) == "reference"
    assert [text.split()[1] for text in notices] == ["int8", "float"]


def test_coding_tells_of_it_and_is_right(
    without_native, golden_models: dict[str, ModelInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fused convolution that is there and wrong: encode and decode say so and use floats."""
    monkeypatch.setattr(Int8Backend, "condition", lambda backend, device: Condition.WRONG)
    golden = streams.STREAMS[0]
    notices: list[str] = []
    out = io.BytesIO()
    report = lvcodec.decode(io.BytesIO(golden.path.read_bytes()), out, on_notice=notices.append)
    assert report.pictures == streams.PICTURES
    assert len([text for text in notices if "the int8 backend does not compute right" in text]) == 1
    stream = io.BytesIO()
    report = lvcodec.encode(
        io.BytesIO(streams.clip()),
        stream,
        model=golden_models["swift"].path,
        mode="intra",
        quality=streams.QUALITIES["swift"],
        gop=streams.GOP,
        on_notice=notices.append,
    )
    right = streams.encode(golden, golden_models["swift"], "reference")
    assert stream.getvalue() == right and "int8" in report.notices[-1]
