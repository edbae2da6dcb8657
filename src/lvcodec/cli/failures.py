"""How a command ends when it does not end well: what each kind of failure prints and returns, and signals."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import traceback
from types import FrameType

import click

from lvcodec.errors import LvcError


class Stopped(KeyboardInterrupt):
    """A signal that asks the program to end; it unwinds like Ctrl-C, so that everything cleans up."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def stop_on_signals() -> None:
    """Let SIGTERM and SIGHUP unwind the program; one that is ignored (nohup) stays ignored."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, stop)


def explain(error: BaseException, *, debug: bool) -> int:
    """Say on stderr, in one line, why the command failed; returns the exit code.

    debug: print the traceback too.
    """
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if debug:
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt):
        _say("interrupted")
        return 128 + (error.number if isinstance(error, Stopped) else signal.SIGINT)
    if _reader_has_left(error):
        return 128 + signal.SIGPIPE
    if isinstance(error, LvcError):
        _say(f"error: {error}")
        return error.exit_code
    if isinstance(error, OSError) and error.errno is not None:
        where = "" if error.filename is None else f"{error.filename}: "
        _say(f"error: {where}{os.strerror(error.errno).lower()}")
        return 3
    what = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
    _say(f"unexpected failure ({what}), please report; --debug shows the traceback")
    return 1


def flush_stdout() -> None:
    """Write what is left, so that a full disk is told now and not by the interpreter's end."""
    if sys.stdout is not None:
        sys.stdout.flush()


def discard_stdout() -> None:
    """After a failure: write what stdout still holds if that works, else throw it away."""
    try:
        flush_stdout()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _say(text: str) -> None:
    """One line on stderr, which may be gone too."""
    try:
        click.echo(f"lvcodec: {text}", err=True)
    except OSError:
        pass


def _reader_has_left(error: BaseException) -> bool:
    """True if the failure comes from stdout's reader having closed the pipe, as `| head` does.

    The error alone does not tell: ffmpeg's pipe may have broken too. A pipe that nobody reads polls as an error.
    """
    link: BaseException | None = error
    while link is not None and not (isinstance(link, OSError) and link.errno == errno.EPIPE):
        link = link.__cause__ or link.__context__
    if link is None or sys.stdout is None or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(1, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
