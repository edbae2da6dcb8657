"""The same pixels everywhere: golden streams under other threads, instruction sets and libraries' code; and what
happens where one unit differs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzz import damage
from golden import streams
from golden.streams import STREAMS
from safetensors.numpy import load_file, save_file

import lvcodec
from lvcodec import native
from lvcodec.cli import main as cli_main
from lvcodec.errors import WeightsError
from lvcodec.models import store
from lvcodec.models.store import ModelInfo
from lvcodec.models.verify import verify

TESTS = Path(__file__).resolve().parent


def all_hashes(**how) -> dict[str, str]:
    return {golden.name: streams.decoded_hash(golden.path.read_bytes(), **how) for golden in STREAMS}


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads(golden_models: dict[str, ModelInfo], threads: int) -> None:
    torch.set_num_threads(threads)
    try:
        assert all_hashes() == streams.recorded()
    finally:
        torch.set_num_threads(1)


def test_jobs(golden_models: dict[str, ModelInfo]) -> None:
    assert all_hashes(jobs=2) == streams.recorded()


@pytest.mark.gpu
def test_cuda(golden_models: dict[str, ModelInfo]) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    for backend in ("float", "reference"):
        assert all_hashes(device="cuda", backend=backend) == streams.recorded()


LIMITS = {
    "SSE4.1": ({"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"}, [], {"DEFAULT", "NO AVX"}),
    "AVX2": ({"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}, [], {"AVX2"}),
    "AVX-512 without VNNI": ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, ["--threads", "2"], None),
    "no oneDNN": ({}, ["--no-onednn"], None),
    **{f"kernels: {level}": ({native.VARIABLE: level}, [], None) for level in (*native.LEVELS, native.OFF)},
}


@pytest.mark.parametrize("limit", LIMITS)
def test_instruction_sets(limit: str) -> None:
    """A process each, since libraries choose their code once. Limits above what the processor has change nothing."""
    env, options, capabilities = LIMITS[limit]
    done = subprocess.run(
        [sys.executable, "-m", "golden.decode", *options],
        cwd=TESTS,
        text=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **env},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["float"] == streams.recorded()
    for backend in ("int8", "native"):
        assert told[backend] in (streams.recorded(), "does not work here")
    assert capabilities is None or told["capability"] in capabilities  # ATen's name for what it uses


# ---- one unit ---------------------------------------------------------------------------------------------------


@pytest.fixture
def changed(
    golden_models: dict[str, ModelInfo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """changed("layers.enc_in.weight", 1): the swift model alone on the search path, that array's first entry moved.

    told: the manifest's hash is made anew, as if these had been the weights all along. Returns the folder.
    """

    def make(name: str, by: int, *, told: bool = False) -> Path:
        model, folder = golden_models["swift"], tmp_path / "models" / "changed"
        arrays = load_file(model.path / store.INTEGERS)
        array = arrays[name].astype(np.int64)
        array.reshape(-1)[0] += by
        arrays[name] = array.astype(arrays[name].dtype)
        manifest = dict(model.manifest)
        if told:
            manifest["sha256"] = store.fingerprint(model.family, manifest["shape"], arrays)
        folder.mkdir(parents=True)
        save_file(arrays, folder / store.INTEGERS)
        (folder / store.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        monkeypatch.setattr(store, "search_path", lambda: [tmp_path / "models"])
        return folder

    return make


LDS = next(golden.path for golden in STREAMS if golden.name == "swift-lds")


@pytest.mark.parametrize(
    "array",
    [
        "layers.dec_out.weight",
        "layers.dec_linear.bias",
        "layers.enc_in.shift",
        "tables.gaussian.counts",
        "tables.z_p.centres",
        "steps.inverse",
    ],
)
def test_an_integer_off_by_one_is_refused(changed, tmp_path, capfd, array: str) -> None:
    changed(array, 1)
    assert cli_main.execute(["decode", str(LDS), str(tmp_path / "out.y4m")]) == 6
    assert "are damaged: their hash is" in capfd.readouterr().err
    assert not (tmp_path / "out.y4m").exists()
    assert cli_main.execute(["models", "verify", "golden-swift"]) == 6


def test_other_weights_than_the_streams_are_refused(changed, tmp_path, capfd) -> None:
    """A model whose hash is right, one weight from the stream's."""
    changed("layers.dec_out.weight", 1, told=True)
    assert cli_main.execute(["models", "verify", "golden-swift"]) == 0
    assert cli_main.execute(["decode", str(LDS), str(tmp_path / "out.y4m")]) == 6
    assert "which are not installed" in capfd.readouterr().err and not (tmp_path / "out.y4m").exists()


def test_a_table_off_by_one_is_refused_whatever_its_hash(changed) -> None:
    with pytest.raises(WeightsError, match="sums to 16777217, not 16777216"):
        verify(store.read_info(changed("tables.laplace.counts", 1, told=True)))


def test_a_weight_one_above_its_limit_is_refused_whatever_its_hash(changed, golden_models) -> None:
    first = int(load_file(golden_models["swift"].path / store.INTEGERS)["layers.enc_in.weight"].flat[0])
    with pytest.raises(WeightsError, match="layer enc_in: a weight of 65 is above 64"):
        verify(store.read_info(changed("layers.enc_in.weight", 65 - first, told=True)))


@pytest.mark.parametrize("number", [0, 2, 3])
def test_a_pixel_off_by_one_is_told_with_its_picture(golden_models, tmp_path, capfd, monkeypatch, number: int) -> None:
    """The decoder's, as a fault in a library below would make it."""
    from lvcodec.codec import network

    honest, calls = network.Network.pixels, iter(range(100))

    def wrong(self, symbols):
        picture = honest(self, symbols)
        picture.v[-1, -1] += next(calls) == number
        return picture

    monkeypatch.setattr(network.Network, "pixels", wrong)
    assert cli_main.execute(["decode", str(LDS), str(tmp_path / "out.y4m")]) == 5
    told = capfd.readouterr().err
    assert f"picture {number} decoded to other pixels than the encoder's" in told and "report" in told
    if number:  # what came before is right, and kept
        assert (tmp_path / "out.y4m").read_bytes().count(b"FRAME\n") == number


def test_a_checksum_off_by_one_is_told(golden_models, tmp_path, capfd) -> None:
    parts = damage.dissect(LDS.read_bytes())
    checksum = int.from_bytes(parts[2].fields["checksums"], "little")
    parts[2].fields["checksums"] = (checksum ^ 1).to_bytes(2, "little")
    stream = b"".join(part.to_bytes() for part in parts)
    with pytest.raises(lvcodec.MismatchError) as caught:
        lvcodec.decode(io.BytesIO(stream), io.BytesIO())
    assert (caught.value.picture, caught.value.expected ^ caught.value.got) == (1, 1)
