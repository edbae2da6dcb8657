"""What can go wrong, one class a kind of failure, each with the exit code of the command.

Messages say what, where and what to do next: lower case, one line, no full stop. Classes derive from the fitting
built-in exception too, so that library users can catch either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


class LvcError(Exception):
    """A failure that lvcodec can explain. `hint`, if given, says what to do next."""

    exit_code = 1
    names_place = False  # whether the message begins with the file that it is about

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def say_of(self, name: str) -> None:
        """Put the name of a file before the message, unless the message has one already."""
        if not self.names_place:
            self.message = f"{name}: {self.message}"
            self.args = (self.message,)
            self.names_place = True

    def __reduce__(self) -> tuple[Any, ...]:
        """Whole into another process, whatever arguments a class was made with."""
        return _restored, (type(self), self.args, vars(self))


def _restored(kind: type[LvcError], args: tuple[Any, ...], state: dict[str, Any]) -> LvcError:
    error = kind.__new__(kind, *args)
    vars(error).update(state)
    return error


class UsageError(LvcError, ValueError):
    """Options that contradict each other or are out of range."""

    exit_code = 2


class InputError(LvcError, ValueError):
    """Input that cannot be read or is not what it says; output that cannot be written."""

    exit_code = 3


class NoStreamError(InputError):
    """A file that is no lvcodec stream."""


class MissingPicturesError(InputError):
    """Input that has fewer pictures than its container or its numbers say; those that came have been coded.

    report: the EncodeReport of what was written; None where nothing has been written.
    """

    exit_code = 7

    def __init__(self, message: str, hint: str | None = None, *, report: Any = None) -> None:
        super().__init__(message, hint)
        self.report = report


class SizeMissedError(LvcError):
    """A film in pieces that misses the size that it is to have: some are to be coded again, at other qualities.

    pieces: their numbers; the plan has the qualities.
    """

    exit_code = 8

    def __init__(self, message: str, hint: str | None = None, *, pieces: Iterable[int]) -> None:
        super().__init__(message, hint)
        self.pieces = list(pieces)


class NoSuchPictureError(InputError, IndexError):
    """A number that no picture of the stream has."""


class StreamError(LvcError):
    """A damaged lvcodec stream. `offset` is the byte, `picture` the number (from 0) where it was noticed."""

    exit_code = 4

    def __init__(
        self, message: str, hint: str | None = None, *, offset: int | None = None, picture: int | None = None
    ) -> None:
        super().__init__(message, hint)
        self.offset = offset
        self.picture = picture


class TruncatedStreamError(StreamError, EOFError):
    """A stream that ends before its end record."""


class MismatchError(LvcError):
    """Decoded pixels that differ from the encoder's: `expected` and `got` are the checksums of picture `picture`."""

    exit_code = 5

    def __init__(self, message: str, hint: str | None = None, *, picture: int, expected: int, got: int) -> None:
        super().__init__(message, hint)
        self.picture = picture
        self.expected = expected
        self.got = got


class WeightsError(LvcError):
    """Weights that are missing, damaged, or not the ones that a stream was made with."""

    exit_code = 6


@contextmanager
def errors_about(name: str, kinds: tuple[type[LvcError], ...] = (LvcError,)) -> Iterator[None]:
    """Within it, failures say what file they are about. kinds: those that do."""
    try:
        yield
    except kinds as error:
        error.say_of(name)
        raise


def check_known(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise UsageError, with the names to choose among, if `name` is none of those known. kind: what it would name."""
    known = list(known)
    if name not in known:
        raise UsageError(f"there is no {kind} {name!r}", f"choose among {', '.join(known)}")


def count_text(number: int, noun: str) -> str:
    """How many there are: "1 picture", "2 pictures"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def reason_of(error: OSError) -> str:
    """Why the system refused, in its own words: "no space left on device"."""
    return (error.strerror or str(error)).lower()
