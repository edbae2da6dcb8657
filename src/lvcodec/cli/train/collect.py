"""`lvcodec train collect`: chains for the stage inter."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import click

from lvcodec.cli.output import Output, output_options
from lvcodec.cli.train.paths import FOLDER, check_exist


@click.command(epilog="Example: lvcodec train collect runs/chains --data VIDEOS --model weights/swift --chains 120")
@click.argument("target", type=FOLDER)
@click.option("--data", type=FOLDER, multiple=True, required=True, help="Folder of videos; may be repeated.")
@click.option("--model", required=True, metavar="NAME|FOLDER", help="What codes them.")
@click.option("--chains", "count", type=click.IntRange(min=1), required=True, help="How many to add.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of crops and structures.")
@output_options
def collect(target: Path, data: tuple[Path, ...], model: str, count: int, seed: int, out: Output) -> None:
    """Collect chains of pictures to train the stage inter on, in the folder TARGET.

    The encoder codes crops of the videos in the mode aligned; its structure, qualities and motion are kept. The same
    command goes on where it stopped, and training finds new chains while it runs. A model without an inter path codes
    with one that is made of the videos first.
    """
    check_exist(*data)
    import torch

    from lvcodec.models import store
    from lvcodec.train.data.collect import collect as chains_of
    from lvcodec.train.data.collect import videos_in
    from lvcodec.train.results.export import has_inter
    from lvcodec.train.run.first_path import with_path

    videos, done, info = videos_in(data), 0, store.find(model)
    with ExitStack() as stack:
        if not has_inter(info):
            out.notice(f"{model} has no inter path: one is made of {len(videos)} videos, to collect with")
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            info = with_path(Path(folder) / "started", info, videos, seed=seed)
        on_chain = stack.enter_context(out.progress("collecting", unit="chains"))
        stack.enter_context(torch.inference_mode())
        for done, _ in enumerate(islice(chains_of(target, videos, info, seed=seed), count), start=1):
            on_chain(done, count)
    out.summary({"path": str(target), "chains": done}, f"{target}: {done} chains more")
