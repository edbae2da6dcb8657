"""`lvcodec models`: the weights on this machine. A command imports the modules that it needs."""

from __future__ import annotations

import click

from lvcodec.cli.models.listing import list_, show, verify
from lvcodec.cli.models.making import import_, init


@click.group(epilog="Example: lvcodec models list")
def models() -> None:
    """List, check, import and create weights.

    A model is a folder. A stream carries the hash of its weights and decodes with those only; they are
    looked for among the models that come with lvcodec, in the folders that the environment variable
    LVCODEC_MODELS names, and in ~/.local/share/lvcodec/models.
    """


for command in (list_, show, verify, import_, init):
    models.add_command(command)
