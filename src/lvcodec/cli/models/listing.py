"""`lvcodec models list`, `show` and `verify`: the weights on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from lvcodec.cli.output import Output, output_options, table
from lvcodec.errors import LvcError, WeightsError

if TYPE_CHECKING:
    from lvcodec.models.store import ModelInfo


@click.command("list", epilog="Example: lvcodec models list")
@output_options
def list_(out: Output) -> None:
    """List the weights that encode and decode will find."""
    from lvcodec.models import store

    broken: list[WeightsError] = []
    installed = store.installed(broken)
    for error in broken:
        out.notice(error.message)
    heading = ["name", "family", "weights", "bytes", "file"]
    rows = [[m.name, m.family, m.weights_id, str(m.size_bytes), str(m.path)] for m in installed]
    lines = table([heading, *rows], right=[3])
    out.answer([summary_of(model) for model in installed], lines if installed else ["no weights found"])


@click.command(epilog="Example: lvcodec models show swift")
@click.argument("model", metavar="NAME|PATH")
@output_options
def show(model: str, out: Output) -> None:
    """Show where a model lies and what its manifest says."""
    from lvcodec.models import store

    info = store.find(model)
    summary = summary_of(info)
    lines = [f"{name:<11} {value}" for name, value in summary.items()]
    manifest = dict(info.manifest)
    out.answer(summary | {"manifest": manifest}, [*lines, "", json.dumps(manifest, indent=2)])


@click.command(epilog="Example: lvcodec models verify")
@click.argument("model", metavar="[NAME|PATH]", required=False)
@output_options
def verify(model: str | None, out: Output) -> None:
    """Check weights against their manifest.

    That is the hash, and the bounds that keep every sum exact. Without a name, all that are installed; all
    are checked before a failure ends the command with exit code 6.
    """
    from lvcodec.models import store
    from lvcodec.models.verify import verify as check

    broken: list[WeightsError] = []
    chosen = [store.find(model)] if model is not None else store.installed(broken)
    if not chosen and not broken:
        raise WeightsError("no weights found")
    failures: list[LvcError] = [*broken]
    rows = [["name", "weights", "result"], *(["", "", error.message] for error in broken)]
    for info in chosen:
        result = "right"
        try:
            check(info)
        except LvcError as error:
            failures.append(error)
            result = str(error)
        rows.append([info.name, info.weights_id, result])
    out.answer([dict(zip(rows[0], row, strict=True)) for row in rows[1:]], table(rows))
    if failures:
        raise failures[0]


def summary_of(model: ModelInfo) -> dict[str, Any]:
    """A model for JSON."""
    return {
        "name": model.name,
        "family": model.family,
        "weights_id": model.weights_id,
        "size_bytes": model.size_bytes,
        "path": str(model.path),
    }
