"""Ship trained weights: python -m lvcodec.train.export TARGET CHECKPOINT [CHECKPOINT ...] --about TEXT

The first checkpoint gives all networks, each other one those that its stage trained. TARGET is the model's folder:
integers for the codec, masters for training on, and the manifest with what each stage's training was.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import torch

from lvcodec.models import canary, export, store
from lvcodec.train import checkpoint, masters

LICENCE = "MIT"
DATA = ("photographs and videos from packages of Debian, PyPI and npm under the licences that docs/training.md lists, "
        "and short research clips (DAVIS, Vid4, SA-V), some for non-commercial use")


def recipe(path: Path) -> dict[str, Any]:
    """What a checkpoint says of its training."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {"stage": state["stage"], "steps": state["step"], "processor_hours": round(state["used_s"] / 3600, 2)}


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--about", required=True, help="One line for `lvcodec models list`.")
@click.option("-y", "overwrite", is_flag=True, help="Replace the model in TARGET.")
def main(target: Path, checkpoints: tuple[Path, ...], about: str, overwrite: bool) -> None:
    """Turn CHECKPOINTS into a model in TARGET."""
    from safetensors.numpy import save_file

    model, priors = checkpoint.assemble(checkpoints)
    pmfs = {name: getattr(priors, name).pmf().numpy() for name in ("z_intra", "z_p", "z_bfd")}
    arrays = export.swift_arrays(model, pmfs)
    info = store.write(target, name=target.name, family="swift", shape=model.shape.as_dict(), arrays=arrays,
                       about={"about": about, "licence": LICENCE, "data": DATA,
                              "training": [recipe(path) for path in checkpoints],
                              "largest_sums": export.largest_sums(model)},
                       overwrite=overwrite)
    save_file(masters.pack(model, priors), target / store.MASTERS)
    store.verify(info)
    info = canary.record(info)
    for finding in canary.survey([info]):
        if not finding.agrees:
            raise click.ClickException(f"{finding.subject}: the {finding.backend} backend on {finding.device} gives "
                                       f"{finding.got}; lvcodec doctor tells more")
    click.echo(f"{target}: weights {info.weights_id}, {info.size_bytes} bytes of integers, "
               f"{(target / store.MASTERS).stat().st_size} of masters")


if __name__ == "__main__":
    main()
