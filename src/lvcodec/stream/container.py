"""Streams written and read, record by record; neither needs a file that can seek.

StreamWriter:  header ► intra ► group ► group ► … ► side data ► finish   (end record)
StreamReader:  header ► picture ► picture ► …   ► StopIteration          (complete)
                          │ StreamError: the record is damaged, nothing of it is taken
                          └ resync() ► the next I-picture
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import IO

from lvcodec.errors import (
    InputError,
    NoStreamError,
    NoSuchPictureError,
    StreamError,
    TruncatedStreamError,
    count_text,
)
from lvcodec.stream import fields
from lvcodec.stream.header import Header, read_header
from lvcodec.stream.lookahead import Lookahead
from lvcodec.stream.progress import Progress
from lvcodec.stream.records import (
    END_TAIL_BYTES,
    HEADER_BYTES,
    End,
    Group,
    Index,
    PictureRecord,
    Place,
    read_beside,
    read_end,
    read_group,
    write_end,
    write_group,
)
from lvcodec.stream.resync import Search
from lvcodec.stream.side import SideData, SideWriter, is_beside
from lvcodec.stream.structure import Structure
from lvcodec.video.writing import Writable, write_all


class StreamWriter:
    """Writes a stream to any binary file object. It neither opens nor closes it.

    The header is written at once, unless the writer goes on `after` all that a reader has read of the same file, from
    its first byte on. size_bytes: written so far; side_bytes: of them, side data. Raises InputError for values out of
    their ranges, and if the file cannot be written.
    """

    def __init__(self, file: Writable, header: Header, *, after: StreamReader | None = None) -> None:
        self.header = header
        self.size_bytes = self.side_bytes = 0
        self._file = file
        self._index = Index()
        self._progress = Progress(header)
        self._side = SideWriter(self._append_side)
        self._finished = False
        if after is None:
            self._write(header.to_bytes())
        else:
            self.size_bytes, self._index, self._progress = after.written()

    def intra(self, payload: bytes, checksum: int, quality_index: int | None = None) -> PictureRecord:
        """Append an I-picture, and return it as a reader will.

        checksum: planes_checksum of what it decodes to. quality_index: 0..200; None for the header's.
        """
        [record] = self._append(None, [(payload, checksum)], None if quality_index is None else [quality_index])
        return record

    def group(
        self,
        structure: Structure,
        pictures: Sequence[tuple[bytes, int]],
        qualities: Sequence[int] | None = None,
    ) -> list[PictureRecord]:
        """Append a group of P- and B-pictures, and return them as a reader will. An I-picture stands before.

        pictures: payload and checksum of each, in the order of coding. qualities: their indices; None for what the
        header's layers make of their I-picture's.
        """
        return self._append(structure, pictures, qualities)

    def copy(self, records: Sequence[PictureRecord]) -> list[PictureRecord]:
        """Append all pictures of a group as a reader gave them, of this stream or another, with their qualities."""
        pictures = [(record.payload, record.checksum) for record in records]
        return self._append(records[0].structure, pictures, [record.quality_index for record in records])

    def _append(
        self, structure: Structure | None, pictures: Sequence[tuple[bytes, int]], qualities: Sequence[int] | None
    ) -> list[PictureRecord]:
        if self._finished:
            raise InputError("cannot add a picture to a stream that is finished")
        problem = self._progress.problem(structure)
        if problem:
            raise InputError(f"cannot write this stream: {problem}")
        told = None if qualities is None else tuple(qualities)
        group = Group(
            number=self._progress.number if structure is None else None,
            structure=structure,
            qualities=None if told == self._progress.implied(structure) else told,
            payloads=tuple(payload for payload, _ in pictures),
            checksums=tuple(checksum for _, checksum in pictures),
        )
        data = write_group(group, self.header.payload_limit)
        group, offset = replace(group, size_bytes=len(data)), self.size_bytes
        self._write(data)
        self._index.count(group)
        return self._progress.take(group, offset)

    def side(self, what: int, chunks: Iterable[bytes]) -> None:
        """Append one kind of side data (SIDE_TRACKS and others of fields.py), after the last picture.

        Raises InputError where there are no pictures, and for a kind that is there already.
        """
        if self._finished or not self._progress.number:
            raise InputError("side data stands after the last picture, before the end")
        self._side.put(what, chunks)

    def _append_side(self, data: bytes) -> None:
        self._write(data)
        self._index.count_side(len(data))
        self.side_bytes += len(data)

    def finish(self) -> None:
        """Write the end record. Nothing can follow."""
        if not self._finished:
            self._side.finish()
            self._finished = True
            self._write(write_end(End(self._progress.number, self._index)))

    def _write(self, data: bytes) -> None:
        write_all(self._file, data, "the stream")
        self.size_bytes += len(data)


class StreamReader:
    """Reads a stream from any binary file object, from where that stands: an iterator of PictureRecord, as coded.

    It reads no further than the groups whose pictures it gives, and closes nothing. header: of the stream. complete:
    whether the end record has been read; iteration stops there. count: how many pictures the stream has, known once it
    is complete or index() found it, else None. side_bytes: of side data that was passed over. side_damage: what is
    wrong with it, None so far; no picture is lost by that.

    Raises InputError if the file is no lvcodec stream or cannot be read. A damaged record raises StreamError
    with its picture and offset, each time until resync(). After the last whole group of a cut stream comes
    TruncatedStreamError.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.complete = False
        self.count: int | None = None
        self.side_bytes = 0
        self.side_damage: str | None = None
        self._input = Lookahead(file)
        self._waiting: deque[PictureRecord] = deque()  # of a group that has been read
        self._index: Index | None = Index()  # of all pictures so far; None after a jump
        self._end: End | None = None  # the end record, once somebody has read it
        self.header = self._read_header()
        self._progress = Progress(self.header)
        self._search = Search(self._input, self.header)

    @property
    def size_bytes(self) -> int:
        """Bytes read so far, counted from the header's first."""
        return self._input.offset

    @property
    def seekable(self) -> bool:
        """Whether `seek` and `scan` can go back in the file."""
        return self._input.seekable

    def __iter__(self) -> StreamReader:
        return self

    def __next__(self) -> PictureRecord:
        if self._waiting:
            return self._waiting.popleft()
        if self.complete:
            raise StopIteration
        try:
            self._pass_side()
            kind = self._input.peek(1)
            if not kind:
                raise TruncatedStreamError("there is no end record")
            if kind[0] == fields.KIND_END:
                self._accept_end(read_end(self._input.reader(), self._input.offset))
            else:
                self._accept(read_group(self._input.reader(), self.header.payload_limit))
                return self._waiting.popleft()
        except StreamError as error:
            raise self._located(error) from error
        raise StopIteration

    def written(self) -> tuple[int, Index, Progress]:
        """How far it has come, for a writer that goes on there: bytes, their index, and what may follow.

        Raises InputError after a jump, when it has not seen all that stands before.
        """
        if self._index is None:
            raise InputError("a stream is gone on with after all that stands in it")
        return self._input.offset, self._index, self._progress

    def resync(self) -> None:
        """Leave a damaged record behind: the next picture is the first intact I-picture after it.

        Its number tells how many were lost. If the end record comes first, iteration ends there and `count`
        tells. On a pipe this may wait for as many bytes as a picture can have.
        Raises TruncatedStreamError if neither follows, StreamError if the damage is too wide to search.
        """
        try:
            self._jump(self._search.run(self._progress.number))
        except StreamError as error:
            raise self._located(error) from error

    def index(self) -> list[Place] | None:
        """Number and offset of every I-picture, from the file's end; the reader stays where it is.

        None if the file cannot seek, or has no intact end record as its last bytes.
        """
        if self._end is None and self._input.seekable:
            offset = self._input.offset
            try:
                self._end = self._find_end()
                self.count = self._end.pictures
            except StreamError:
                return None
            finally:
                self._input.goto(offset)
        return None if self._end is None else list(self._end.index.places())

    def side(self) -> SideData | None:
        """What stands beside the pictures, from the file's end; the reader stays where it is.

        None if there is nothing, the file cannot seek, or its end is damaged.
        """
        if self.index() is None or self._end is None or not self.seekable:
            return None
        return SideData.before(self._input, self._end.index.end().offset)

    def seek(self, number: int) -> int:
        """Go on at the I-picture at or before picture `number`, and return its number.

        Without an index (see `index`) the reader stays where it is, and returns the number of its next group's first
        picture.
        Raises NoSuchPictureError if the stream has no picture of this number.
        """
        places = self.index()
        if number < 0 or (self.count is not None and number >= self.count):
            there = count_text(self.count or 0, "picture")
            raise NoSuchPictureError(f"the stream has {there}, and none of number {number}")
        if places is None or not self._input.seekable:
            return self._waiting[0].base + 1 if self._waiting else self._progress.number
        place = places[bisect_right(places, number, key=lambda place: place.number) - 1]
        self._input.goto(place.offset)
        self._jump(place.number)
        return place.number

    def scan(self) -> StreamError | None:
        """Make the index that the file lacks, from its records up to the first that is cut or damaged.

        It is that of the pictures before, and `count` their number; the reader must not have left its beginning, and
        goes back there. Only where the file can seek. Returns what is wrong; None where there is an index.
        """
        if self.index() is not None:
            return None
        index, start = Index(), self._input.offset
        self._index = index
        try:
            for _ in self:
                pass
        except StreamError as error:
            self._end = End(self._progress.number, index)
            self.count = self._end.pictures
            return error
        finally:
            self._input.goto(start)
            self._jump(0)
        return None

    def _read_header(self) -> Header:
        start = self._input.peek(len(fields.MAGIC))
        if not fields.MAGIC.startswith(start):
            raise NoStreamError(
                f"not an lvcodec stream, as it begins with {start!r} instead of {fields.MAGIC!r}",
                "lvcodec encode makes one of a video",
            )
        try:
            header = read_header(self._input.reader())
        except TruncatedStreamError as error:
            text = "the stream ends inside its header" if start else "the stream is empty"
            raise TruncatedStreamError(text, offset=self._input.have(HEADER_BYTES)) from error
        except StreamError as error:
            raise StreamError(f"header: {error.message}", error.hint, offset=0) from None
        self._input.take(HEADER_BYTES)
        return header

    def _pass_side(self) -> None:
        """Leave side data behind; where it is damaged, go on at the end record, if no picture is lost with it."""
        while self._progress.number and is_beside(kind := self._input.peek(1)):
            number, start = self._progress.number, self._input.offset
            try:
                size = read_beside(self._input.reader(), kind[0]).size_bytes
            except TruncatedStreamError:
                raise
            except StreamError as error:
                self._jump(self._search.run(number))
                self.side_damage = f"byte {start}: {error.message}"
                if self._progress.number != number:
                    raise StreamError("pictures are missing after damaged side data") from error
                size = self._input.offset - start
            else:
                self._input.take(size)
                if self._index is not None:
                    self._index.count_side(size)
            self.side_bytes += size

    def _accept(self, group: Group) -> None:
        """Take a whole record if it fits in its place."""
        if group.number is not None and group.number != self._progress.number:
            raise StreamError(f"its number is {group.number}, so pictures are missing or out of order")
        problem = self._progress.problem(group.structure)
        if problem:
            raise StreamError(problem)
        self._waiting.extend(self._progress.take(group, self._input.offset))
        self._input.take(group.size_bytes)
        if self._index is not None:
            self._index.count(group)

    def _accept_end(self, end: End) -> None:
        """Take the end record if it tells of the pictures that were read."""
        if end.pictures != self._progress.number:
            told = count_text(end.pictures, "picture")
            raise StreamError(f"its end record tells of {told}, {self._progress.number} are there")
        if self._index is not None and end.index != self._index:
            raise StreamError("its index does not fit its pictures")
        self._input.take(end.size_bytes)
        self._end, self.count, self.complete = end, end.pictures, True

    def _find_end(self) -> End:
        """The end record, by the length in the file's last bytes. Raises StreamError if there is none."""
        size = self._input.end()
        self._input.goto(max(size - END_TAIL_BYTES, 0))
        length = int.from_bytes(self._input.peek(4), "little")
        offset = size - length
        if offset < HEADER_BYTES:
            raise StreamError("there is no end record")
        self._input.goto(offset)
        end = read_end(self._input.reader(), offset)
        if end.index.end().offset != offset:
            raise StreamError("its index does not fit its pictures")
        return end

    def _jump(self, number: int) -> None:
        """Expect the I-picture of this number, or the end record after as many pictures, here."""
        self._progress.jump(number)
        self._waiting.clear()
        self._index = None
        self.complete = False

    def _located(self, error: StreamError) -> StreamError:
        """The same error, with its place."""
        picture, offset = self._progress.number, self._input.offset
        if isinstance(error, TruncatedStreamError):
            offset += self._input.seen
            text = f"the stream is cut at byte {offset}, after {count_text(picture, 'whole picture')}: {error.message}"
            return TruncatedStreamError(text, error.hint, offset=offset, picture=picture)
        text = f"the stream is damaged at picture {picture}, byte {offset}: {error.message}"
        return StreamError(text, error.hint, offset=offset, picture=picture)
