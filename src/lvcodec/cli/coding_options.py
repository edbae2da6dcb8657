"""Options that encoding and decoding share: jobs, device, backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from lvcodec import names

Command = TypeVar("Command", bound=Callable[..., Any])


def jobs_option(done: str) -> Callable[[Command], Command]:
    """--jobs; done: what happens to GOPs, "coded" or "decoded"."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        help=f"GOPs {done} side by side.  [default: as many as threads, up to 4, fewer of large pictures]",
    )


def device_option(same: str) -> Callable[[Command], Command]:
    """--device; same: what does not depend on it, "stream" or "pixels"."""
    return click.option(
        "--device",
        type=click.Choice([names.AUTO, *names.DEVICES]),
        default=names.AUTO,
        show_default=True,
        help=f"Where the networks run; the {same} {_is(same)} the same.",
    )


def backend_option(same: str) -> Callable[[Command], Command]:
    """--backend; same: as for device_option."""
    return click.option(
        "--backend",
        type=click.Choice([names.AUTO, *names.BACKENDS]),
        default=names.AUTO,
        show_default=True,
        help=f"Who computes the networks; the {same} {_is(same)} the same. reference is very slow.",
    )


def _is(what: str) -> str:
    return "are" if what.endswith("s") else "is"
