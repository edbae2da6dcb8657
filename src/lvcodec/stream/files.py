"""Streams as files: a path, "-" for the standard streams, or a binary file object that stays open."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, BinaryIO, TypeAlias, TypeGuard, cast

from lvcodec.errors import InputError, MismatchError, NoStreamError, StreamError, errors_about, reason_of
from lvcodec.video.atomic import AtomicFile
from lvcodec.video.fileobjects import check_readable, check_writable
from lvcodec.video.writing import flush

StreamLike: TypeAlias = "str | os.PathLike[str] | BinaryIO"  # a path, "-" for a pipe, or an open file


def name_of(source: StreamLike) -> str | None:
    """What messages call a stream: its path, or standard input; None for a file object."""
    if not isinstance(source, str | os.PathLike):
        return None
    return "standard input" if os.fspath(source) == "-" else str(source)


def faults_named(source: StreamLike) -> AbstractContextManager[None]:
    """Within it, what is wrong with the stream is told with its name before it, if it has one."""
    name = name_of(source)
    return nullcontext() if name is None else errors_about(name, (StreamError, MismatchError, NoStreamError))


@contextmanager
def open_stream(source: StreamLike) -> Iterator[BinaryIO]:
    """A stream to read; what is found wrong with it while it is open is told with its name.

    Raises InputError if it cannot be opened, or is no path and no file object of bytes.
    """
    with faults_named(source), _opened(source) as file:
        yield file


@contextmanager
def _opened(source: StreamLike) -> Iterator[BinaryIO]:
    if not isinstance(source, str | os.PathLike):
        check_readable(source, "stream")
        yield source
    elif os.fspath(source) == "-":
        standard: Any = getattr(sys.stdin, "buffer", sys.stdin)
        check_readable(standard, "stream")
        yield standard
    else:
        try:
            file = open(source, "rb")
        except OSError as error:
            raise InputError(f"cannot read {source}: {reason_of(error)}") from error
        except ValueError as error:  # no system has such a name
            raise InputError(f"cannot read {os.fspath(source)!r}: {error}") from error
        with file:
            yield file


@contextmanager
def create_stream(target: StreamLike, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A stream to write: a path appears when complete, and not at all after an exception.

    Raises InputError if it cannot be written, exists and `overwrite` is not set, or is no path and no file object of
    bytes.
    """
    if not isinstance(target, str | os.PathLike):
        check_writable(target, "stream")
        yield target
        flush(target, "the stream")
    elif os.fspath(target) == "-":
        standard: Any = getattr(sys.stdout, "buffer", sys.stdout)
        check_writable(standard, "stream")
        yield standard
    else:
        with AtomicFile(target, overwrite=overwrite) as file:
            yield cast(BinaryIO, file)


def is_path(place: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a stream or a video is named by a path, not by "-" or an open file."""
    return isinstance(place, str | os.PathLike) and os.fspath(place) != "-"
