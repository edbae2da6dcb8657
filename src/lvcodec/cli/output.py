"""What the commands say: progress, notices, the summary line or its JSON; stdout is for data and answers."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from lvcodec.report import OnPicture

PROGRESS_AFTER_S = 2.0


class Output:
    """Where a command's messages go.

    data_on_stdout: set where the command's data goes to stdout; then the JSON goes to stderr.
    """

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.data_on_stdout = False
        self._bar: Any = None

    @contextmanager
    def progress(self, label: str, unit: str = "pictures") -> Iterator[OnPicture]:
        """Give a function (done, total) to call after each picture, or whatever the unit is.

        It draws a bar with the time left, if stderr is a terminal and the work takes longer than two seconds. total:
        None where it is not known; an estimate is shown as one, and dropped once there is more than it said.
        """
        if self.quiet or sys.stderr is None or not sys.stderr.isatty():
            yield lambda done, total: None
            return
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # its thread is of no use here, and would live in every forked worker
        with tqdm(desc=label, unit=f" {unit}", delay=PROGRESS_AFTER_S, leave=False, file=sys.stderr) as bar:
            self._bar = bar

            def step(done: int, total: int | None) -> None:
                bar.total = total if total is None or done <= total else None
                bar.update(done - bar.n)

            try:
                yield step
            finally:
                self._bar = None

    def notice(self, text: str) -> None:
        """Something the user should know, on stderr."""
        if self.quiet:
            return
        if self._bar is not None:
            self._bar.clear()
        click.echo(f"lvcodec: {text}", err=True)

    def answer(self, record: dict[str, Any] | list[Any], lines: Sequence[str]) -> None:
        """What was asked for, on stdout: the lines, or with --json the record."""
        if self.as_json:
            self._json(record)
        else:
            for line in lines:
                click.echo(line)

    def summary(self, record: dict[str, Any], line: str) -> None:
        """How the work ended: the line on stderr; with --json the record (stdout; stderr beside data)."""
        if self.as_json:
            self._json(record)
        elif not self.quiet:
            click.echo(line, err=True)

    def _json(self, record: object) -> None:
        click.echo(json.dumps(record, indent=2), err=self.data_on_stdout)


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --json, --quiet and --debug to a command, and give it its `out`."""

    @click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print the result as JSON on stdout (on stderr if the data goes to stdout).",
    )
    @click.option("--quiet", is_flag=True, help="No progress, notices or summary; errors only.")
    @click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of a failure.")
    @functools.wraps(command)
    def with_output(*args: Any, as_json: bool, quiet: bool, **options: Any) -> None:
        command(*args, out=Output(as_json=as_json, quiet=quiet), **options)

    return with_output


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Rows of text as aligned lines, the heading first; `right` are the columns that hold numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
