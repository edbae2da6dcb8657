"""The records after the header: groups of coded pictures, side data, the end with its index; the checksum of planes.

Each is written and read by its layout in fields.py. Whether records fit together, and what they mean where they stand,
is the business of progress.py.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from lvcodec.errors import InputError, StreamError
from lvcodec.stream import fields
from lvcodec.stream.layout import Layout, LayoutReader, LayoutWriter, layout_bytes, size_of
from lvcodec.stream.structure import MAX_GROUP, Shift, Step, Structure

if TYPE_CHECKING:
    from lvcodec.video.picture import Picture

HEADER_BYTES = layout_bytes(fields.HEADER)
END_TAIL_BYTES = layout_bytes(fields.END_TAIL)
SIDE_KINDS = bytes([fields.KIND_SIDE, fields.KIND_CONTENTS])


@dataclass(frozen=True)
class PictureRecord:
    """A coded picture, as a reader gives it: in the order of coding.

    kind: "I", "P" or "B". number: in the order of display, from 0. quality_index: 0..200, the picture's own, whether
    its record tells it or not. checksum: planes_checksum of the decoded picture. offset: of its group's record, bytes
    from the header's first. overhead_bytes: its share of that record without the payloads; the shares of a group sum up
    to all of it.
    structure, step: of its group, and its own in there; None for an I-picture. base: the number of the group's position
    0. last_of_group: whether its record ends with it.
    """

    kind: str
    number: int
    quality_index: int
    payload: bytes
    checksum: int
    offset: int
    overhead_bytes: int
    base: int
    structure: Structure | None = None
    step: Step | None = None
    last_of_group: bool = True

    @property
    def size_bytes(self) -> int:
        """Bytes of the picture in the stream."""
        return self.overhead_bytes + len(self.payload)

    @property
    def shift(self) -> Shift:
        """Of lds; the usual one of all other pictures."""
        return Shift() if self.structure is None else self.structure.shift

    @property
    def references(self) -> tuple[int, ...]:
        """The numbers of the pictures that it is predicted from, the earlier one first."""
        if self.step is None:
            return ()
        return tuple(self.base + at for at in (self.step.before, self.step.after) if at is not None)


@dataclass(frozen=True)
class Group:
    """A record of pictures as it stands in the file, in the order of coding.

    structure: None for an I-picture, and only that has a number. qualities: where they are told.
    """

    number: int | None
    structure: Structure | None
    qualities: tuple[int, ...] | None
    payloads: tuple[bytes, ...]
    checksums: tuple[int, ...]
    size_bytes: int = 0


@dataclass(frozen=True)
class End:
    """The end record: how many pictures, and the index."""

    pictures: int
    index: Index
    size_bytes: int = 0


@dataclass(frozen=True)
class SidePart:
    """A record of side data: some of the bytes of one kind."""

    what: int
    data: bytes
    size_bytes: int = 0


class SideEntry(NamedTuple):
    """One kind of side data: bytes of all its parts, and the CRC-32 of them, joined."""

    what: int
    size: int
    checksum: int


@dataclass(frozen=True)
class Contents:
    """The record after the side records. bytes: of those records, together."""

    bytes: int
    entries: tuple[SideEntry, ...]
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

    def count(self, group: Group) -> None:
        """Count a record. The first one is an I-picture's."""
        if group.structure is None:
            self.append(group.size_bytes, 1)
        else:
            self.sizes[-1] += group.size_bytes
            self.pictures[-1] += len(group.payloads)

    def count_side(self, size_bytes: int) -> None:
        """Count a record of side data, which belongs to the GOP before it."""
        self.sizes[-1] += size_bytes

    def places(self) -> Iterator[Place]:
        """The I-pictures in order."""
        number, offset = 0, HEADER_BYTES
        for size, pictures in zip(self.sizes, self.pictures, strict=True):
            yield Place(number, offset)
            number, offset = number + pictures, offset + size

    def end(self) -> Place:
        """The number of pictures, and where the end record stands."""
        return Place(sum(self.pictures), HEADER_BYTES + sum(self.sizes))


def write_group(group: Group, payload_limit: int) -> bytes:
    """The record of a group; size_bytes is not looked at. Raises InputError for a value out of its range."""
    kind = fields.KIND_I if group.structure is None else fields.KIND_G
    values = {
        "kind": kind if group.qualities is None else kind + fields.QUALITIES_FOLLOW,
        "number": group.number,
        "structure": None if group.structure is None else _structure_byte(group.structure),
        "qualities": group.qualities,
        "lengths": tuple(len(payload) for payload in group.payloads),
        "checksums": group.checksums,
        "payloads": b"".join(group.payloads),
    }
    return bytes(LayoutWriter().put(fields.GROUP, values, {"lengths": payload_limit}).data)


def _structure_byte(structure: Structure) -> int:
    if not 1 <= structure.pictures <= MAX_GROUP:
        raise InputError(f"cannot write this stream: a group of {structure.pictures} pictures, not 1 to {MAX_GROUP}")
    shape = structure.pyramid, structure.key, structure.shift
    bits = next((bits for bits, known in fields.SHAPES.items() if known == shape), None)
    if bits is None:
        what = ("pyramid" if structure.pyramid else "chain") + structure.key * " with a key picture"
        kept = structure.kept * ", latents kept"
        raise InputError(f"cannot write this stream: a {what} shifted by {structure.alpha}{kept}")
    return bits + ((structure.pictures - 1) << fields.PICTURES_SHIFT)


