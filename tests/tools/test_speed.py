"""The speed tables: rows for what was asked, figures that come from coding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from lvcodec.video.format import VideoFormat
from lvcodec.video.sink import open_sink


@pytest.fixture(scope="module")
def speed(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    return load_tool("speed")


@pytest.fixture(scope="module")
def clip(make_clip, tmp_path_factory) -> Path:
    from fractions import Fraction

    path = tmp_path_factory.mktemp("speed") / "clip.y4m"
    with open_sink(path, VideoFormat(96, 96, Fraction(25))) as sink:
        for picture in make_clip(96, 96, 3):
            sink.write(picture)
    return path


def test_tables(speed: ModuleType, clip: Path) -> None:
    done = CliRunner().invoke(
        speed.main, [str(clip), "--size", "QCIF", "--mode", "intra", "--way", "1x1", "--way", "2x2", "--rounds", "1"]
    )
    assert done.exit_code == 0, done.output
    lines = [line.strip("| ").split(" | ") for line in done.output.splitlines() if line.startswith("|")]
    assert lines[0][0] == "threads" and [line[0] for line in lines[2:4]] == ["1", "2"]
    assert lines[4] == [
        "size",
        "mode",
        "1 thread: encode",
        "1 thread: decode",
        "2 threads, 2 jobs: encode",
        "2 threads, 2 jobs: decode",
    ]
    assert lines[6][:2] == ["QCIF", "`intra`"] and all(float(cell) > 0 for cell in lines[6][2:])


def test_codecs_of_ffmpeg(speed: ModuleType, clip: Path) -> None:
    asked = [part for name in speed.FFMPEG for part in ("--ffmpeg", name)]
    plain = ["--size", "QCIF", "--mode", "intra", "--way", "1x1", "--rounds", "1", "--pictures", "4"]
    done = CliRunner().invoke(speed.main, [str(clip), *plain, *asked])
    assert done.exit_code == 0, done.output
    lines = [line.strip("| ").split(" | ") for line in done.output.splitlines() if line.startswith("|")]
    assert lines[-5] == ["size", "codec, whole commands", "1 thread: encode", "1 thread: decode"]
    assert [line[1] for line in lines[-3:]] == ["x264", "x265", "svt-av1"]
    assert all(float(cell) > 0 for line in lines[-3:] for cell in line[2:])


def test_pictures_for_other_models(speed: ModuleType, clip: Path) -> None:
    """The clip's own, in RGB, edges repeated."""
    first, second = speed.rgb(clip, (96, 96), 2)
    assert first.shape == second.shape == (1, 3, 128, 128) and not first.equal(second)
    assert 0 <= first.min() and first.max() <= 1 and first.std() > 0.05
    assert first[..., 96:].equal(first[..., 95:96].expand(1, 3, 128, 32))


def test_wrong_use(speed: ModuleType, clip: Path, tmp_path: Path) -> None:
    assert "is not THREADSxJOBS" in CliRunner().invoke(speed.main, [str(clip), "--way", "2"]).output
    (tmp_path / "a.y4m").write_text("no clip")
    done = CliRunner().invoke(speed.main, [str(tmp_path / "a.y4m"), "--size", "QCIF", "--way", "1x1"])
    assert done.exit_code == 1 and "cannot scale" in done.output
