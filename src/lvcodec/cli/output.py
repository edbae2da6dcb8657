"""What the commands say: progress, notices, the summary line or its JSON; stdout is for data and answers."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from lvcodec.report import Estimate, OnPicture, OnProgress, Progress

PROGRESS_AFTER_S = 2.0
LINE_EVERY_S = 0.2


class Output:
    """Where a command's messages go.

    data_on_stdout: set where the command's data goes to stdout; then the JSON goes to stderr. json_progress: set where
    programs read stderr: progress, notices and the summary are objects there, one a line.
    """

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.data_on_stdout = False
        self.json_progress = False
        self._bar: Any = None

    @contextmanager
    def progress(self, label: str, unit: str = "pictures", *, after_s: float | None = None) -> Iterator[OnPicture]:
        """Give a function (done, total) to call after each picture, or whatever the unit is.

        It draws a bar with the time left, if stderr is a terminal and the work takes longer than after_s. total: None
        where it is not known; an estimate is shown as one, and dropped once there is more than it said.
        """
        with self._drawn(label, unit, PROGRESS_AFTER_S if after_s is None else after_s) as bar:
            yield lambda done, total: _advance(bar, done, total)

    @contextmanager
    def encoding(self) -> Iterator[OnProgress]:
        """Give a function to call with an encoding's progress: the same bar, with sizes; or lines of JSON."""
        if self.json_progress:
            yield _Lines().tell
            return
        with self._drawn("encoding", "pictures", PROGRESS_AFTER_S) as bar:

            def step(progress: Progress) -> None:
                if bar is not None:
                    bar.set_description_str(progress.stage, refresh=False)
                    bar.set_postfix_str(_sizes(progress), refresh=False)
                    total = progress.total
                    _advance(bar, progress.pictures, Estimate(total) if total and progress.is_about else total)

            yield step

    @contextmanager
    def _drawn(self, label: str, unit: str, after_s: float) -> Iterator[Any]:
        """A bar on stderr; None where nobody would see it."""
        if self.quiet or self.json_progress or sys.stderr is None or not sys.stderr.isatty():
            yield None
            return
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # its thread is of no use here, and would live in every forked worker
        with tqdm(desc=label, unit=f" {unit}", delay=after_s, leave=False, file=sys.stderr) as bar:
            self._bar = bar
            try:
                yield bar
            finally:
                self._bar = None

    def notice(self, text: str) -> None:
        """Something the user should know, on stderr."""
        if self.json_progress:
            click.echo(json.dumps({"notice": text}), err=True)
            return
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
        if self.json_progress:
            click.echo(json.dumps({"stage": "done", **record}), err=True)
        elif not self.as_json and not self.quiet:
            click.echo(line, err=True)

    def _json(self, record: object) -> None:
        click.echo(json.dumps(record, indent=2), err=self.data_on_stdout)


class _Lines:
    """Progress as objects, one a line, a few a second: the first picture's, and always the last one's."""

    def __init__(self) -> None:
        self._told_s = 0.0

    def tell(self, progress: Progress) -> None:
        """Write the line, unless one has just been written."""
        now = time.monotonic()
        if now - self._told_s >= LINE_EVERY_S or progress.pictures == progress.total:
            self._told_s = now
            click.echo(json.dumps(progress.as_dict()), err=True)


def _advance(bar: Any, done: int, total: int | None) -> None:
    if bar is not None:
        bar.total = total if total is None or done <= total else None
        bar.update(done - bar.n)
        if not done:
            bar.refresh()  # so that it is there before the first is done


def _sizes(progress: Progress) -> str:
    """Bytes so far, and what they will come to."""
    so_far = _bytes(progress.size_bytes)
    return so_far if progress.expected_bytes is None else f"{so_far} of about {_bytes(progress.expected_bytes)}"


def _bytes(size: float) -> str:
    """A size for people, in units of 1000."""
    unit = "B"
    for larger in ("kB", "MB", "GB"):
        if size >= 1000:
            size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if size >= 100 or unit == "B" else f"{size:.1f} {unit}"


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --json, --quiet and --debug to a command, and give it its `out`."""

    @click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print the result as JSON on stdout (on stderr if the data goes to stdout).",
    )
    @click.option("--quiet", is_flag=True, help="No progress, notices or summary; only errors, and what was asked for.")
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
