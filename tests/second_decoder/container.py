"""The bytes of a stream: sections "Header", "Picture" and "End"."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = struct.Struct("<4s 4B 8s HH II 5B H BB I")


@dataclass(frozen=True)
class Header:
    """What decoding needs of the header. half_shift: bit 0 of the flags, alpha 1/2."""

    family: int
    mode: int
    weights_id: bytes
    width: int
    height: int
    quality: int
    half_shift: bool


@dataclass(frozen=True)
class Record:
    """One picture. kind: "I" or "P"; quality: the picture's own index; checksum: what the encoder has made."""

    kind: str
    quality: int
    payload: bytes
    checksum: int


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


def read_stream(data: bytes) -> tuple[Header, list[Record]]:
    """All of a whole stream."""
    header, reader = read_header(data), ByteReader(data, HEADER.size)
    return header, list(read_records(reader, header.quality))


def read_header(data: bytes) -> Header:
    """Section "Header"."""
    magic, version, syntax, family, mode, weights_id, width, height, *_, quality, flags, crc = HEADER.unpack_from(data)
    expect(magic == b"LVC1" and version == 1 and syntax == 2, "not a stream of this version")
    expect(zlib.crc32(data[: HEADER.size - 4]) == crc, "CRC of the header")
    expect(flags < 2, "unknown flags")
    return Header(family, mode, weights_id, width, height, quality, bool(flags))


def read_records(reader: ByteReader, header_quality: int) -> Iterator[Record]:
    """Section "Picture", record by record, and the end record's agreement with them."""
    starts: list[int] = []  # of I-pictures
    counts: list[int] = []  # of pictures, GOP by GOP
    quality = header_quality
    while (letter := reader.data[reader.at : reader.at + 1].decode("latin-1")) and letter in "IiPp":
        start = reader.at
        reader.u8()
        expect(letter in "Ii" or bool(starts), "the first picture is no I-picture")
        if letter in "Ii":
            expect(reader.varint() == sum(counts), "an I-picture's number is another")
            quality = header_quality
            starts.append(start)
            counts.append(0)
        if letter in "ip":
            quality = reader.u8()
        counts[-1] += 1
        payload = reader.take(reader.varint())
        checksum = reader.u32()
        reader.crc(start)
        yield Record(letter.upper(), quality, payload, checksum)
    read_end(reader, starts, counts)


def read_end(reader: ByteReader, starts: list[int], counts: list[int]) -> None:
    """Section "End". starts: offsets of the I-pictures; counts: how many pictures each GOP has."""
    start = reader.at
    expect(reader.u8() == ord("E"), "neither a picture nor the end")
    expect(reader.varint() == sum(counts), "the end record counts other pictures")
    expect(reader.varint() == len(counts), "the end record counts other GOPs")
    for here, following, count in zip(starts, [*starts[1:], start], counts, strict=True):
        expect((reader.varint(), reader.varint()) == (following - here, count), "an index entry is another")
    length = reader.u32()
    reader.crc(start)
    expect(length == reader.at - start, "the end record's length is another")