def _structure_of(byte: int) -> Structure:
    pyramid, key, shift = fields.SHAPES[byte & fields.SHAPE]
    return Structure(fields.pictures_in(byte), pyramid, key, *shift)


def write_end(end: End) -> bytes:
    """The end record; size_bytes is not looked at. Raises InputError for a value out of its range."""
    values = {"kind": fields.KIND_END, "pictures": end.pictures, "gops": len(end.index)}
    writer = LayoutWriter().put(fields.END, values)
    for size, pictures in zip(end.index.sizes, end.index.pictures, strict=True):
        writer.put(fields.INDEX_ENTRY, {"size": size, "pictures": pictures})
    writer.put(fields.END_TAIL, {"length": len(writer.data) + END_TAIL_BYTES})
    return bytes(writer.data)


def write_side(part: SidePart) -> bytes:
    """A record of side data; size_bytes is not looked at. Raises InputError for a value out of its range."""
    values = {"kind": fields.KIND_SIDE, "what": part.what, "size": len(part.data), "data": part.data}
    return bytes(LayoutWriter().put(fields.SIDE, values).data)


def write_contents(contents: Contents) -> bytes:
    """The record after the side records; size_bytes is not looked at."""
    values = {"kind": fields.KIND_CONTENTS, "bytes": contents.bytes, "entries": len(contents.entries)}
    writer = LayoutWriter().put(fields.CONTENTS, values)
    for entry in contents.entries:
        writer.put(fields.CONTENTS_ENTRY, entry._asdict())
    writer.put(fields.CONTENTS_TAIL, {"length": len(writer.data) + layout_bytes(fields.CONTENTS_TAIL)})
    return bytes(writer.data)


def read_side(read: Callable[[int], bytes]) -> SidePart:
    """The record of side data whose bytes `read(size)` gives. Raises StreamError if it is damaged."""
    reader = LayoutReader(read)
    values = reader.get(fields.SIDE)
    return SidePart(values["what"], values["data"], reader.size_bytes)


def read_contents(read: Callable[[int], bytes]) -> Contents:
    """The record after the side records, whose bytes `read(size)` gives. Raises StreamError if it is damaged."""
    reader = LayoutReader(read)
    values = reader.get(fields.CONTENTS)
    entries = tuple(SideEntry(**reader.get(fields.CONTENTS_ENTRY)) for _ in range(values["entries"]))
    length = reader.get(fields.CONTENTS_TAIL)["length"]
    if length != reader.size_bytes:
        raise StreamError(f"the contents say that they have {length} bytes, and have {reader.size_bytes}")
    if len({entry.what for entry in entries}) != len(entries):
        raise StreamError("the contents list a kind of side data twice")
    return Contents(values["bytes"], entries, reader.size_bytes)


def read_beside(read: Callable[[int], bytes], kind: int) -> SidePart | Contents:
    """A record of one of SIDE_KINDS. Raises StreamError if it is damaged."""
    return read_side(read) if kind == fields.KIND_SIDE else read_contents(read)


def read_group(read: Callable[[int], bytes], payload_limit: int) -> Group:
    """The group whose record `read(size)` gives. Raises StreamError if it is damaged."""
    reader = LayoutReader(read)
    values = reader.get(fields.GROUP, {"lengths": payload_limit})
    ends = list(accumulate(values["lengths"], initial=0))
    return Group(
        number=values.get("number"),
        structure=_structure_of(values["structure"]) if "structure" in values else None,
        qualities=values.get("qualities"),
        payloads=tuple(values["payloads"][start:end] for start, end in pairwise(ends)),
        checksums=values["checksums"],
        size_bytes=reader.size_bytes,
    )


def read_end(read: Callable[[int], bytes], offset: int) -> End:
    """The end record whose bytes `read(size)` gives.

    offset: where it stands. It bounds the index, since every picture has its bytes before it.
    Raises StreamError if the record is damaged or contradicts itself.
    """
    reader = LayoutReader(read)
    room = offset - HEADER_BYTES
    limits = {"pictures": room // fields.MIN_PICTURE_BYTES, "gops": room // fields.MIN_RECORD_BYTES}
    values = reader.get(fields.END, limits)
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
    """Bytes of a group's record, payloads in, as its first fields tell it; no CRC is looked at.

    Raises StreamError if they are out of their ranges.
    """
    return _size_by_head(read, fields.GROUP, "payloads", {"lengths": payload_limit})


def side_head_size(read: Callable[[int], bytes]) -> int:
    """The same of a record of side data."""
    return _size_by_head(read, fields.SIDE, "data", {})


def _size_by_head(read: Callable[[int], bytes], layout: Layout, data: str, limits: Mapping[str, int]) -> int:
    """Bytes of a record by its fields before `data`, of which only the size is needed."""
    reader = LayoutReader(read)
    at = [field.name for field in layout].index(data)
    values = reader.get(layout[:at], limits)
    return reader.size_bytes + size_of(layout[at], values) + layout_bytes(layout[at + 1 :])


def planes_checksum(picture: Picture) -> int:
    """The low 16 bits of a decoded picture's CRC-32: of width and height (u32), then the rows of Y, U and V."""
    crc = zlib.crc32(picture.width.to_bytes(4, "little") + picture.height.to_bytes(4, "little"))
    for plane in picture.planes:
        crc = zlib.crc32(plane.data, crc)
    return crc & 0xFFFF
