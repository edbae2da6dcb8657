"""Signals: the first one unwinds the program, others do not disturb that, and the end is quiet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvcodec.cli import signals as cli_signals
from lvcodec.cli.failures import explain
from lvcodec.cli.signals import Signals, Stopped
from lvcodec.video.atomic import AtomicFile


@pytest.fixture
def signals() -> Iterator[Signals]:
    """Signals that are heard, with what pytest does of them put back afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, signal.SIG_DFL)
    heard = Signals()
    heard.unwind()
    yield heard
    for number, handler in before.items():
        signal.signal(number, handler)


def test_only_the_first_one_unwinds(signals: Signals) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number == signal.SIGTERM:
            with pytest.raises(Stopped):
                os.kill(os.getpid(), number)
        else:
            os.kill(os.getpid(), number)
    assert signals.first == signal.SIGTERM


def test_a_late_one_ends_the_program_at_once(signals: Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With nothing left of what was being written."""
    ended: list[int] = []
    monkeypatch.setattr(cli_signals, "PATIENCE_S", -1.0)
    monkeypatch.setattr(os, "_exit", ended.append)
    AtomicFile(tmp_path / "out")
    with pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGINT)
    assert len(os.listdir(tmp_path)) == 1
    os.kill(os.getpid(), signal.SIGINT)
    assert ended == [130] and os.listdir(tmp_path) == []


def test_one_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        Signals().unwind()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        for number, handler in {signal.SIGHUP: before, **usual}.items():
            signal.signal(number, handler)


def test_what_fails_after_a_signal_is_its_doing(capsys: pytest.CaptureFixture[str]) -> None:
    """A lock that was being taken, say."""
    assert explain(RuntimeError("release unlocked lock"), debug=False, stopped_by=signal.SIGTERM) == 143
    assert capsys.readouterr().err == "lvcodec: interrupted\n"


@pytest.mark.parametrize("code", ["os.kill(os.getpid(), signal.SIGINT)", "raise lvcodec.InputError('wrong')"])
def test_a_thread_that_waits_for_input_does_not_make_it_abort(code: str) -> None:
    """It holds the lock of standard input, and the interpreter aborts where it cannot take that at its end."""
    program = f"""
        import os, signal, sys, threading, time
        import lvcodec
        from lvcodec.cli.main import run

        def probe(*args, **options):
            threading.Thread(target=sys.stdin.buffer.read, daemon=True).start()
            time.sleep(0.1)
            {code}
            time.sleep(5)

        lvcodec.probe = probe
        signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background inherit "ignored"
        sys.argv = ["lvcodec", "info", "/dev/null"]
        run()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait(20) == (130 if "kill" in code else 3)
    assert said == ("lvcodec: interrupted\n" if "kill" in code else "lvcodec: error: wrong\n")
