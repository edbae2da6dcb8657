"""The command `lvcodec`: its list of commands, and how one is run.

A command's module is imported when the command is invoked, so that `lvcodec --help` costs next to nothing.
click's own `main` is not used: it turns Ctrl-C, a closed pipe and every EOFError into exit code 1.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

import click

from lvcodec import __version__
from lvcodec.cli.failures import discard_stdout, explain, flush_stdout
from lvcodec.cli.signals import Signals, remove_partials
from lvcodec.cli.working_folder import refuse_torch_without_one

COMMANDS = {
    "encode": "Code a video into an lvcodec stream.",
    "decode": "Turn an lvcodec stream back into video.",
    "play": "Show a stream in a player, ffplay or mpv.",
    "thumbnail": "Draw a contact sheet: pictures spread over a stream, with their times beneath.",
    "info": "Show what a stream is and what its pictures cost.",
    "plan": "Cut a film into pieces that machines can code one by one.",
    "join": "Join the coded pieces of a plan.",
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
7 a video of which pictures are missing, the others were coded; 8 pieces that
miss a size, some are to be coded again; 130 interrupted (143 by SIGTERM, 141
if the reader of a pipe has left)."""


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


def run() -> NoReturn:
    """Run the command with the process's arguments, and exit with its code."""
    signals = Signals()
    signals.unwind()
    refuse_torch_without_one()
    code = execute(sys.argv[1:], signals)
    signals.ignore()
    remove_partials()
    if signals.first is not None or any(thread.daemon for thread in threading.enumerate()):
        # the interpreter would abort at its own end, where a thread still waits for input: that end is left out
        os._exit(code)
    sys.exit(code)


def execute(args: Sequence[str], signals: Signals | None = None) -> int:
    """Run one command; returns the exit code, every failure told on stderr.

    signals: those that the program hears of, if it does.
    """
    try:
        with main.make_context("lvcodec", list(args)) as ctx:
            main.invoke(ctx)
        flush_stdout()
    except BaseException as error:
        code = explain(error, debug="--debug" in args, stopped_by=signals.first if signals else None)
        discard_stdout()
        return code
    return 0


if __name__ == "__main__":
    run()
