"""Files are compared by what they are, not by how they are spelt."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from lvcodec.errors import InputError
from lvcodec.video import places
from lvcodec.video.atomic import check_output
from lvcodec.video.numbered import Numbered


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with links to itself."""
    monkeypatch.chdir(tmp_path)
    Path("d").symlink_to(".")
    Path("sub").mkdir()
    Path("sub/up").symlink_to("..")
    return tmp_path


def refused(target: object, *sources: object, outputs: tuple[object, ...] = ()) -> bool:
    try:
        check_output(target, *sources, outputs=outputs, overwrite=True)
    except InputError as error:
        assert "is the input itself" in str(error) or "is the output" in str(error)
        return True
    return False


@pytest.mark.parametrize("spelt", ["o.y4m", "./o.y4m", "d/o.y4m", "d/d/o.y4m", "sub/../o.y4m", "sub/up/o.y4m"])
@pytest.mark.parametrize("exists", [False, True])
def test_two_outputs_in_one_place(folder: Path, spelt: str, exists: bool) -> None:
    if exists:
        Path("o.y4m").write_bytes(b"x")
    assert refused(spelt, outputs=("o.y4m",))
    assert refused(folder / spelt, outputs=("o.y4m",))
    assert not refused("other.y4m", outputs=(spelt,))


def test_links_to_files() -> None:
    """Symbolic ones, also to what is not there yet, and hard ones."""
    Path("later").symlink_to("o.y4m")
    assert refused("later", outputs=("o.y4m",)) and refused("o.y4m", outputs=("later",))
    Path("a").write_bytes(b"x")
    Path("b").hardlink_to("a")
    assert refused("a", outputs=("b",)) and refused("b", "a")
    Path("c").write_bytes(b"x")
    assert not refused("a", outputs=("c",))


def test_names_that_differ_in_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are one file where the file system says so; what is not there yet has to be tried."""
    assert not refused("Out.y4m", outputs=("out.y4m",))
    assert sorted(os.listdir(".")) == ["d", "sub"]
    monkeypatch.setattr(places, "_folds_names", lambda folder: True)
    assert refused("Out.y4m", outputs=("d/out.y4m",))
    assert refused("stra\N{LATIN SMALL LETTER SHARP S}e", outputs=("STRASSE",))
    assert refused("\N{LATIN SMALL LETTER E WITH ACUTE}", outputs=("e\N{COMBINING ACUTE ACCENT}",))
    assert not refused("out.y4m", outputs=("out.lvc",))


def test_numbered_pictures() -> None:
    assert refused("f_%03d.png", outputs=("f_007.png",)) and refused("d/f_%03d.png", outputs=("f_1234.png",))
    assert refused("f_007.png", "f_%03d.png")
    assert not refused("f_%03d.png", outputs=("f_07.png",)) and not refused("f_%03d.png", outputs=("f_007.jpg",))
    Path("f_1.png").write_bytes(b"x")
    Path("link_001.png").symlink_to("f_1.png")
    assert refused("link_%03d.png", "f_%d.png")  # the pictures would replace the input
    assert not refused("g_%03d.png", "f_%d.png")
    Path("100%.yuv").write_bytes(b"x")
    assert refused("100%.yuv", "d/100%.yuv") and not refused("100%.yuv", "f_1.png")


def test_standard_streams_and_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """`< a` and `> a` are files too."""
    Path("a").write_bytes(b"x")
    with open("a", "rb") as file:
        assert refused("d/a", file) and not refused("b", file)
        monkeypatch.setattr(places, "STDIN", file.fileno())
        monkeypatch.setattr("lvcodec.video.atomic.STDIN", file.fileno())
        monkeypatch.setattr("lvcodec.video.atomic.STDOUT", file.fileno())
        assert refused("a", "-") and refused("a", outputs=("-",)) and refused("-", "a")
        assert not refused("b", "-")
    buffer = io.BytesIO()
    assert refused(buffer, buffer) and not refused(buffer, io.BytesIO())
    check_output("-", None, overwrite=False)


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="no /dev/null on this system")
def test_devices_take_all() -> None:
    assert not refused("/dev/null", "/dev/null", outputs=("/dev/null",))


def test_one_pipe_for_two_outputs() -> None:
    os.mkfifo("pipe")
    assert refused("pipe", outputs=("d/pipe",)) and refused("pipe", "pipe")


@pytest.mark.parametrize(
    ("pattern", "number", "name"),
    [("f_%03d.png", 7, "f_007.png"), ("%d.png", 1234, "1234.png"), ("100%%_%02d.a", 100, "100%_100.a")],
)
def test_patterns(pattern: str, number: int, name: str) -> None:
    numbered = Numbered.of(Path("sub") / pattern)
    assert numbered is not None and numbered.path(number) == Path("sub") / name and numbered.number_of(name) == number
    assert pattern.startswith("100") or Path(pattern).name % number == name  # as Python, and ffmpeg, take them
    numbered.path(number).write_bytes(b"")
    assert numbered.present() == {number: Path("sub") / name}


@pytest.mark.parametrize("name", ["a.png", "100%.png", "a%sb.png", "%d_%d.png", "a%%d.png", "%5d.png"])
def test_no_patterns(name: str) -> None:
    assert Numbered.of(Path(name)) is None
