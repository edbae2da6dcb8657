"""`lvcodec models`: the weights on this machine. A command imports the modules that it needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lvcodec import names
from lvcodec.cli.output import Output, output_options, table
from lvcodec.cli.params import check_source
from lvcodec.errors import InputError, LvcError, UsageError, WeightsError
from lvcodec.quality import HIGHEST, LOWEST

if TYPE_CHECKING:
    from lvcodec.models.store import ModelInfo

overwrite_option = click.option("-y", "overwrite", is_flag=True, help="Replace the model in TARGET.")


@click.group(epilog="Example: lvcodec models list")
def models() -> None:
    """List, check, import and create weights.

    A model is a folder. A stream carries the hash of its weights and decodes with those only; they are
    looked for among the models that come with lvcodec, in the folders that the environment variable
    LVCODEC_MODELS names, and in ~/.local/share/lvcodec/models.
    """


@models.command("list", epilog="Example: lvcodec models list")
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
    out.answer([_summary(model) for model in installed], lines if installed else ["no weights found"])


@models.command(epilog="Example: lvcodec models show swift")
@click.argument("model", metavar="NAME|PATH")
@output_options
def show(model: str, out: Output) -> None:
    """Show where a model lies and what its manifest says."""
    from lvcodec.models import store

    info = store.find(model)
    summary = _summary(info)
    lines = [f"{name:<11} {value}" for name, value in summary.items()]
    manifest = dict(info.manifest)
    out.answer(summary | {"manifest": manifest}, [*lines, "", json.dumps(manifest, indent=2)])


@models.command(epilog="Example: lvcodec models verify")
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


@models.command("import", epilog="Example: lvcodec models import cheng2020-anchor-4-98b0b468.pth.tar models/cheng2020")
@click.argument("checkpoints", nargs=-1, required=True)
@click.argument("target")
@click.option("--name", help="Name of the model.  [default: the folder's]")
@overwrite_option
@output_options
def import_(checkpoints: tuple[str, ...], target: str, name: str | None, overwrite: bool, out: Output) -> None:
    """Turn CompressAI checkpoints into weights.

    CHECKPOINTS are Cheng2020Anchor's as CompressAI publishes them, one a quality; the folder TARGET holds
    them all.
    """
    for checkpoint in checkpoints:
        check_source(checkpoint)
    check_folder(target, overwrite=overwrite)
    from lvcodec.models import importers

    model = importers.import_compressai(
        [Path(checkpoint) for checkpoint in checkpoints],
        Path(target),
        name=name or Path(target).name,
        overwrite=overwrite,
    )
    _written(model, out)


@models.command(epilog="Example: lvcodec models init swift models/random --seed 1")
@click.argument("family", type=click.Choice(names.FAMILIES))
@click.argument("target")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the weights.")
@click.option(
    "-q",
    "--quality",
    type=click.IntRange(LOWEST, HIGHEST),
    multiple=True,
    help="Of cheng2020, which has a network a quality; may be repeated.  [default: 1]",
)
@overwrite_option
@output_options
def init(family: str, target: str, seed: int, quality: tuple[int, ...], overwrite: bool, out: Output) -> None:
    """Create untrained weights, for tests and timing, in the folder TARGET."""
    if quality and family != "cheng2020":
        raise UsageError(f"--quality belongs to cheng2020: a model of {family} has all qualities")
    check_folder(target, overwrite=overwrite)
    from lvcodec.models.untrained import init_random

    model = init_random(family, Path(target), seed=seed, overwrite=overwrite, qualities=list(quality) or None)
    _written(model, out)


def check_folder(target: str, *, overwrite: bool) -> None:
    """Refuse, before torch is loaded, a TARGET that is a file or that holds a model already."""
    from lvcodec.models import store

    if Path(target).exists() and not Path(target).is_dir():
        raise InputError(f"{target}: is not a folder")
    if (Path(target) / store.MANIFEST).exists() and not overwrite:
        raise InputError(f"{target}: holds a model already", "-y replaces it")


def _summary(model: ModelInfo) -> dict[str, Any]:
    return {
        "name": model.name,
        "family": model.family,
        "weights_id": model.weights_id,
        "size_bytes": model.size_bytes,
        "path": str(model.path),
    }


def _written(model: ModelInfo, out: Output) -> None:
    out.summary(
        _summary(model),
        f"{model.path}: {model.name} ({model.family}), {model.size_bytes} bytes, weights {model.weights_id}",
    )
