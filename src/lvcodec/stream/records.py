"""The records after the header: a coded picture, and the end with its index; the checksum of decoded planes.

Each is written and read by its layout in fields.py. Whether records fit together is container.py's business.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from lvcodec.errors import StreamError
from lvcodec.stream import fields
from lvcodec.stream.layout import LayoutReader, LayoutWriter, layout_bytes

if TYPE_CHECKING:
    from lvcodec.video.picture import Picture

HEADER_BYTES = layout_bytes(fields.HEADER)
END_TAIL_BYTES = layout_bytes(fields.END_TAIL)


@dataclass(frozen=True)
class PictureRecord:
    """A coded picture, as a reader gives it.

    kind: "I" or "P". quality_index: 0..100, the picture's own, whether its record tells it or not. checksum:
    planes_checksum of the decoded picture. offset: of its record, bytes from the header's first. number: from
    0. overhead_bytes: of its record without the payload.
    """

    kind: str
    quality_index: int
    payload: bytes
    checksum: int
    offset: int
    number: int
    overhead_bytes: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the record."""
        return self.overhead_bytes + len(self.payload)


@dataclass(frozen=True)
class WrittenPicture:
    """A picture's record as it stands in the file: number in I-pictures, quality_index where it is told."""

    kind: str
    number: int | None
    quality_index: int | None
    payload: bytes
    checksum: int
    size_bytes: int = 0


@dataclass(frozen=True)
class End:
    """The end record: how many pictures, and the index."""

    pictures: int
    index: Index
    size_bytes: int = 0


class Place(NamedTuple):
    """An I-picture: its number, and where its record stands, bytes from the header's first."""

    number: int
    offset: int


class Index:
    """Bytes and pictures of each GOP, in order. It takes 12 bytes of memory a GOP."""

    def __init__(self) -> None:
        self.sizes = array("Q")
        self.pictures = array("I")

    def __len__(self) -> int:
        return len(self.sizes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and self.sizes == other.sizes and self.pictures == other.pictures

    def append(self, size_bytes: int, pictures: int) -> None:
        """Count a GOP."""
        self.sizes.append(size_bytes)
        self.pictures.append(pictures)

    def count(self, kind: str, size_bytes: int) -> None:
        """Count a picture's record. The first one is an I-picture's."""
        if kind == "I":
            self.append(size_bytes, 1)
        else:
            self.sizes[-1] += size_bytes
            self.pictures[-1] += 1

    def places(self) -> Iterator[Place]:
        """The I-pictures in order."""
        number, offset = 0, HEADER_BYTES
        for size, pictures in zip(self.sizes, self.pictures, strict=True):
            yield Place(number, offset)
            number, offset = number + pictures, offset + size

    def end(self) -> Place:
        """The number of pictures, and where the end record stands."""
        return Place(sum(self.pictures), HEADER_BYTES + sum(self.sizes))


def write_picture(picture: WrittenPicture, payload_limit: int) -> bytes:
    """A picture's record; size_bytes is not looked at. Raises InputError for a value out of its range."""
    kind = fields.KIND_I if picture.kind == "I" else fields.KIND_P
    values = {
        "kind": kind if picture.quality_index is None else kind + fields.QUALITY_FOLLOWS,
        "number": picture.number,
        "quality": picture.quality_index,
        "length": len(picture.payload),
        "payload": picture.payload,
        "checksum": picture.checksum,
    }
    return bytes(LayoutWriter().put(fields.PICTURE, values, {"length": payload_limit}).data)


def write_end(end: End) -> bytes:
    """The end record; size_bytes is not looked at. Raises InputError for a value out of its range."""
    values = {"kind": fields.KIND_END, "pictures": end.pictures, "gops": len(end.index)}
    writer = LayoutWriter().put(fields.END, values)
    for size, pictures in zip(end.index.sizes, end.index.pictures, strict=True):
        writer.put(fields.INDEX_ENTRY, {"size": size, "pictures": pictures})
    writer.put(fields.END_TAIL, {"length": len(writer.data) + END_TAIL_BYTES})
    return bytes(writer.data)


def read_picture(read: Callable[[int], bytes], payload_limit: int) -> WrittenPicture:
    """The picture whose record `read(size)` gives. Raises StreamError if it is damaged."""
    reader = LayoutReader(read)
    values = reader.get(fields.PICTURE, {"length": payload_limit})
    return WrittenPicture(
        kind="I" if values["kind"] & ~fields.QUALITY_FOLLOWS == fields.KIND_I else "P",
        number=values.get("number"),
        quality_index=values.get("quality"),
        payload=values["payload"],
        checksum=values["checksum"],
        size_bytes=reader.size_bytes,
    )


def read_end(read: Callable[[int], bytes], offset: int) -> End:
    """The end record whose bytes `read(size)` gives.

    offset: where it stands. It bounds the index, since every picture has its bytes before it.
    Raises StreamError if the record is damaged or contradicts itself.
    """
    reader = LayoutReader(read)
    most = (offset - HEADER_BYTES) // fields.MIN_PICTURE_BYTES
    values = reader.get(fields.END, {"pictures": most, "gops": most})
    index = Index()
    for _ in range(values["gops"]):
        entry = reader.get(fields.INDEX_ENTRY)
        index.append(entry["size"], entry["pictures"])
    length = reader.get(fields.END_TAIL)["length"]
    end = End(values["pictures"], index, reader.size_bytes)
    if length != end.size_bytes:
        raise StreamError(f"the end record says that it has {length} bytes, and has {end.size_bytes}")
    if index.end().number != end.pictures:
        raise StreamError(f"the index holds {index.end().number} pictures, the stream {end.pictures}")
    return end


def head_size(read: Callable[[int], bytes], payload_limit: int) -> int:
    """Bytes of a picture's record, payload in, as its first fields tell it; no CRC is looked at.

    Raises StreamError if they are out of their ranges.
    """
    reader = LayoutReader(read)
    head = tuple(islice(fields.PICTURE, [field.name for field in fields.PICTURE].index("payload")))
    length: int = reader.get(head, {"length": payload_limit})["length"]
    return reader.size_bytes + length + layout_bytes(fields.PICTURE[len(head) + 1 :])


def planes_checksum(picture: Picture) -> int:
    """CRC-32 of a decoded picture: width and height (u32), then the rows of Y, U and V."""
    crc = zlib.crc32(picture.width.to_bytes(4, "little") + picture.height.to_bytes(4, "little"))
    for plane in picture.planes:
        crc = zlib.crc32(plane.data, crc)
    return crc
