"""How a command ends when it does not end well: what each kind of failure prints and returns."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import traceback

import click

from lvcodec.cli.signals import Stopped
from lvcodec.errors import LvcError, UsageError

# options that other encoders have, and what is to be done here
OF_OTHERS = {
    "--crf": "--crf is another encoder's, quality is -q 1 to 9",
    "-i": "SOURCE comes first, without -i",
}


def explain(error: BaseException, *, debug: bool, stopped_by: int | None = None) -> int:
    """Say on stderr, in one line, why the command failed; returns the exit code.

    debug: print the traceback too. stopped_by: the signal that has come; whatever fails after it is its doing.
    """
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        _show(error)
        return error.exit_code
    if debug:
        traceback.print_exception(error)
    if isinstance(error, Stopped):
        stopped_by = error.number
    if isinstance(error, KeyboardInterrupt) or stopped_by is not None:
        _say("interrupted")
        return 128 + (stopped_by or signal.SIGINT)
    if _reader_has_left(error):
        return 128 + signal.SIGPIPE
    if isinstance(error, LvcError):
        _say(f"error: {error}")
        return error.exit_code
    if isinstance(error, OSError) and error.errno is not None:
        where = "" if error.filename is None else f"{error.filename}: "
        _say(f"error: {where}{os.strerror(error.errno).lower()}")
        return 3
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("lvcodec"):
        package = error.name.split(".")[0].replace("_", "-")
        _say(f"error: this needs the package {package}, which is not installed; pip install {package}")
        return UsageError.exit_code
    what = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
    _say(f"unexpected failure ({what}), please report; --debug shows the traceback")
    return 1


def _show(error: click.ClickException) -> None:
    """Say what is wrong with the command line; what other encoders take is told in this one's words."""
    if isinstance(error, click.NoSuchOption) and error.option_name in OF_OTHERS:
        error = click.UsageError(f"No such option: {OF_OTHERS[error.option_name]}.", error.ctx)
    error.show()


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
