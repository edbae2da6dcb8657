"""Progress, notices and the summary: what goes where."""

from __future__ import annotations

import io
import json
import sys
import time

import pytest

from lvcodec.cli import output
from lvcodec.cli.output import Output, table
from lvcodec.report import Estimate, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def work(out: Output, total: int = 3) -> None:
    """Three pictures, the length known after the first; half a second."""
    with out.progress("encoding") as step:
        for done in range(1, 4):
            time.sleep(0.15)
            step(done, total if done > 1 else None)
        out.notice("odd size")


def terminal_for(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """stderr as a terminal; not a fixture, as pytest puts its own stderr back before the test begins."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def test_progress_of_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    monkeypatch.setattr(output, "PROGRESS_AFTER_S", 0.1)
    work(Output(as_json=False, quiet=False))
    text = terminal.getvalue()
    assert "encoding" in text and "3/3" in text and "pictures" in text
    assert "lvcodec: odd size\n" in text
    assert text.endswith("\r"), "the bar is wiped at the end"


@pytest.mark.parametrize(
    ("total", "shown", "last"), [(2, "2/about 2", "3 pictures"), (3, "2/about 3", "3/about 3"), (9, "2/about 9", "3/")]
)
def test_progress_towards_an_estimate(monkeypatch: pytest.MonkeyPatch, total: int, shown: str, last: str) -> None:
    """The total is shown as what it is, and no longer once there are more pictures."""
    terminal = terminal_for(monkeypatch)
    monkeypatch.setattr(output, "PROGRESS_AFTER_S", 0.1)
    work(Output(as_json=False, quiet=False), Estimate(total))
    drawn = [text for text in terminal.getvalue().split("\r") if "encoding" in text]
    assert any(shown in text for text in drawn)
    assert last in drawn[-1] and ("about" in drawn[-1]) == (total >= 3)


def test_no_progress_of_short_work(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    work(Output(as_json=False, quiet=False))
    assert terminal.getvalue().strip() == "lvcodec: odd size"


def test_no_progress_in_a_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(output, "PROGRESS_AFTER_S", 0.0)
    work(Output(as_json=False, quiet=False))
    assert capsys.readouterr() == ("", "lvcodec: odd size\n")


def test_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    monkeypatch.setattr(output, "PROGRESS_AFTER_S", 0.0)
    out = Output(as_json=False, quiet=True)
    work(out)
    out.summary({"pictures": 3}, "3 pictures")
    assert terminal.getvalue() == ""


@pytest.mark.parametrize(
    ("as_json", "data_on_stdout", "where"),
    [
        (False, False, "err"),
        (False, True, "err"),
        (True, False, "out"),
        (True, True, "err"),
    ],
)
def test_summary(as_json: bool, data_on_stdout: bool, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=as_json, quiet=False)
    out.data_on_stdout = data_on_stdout
    out.summary({"pictures": 3}, "3 pictures")
    said = capsys.readouterr()
    text, other = (said.out, said.err) if where == "out" else (said.err, said.out)
    assert other == ""
    assert json.loads(text) == {"pictures": 3} if as_json else text == "3 pictures\n"


def test_table() -> None:
    assert table([["name", "bits"], ["z", "1.0"], ["y", "100.0"]], right=[1]) == [
        "name   bits",
        "z       1.0",
        "y     100.0",
    ]


def test_a_bar_with_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    monkeypatch.setattr(output, "PROGRESS_AFTER_S", 0.0)
    told = Progress("encoding", 2, 9, True, 1.0, 12_345, 2_000_000, 2.0, 7.0)
    with Output(as_json=False, quiet=False).encoding() as step:
        time.sleep(0.15)
        step(told)
    text = terminal.getvalue()
    assert "2/about 9" in text and "12.3 kB of about 2.0 MB" in text


def test_a_bar_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first of its points takes minutes."""
    terminal = terminal_for(monkeypatch)
    with Output(as_json=False, quiet=False).progress("comparing", unit="points", after_s=0) as step:
        step(0, 54)
        assert "0/54" in terminal.getvalue()
