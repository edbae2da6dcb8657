"""`lvcodec train collect`: chains for the stage inter."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import click

from lvcodec.cli.output import Output, output_options
from lvcodec.cli.train.paths import FOLDER, check_exist


@click.command(epilog="Example: lvcodec train collect runs/chains --data VIDEOS --model weights/swift --chains 120")
@click.argument("target", type=FOLDER)
@click.option("--data", type=FOLDER, multiple=True, required=True, help="Folder of videos; may be repeated.")
@click.option("--model", required=True, metavar="NAME|FOLDER", help="Whose I-pictures chains begin with.")
@click.option("--chains", "count", type=click.IntRange(min=1), required=True, help="How many to add.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of crops and structures.")
@output_options
def collect(target: Path, data: tuple[Path, ...], model: str, count: int, seed: int, out: Output) -> None:
    """Collect chains of pictures to train the stage inter on, in the folder TARGET.

    The encoder codes crops of the videos and keeps the motion that it finds. The same command goes on where it stopped,
    and training finds new chains while it runs.
    """
    check_exist(*data)
    import torch

    from lvcodec.models import store
    from lvcodec.train.data.collect import collect as chains_of
    from lvcodec.train.data.collect import videos_in

    videos, done = videos_in(data), 0
    with out.progress("collecting", unit="chains") as on_chain, torch.inference_mode():
        for done, _ in enumerate(islice(chains_of(target, videos, store.find(model), seed=seed), count), start=1):
            on_chain(done, count)
    out.summary({"path": str(target), "chains": done}, f"{target}: {done} chains more")
