"""Where the kernels are, swift is encoded and decoded without torch, to the same bytes and pixels."""

from __future__ import annotations

import io
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

import lvcodec
from lvcodec.exact.backends import works
from lvcodec.video.format import VideoFormat
from lvcodec.video.sink import open_sink

HAS_KERNELS = pytest.mark.skipif(not works("native", "cpu"), reason="no compiled kernels here")
HIDDEN = "import sys; sys.modules['torch'] = None\n"
MODES = "intra", "mfvc", "lds", "aligned"
CODED = """
import lvcodec
folder, model = sys.argv[1:]
for mode in ("intra", "mfvc", "lds", "aligned"):
    stream = f"{folder}/{mode}.lvc"
    lvcodec.encode(f"{folder}/clip.y4m", stream, mode=mode, quality=4.5, model=model)
    lvcodec.decode(stream, f"{folder}/{mode}.y4m")
lvcodec.encode(f"{folder}/clip.y4m", f"{folder}/aimed.lvc", target_psnr=20, preset="fast", model=model)
"""


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def clip(tmp_path: Path, make_clip) -> Path:
    path = tmp_path / "clip.y4m"
    with open_sink(path, VideoFormat(80, 70, Fraction(25))) as sink:
        for picture in make_clip(80, 70, 6):
            sink.write(picture)
    return path


@HAS_KERNELS
def test_streams_and_pictures_are_those_of_torch(clip: Path, random_model: str) -> None:
    done = run(HIDDEN + CODED, str(clip.parent), str(random_model))
    assert done.returncode == 0, done.stderr
    for mode in MODES:
        stream, shown = io.BytesIO(), io.BytesIO()
        lvcodec.encode(clip, stream, mode=mode, quality=4.5, model=random_model, backend="float")
        lvcodec.decode(io.BytesIO(stream.getvalue()), shown, backend="float")
        assert clip.with_name(f"{mode}.lvc").read_bytes() == stream.getvalue()
        assert clip.with_name(f"{mode}.y4m").read_bytes() == shown.getvalue()


@HAS_KERNELS
def test_the_command_does_not_load_it(clip: Path) -> None:
    """The shipped weights; nor does info, and the encoder's --verify."""
    stream = str(clip.with_name("clip.lvc"))
    for command in (
        ["encode", str(clip), stream, "--verify"],
        ["decode", stream, str(clip.with_name("out.y4m"))],
        ["info", "--streams", stream],
    ):
        script = f"""
import sys
from lvcodec.cli.main import run
sys.argv = ["lvcodec", *{command!r}]
try:
    run()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""
        done = run(script)
        assert done.returncode == 0 and done.stderr.splitlines()[-1] == "False", done.stderr


@HAS_KERNELS
@pytest.mark.parametrize(
    "command", [["--family", "cheng2020"], ["--backend", "float"], ["--effort", "2"], ["--preset", "slow"]]
)
def test_what_needs_it_says_so(clip: Path, command: list[str]) -> None:
    script = f"from lvcodec.cli.main import run\nsys.argv = ['lvcodec', 'encode', *{command!r}, *sys.argv[1:]]\nrun()"
    done = run(HIDDEN + script, str(clip), str(clip.with_name("out.lvc")))
    assert done.returncode == 2 and not clip.with_name("out.lvc").exists()
    assert "torch" in done.stderr.splitlines()[-1] or "does not work" in done.stderr.splitlines()[-1]


def test_training_says_what_it_needs(clip: Path) -> None:
    """So does any command that meets a package that is not there."""
    arguments = ["--run", str(clip.with_name("run")), "--data", str(clip.parent), "--minutes", "1"]
    script = "from lvcodec.cli.main import run\nsys.argv = ['lvcodec', 'train', 'intra', *sys.argv[1:]]\nrun()"
    done = run(HIDDEN + script, *arguments)
    assert done.returncode == 2 and "needs the package torch" in done.stderr and not clip.with_name("run").exists()


@HAS_KERNELS
def test_a_comparison_does_without(clip: Path, random_model: str) -> None:
    """By metrics that do not need it either."""
    script = "from lvcodec.cli.main import run\nsys.argv = ['lvcodec', 'bench', *sys.argv[1:]]\nrun()"
    report = clip.with_name("report")
    options = ["--anchors", "none", "--quality", "2,4", "--metrics", "psnr", "--model", str(random_model)]
    done = run(HIDDEN + script, str(clip), "--out", str(report), *options)
    assert done.returncode == 0, done.stderr
    assert (report / "index.html").exists()


def test_neither_kernels_nor_torch(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVCODEC_NATIVE", "off")
    script = "from lvcodec.cli.main import run\nsys.argv = ['lvcodec', 'encode', *sys.argv[1:]]\nrun()"
    done = run(HIDDEN + script, str(clip), str(clip.with_name("out.lvc")))
    assert done.returncode == 2 and "neither compiled kernels nor torch" in done.stderr
