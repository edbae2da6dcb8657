"""Streams as files: a path, "-" for the standard streams, or a binary file object that stays open."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TypeAlias, cast

from lvcodec.errors import InputError, reason_of
from lvcodec.video.atomic import AtomicFile

StreamLike: TypeAlias = "str | os.PathLike[str] | BinaryIO"  # a path, "-" for a pipe, or an open file


@contextmanager
def open_stream(source: StreamLike) -> Iterator[BinaryIO]:
    """A stream to read. Raises InputError if it cannot be opened."""
    if not isinstance(source, str | os.PathLike):
        yield source
    elif os.fspath(source) == "-":
        yield sys.stdin.buffer
    else:
        try:
            file = open(source, "rb")
        except OSError as error:
            raise InputError(f"cannot read {source}: {reason_of(error)}") from error
        with file:
            yield file


@contextmanager
def create_stream(target: StreamLike, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A stream to write: a path appears when complete, and not at all after an exception.

    Raises InputError if it cannot be written, or exists and `overwrite` is not set.
    """
    if not isinstance(target, str | os.PathLike):
        yield target
        target.flush()
    elif os.fspath(target) == "-":
        yield sys.stdout.buffer
    else:
        with AtomicFile(target, overwrite=overwrite) as file:
            yield cast(BinaryIO, file)


def is_path(place: Any) -> bool:
    """Whether a stream or a video is named by a path, not by "-" or an open file."""
    return isinstance(place, str | os.PathLike) and os.fspath(place) != "-"
