"""`lvcodec models import` and `init`: weights of other checkpoints, and untrained ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvcodec import names
from lvcodec.cli.models.listing import summary_of
from lvcodec.cli.output import Output, output_options
from lvcodec.cli.params import check_model_folder, check_source
from lvcodec.errors import UsageError
from lvcodec.quality import HIGHEST, LOWEST

if TYPE_CHECKING:
    from lvcodec.models.store import ModelInfo

overwrite_option = click.option("-y", "overwrite", is_flag=True, help="Replace the model in TARGET.")


@click.command("import", epilog="Example: lvcodec models import cheng2020-anchor-4-98b0b468.pth.tar models/cheng2020")
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
    check_model_folder(target, overwrite=overwrite)
    from lvcodec.models import importers

    model = importers.import_compressai(
        [Path(checkpoint) for checkpoint in checkpoints],
        Path(target),
        name=name or Path(target).name,
        overwrite=overwrite,
    )
    _written(model, out)


@click.command(epilog="Example: lvcodec models init swift models/random --seed 1")
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
    if quality and family in names.ONE_NETWORK_FAMILIES:
        raise UsageError(
            f"--quality belongs to families with a network a quality: a model of {family} has all qualities"
        )
    check_model_folder(target, overwrite=overwrite)
    from lvcodec.models.untrained import init_random

    model = init_random(family, Path(target), seed=seed, overwrite=overwrite, qualities=list(quality) or None)
    _written(model, out)


def _written(model: ModelInfo, out: Output) -> None:
    out.summary(
        summary_of(model),
        f"{model.path}: {model.name} ({model.family}), {model.size_bytes} bytes, weights {model.weights_id}",
    )
