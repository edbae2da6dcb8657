"""`lvcodec join`: the coded pieces of a plan in, the stream out."""

from __future__ import annotations

import click

import lvcodec
from lvcodec.cli.encode import summary_line
from lvcodec.cli.output import Output, output_options
from lvcodec.cli.params import PIPE, check_source, check_target
from lvcodec.errors import SizeMissedError


@click.command(epilog="Example: lvcodec join film.json film.lvc")
@click.argument("plan")
@click.argument("target")
@click.option("-y", "overwrite", is_flag=True, help="Replace TARGET if it exists.")
@output_options
def join(plan: str, target: str, overwrite: bool, out: Output) -> None:
    """Join the coded pieces of a plan.

    All are checked before anything is written: pieces that are missing, damaged or of another plan are named. TARGET
    has the same bytes as if lvcodec encode had coded the whole film on one machine; "-" is stdout. The speed that is
    told is over the time of all pieces together. If the plan aims at a size and misses it, nothing is written, the plan
    gets other qualities, and what comes to stdout is the numbers of the pieces that are to be coded again, one a line,
    before all are joined again (exit code 8).
    """
    check_source(plan)
    check_target(target, plan, overwrite=overwrite)
    out.data_on_stdout = target == PIPE
    try:
        with out.progress("joining") as step:
            report = lvcodec.join(plan, target, overwrite=overwrite, on_picture=step, on_notice=out.notice)
    except SizeMissedError as error:
        if not out.data_on_stdout:
            out.answer({"plan": plan, "again": error.pieces}, list(map(str, error.pieces)))
        raise
    out.summary(report.as_dict(), summary_line(report))
