"""What the command does before any coding: help, options, paths."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from lvcodec import __version__
from lvcodec.cli import main as cli_main
from lvcodec.cli.signals import Stopped
from lvcodec.errors import TruncatedStreamError

Command = Callable[..., "subprocess.CompletedProcess[bytes]"]
PIPED = "ffmpeg -i URL -f yuv4mpegpipe -"
HEAVY = ("torch", "numpy", "scipy", "compressai", "constriction", "tqdm")


def test_version(lvc: Command) -> None:
    done = lvc("--version")
    assert (done.returncode, done.stdout.decode()) == (0, f"lvcodec {__version__}\n")


@pytest.mark.parametrize("args", [["--help"], ["-h"], *([name, "--help"] for name in cli_main.COMMANDS)])
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    script = (
        "import sys; from lvcodec.cli.main import execute\n"
        f"code = execute({args!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert "Example: lvcodec" in " ".join(done.stdout.split())


def test_help_is_quick() -> None:
    """The list of commands loads no command, and little beside click: its modules are what its time goes to."""
    script = (
        "import sys; from lvcodec.cli.main import execute\n"
        "import click, signal, traceback; before = set(sys.modules)\n"
        "assert execute(['--help']) == 0\n"
        "print(len(set(sys.modules) - before), file=sys.stderr)\n"
        "print(*sorted(name for name in sys.modules if name.startswith('lvcodec')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    added, own = done.stderr.splitlines()
    ours = {"cli", "cli.failures", "cli.main", "cli.signals", "cli.working_folder", "errors", "version"}
    assert set(own.split()) == {"lvcodec", *(f"lvcodec.{name}" for name in ours)}
    assert int(added) < 20


def test_list_of_commands_tells_what_each_says() -> None:
    """The list is a copy, so that help need not import the commands."""
    context = click.Context(cli_main.main)
    for name, text in cli_main.COMMANDS.items():
        command = cli_main.main.get_command(context, name)
        assert command is not None and command.name == name
        assert (command.help or "").splitlines()[0] == text


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["frobnicate"],
        ["encode"],
        ["encode", "only-one"],
        ["encode", "a", "b", "--unknown"],
        ["encode", "a", "b", "-q", "0.9"],
        ["encode", "a", "b", "-q", "10"],
        ["encode", "a", "b", "-q", "high"],
        ["encode", "a", "b", "--mode", "aligned?"],
        ["encode", "a", "b", "--gop", "0"],
        ["encode", "a", "b", "--size", "64"],
        ["encode", "a", "b", "--size", "64x0"],
        ["encode", "a", "b", "--fps", "0"],
        ["encode", "a", "b", "--fps", "25/0"],
        ["encode", "a", "b", "--frames", "3"],
        ["encode", "a", "b", "--frames", "4:4"],
        ["encode", "a", "b", "--frames", "-1:4"],
        ["encode", "a", "b", "--alpha", "2"],
        ["encode", "a", "b", "--alpha", "0.5", "--mode", "mfvc"],
        ["encode", "a", "b", "--latents", "lost", "--mode", "lds"],
        ["encode", "a", "b", "--latents", "kept"],
        ["encode", "a", "b", "--latents", "analysed", "--alpha", "0", "--mode", "lds"],
        ["encode", "a", "-", "--verify"],
        ["encode", "a", "b", "--jobs", "0"],
        ["decode", "a", "b", "--device", "tpu"],
        ["concat", "only-one"],
        ["models", "init", "unknown", "b"],
        ["models", "init", "swift", "b", "-q", "4"],
    ],
)
def test_usage_errors(lvc: Command, args: list[str], tmp_path: Path) -> None:
    done = lvc(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == b"" and done.stderr != b""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "args",
    [
        ["encode", "missing.y4m", "out.lvc"],
        ["decode", "missing.lvc", "out.y4m"],
        ["info", "missing.lvc"],
        ["concat", "missing.lvc", "out.lvc"],
        ["models", "import", "missing.pth.tar", "out.safetensors"],
    ],
)
def test_missing_input(lvc: Command, args: list[str], tmp_path: Path) -> None:
    done = lvc(*args, cwd=tmp_path)
    assert done.returncode == 3
    name = args[1] if args[0] != "models" else args[2]
    assert done.stderr.decode() == f"lvcodec: error: {name}: no such file\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["encode", "decode", "concat"])
def test_existing_output_is_refused(lvc: Command, name: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"input")
    (tmp_path / "out").write_bytes(b"precious")
    done = lvc(name, "in", "out", cwd=tmp_path)
    assert done.returncode == 3
    assert b"out exists" in done.stderr and b"-y" in done.stderr
    assert (tmp_path / "out").read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["encode", "decode", "concat"])
@pytest.mark.parametrize("target", ["in", "./in", "linked", "hard"])
def test_output_equal_to_input_is_refused(lvc: Command, name: str, target: str, tmp_path: Path) -> None:
    """-y does not help: the input would be gone."""
    (tmp_path / "in").write_bytes(b"input")
    (tmp_path / "linked").symlink_to("in")
    (tmp_path / "hard").hardlink_to(tmp_path / "in")
    done = lvc(name, "-y", "in", target, cwd=tmp_path)
    assert done.returncode == 3
    assert b"is the input itself" in done.stderr
    assert (tmp_path / "in").read_bytes() == b"input"


def test_recon_equal_to_the_stream_is_refused(lvc: Command, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"input")
    done = lvc("encode", "in", "out", "--recon", "./out", cwd=tmp_path)
    assert done.returncode == 3 and b"output ./out is the output out too" in done.stderr
    done = lvc("encode", "in", "-", "--recon", "-", cwd=tmp_path)
    assert done.returncode == 2 and b"cannot both go to stdout" in done.stderr


@pytest.mark.parametrize("recon", ["d/o.y4m", "sub/../o.y4m", "later.y4m", "hard.y4m", "o_%d.y4m"])
def test_two_outputs_that_are_one_file_are_refused(lvc: Command, recon: str, tmp_path: Path) -> None:
    """-y does not help: the stream would be gone."""
    (tmp_path / "in.y4m").write_bytes(b"input")
    target = "o_1.y4m" if "%" in recon else "o.y4m"
    (tmp_path / target).write_bytes(b"old")
    (tmp_path / "d").symlink_to(".")
    (tmp_path / "sub").mkdir()
    (tmp_path / "later.y4m").symlink_to(target)
    (tmp_path / "hard.y4m").hardlink_to(tmp_path / target)
    done = lvc("encode", "-y", "in.y4m", target, "--recon", recon, cwd=tmp_path)
    assert done.returncode == 3
    assert f"output {recon} is the output {target} too" in done.stderr.decode()
    assert (tmp_path / target).read_bytes() == b"old"


def test_redirected_output_is_a_file_too(lvc: Command, tmp_path: Path) -> None:
    (tmp_path / "in.y4m").write_bytes(b"input")
    with open(tmp_path / "o.y4m", "wb") as out:
        done = lvc("encode", "-y", "in.y4m", "-", "--recon", "o.y4m", cwd=tmp_path, stdout=out)
    assert done.returncode == 3 and b"output o.y4m is the output - too" in done.stderr


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["encode", "http://x/a%20b.mp4", "o"], f"URLs are not read; {PIPED} | lvcodec encode - OUT"),
        (["eval", __file__, "rtsp://x"], f"URLs are not read; {PIPED} | lvcodec eval REF -"),
        (["decode", "https://x/a.lvc", "o.y4m"], "URLs are not read"),
        (["encode", "file:a.y4m", "o"], "leave out file:"),
        (["encode", "c:a.y4m", "o"], None),
        (["bench", "no.y4m", "--out", "o"], None),
    ],
)
def test_a_name_that_no_file_has(here, tmp_path: Path, args: list[str], hint: str | None) -> None:
    done = here(*args)
    source = next(arg for arg in args[1:] if arg != __file__)
    assert done.returncode == 3
    assert done.stderr.decode() == f"lvcodec: error: {source}: no such file" + (f"; {hint}\n" if hint else "\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["encode", "a", "b", "--crf", "23"], b"quality is -q 1 to 9"),
        (["encode", "-i", "a", "b"], b"SOURCE comes first, without -i"),
        (["encode", "a", "b", "--fps", "0"], b"a rate is above 0 and at most 100000"),
    ],
)
def test_habits_of_other_encoders(here, args: list[str], hint: bytes) -> None:
    done = here(*args)
    assert done.returncode == 2 and hint in done.stderr.splitlines()[-1]


def test_exit_codes_are_those_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    readme = Path(__file__).parents[2] / "README.md"
    told = readme.read_text(encoding="utf-8").partition("## Exit codes")[2].partition("##")[0]
    for text in (told, cli_main.EXIT_CODES):
        words = set(re.findall(r"\b\d+\b", text))
        assert words >= {str(code) for code in (*range(9), 130, 141, 143)}


@pytest.mark.parametrize("args", [["encode", "{}/a.y4m", "{}/b.lvc"], ["doctor"], ["info", "{}/a.y4m"]])
def test_a_working_folder_that_has_been_deleted(args: list[str], tmp_path: Path) -> None:
    """One line, where torch would end the process; what needs no torch goes on."""
    (tmp_path / "a.y4m").write_bytes(b"input")
    (tmp_path / "gone").mkdir()
    words = [word.format(tmp_path) for word in args]
    program = (
        "import os, sys; os.chdir('gone'); os.rmdir('../gone');"
        f"sys.argv[1:] = {words!r}; from lvcodec.cli.main import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    said = {
        "encode": "is no Y4M file",
        "doctor": "the working folder has been deleted",
        "info": "not an lvcodec stream",
    }[args[0]]
    assert done.returncode == 3
    assert said in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no/such/out.lvc", b"there is no folder"),
        (".", b"is a folder"),
    ],
)
def test_output_that_cannot_be_written(lvc: Command, target: str, message: bytes, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"input")
    done = lvc("encode", "-y", "in", target, cwd=tmp_path)
    assert done.returncode == 3 and message in done.stderr


def test_no_stream_on_a_terminal(command: list[str], clip: Path) -> None:
    leader, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [*command, "encode", clip, "-"],
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert done.returncode == 2 and b"stdout is a terminal" in done.stderr
        done = subprocess.run([*command, "decode", "-", "out.y4m"], stdin=terminal, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 2 and b"stdin is a terminal" in done.stderr
    finally:
        os.close(leader)
        os.close(terminal)


def test_answer_to_a_full_disk(lvc: Command) -> None:
    with open("/dev/full", "wb") as full:
        done = lvc("--help", stdout=full)
    assert (done.returncode, done.stderr) == (3, b"lvcodec: error: no space left on device\n")


def test_closed_pipe_is_quiet(command: list[str]) -> None:
    process = subprocess.Popen([*command, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 141


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("lvcodec.probe", fail)


REPORT = "please report; --debug shows the traceback"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyError("x"), 1, f"unexpected failure (KeyError: 'x'), {REPORT}"),
        (AssertionError(), 1, f"unexpected failure (AssertionError), {REPORT}"),
        (EOFError("cut"), 1, f"unexpected failure (EOFError: cut), {REPORT}"),
        (TruncatedStreamError("cut", "send all of it"), 4, "error: cut; send all of it"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Stopped(15), 143, "interrupted"),
        (OSError(28, "x"), 3, "error: no space left on device"),
        (OSError(5, "x", "disk"), 3, "error: disk: input/output error"),
    ],
)
def test_other_failures(
    error: BaseException,
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing(monkeypatch, error)
    assert cli_main.execute(["info", __file__]) == code
    assert capsys.readouterr().err == f"lvcodec: {message}\n"


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    failing(monkeypatch, KeyError("x"))
    assert cli_main.execute(["info", __file__, "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_broken_pipe_elsewhere_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """ffmpeg's pipe, say: stdout has its reader."""
    failing(monkeypatch, BrokenPipeError(32, "Broken pipe"))
    assert cli_main.execute(["info", __file__]) == 3
    assert "broken pipe" in capsys.readouterr().err


