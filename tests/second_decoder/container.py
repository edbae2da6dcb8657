"""The bytes of a stream: sections "Header", "Group", "Side data" and "End"."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = struct.Struct("<4s 4B 8s HH II 5B H B 7s B I")


@dataclass(frozen=True)
class Header:
    """What decoding needs of the header. gop: most pictures of a GOP. layers: how coarse each is."""

    family: int
    mode: int
    weights_id: bytes
    width: int
    height: int
    gop: int
    quality: int
    layers: bytes

    @property
    def payload_limit(self) -> int:
        """Section "Group", of lengths."""
        return 64 + 12 * (-(-self.width // 64) * 64) * (-(-self.height // 64) * 64)


@dataclass(frozen=True)
class Record:
    """One picture. number: in the order of display; references: the numbers of those it is predicted from, none for an
    I-picture; quality: the picture's own index; checksum: what the encoder has made; group: which record it is in.
    alpha, kept: the length of the shift, and whether latents are kept, by bits 7, 1 and 0 of its structure."""

    number: int
    references: tuple[int, ...]
    quality: int
    payload: bytes
    checksum: int
    group: int
    alpha: float
    kept: bool

    @property
    def kind(self) -> str:
        return "IPB"[len(self.references)]


@dataclass(frozen=True)
class Place:
    """A picture's place in its group: its position, those of its references, and its layer."""

    at: int
    references: tuple[int, ...]
    layer: int


def expect(holds: bool, what: str) -> None:
    """Raise ValueError unless `holds`."""
    if not holds:
        raise ValueError(what)


class ByteReader:
    """Numbers one after the other, as "Conventions" has them."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, count: int) -> bytes:
        expect(self.at + count <= len(self.data), "the stream is cut")
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def varint(self) -> int:
        number = 0
        for place in range(9):
            byte = self.u8()
            number |= (byte & 127) << 7 * place
            if byte < 128:
                expect(byte > 0 or place == 0, "a varint is longer than its number needs")
                return number
        raise ValueError("a varint has more than 9 bytes")

    def crc(self, start: int) -> None:
        """Read a CRC-32 and compare it with that of what was read from `start` on."""
        found = zlib.crc32(self.data[start : self.at])
        expect(self.u32() == found, f"CRC of the record at {start}")


@dataclass(frozen=True)
class Presentation:
    """When pictures are shown: seconds of a tick and the width of a sample as (numerator, denominator), and ticks."""

    aspect: tuple[int, int]
    tick: tuple[int, int]
    start: int
    durations: list[int] | None


def read_stream(data: bytes) -> tuple[Header, list[Record]]:
    """All of a whole stream."""
    header, reader = read_header(data), ByteReader(data, HEADER.size)
    return header, list(read_records(reader, header))


def read_header(data: bytes) -> Header:
    """Section "Header"."""
    expect(len(data) >= HEADER.size, "the header is cut")
    magic, version, syntax, family, mode, weights_id, *rest, crc = HEADER.unpack_from(data)
    width, height, rate_num, rate_den, _, _, _, full_range, chroma_location, gop, quality, layers, flags = rest
    expect(magic == b"LVC1" and version == 2 and syntax == 6, "not a stream of this version")
    expect(zlib.crc32(data[: HEADER.size - 4]) == crc, "CRC of the header")
    expect(family in (1, 2) and mode in (0, 1, 2, 3), "an unknown family or mode")
    expect(1 <= width <= 16384 and 1 <= height <= 16384, "no such size")
    expect(rate_num > 0 and rate_den > 0 and gop > 0, "no such rate, or no pictures in a GOP")
    expect(full_range in (0, 1) and chroma_location <= 6, "an unknown range, or place of chroma samples")
    expect(flags & 15 == 0 and quality <= 200, "unknown flags, or no such quality")
    return Header(family, mode, weights_id, width, height, gop, quality, layers)


def read_records(reader: ByteReader, header: Header) -> Iterator[Record]:
    """Section "Group", record by record, passing over side data, and the end record's agreement with them."""
    starts: list[int] = []  # of I-pictures
    counts: list[int] = []  # of pictures, GOP by GOP
    intra_quality = group = 0
    while (letter := reader.data[reader.at : reader.at + 1].decode("latin-1")) and letter in "IiGgSC":
        start = reader.at
        if letter in "SC":
            expect(bool(starts), "side data before the first picture")
            read_side(reader)
            continue
        reader.u8()
        if letter in "Ii":
            expect(reader.varint() == sum(counts), "an I-picture's number is another")
            base, places, alpha, kept = sum(counts), [Place(0, (), 0)], 1.0, False
            starts.append(start)
            counts.append(0)
            implied = [header.quality]
        else:
            expect(bool(starts), "the first picture is no I-picture")
            base, byte = sum(counts) - 1, reader.u8()
            kept = byte & 129 == 129
            alpha = {128: 0.5, 129: 0.5, 130: 0.0}.get(byte & 131, 1.0)
            places = read_structure(byte, header.mode)
            expect(header.mode == 2 or byte < 128, "a shift that cannot be")
            implied = [quality_of(place.layer, intra_quality, header) for place in places]
        qualities = [reader.u8() for _ in places] if letter in "ig" else implied
        expect(max(qualities) <= 200, "there is no such quality")
        lengths = [reader.varint() for _ in places]
        expect(max(lengths) <= header.payload_limit, "a payload is over the limit")
        checksums = [reader.u16() for _ in places]
        payloads = [reader.take(length) for length in lengths]
        reader.crc(start)
        counts[-1] += len(places)
        expect(counts[-1] <= header.gop, "a GOP has too many pictures")
        if letter in "Ii":
            intra_quality = qualities[0]
        for place, *parts in zip(places, qualities, payloads, checksums, strict=True):
            yield Record(base + place.at, tuple(base + at for at in place.references), *parts, group, alpha, kept)
        group += 1
    read_end(reader, starts, counts)


