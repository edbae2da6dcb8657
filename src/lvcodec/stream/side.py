"""Side data: what else a video's file held, after the last picture and before the end record.

    S S S … S C E         S: a part of one kind of side data; C: which kinds there are, and how large

It stands at the end, since a pipe then gives pictures from its first bytes on, nothing moves that an index tells of,
and the times of pictures are known by then. From the end record a reader that can seek finds C, and from C the parts.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

from lvcodec.errors import InputError, StreamError
from lvcodec.stream import fields
from lvcodec.stream.lookahead import Lookahead
from lvcodec.stream.records import (
    SIDE_KINDS,
    Contents,
    SideEntry,
    SidePart,
    read_contents,
    read_side,
    side_head_size,
    write_contents,
    write_side,
)

TAIL_BYTES = 8  # of the contents: their length and CRC


class SideWriter:
    """Cuts side data into records, which it gives to `append`."""

    def __init__(self, append: Callable[[bytes], None]) -> None:
        self._append = append
        self._bytes = 0
        self._entries: list[SideEntry] = []

    def put(self, what: int, chunks: Iterable[bytes]) -> None:
        """Append one kind of side data. Raises InputError for one that is there already."""
        if what in [entry.what for entry in self._entries]:
            raise InputError(f"cannot write this stream: there are two of side data {what}")
        size = checksum = 0
        for part in _parts(chunks):
            record = write_side(SidePart(what, part))
            self._append(record)
            self._bytes += len(record)
            size, checksum = size + len(part), zlib.crc32(part, checksum)
        self._entries.append(SideEntry(what, size, checksum))

    def finish(self) -> None:
        """Append the contents, if there is anything."""
        if self._entries:
            self._append(write_contents(Contents(self._bytes, tuple(self._entries))))


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, in parts as large as a record can hold."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= fields.MAX_SIDE_PART:
            yield bytes(held[: fields.MAX_SIDE_PART])
            del held[: fields.MAX_SIDE_PART]
    if held:
        yield bytes(held)


class SideData:
    """The side data of a stream that can be sought; reading any leaves the reader of pictures where it is.

    sizes: bytes of each kind that there is.
    """

    def __init__(self, source: Lookahead, contents: Contents, offset: int) -> None:
        self._input = source
        self._contents = contents
        self._start = offset - contents.bytes
        self.sizes = {entry.what: entry.size for entry in contents.entries}

    @classmethod
    def before(cls, source: Lookahead, end: int) -> SideData | None:
        """What stands before the end record at offset `end`; None if that is no intact side data's contents."""
        here = source.offset
        try:
            source.goto(max(0, end - TAIL_BYTES))
            offset = end - int.from_bytes(source.peek(4), "little")
            if offset < 0:
                return None
            source.goto(offset)
            contents = read_contents(source.reader())
            whole = contents.size_bytes == end - offset and contents.bytes <= offset
            return cls(source, contents, offset) if whole else None
        except StreamError:
            return None
        finally:
            source.goto(here)

    def read(self, what: int) -> Iterator[bytes]:
        """The data of one kind, part by part. Raises StreamError, at the end too, if it is not what was written.

        Damage to another kind is none of this one's, but where it hides where records begin.
        """
        [entry] = [entry for entry in self._contents.entries if entry.what == what]
        size = checksum = 0
        offset, end = self._start, self._start + self._contents.bytes
        while size < entry.size and offset < end:
            length, data = self._part(offset, what)
            offset += length
            if data is not None:
                size, checksum = size + len(data), zlib.crc32(data, checksum)
                yield data
        if (size, checksum) != (entry.size, entry.checksum):
            raise StreamError("parts of it are missing or out of order")

    def _part(self, offset: int, what: int) -> tuple[int, bytes | None]:
        """Bytes of the record at `offset`, and its data if it is of that kind."""
        here = self._input.offset
        self._input.goto(offset)
        try:
            if self._input.peek(1, 1) != bytes([what]):
                return side_head_size(self._input.reader()), None
            part = read_side(self._input.reader())
            return part.size_bytes, part.data
        finally:
            self._input.goto(here)


def is_beside(kind: bytes) -> bool:
    """Whether a record that begins with this byte is side data, or its contents."""
    return bool(kind) and kind in SIDE_KINDS
