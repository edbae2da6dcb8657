"""The command as a process, and a tiny clip for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lvcodec.cli.main import execute

# Pictures this small gain nothing from a second thread, and on a busy machine lose much: 41 pictures a second
# become 0.7 where the threads of each layer wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SIZE = (64, 48)
PICTURES = 8
GOP = 4

Command = Callable[..., "subprocess.CompletedProcess[bytes]"]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: bytes
    stderr: bytes


Here = Callable[..., Done]


@pytest.fixture(scope="session")
def command() -> list[str]:
    """How to start lvcodec."""
    return [sys.executable, "-m", "lvcodec"]


@pytest.fixture(scope="session")
def lvc(command: list[str]) -> Command:
    """Run lvcodec to its end, as in lvc("info", path, stdin=b"...", cwd=folder, LVCODEC_MODELS="models").

    Names in capitals are environment variables. Returns the finished process, its output in bytes.
    """

    def run(
        *args: str | Path,
        stdin: bytes = b"",
        stdout: Any = subprocess.PIPE,
        cwd: Path | None = None,
        **env: str,
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*command, *map(str, args)],
            input=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
            cwd=cwd,
            env=os.environ | env,
        )

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Here:
    """Run lvcodec in this process, in the folder tmp_path: a fresh one needs seconds to load torch."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str | Path) -> Done:
        code = execute([str(arg) for arg in args])
        return Done(code, *capfdbinary.readouterr())

    return run


@pytest.fixture(scope="session")
def planes() -> list[bytes]:
    """The clip's pictures as raw 4:2:0: a bright square that moves over a slope."""
    width, height = SIZE
    y, x = np.mgrid[:height, :width]
    pictures = []
    for t in range(PICTURES):
        luma = 40 + x + y // 2 + 90 * ((abs(x - 10 - 3 * t) < 8) & (abs(y - 24) < 8))
        chroma = np.stack([100 + x[::2, ::2] // 2, 150 - y[::2, ::2]])
        pictures.append(luma.astype(np.uint8).tobytes() + chroma.astype(np.uint8).tobytes())
    return pictures


@pytest.fixture(scope="session")
def y4m_header() -> bytes:
    return b"YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C420jpeg\n" % SIZE


@pytest.fixture(scope="session")
def y4m(y4m_header: bytes, planes: list[bytes]) -> bytes:
    """The clip as Y4M."""
    return y4m_header + b"".join(b"FRAME\n" + picture for picture in planes)


@pytest.fixture(scope="session")
def clip(y4m: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as a file."""
    path = tmp_path_factory.mktemp("clip") / "clip.y4m"
    path.write_bytes(y4m)
    return path


@pytest.fixture(scope="session")
def stream(clip: Path, random_model: str, lvc: Command) -> Path:
    """The clip coded with untrained weights, two GOPs."""
    path = clip.with_name("clip.lvc")
    done = lvc("encode", clip, path, "--gop", str(GOP), "--bframes", "0", "--model", random_model)
    assert done.returncode == 0, done.stderr.decode()
    return path
