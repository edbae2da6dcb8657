"""Finding models: by name, hash and family, past folders that hold none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lvcodec.cli import main as cli_main
from lvcodec.errors import WeightsError
from lvcodec.models import loading, store


@pytest.fixture
def beside_a_broken_one(random_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> store.ModelInfo:
    """The random model, on a search path whose first folder has a manifest that is none."""
    whole = store.find(random_model)
    (tmp_path / "a-broken").mkdir()
    (tmp_path / "a-broken" / store.MANIFEST).write_text("{", encoding="utf-8")
    shutil.copytree(whole.path, tmp_path / "whole")
    monkeypatch.setenv("LVCODEC_MODELS", str(tmp_path))
    return whole


def test_a_broken_manifest_hides_no_other_model(beside_a_broken_one: store.ModelInfo) -> None:
    assert store.find(beside_a_broken_one.name).weights_id == beside_a_broken_one.weights_id
    assert store.by_id(bytes.fromhex(beside_a_broken_one.weights_id)).name == beside_a_broken_one.name
    broken: list[WeightsError] = []
    assert beside_a_broken_one.name in [info.name for info in store.installed(broken)]
    assert len(broken) == 1 and "a-broken" in broken[0].message


def test_a_failed_search_names_the_broken_folder(beside_a_broken_one: store.ModelInfo) -> None:
    with pytest.raises(WeightsError, match="a-broken"):
        store.find("another")
    with pytest.raises(WeightsError, match="a-broken"):
        store.by_id(bytes(8))


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ("{", "Expecting property name"),
        ("[]", "list"),
        ('{"name": "x"}', "the manifest lacks 'family'"),
        ('{"name": "x", "family": "swift", "sha256": "00", "alpha": 0.3}', "not 1 or 0.5"),
        ('{"name": "x", "family": "swift", "sha256": "00"}', store.INTEGERS),
    ],
)
def test_why_a_folder_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manifest: str, why: str) -> None:
    monkeypatch.setenv("LVCODEC_MODELS", str(tmp_path))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / store.MANIFEST).write_text(manifest, encoding="utf-8")
    if why != store.INTEGERS:
        (tmp_path / "m" / store.INTEGERS).write_bytes(b"")
    broken: list[WeightsError] = []
    store.installed(broken)
    assert [(str(tmp_path / "m") in error.message, why in error.message) for error in broken] == [(True, True)]


def test_verify_counts_it_as_a_failure(
    beside_a_broken_one: store.ModelInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of all models; one that is asked for by its name is another matter."""
    assert cli_main.execute(["models", "verify", "--json"]) == 6
    out, err = capsys.readouterr()
    assert "a-broken" in err
    results = {row["name"]: row["result"] for row in json.loads(out)}
    assert "a-broken" in results[""] and results[beside_a_broken_one.name] == "right"
    assert cli_main.execute(["models", "verify", beside_a_broken_one.name]) == 0


def test_list_tells_of_it(beside_a_broken_one: store.ModelInfo) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lvcodec", "models", "list", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "a-broken" in done.stderr
    assert beside_a_broken_one.name in [row["name"] for row in json.loads(done.stdout)]


def test_an_inter_path_of_another_lvcodec(random_model: str, tmp_path: Path) -> None:
    """Fewer qualities than this one asks for: one line, before any picture."""
    info = store.find(random_model)
    arrays = dict(store.read_integers(info))
    arrays |= {
        name: part[:161] for name, part in arrays.items() if name.startswith("steps.inter.") and len(part) == 201
    }
    other = store.write(
        tmp_path / "other",
        name="other",
        family="swift",
        shape=info.manifest["shape"],
        arrays=arrays,
        about={"about": "", "alpha": 1.0},
        overwrite=False,
    )
    for backend in ("auto", "float"):
        with pytest.raises(WeightsError, match="inter path in .* is of another lvcodec"):
            loading.coding(other, 40, backend=backend)
