"""The command `lvcodec`: its list of commands, and what each kind of failure prints and returns.

A command's module is imported when the command is invoked, so that `lvcodec --help` costs next to nothing.
click's own `main` is not used: it turns Ctrl-C, a closed pipe and every EOFError into exit code 1.
"""

from __future__ import annotations

import errno
import importlib
import os
import select
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from lvcodec import __version__
from lvcodec.errors import LvcError

COMMANDS = {
    "encode": "Code a video into an lvcodec stream.",
    "decode": "Turn an lvcodec stream back into video.",
    "info": "Show what a stream is and what its pictures cost.",
    "concat": "Join streams of one coding, without decoding them.",
    "bench": "Compare lvcodec and other codecs on real files.",
    "inspect": "Draw what one picture of a stream is made of, and what that cost.",
    "eval": "Measure how far a video is from its source.",
    "train": "Train weights, stage by stage, and make models of them.",
    "models": "List, check, import and create weights.",
    "doctor": "Tell what is installed, and check that it computes right.",
}

EXIT_CODES = """\b
Exit codes: 0 done; 1 a failure not foreseen; 2 wrong usage; 3 input that
cannot be read or output that cannot be written; 4 a damaged stream; 5 decoded
pixels that differ from the encoder's; 6 weights missing or not the stream's;
130 interrupted."""


class Commands(click.Group):
    """A group that knows its commands by name and imports them when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"lvcodec.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"{EXIT_CODES}\n\nExample: lvcodec encode clip.y4m clip.lvc",
)
@click.version_option(__version__, prog_name="lvcodec", message="%(prog)s %(version)s")
def main() -> None:
    """A learned video codec: the same pixels on every machine.

    Input first, then output; "-" is a pipe. Messages go to stderr, data to stdout.
    """


class Stopped(KeyboardInterrupt):
    """A signal that asks the program to end; it unwinds like Ctrl-C, so that everything cleans up."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def run() -> NoReturn:
    """Run the command with the process's arguments, and exit with its code."""
    sys.exit(execute(sys.argv[1:]))


def execute(args: Sequence[str]) -> int:
    """Run one command; returns the exit code, every failure told on stderr."""
    _stop_on_signals()
    try:
        with main.make_context("lvcodec", list(args)) as ctx:
            main.invoke(ctx)
        _flush_stdout()
    except BaseException as error:
        code = explain(error, debug="--debug" in args)
        _discard_stdout()
        return code
    return 0


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


def _say(text: str) -> None:
    """One line on stderr, which may be gone too."""
    try:
        click.echo(f"lvcodec: {text}", err=True)
    except OSError:
        pass


def _stop_on_signals() -> None:
    """Let SIGTERM and SIGHUP unwind the program; one that is ignored (nohup) stays ignored."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, stop)


def _reader_has_left(error: BaseException) -> bool:
    """True if the failure comes from stdout's reader having closed the pipe, as `| head` does.

    The error alone does not tell: ffmpeg's pipe may have broken too. A pipe that nobody reads polls as
    an error.
    """
    link: BaseException | None = error
    while link is not None and not (isinstance(link, OSError) and link.errno == errno.EPIPE):
        link = link.__cause__ or link.__context__
    if link is None or sys.stdout is None or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(1, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _flush_stdout() -> None:
    """Write what is left, so that a full disk is told now and not by the interpreter's end."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _discard_stdout() -> None:
    """After a failure: write what stdout still holds if that works, else throw it away."""
    try:
        _flush_stdout()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    run()