def test_models_init_show_verify(lvc: Command, tmp_path: Path) -> None:
    env = {"LVCODEC_MODELS": str(tmp_path)}
    done = lvc("models", "init", "swift", tmp_path / "random", "--seed", "1", "--json", **env)
    assert done.returncode == 0, done.stderr.decode()
    model = json.loads(done.stdout)
    assert (model["name"], model["family"]) == ("random", "swift")
    assert model in json.loads(lvc("models", "list", "--json", **env).stdout)
    shown = json.loads(lvc("models", "show", "random", "--json", **env).stdout)
    assert shown.pop("manifest")["sha256"].startswith(model["weights_id"]) and shown == model
    assert lvc("models", "verify", "random", **env).returncode == 0

    again = lvc("models", "init", "swift", tmp_path / "random")
    assert again.returncode == 3 and b"holds a model already; -y replaces it" in again.stderr
    weights = tmp_path / "random" / "integers.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    broken = lvc("models", "verify", "random", **env)
    assert broken.returncode == 6 and b"damaged" in broken.stderr


def test_models_init_makes_the_qualities_that_its_help_tells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def make_model(target: Path, qualities: list[int], about: object, *, overwrite: bool) -> None:
        asked.append(qualities)
        raise KeyboardInterrupt

    monkeypatch.setattr("lvcodec.models.untrained.random_cheng2020", make_model)
    for options in ([], ["-q", "2", "-q", "5"]):
        assert cli_main.execute(["models", "init", "cheng2020", str(tmp_path / "m"), *options]) == 130
    assert asked == [[1], [2, 5]]
    capsys.readouterr()
    assert cli_main.execute(["models", "init", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--quality INTEGER RANGE Of cheng2020, which has a network a quality; may be repeated. [default: 1]" in text


def test_models_unknown(lvc: Command) -> None:
    done = lvc("models", "show", "no-such-model")
    assert done.returncode == 6 and b"no-such-model" in done.stderr


def test_models_list_is_json(lvc: Command) -> None:
    done = lvc("models", "list", "--json")
    assert done.returncode == 0, done.stderr.decode()
    for model in json.loads(done.stdout):
        assert {"name", "family", "weights_id", "size_bytes", "path"} <= set(model)
