"""Where to go on in a damaged stream.

    damaged record ─► the record that its length leads to ─► byte by byte ─► a whole record
                                                                                 │ a group: the next one
                                                                                 ▼
                                                                    an I-picture or the end

A record is whole if its CRC is right. Nothing else says where records begin, so a forged stream could make
the byte-by-byte search test one long record after another: what it may look at is limited.
"""

from __future__ import annotations

import re

from lvcodec.errors import StreamError, TruncatedStreamError
from lvcodec.stream import fields
from lvcodec.stream.header import Header
from lvcodec.stream.lookahead import Lookahead
from lvcodec.stream.records import (
    SIDE_KINDS,
    Contents,
    End,
    Group,
    SidePart,
    head_size,
    read_beside,
    read_end,
    read_group,
    side_head_size,
)

EFFORT = 1 << 32  # bytes that all searches in a stream may check, some seconds' work
EFFORT_A_BYTE = 64  # and as many more for each byte of the stream
PLACE_EFFORT = 1 << 14  # looking at a place at all takes as long as checking so many bytes
END_EFFORT = 1 << 10  # and a byte of an end record

_END, _SIDE = bytes([fields.KIND_END]), bytes([fields.KIND_SIDE])
_UNBOUNDED = {_END, bytes([fields.KIND_CONTENTS])}  # their length is told at their end
_KINDS = bytes(fields.KINDS) + SIDE_KINDS + _END
_A_KIND = re.compile(b"[" + re.escape(_KINDS) + b"]")
_Record = Group | SidePart | Contents | End
_AFTER = {b"", *(bytes([kind]) for kind in _KINDS)}


class Search:
    """Finds where a stream can be read again; one for all its damages."""

    def __init__(self, source: Lookahead, header: Header) -> None:
        self._input = source
        self._header = header
        self._effort = 0

    def run(self, number: int) -> int:
        """Take bytes up to an I-picture or the end record that may stand where picture `number` was expected.

        Returns the number of the I-picture, or how many pictures the end record tells of: `number` at least,
        and a GOP at most over what the skipped bytes can hold.
        Raises TruncatedStreamError if there is none, StreamError if that takes too long.
        """
        start = self._input.offset
        while True:
            record = self._whole_record()
            skipped = (self._input.offset - start) // fields.MIN_PICTURE_BYTES
            next_number = _number_at(record)
            if next_number is not None and number <= next_number <= number + skipped + self._header.gop:
                return next_number
            self._input.take(record.size_bytes)

    def _whole_record(self) -> _Record:
        """Take bytes up to the first whole record: here, where this one's length leads, or anywhere after."""
        for at in (0, self._claimed_size()):
            record = self._record_at(at) if at is not None else None
            if record is not None:
                self._input.take(at or 0)
                return record
        while self._input.have(1):
            self._input.take(1)
            if not self._input.find(_A_KIND):
                break
            record = self._record_at(0) if self._is_followed() else None
            if record is not None:
                return record
        raise TruncatedStreamError("no intact I-picture and no end record follow")

    def _record_at(self, at: int) -> _Record | None:
        """The whole record that stands so many bytes ahead; None if there is none."""
        self._look()
        kind = self._input.peek(1, at)
        is_end = kind == _END
        cost = END_EFFORT if is_end else 1
        ahead = self._input.reader(at)

        def read(size: int) -> bytes:
            self._effort += cost * size
            return ahead(size)

        try:
            if is_end:
                return read_end(read, self._input.offset + at)
            if kind and kind in SIDE_KINDS:
                return read_beside(read, kind[0])
            return read_group(read, self._header.payload_limit)
        except StreamError:
            return None

    def _is_followed(self) -> bool:
        """Whether a record's first byte, or the stream's end, is where the length found here leads to."""
        self._look()
        if self._input.peek(1) in _UNBOUNDED:
            return True
        size = self._claimed_size()
        return size is not None and self._input.have(size) == size and self._input.peek(1, size) in _AFTER

    def _claimed_size(self) -> int | None:
        """The size that a record here would have, one of a group or of side data; None if it cannot be one."""
        try:
            if self._input.peek(1) == _SIDE:
                return side_head_size(self._input.reader())
            return head_size(self._input.reader(), self._header.payload_limit)
        except StreamError:
            return None

    def _look(self) -> None:
        """Count a place that is looked at. Raises StreamError if that was too much."""
        self._effort += PLACE_EFFORT
        if self._effort > EFFORT + EFFORT_A_BYTE * self._input.offset:
            raise StreamError("too much is damaged to find where it goes on")


def _number_at(record: _Record) -> int | None:
    """How many pictures stand before a record, where it tells."""
    if isinstance(record, End):
        return record.pictures
    return record.number if isinstance(record, Group) else None
