"""What is packed into the wheel is all that the installed command needs; `make build` installs it and codes a clip."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
FOLDERS = {"lvcodec": ROOT / "src" / "lvcodec", "lvcodec.weights": ROOT / "weights"}  # what is installed from where


def files_of(package: str) -> Iterator[Path]:
    """The files below a folder of FOLDERS, but for what Python, compilers and editors leave there."""
    for path in sorted(FOLDERS[package].rglob("*")):
        made = "__pycache__" in path.parts or path.suffix == ".so"
        if path.is_file() and not made and not path.name.startswith("."):
            yield path


def installed_name(package: str, path: Path) -> str:
    """Where a file lies once it is installed: lvcodec/weights/swift/manifest.json."""
    return "/".join([*package.split("."), *path.relative_to(FOLDERS[package]).parts])


def needed() -> set[str]:
    """All modules, all data beside them, and of the weights what a decoder or a reader wants: no float masters."""
    weights = [path for path in files_of("lvcodec.weights") if path.name != "masters.safetensors"]
    return {installed_name("lvcodec", path) for path in files_of("lvcodec")} | {
        installed_name("lvcodec.weights", path) for path in weights
    }


def packed() -> set[str]:
    """What pyproject.toml says is packed."""
    names = set()
    for package in SETUPTOOLS["packages"]:
        top = "lvcodec.weights" if package == "lvcodec.weights" else "lvcodec"
        folder = FOLDERS[top].joinpath(*package.removeprefix(top).split(".")[1:])
        for pattern in ["*.py", *SETUPTOOLS["package-data"].get(package, [])]:
            names |= {installed_name(top, path) for path in folder.glob(pattern)}
    return names


def test_all_files_are_packed() -> None:
    assert packed() == needed()


def test_what_is_read_when_it_runs_is_packed() -> None:
    """By name, lest both lists above miss the same."""
    names = packed()
    assert {"lvcodec/py.typed", "lvcodec/bench/published.toml", "lvcodec/measure/anchors.toml"} <= names
    for family in ("swift", "cheng2020"):
        assert {f"lvcodec/weights/{family}/{file}" for file in ("manifest.json", "integers.safetensors")} <= names
    assert "lvcodec/weights/README.md" in names


def test_every_pattern_finds_a_file() -> None:
    for package, patterns in SETUPTOOLS["package-data"].items():
        folder = ROOT / SETUPTOOLS["package-dir"].get(package, Path("src", *package.split(".")))
        assert [pattern for pattern in patterns if not list(folder.glob(pattern))] == [], package
    assert [name for name in PYPROJECT["project"]["license-files"] if not (ROOT / name).is_file()] == []


def can_build() -> bool:
    """Whether setuptools is here, as new as pyproject.toml asks for: torch and CompressAI bring it on some machines."""
    (requirement,) = PYPROJECT["build-system"]["requires"]
    least = re.fullmatch(r"setuptools>=(\d+)", requirement)
    assert least
    try:
        return int(version("setuptools").partition(".")[0]) >= int(least[1])
    except PackageNotFoundError:
        return False


@pytest.mark.skipif(not can_build(), reason="no setuptools here to build with")
@pytest.mark.parametrize("compiler", ["here", "none"])
def test_the_wheel_holds_them(tmp_path: Path, compiler: str) -> None:
    """In a copy, since setuptools leaves its folders beside what it builds. Without a compiler, no kernels."""
    copy, out = tmp_path / "copy", tmp_path / "out"
    for package in FOLDERS:
        for path in files_of(package):
            target = copy / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            # Weights are not looked into: names do, and megabytes need not be packed.
            target.touch() if path.suffix == ".safetensors" else shutil.copy(path, target)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "native", copy / "native")
    out.mkdir()
    script = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    environment = os.environ | ({"CC": "/no/such/compiler"} if compiler == "none" else {})
    done = subprocess.run(
        [sys.executable, "-c", script, out], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    file = done.stdout.split()[-1]
    assert "-cp311-abi3-" in file, "one wheel for all Pythons"
    with zipfile.ZipFile(out / file) as wheel:
        names = set(wheel.namelist())
        entry_points = next(name for name in names if name.endswith(".dist-info/entry_points.txt"))
        assert "lvcodec = lvcodec.cli.main:run" in wheel.read(entry_points).decode()
    kernels = {name for name in names if name.startswith("lvcodec/native/_kernels.")}
    assert len(kernels) == (compiler == "here" and shutil.which(os.environ.get("CC", "cc")) is not None)
    assert {name for name in names if ".dist-info/" not in name} - kernels == needed()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
