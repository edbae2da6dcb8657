"""`lvcodec train`: a command a stage, and what comes after. A command imports what it needs when it is invoked."""

from __future__ import annotations

import click

from lvcodec.cli.train.collect import collect
from lvcodec.cli.train.export import export
from lvcodec.cli.train.stages import compensation, inter, intra, temporal
from lvcodec.cli.train.validate import validate


@click.group(epilog="Example: lvcodec train intra --run runs/intra --data PHOTOS --data VIDEOS --minutes 60")
def train() -> None:
    """Train weights, stage by stage, and make models of them.

    The stages are intra, temporal, compensation and inter. A run that was stopped, or killed, goes on when the same
    command is given again. Needs pip install 'lvcodec[train]'; docs/training.md tells the whole way.
    """


for command in (intra, temporal, compensation, collect, inter, export, validate):
    train.add_command(command)
