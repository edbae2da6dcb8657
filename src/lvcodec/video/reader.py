"""Exact reads from anything that has bytes: a file, a pipe, an object with `read`.

Never more is taken from a pipe than was asked for, so pictures flow as they arrive.
"""

from __future__ import annotations

import io
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from lvcodec.errors import InputError, LvcError, reason_of
from lvcodec.video.fileobjects import as_text


class ByteReader:
    """Reads on top of a binary file object, short reads put together, with a few bytes of push-back.

    All methods raise InputError where the file fails to read, whatever it raises. `name` is for messages, `path` where
    it was opened.
    """

    def __init__(self, file: Any, name: str, *, owned: bool, path: Path | None = None) -> None:
        self.file = file
        self.name = name
        self.path = path
        self._owned = owned
        self._pushed = b""
        self._start = _position(file)

    @property
    def held(self) -> int:
        """How many bytes were read from the file, but are still to come."""
        return len(self._pushed)

    def peek(self, count: int) -> bytes:
        """The next `count` bytes (fewer at the end), without taking them."""
        self._pushed = self.read(count)
        return self._pushed

    def read(self, count: int) -> bytes:
        """`count` bytes, fewer only at the end of the input."""
        buffer = bytearray(count)
        return bytes(buffer[: self.read_into(memoryview(buffer))])

    def read_into(self, view: memoryview) -> int:
        """Fill `view`; returns how much was there."""
        filled = min(len(self._pushed), len(view))
        view[:filled] = self._pushed[:filled]
        self._pushed = self._pushed[filled:]
        with reading(self.name):
            while filled < len(view) and (size := self._read_once(view[filled:])):
                filled += size
        return filled

    def _read_once(self, view: memoryview) -> int:
        """Read some bytes into `view`; returns how many, 0 at the end of the input."""
        if hasattr(self.file, "readinto"):
            size: int | None = self.file.readinto(view)
            if size is None:
                raise not_blocking(self.name)
            return size
        data = bytes_from(self.file.read, len(view), self.name)
        view[: len(data)] = data
        return len(data)

    def read_some(self, limit: int = 1 << 16) -> bytes:
        """What is there at once, at most `limit` bytes, at least one; empty at the end."""
        if self._pushed:
            data, self._pushed = self._pushed[:limit], self._pushed[limit:]
            return data
        with reading(self.name):
            return bytes_from(getattr(self.file, "read1", None) or self.file.read, limit, self.name)

    def rewind(self) -> bool:
        """Go back to where the reader began; False if the file cannot."""
        if self._start is None:
            return False
        with reading(self.name):
            self.file.seek(self._start)
        self._pushed = b""
        return True

    def ready(self, timeout_s: float) -> bool:
        """Whether `read_some` would return at once, waiting so long for it; True where that cannot be told."""
        if self._pushed or not isinstance(self.file, io.RawIOBase):
            return True
        try:
            return bool(select.select([self.file], [], [], timeout_s)[0])
        except (OSError, ValueError):  # no file descriptor, or one that this system cannot wait for
            return True

    def line(self, limit: int) -> bytes:
        """Up to and with the next newline; without one where the input ends or `limit` bytes have none."""
        data = bytearray()
        while len(data) < limit:
            byte = self.read(1)
            data += byte
            if not byte or byte == b"\n":
                break
        return bytes(data)

    def push(self, data: bytes) -> None:
        """Put `data` back in front of what comes."""
        self._pushed = data + self._pushed

    def skip(self, count: int) -> int:
        """Leave out `count` bytes; returns how many there were. In files that were opened here it seeks."""
        skipped = self._pass_over(count) if self._owned and self._start is not None else 0
        while skipped < count and (data := self.read_some(min(count - skipped, 1 << 20))):
            skipped += len(data)
        return skipped

    def _pass_over(self, count: int) -> int:
        """Go on `count` bytes later, or at the end; returns how many bytes that were."""
        held = min(len(self._pushed), count)
        self._pushed = self._pushed[held:]
        with reading(self.name):
            here = self.file.tell()
            there = max(here, min(here + count - held, self.file.seek(0, io.SEEK_END)))
            self.file.seek(there)
        return int(held + there - here)

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self._owned:
            self.file.close()

    def __enter__(self) -> ByteReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what a file object raises that cannot be read into InputError about `name`.

    That may be anything: each kind (gzip, zip, lzma, sockets …) has its own exceptions for damage.
    """
    try:
        yield
    except LvcError:
        raise
    except OSError as exc:
        raise read_error(name, exc) from exc
    except Exception as exc:
        raise InputError(f"cannot read {name}: {str(exc) or type(exc).__name__}") from exc


def bytes_from(read: Callable[[int], Any], size: int, name: str) -> bytes:
    """What `read(size)`, a method of a file object, gives. Raises InputError, about `name`, if that is no bytes."""
    data = read(size)
    if data is None:
        raise not_blocking(name)
    if isinstance(data, str):
        raise as_text(name, "rb")
    return bytes(data)


def not_blocking(name: str) -> InputError:
    """The InputError for a file that says that it has nothing yet."""
    return InputError(f"{name} is a non-blocking file", "open it for blocking reads")


def read_error(name: str, exc: OSError) -> InputError:
    """The InputError that says why `name` cannot be read."""
    if isinstance(exc, FileNotFoundError):
        return InputError(f"there is no file {name}")
    if isinstance(exc, IsADirectoryError):
        return InputError(f"{name} is a folder", "name a file in it, or a pattern such as folder/img_%03d.png")
    return InputError(f"cannot read {name}: {reason_of(exc)}")


def looks_like_text(head: bytes) -> bool:
    """Whether the first bytes of an input are plain text."""
    if not head or b"\0" in head:
        return False
    printable = sum(byte in b"\t\n\r\f" or 32 <= byte < 127 or byte >= 128 for byte in head)
    if printable != len(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as exc:
        return exc.start >= len(head) - 3 and exc.start > 0  # a letter cut in two by the end of the head
    return True


def _position(file: Any) -> int | None:
    """Where a file stands; None if it cannot be sought."""
    try:
        return int(file.tell()) if file.seekable() else None
    except (AttributeError, OSError, ValueError):
        return None
