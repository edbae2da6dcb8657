"""The kernels' own tests, and the coder's on damaged payloads, with the kernels built to stop at any wrong access."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = (
    "tests/native/test_kernels.py",
    "tests/encoder/test_errors.py",
    "tests/encoder/test_residual.py",
    "tests/encoder/test_tree.py",
    "tests/encoder/test_search.py",
    "tests/entropy/test_entropy_coder.py",
)
FLAGS = "-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"


def library(name: str) -> str:
    """Where the compiler has a library; empty if it has none."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return ""
    done = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    path = done.stdout.strip()
    return path if os.path.isabs(path) else ""


@pytest.mark.slow
@pytest.mark.skipif(not library("libasan.so"), reason="no gcc with AddressSanitizer here")
def test_no_wrong_access(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    for name in ("native", "src"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    environment = os.environ | {"CFLAGS": FLAGS, "LDFLAGS": "-fsanitize=address,undefined"}
    subprocess.run(build, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert list((tmp_path / "src/lvcodec/native").glob("_kernels*")), "the sanitized kernels were not built"
    environment = os.environ | {
        "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter's own
        "PYTHONPATH": str(tmp_path / "src"),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "t")]
    done = subprocess.run([*command, *TESTS], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert " passed" in done.stdout
