"""Golden streams decode to the pictures that they decoded to when they were made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from golden import models, streams
from golden.streams import STREAMS, Golden
from lvcodec.exact.backends import works
from lvcodec.models.store import ModelInfo
from lvcodec.names import BACKENDS

IDS = [golden.name for golden in STREAMS]
# What the streams were made with. Other hashes mean that the integers, or what identifies them, have changed.
WEIGHTS = {"swift": "30f448530ae41d41", "cheng2020": "c490f03b312c5b76"}


def test_the_models_are_those_of_the_streams(golden_models: dict[str, ModelInfo]) -> None:
    assert {name: model.weights_id for name, model in golden_models.items()} == WEIGHTS
    assert WEIGHTS.keys() == models.MODELS.keys()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("golden", STREAMS, ids=IDS)
def test_decodes_to_its_hash(golden_models: dict[str, ModelInfo], golden: Golden, backend: str) -> None:
    if not works(backend, "cpu"):
        pytest.skip(f"no {backend} backend here")
    assert streams.decoded_hash(golden.path.read_bytes(), backend=backend) == streams.recorded()[golden.name]


@pytest.mark.parametrize("golden", [g for g in STREAMS if g.model == "cheng2020"], ids=lambda g: g.name)
def test_encoding_gives_the_same_stream(golden_models: dict[str, ModelInfo], golden: Golden) -> None:
    """Not promised for ever, as decoding is: an encoder may decide otherwise; then the stream stays and this goes.

    The search for motion of `aligned` decides otherwise already, by processor and by version, and the encoder of
    swift weighs bits since its streams were made.
    """
    assert streams.encode(golden, golden_models[golden.model], "auto") == golden.path.read_bytes()


def test_nothing_else_lies_there() -> None:
    assert {path.stem for path in streams.FOLDER.glob("*.lvc")} == set(streams.recorded()) == set(IDS)


def test_none_is_made_anew_silently(tmp_path: Path) -> None:
    """`make golden` makes what is missing, and refuses to touch the rest."""
    shutil.copytree(Path(__file__).parent, tmp_path / "golden", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "golden" / "streams"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    command, env = [sys.executable, "-m", "golden"], {**os.environ, "OMP_NUM_THREADS": "1"}
    (folder / "cheng2020-lds.lvc").unlink()
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("\n") == 1, done.stderr
    (folder / "swift-mfvc.lvc").write_bytes(b"edited")
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "--overwrite" in done.stderr
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after == before | {"swift-mfvc.lvc": b"edited"}
