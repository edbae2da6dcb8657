"""Whole writes to anything that takes bytes: a file, a pipe, an object with `write`. reader.py is its counterpart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, Self

from lvcodec.errors import InputError, reason_of


class Writable(Protocol):
    """What bytes can be written to: any binary file object, or whatever else has its `write`."""

    def write(self, data: memoryview, /) -> int | None:
        """Write some of `data`, and tell how much."""


def write_all(file: Writable, data: Any, name: str) -> None:
    """Write all of `data`, a buffer such as bytes or a contiguous array, in as many calls as it takes.

    Raises InputError, about `name`, if the file refuses, is closed, or is in non-blocking mode.
    """
    rest = memoryview(data).cast("B")
    with refusals_told(name):
        while rest:
            written = file.write(rest)
            if written is None:
                raise InputError(
                    f"cannot write {name}: its file is in non-blocking mode", "open it for blocking writes"
                )
            rest = rest[written:]


def flush(file: Any, name: str) -> None:
    """Hand on what was written, if the file can. Raises InputError, about `name`, if it refuses."""
    if hasattr(file, "flush"):
        with refusals_told(name):
            file.flush()


class Output(ABC):
    """What `close` completes, and `abort` leaves nothing of; as a context manager one or the other at its end."""

    @abstractmethod
    def close(self) -> None:
        """Complete the output."""

    @abstractmethod
    def abort(self) -> None:
        """Remove what was written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


@contextmanager
def refusals_told(name: str) -> Iterator[None]:
    """Turn what a file raises that cannot be written, a closed one too, into InputError about `name`."""
    try:
        yield
    except InputError:  # an AtomicFile's own
        raise
    except OSError as exc:
        raise write_error(name, exc) from exc
    except (ValueError, TypeError) as exc:  # TypeError: of an object that wants characters
        raise InputError(f"cannot write {name}: {exc}") from exc


def write_error(name: str, exc: OSError) -> InputError:
    """The InputError that says why `name` cannot be written."""
    if isinstance(exc, BrokenPipeError):
        return InputError(f"cannot write {name}: its reader has gone")
    return InputError(f"cannot write {name}: {reason_of(exc)}")
