"""tools/training_data.py on packages made here: what is taken, what is refused, what the index says."""

from __future__ import annotations

import hashlib
import io
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTENT = {
    "pkg/images/deep/one.JPG": b"a photograph",
    "pkg/images/two.png": b"another",
    "pkg/clip.mp4": b"a video",
    "pkg/left.png": b"left out",
    "pkg/code.py": b"print(1)",
}


@pytest.fixture(scope="module")
def script(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    return load_tool("training_data")


def wheel() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in CONTENT.items():
            archive.writestr(name, data)
    return file.getvalue()


def tar(kind: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{kind}") as archive:
        for name, data in CONTENT.items():
            member = tarfile.TarInfo(f"./{name}" if kind == "xz" else name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def deb() -> bytes:
    """An ar archive as dpkg-deb writes it, one member of an odd size before the data."""
    parts = b"!<arch>\n"
    for name, data in (("debian-binary", b"2.0"), ("control.tar.xz", b"x" * 6), ("data.tar.xz", tar("xz"))):
        parts += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return parts


def package(script: ModuleType, data: bytes, sha256: str | None = None):
    return script.Package(
        "pip",
        "thing",
        "1.0",
        "MIT",
        sha256 or hashlib.sha256(data).hexdigest(),
        ("pkg/*.JPG", "pkg/*.png", "pkg/clip.mp4"),
        ("pkg/left.png",),
    )


@pytest.mark.parametrize("data", [wheel(), tar("gz"), deb()], ids=["wheel", "npm", "deb"])
def test_listed_files_are_taken_and_told(script, tmp_path: Path, monkeypatch, capsys, data: bytes) -> None:
    listed = package(script, data)
    monkeypatch.setattr(script, "read_table", lambda: [listed])
    maker = f"import pathlib; pathlib.Path('thing.whl').write_bytes({data!r})"
    monkeypatch.setattr(
        script,
        "commands",
        lambda p, folder: [[sys.executable, "-c", "raise SystemExit(1)"], [sys.executable, "-c", maker]],
    )
    assert script.main([str(tmp_path)]) == 0
    assert (tmp_path / "photos" / "thing__deep_one.JPG").read_bytes() == b"a photograph"
    taken = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("thing__*"))
    assert taken == ["photos/thing__deep_one.JPG", "photos/thing__pkg_two.png", "videos/thing__pkg_clip.mp4"]
    rows = [line.split("\t") for line in (tmp_path / "INDEX.tsv").read_text().splitlines()]
    assert rows[0] == list(script.COLUMNS) and [row[0] for row in rows[1:]] == taken
    assert rows[3][1:5] == ["thing", "1.0", "MIT", "7"] and rows[3][5] == hashlib.sha256(b"a video").hexdigest()
    assert "thing 1.0: 2 photographs, 1 videos; licence: MIT" in capsys.readouterr().out
    monkeypatch.setattr(script, "commands", lambda p, folder: pytest.fail("fetched a second time"))
    assert script.main([str(tmp_path)]) == 0


def test_another_file_is_not_unpacked(script, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(script, "read_table", lambda: [package(script, b"", "0" * 64)])
    maker = f"import pathlib; pathlib.Path('thing.whl').write_bytes({wheel()!r})"
    monkeypatch.setattr(script, "commands", lambda p, folder: [[sys.executable, "-c", maker]])
    assert script.main([str(tmp_path)]) == 1
    assert "not the listed one: not unpacked" in capsys.readouterr().err
    assert not (tmp_path / "photos").exists() and not list((tmp_path / ".packages").iterdir())


def test_what_cannot_be_had_is_left_out(script, tmp_path: Path, monkeypatch, capsys) -> None:
    """A client that is missing, one that fails, a package without the files: a line each, exit code 1."""
    data = wheel()
    good = package(script, data)
    (tmp_path / ".packages").mkdir()
    for odd in ("0", "1", "2"):
        listed = script.Package(good.client, f"thing{odd}", "1", "MIT", good.sha256, ("nothing",))
        monkeypatch.setattr(script, "read_table", lambda listed=listed: [listed])
        command = ["no-such-client"] if odd == "0" else [sys.executable, "-c", "print('no such\\nversion'); exit(1)"]
        monkeypatch.setattr(script, "commands", lambda p, folder, command=command: [command])
        if odd == "2":
            (tmp_path / ".packages" / f"thing2-{good.sha256[:16]}").write_bytes(data)
        assert script.main([str(tmp_path)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "thing0 1: left out: there is no no-such-client here",
        "thing1 1: left out: not downloaded: no such version",
        "thing2 1: left out: none of the listed files is in it",
    ]


def test_the_table_is_the_documentations(script) -> None:
    """Every package with its licence in docs/training.md, and none that is not fetched."""
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w.-]+)` \([\w ]+\) \| (.+?) \|$", page, re.MULTILINE))
    table = script.read_table()
    assert {p.name: p.licence for p in table} == rows
    assert all(re.fullmatch(r"[0-9a-f]{64}", p.sha256) and p.client in ("apt", "pip", "npm") for p in table)
