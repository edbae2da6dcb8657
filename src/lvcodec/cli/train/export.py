"""`lvcodec train export`: a model of checkpoints."""

from __future__ import annotations

from pathlib import Path

import click

from lvcodec.cli.output import Output, output_options
from lvcodec.cli.params import check_model_folder
from lvcodec.cli.train.paths import FOLDER, check_exist, held_out_cache
from lvcodec.names import MODES


@click.command(
    epilog='Example: lvcodec train export weights/mine runs/inter/checkpoint.pt --about "60 minutes" '
    '--data "holiday videos of mine"'
)
@click.argument("target", type=FOLDER)
@click.argument("checkpoints", nargs=-1, required=True, type=FOLDER, metavar="CHECKPOINT...")
@click.option("--about", required=True, help="One line for `lvcodec models list`.")
@click.option("--data", required=True, metavar="TEXT", help="What it was trained on, and under which licences.")
@click.option("--licence", metavar="TEXT", default="MIT", show_default=True, help="Of the weights.")
@click.option(
    "--average",
    "averaged",
    type=FOLDER,
    multiple=True,
    metavar="CHECKPOINT|MODEL",
    help="Take the mean of all networks with these, of runs from one start; may be repeated. Of swift.",
)
@click.option(
    "--validate",
    "clips",
    type=FOLDER,
    metavar="CLIPS",
    help="Code these clips with the model and write the figures into its manifest.",
)
@click.option(
    "--mode",
    "modes",
    type=click.Choice(MODES),
    multiple=True,
    help="In which modes; may be repeated.  [default: intra, and aligned or, without an inter path, lds]",
)
@held_out_cache
@click.option("-y", "overwrite", is_flag=True, help="Replace the model in TARGET.")
@output_options
def export(
    target: Path,
    checkpoints: tuple[Path, ...],
    about: str,
    data: str,
    licence: str,
    averaged: tuple[Path, ...],
    clips: Path | None,
    modes: tuple[str, ...],
    cache: Path,
    overwrite: bool,
    out: Output,
) -> None:
    """Make a model of checkpoints, in the folder TARGET.

    The first checkpoint (or model) gives all networks, each other one those that its stage trained. TARGET gets the
    integers for the codec, masters for training on, and a manifest with what each stage's training was.
    """
    check_exist(*checkpoints, *averaged, *([clips] if clips else []))
    check_model_folder(str(target), overwrite=overwrite)
    from lvcodec.models import store
    from lvcodec.train.data.crops import prepare
    from lvcodec.train.results.export import has_inter, note_measured, ship
    from lvcodec.train.results.judge import judge

    info = ship(target, checkpoints, about=about, data=data, licence=licence, averaged=averaged, overwrite=overwrite)
    if clips is not None:
        held_out = prepare([clips], cache, notice=out.notice)
        modes = modes or ("intra", "aligned" if has_inter(info) else "lds")
        note_measured(info, {mode: next(judge([target], held_out, mode)) for mode in modes})
    masters = target / store.MASTERS
    out.summary(
        {"path": str(target), "weights_id": info.weights_id, "size_bytes": info.size_bytes},
        f"{target}: weights {info.weights_id}, {info.size_bytes} bytes of integers"
        + (f", {masters.stat().st_size} of masters" if masters.exists() else ""),
    )
