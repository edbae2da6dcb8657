"""Finding models: by name, hash and family, past folders that hold none."""
from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lvcodec.errors import WeightsError
from lvcodec.models import store


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


def test_list_tells_of_it(beside_a_broken_one: store.ModelInfo) -> None:
    done = subprocess.run([sys.executable, "-m", "lvcodec", "models", "list", "--json"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0 and "a-broken" in done.stderr
    assert beside_a_broken_one.name in [row["name"] for row in json.loads(done.stdout)]
