"""`lvcodec doctor`: what it tells, and its exit codes where something does not agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from golden import models

from lvcodec.cli import main as cli_main
from lvcodec.exact import fused
from lvcodec.exact.backends import works
from lvcodec.exact.packed import Packed
from lvcodec.models import canary, loading, store
from lvcodec.models.store import ModelInfo
from lvcodec.quality import LAST_INDEX


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelInfo]:
    """A tiny model, the only one installed."""
    monkeypatch.setattr(store, "search_path", lambda: [tmp_path])
    loading._built.clear()
    yield models.make("swift", tmp_path)
    loading._built.clear()


def doctor(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    code = cli_main.execute(["doctor", *options])
    out, err = capsys.readouterr()
    return code, out, err


def test_all_right(model: ModelInfo, capsys) -> None:
    canary.record(model)
    code, out, err = doctor(capsys, "--json")
    told = json.loads(out)
    assert code == 0 and err == "" and told["agrees"]
    assert told["versions"]["torch"] == torch.__version__ and told["versions"]["ffmpeg"]
    assert told["weights"] == [
        {
            "name": model.name,
            "family": "swift",
            "sha256": model.manifest["sha256"],
            "size_bytes": model.size_bytes,
            "path": str(model.path),
            "canary": "recorded",
            "result": "right",
        }
    ]
    tried = {(row["subject"], row["backend"]) for row in told["canary"] if row["device"] == "cpu"}
    here = [name for name, state in told["backends"].items() if state == "works"]
    assert tried == {
        (subject, backend)
        for backend in here
        for subject in ("layers", "golden-swift, quality 1", "golden-swift, quality 9")
        if (subject, backend) != ("layers", "native")  # torch's alone
    }
    assert all(row["got"] == row["expected"] and row["agrees"] for row in told["canary"])
    code, out, _ = doctor(capsys)
    assert code == 0 and "all right: every backend here decodes to the same pixels" in out
    assert told["processor"] in out and model.weights_id in out
    assert doctor(capsys, "--quiet") == (0, "", "")


def test_an_older_manifest_is_no_error(model: ModelInfo, capsys) -> None:
    """Backends are compared with each other."""
    code, out, _ = doctor(capsys)
    assert code == 0 and "not recorded" in out and "as the reference" in out


@pytest.mark.skipif(not works("int8", "cpu"), reason="no fused int8 convolution here")
def test_a_backend_that_is_off_by_one(model: ModelInfo, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = fused.Fused.__call__

    def wrong(layer: fused.Fused, x: Packed) -> Packed | torch.Tensor:
        out = honest(layer, x)
        if not isinstance(out, Packed):
            out[0, 0, 0, 0] += 1
        return out

    # before the fault: doctor would leave out what the comparison of small layers refuses
    assert works("int8", "cpu")
    monkeypatch.setattr(fused.Fused, "__call__", wrong)
    code, out, err = doctor(capsys)
    assert code == 5 and "WRONG" in out and "all right" not in out
    assert err.count("\n") == 1 and "the int8 backend on cpu gives" in err and "please report" in err
    assert not json.loads(doctor(capsys, "--json")[1])["agrees"]


def test_a_recorded_hash_that_none_gives(model: ModelInfo, capsys) -> None:
    info = canary.record(model)
    manifest = json.loads(json.dumps(info.manifest))
    manifest["canary"]["sha256"][str(LAST_INDEX)] = "0" * 64
    (info.path / store.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    code, out, err = doctor(capsys)
    assert code == 5 and "quality 9: the reference backend on cpu gives" in err and "not 0000000000000000" in err


def test_damaged_weights(model: ModelInfo, capsys) -> None:
    path = model.path / store.INTEGERS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    code, out, err = doctor(capsys)
    assert code == 6 and "are damaged: their hash is" in err and err.count("\n") == 1
    assert "layers" in out  # what needs no weights was checked all the same


def test_a_broken_folder_is_told(model: ModelInfo, capsys) -> None:
    (model.path.parent / "broken").mkdir()
    (model.path.parent / "broken" / store.MANIFEST).write_text("{", encoding="utf-8")
    code, _, err = doctor(capsys)
    assert code == 6 and "broken" in err