def read_structure(byte: int, mode: int) -> list[Place]:
    """Section "Structure": the places of a group's pictures, in the order of coding."""
    count, pyramid, key = byte // 4 % 32 + 1, byte & 130 == 2, byte & 129 == 1
    expect(mode > 0, "a group that cannot be")
    if pyramid:
        expect(count > 1 and mode == 3, "a pyramid that cannot be")
        places = [Place(count, (0,), 2), *halves(0, count, 1)]
    else:
        places = [Place(at, (at - 1,), 1) for at in range(1, count + 1)]
    if key:
        places[0] = Place(places[0].at, places[0].references, 0)
    return places


def halves(a: int, b: int, depth: int) -> list[Place]:
    """B(a, b, d) of section "Structure"."""
    if b - a < 2:
        return []
    m = (a + b) // 2
    return [Place(m, (a, b), min(2 + depth, 7)), *halves(a, m, depth + 1), *halves(m, b, depth + 1)]


def quality_of(layer: int, intra_quality: int, header: Header) -> int:
    """Section "Structure", the quality that is not told."""
    return intra_quality if layer == 0 else max(0, intra_quality - header.layers[layer - 1])


def read_side(reader: ByteReader) -> dict[int, bytes]:
    """Section "Side data": the data of each kind that stands here, if there is any."""
    data: dict[int, bytes] = {}
    first = reader.at
    while reader.data[reader.at : reader.at + 1] == b"S":
        start = reader.at
        reader.u8()
        what, size = reader.u8(), reader.varint()
        expect(size <= 1 << 20, "a side record is too long")
        data[what] = data.get(what, b"") + reader.take(size)
        reader.crc(start)
    contents = reader.at
    if reader.data[contents : contents + 1] == b"C":
        reader.u8()
        expect(reader.varint() == contents - first, "the side records take other bytes")
        told = [(reader.u8(), reader.varint(), reader.u32()) for _ in range(reader.u8())]
        expect(told == [(what, len(all_of), zlib.crc32(all_of)) for what, all_of in data.items()], "other side data")
        length = reader.u32()
        reader.crc(contents)
        expect(length == reader.at - contents, "the contents' length is another")
    else:
        expect(not data, "side records without their contents")
    return data


def side_data(stream: bytes) -> dict[int, bytes]:
    """The side data of a whole stream, from its end: section "Side data"."""
    end = len(stream) - int.from_bytes(stream[-8:-4], "little")
    contents = end - int.from_bytes(stream[end - 8 : end - 4], "little")
    reader = ByteReader(stream, contents)
    if contents < HEADER.size or reader.u8() != ord("C"):
        return {}
    return read_side(ByteReader(stream, contents - reader.varint()))


def read_presentation(data: bytes, pictures: int) -> Presentation:
    """Side data 3 of a stream of so many pictures."""
    reader = ByteReader(data)
    aspect, tick = (reader.varint(), reader.varint()), (reader.varint(), reader.varint())
    start, rest = reader.varint(), data[reader.at :]
    if not rest:
        return Presentation(aspect, tick, start, None)
    inflater = zlib.decompressobj()
    changes, durations, before = ByteReader(inflater.decompress(rest)), [], 0
    expect(inflater.eof and not inflater.unused_data, "more or less than a zlib stream")
    for _ in range(pictures):
        code = changes.varint()
        before += code // 2 if code % 2 == 0 else -(code + 1) // 2
        expect(1 <= before < 1 << 32, "a picture without duration")
        durations.append(before)
    expect(changes.at == len(changes.data), "more durations than pictures")
    return Presentation(aspect, tick, start, durations)


def read_end(reader: ByteReader, starts: list[int], counts: list[int]) -> None:
    """Section "End". starts: offsets of the I-pictures; counts: how many pictures each GOP has."""
    start = reader.at
    expect(reader.u8() == ord("E"), "neither a picture nor the end")
    expect(reader.varint() == sum(counts), "the end record counts other pictures")
    expect(reader.varint() == len(counts), "the end record counts other GOPs")
    for here, following, count in zip(starts, [*starts, start][1:], counts, strict=True):
        expect((reader.varint(), reader.varint()) == (following - here, count), "an index entry is another")
    length = reader.u32()
    reader.crc(start)
    expect(length == reader.at - start, "the end record's length is another")
