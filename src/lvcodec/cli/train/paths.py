"""Paths that the commands of training take."""

from __future__ import annotations

from pathlib import Path

import click

from lvcodec.errors import InputError

FOLDER = click.Path(path_type=Path)

held_out_cache = click.option(
    "--cache",
    type=FOLDER,
    default=Path("runs/cache-heldout"),
    show_default=True,
    help="Where the clips are kept as raw video.",
)


def check_exist(*paths: Path) -> None:
    """Raise InputError, before torch is loaded, for the first path that is not there."""
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
