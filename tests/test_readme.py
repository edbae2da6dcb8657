"""What README.md and the other pages show between fences runs: Python, and all lines of shell but those in NOT_RUN."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lvcodec.models.untrained import init_random

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

# How lines of shell begin that no test runs, and why.
NOT_RUN = {
    "make ": "makes environments, downloads, or takes minutes; that the target exists is tested",
    ".ci/run": "runs the tests",
    "pip install": "installs",
    "git ": "wants a network",
    "lvcodec bench": "codes whole folders for minutes; tests/bench and tests/cli run it",
    "lvcodec play": "wants a player and a screen; tests/cli runs it",
    "lvcodec train": "takes minutes and a folder of videos; tests/train runs it",
}
# Pages other than the README draw pictures between fences too; shell is what begins with one of these.
COMMANDS = ("lvcodec", "python", "make", "pip", "git", ".ci/run")
SHELL, PYTHON = ("", "sh", "bash", "shell"), ("python", "py")

# The commands are those of the Python that runs the tests.
PRELUDE = """
set -euo pipefail
python() { "$PYTHON" "$@"; }
PATH="$PWD/bin:$PATH"
"""
LVCODEC = """#!/bin/sh
exec "$PYTHON" -m lvcodec "$@"
"""  # a file, since xargs knows no functions


class Block(NamedTuple):
    """What stands between two fences, and the language that the first one names."""

    language: str
    text: str


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page. Raises ValueError where fences do not match, or are none that Markdown knows."""
    fenced = [Block(*groups) for groups in re.findall(r"^``` *(.*?) *\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]
    if len(re.findall(r"^\s*(?:```|~~~)", text, re.MULTILINE)) != 2 * len(fenced):
        raise ValueError("a fence that is not closed, is indented, or is made of ~~~")
    return fenced


def shell_lines(text: str) -> Iterator[str]:
    """The lines of a block of shell without their comments; a line that ends in a backslash goes on in the next."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        if line:
            yield line


def lines_of(page: Path) -> list[str]:
    """All lines of shell on a page."""
    shell = [block.text for block in blocks(page.read_text(encoding="utf-8")) if block.language in SHELL]
    if page != README:
        shell = [text for text in shell if text.split()[0] in COMMANDS]
    return [line for text in shell for line in shell_lines(text)]


def is_run(line: str) -> bool:
    return not line.startswith(tuple(NOT_RUN))


def python_of(page: Path) -> list[str]:
    return [block.text for block in blocks(page.read_text(encoding="utf-8")) if block.language in PYTHON]


@pytest.fixture
def folder(tmp_path: Path, write_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small clip.mp4, which stands in for the reader's own."""
    write_clip(tmp_path / "clip.mp4", 64, 48, 4)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "lvcodec").write_text(LVCODEC)
    (tmp_path / "bin" / "lvcodec").chmod(0o755)
    monkeypatch.setenv("LVCODEC_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(is_run, lines_of(page)))], ids=name_of)
def test_shell_runs(page: Path, folder: Path) -> None:
    """From top to bottom in one folder, as a reader would."""
    if page != README:  # weights that may be changed
        init_random("swift", folder / "models" / "NAME")
    # Pictures this small gain nothing from a second thread.
    env = os.environ | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    for line in filter(is_run, lines_of(page)):
        done = subprocess.run(
            ["bash", "-c", PRELUDE + line],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.parametrize("page", [page for page in PAGES if python_of(page)], ids=name_of)
def test_python_runs(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one namespace, from top to bottom."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for text in python_of(page):
        exec(compile(text, name_of(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_has_the_targets(page: Path) -> None:
    """Those between fences, and those in the text: `make bench CLIPS=DIR`."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    named = {
        *re.findall(r"`make ([\w-]+)", text),
        *re.findall(r"^make ([\w-]+)", "\n".join(lines_of(page)), re.MULTILINE),
    }
    targets = re.findall(r"^([\w-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named - set(targets)) == []


def test_all_fences_of_the_readme_are_run() -> None:
    """Shell or Python, and some of each."""
    languages = {block.language for block in blocks(README.read_text(encoding="utf-8"))}
    assert languages <= {*SHELL, *PYTHON}
    assert python_of(README)
    assert sum(map(is_run, lines_of(README))) >= 4


def test_lines_are_seen() -> None:
    text = "a\n```\nlvcodec  a \\\n   b # no\n\n# no\nmake c#d\n```\n``` python\nprint(1)\n```\n"
    assert blocks(text) == [Block("", "lvcodec  a \\\n   b # no\n\n# no\nmake c#d\n"), Block("python", "print(1)\n")]
    assert list(shell_lines(blocks(text)[0].text)) == ["lvcodec  a b", "make c#d"]
    for wrong in ("```\na\n", "~~~\na\n~~~\n", "- b\n  ```\n  a\n  ```\n"):
        with pytest.raises(ValueError, match="fence"):
            blocks(wrong)
