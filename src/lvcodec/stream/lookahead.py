"""Bytes of a file or pipe in order, seen before they are taken.

Short reads are put together, and no more is asked of the file than somebody wants to see. So a record can be
checked before anything of it is taken, on a pipe too, and a length that lies costs no more memory than there
are bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import IO

from lvcodec.errors import TruncatedStreamError
from lvcodec.video.reader import bytes_from, reading

CHUNK_BYTES = 1 << 20
SEARCH_BYTES = 1 << 12
NAME = "the stream"


class Lookahead:
    """offset: how many bytes were taken, counted from where the file stood."""

    def __init__(self, file: IO[bytes]) -> None:
        self.offset = 0
        self._file = file
        self._ahead = bytearray()
        self._base = _position(file)

    @property
    def seekable(self) -> bool:
        """Whether `goto` and `end` work."""
        return self._base is not None

    @property
    def seen(self) -> int:
        """How many bytes ahead have been read from the file; where it has ended, all that are left."""
        return len(self._ahead)

    def have(self, size: int) -> int:
        """How many of the next `size` bytes there are; fewer only where the file ends."""
        while len(self._ahead) < size:
            chunk = self._read(min(size - len(self._ahead), CHUNK_BYTES))
            if not chunk:
                break
            self._ahead += chunk
        return min(size, len(self._ahead))

    def peek(self, size: int, at: int = 0) -> bytes:
        """`size` bytes, `at` bytes ahead; fewer only where the file ends."""
        self.have(at + size)
        with memoryview(self._ahead) as view:
            return bytes(view[at : at + size])

    def reader(self, at: int = 0) -> Callable[[int], bytes]:
        """A function that gives the next bytes with each call, from `at` bytes ahead, and takes none.

        It raises TruncatedStreamError where the file ends before.
        """

        def read(size: int) -> bytes:
            nonlocal at
            data = self.peek(size, at)
            if len(data) < size:
                raise TruncatedStreamError("the stream ends")
            at += size
            return data

        return read

    def take(self, size: int) -> None:
        """Be done with the next `size` bytes, which have been seen."""
        del self._ahead[:size]
        self.offset += size

    def find(self, pattern: re.Pattern[bytes]) -> bool:
        """Take bytes up to the first that matches `pattern` (of one byte); False if the file ends before."""
        while self.have(1):
            match = pattern.search(self._ahead)
            if match:
                self.take(match.start())
                return True
            self.take(len(self._ahead))
            self.have(SEARCH_BYTES)
        return False

    def goto(self, offset: int) -> None:
        """Go on at `offset`. Only where `seekable`."""
        self._seek((self._base or 0) + offset, io.SEEK_SET)
        self._ahead.clear()
        self.offset = offset

    def end(self) -> int:
        """Bytes from where the file stood to its end. Only where `seekable`."""
        return self._seek(0, io.SEEK_END) - (self._base or 0)

    def _seek(self, offset: int, whence: int) -> int:
        with reading(NAME):
            return int(self._file.seek(offset, whence))

    def _read(self, size: int) -> bytes:
        with reading(NAME):
            return bytes_from(self._file.read, size, NAME)


def _position(file: IO[bytes]) -> int | None:
    """Where a file stands; None if it cannot be sought. Raises InputError if it is closed."""
    with reading(NAME):
        try:
            return file.tell() if file.seekable() else None
        except AttributeError:
            return None
