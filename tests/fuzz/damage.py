"""Ways to damage a stream. A changed record's CRC is computed anew in most cases, so that damage gets past it.

stream ─► dissect ─► Part(fields as bytes) ─► damage ─► sealed: lengths, index, CRCs ─► bytes ─► damage of bytes
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lvcodec.stream import fields, layout
from lvcodec.stream.layout import Field

BOTH_LARGE = 0.004  # such pictures take gigabytes and minutes by right: few of them are enough
SIDES = (1025, 2048, 4097, 8192, fields.MAX_SIDE)


@dataclass
class Part:
    """A header or record: its layout's fields by name, as bytes, in order; the CRC among them."""

    kind: str
    fields: dict[str, bytes]
    sealed: bool = field(default=True)  # whether its CRC is to be right

    def copy(self) -> Part:
        return Part(self.kind, dict(self.fields), self.sealed)

    def to_bytes(self) -> bytes:
        body = b"".join(value for name, value in self.fields.items() if name != "crc")
        return body + (zlib.crc32(body).to_bytes(4, "little") if self.sealed else self.fields["crc"])


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


class Knife:
    """Cuts a stream's fields apart, one layout after another."""

    def __init__(self, stream: bytes) -> None:
        self.stream, self.at = stream, 0

    def take(self, fields_of: tuple[Field, ...], into: dict[str, bytes], prefix: str = "") -> dict[str, Any]:
        """Put the bytes of each field that is there into `into`, and return the numbers."""
        values: dict[str, Any] = {}
        for item in fields_of:
            if item.when and not item.when.holds(values):
                continue
            start = self.at
            if item.width == "bytes":
                self.at += layout.size_of(item, values)
            elif item.count is not None:
                values[item.name] = tuple(self.number(item.width) for _ in range(item.count.of(values)))
            else:
                values[item.name] = self.number(item.width)
            into[prefix + item.name] = self.stream[start : self.at]
        return values

    def number(self, width: str) -> int:
        start = self.at
        if width != "varint":
            self.at += {"u8": 1, "u16": 2, "u32": 4, "crc": 4}[width]
            return int.from_bytes(self.stream[start : self.at], "little")
        while self.stream[self.at] >= 128:
            self.at += 1
        self.at += 1
        return sum((byte & 127) << 7 * n for n, byte in enumerate(self.stream[start : self.at]))


def dissect(stream: bytes) -> list[Part]:
    """Header, groups and end record of an undamaged stream."""
    knife, parts = Knife(stream), [Part("header", {})]
    knife.take(fields.HEADER, parts[0].fields)
    while stream[knife.at] != fields.KIND_END:
        parts.append(Part("group", {}))
        knife.take(fields.GROUP, parts[-1].fields)
    end = Part("end", {})
    parts.append(end)
    for number in range(knife.take(fields.END, end.fields)["gops"]):
        knife.take(fields.INDEX_ENTRY, end.fields, f"{number}.")
    knife.take(fields.END_TAIL, end.fields)
    if b"".join(part.to_bytes() for part in parts) != stream:
        raise ValueError("the stream is not put together as it was taken apart")
    return parts


def mend_end(parts: list[Part]) -> None:
    """Make the end record tell of the pictures that are there, as a forger would."""
    gops: list[list[int]] = []
    for part in parts:
        if part.kind == "side" and gops:
            gops[-1][0] += len(part.to_bytes())
        if part.kind != "group":
            continue
        if part.fields["kind"] in (b"I", b"i") or not gops:
            gops.append([0, 0])
        gops[-1][0] += len(part.to_bytes())
        gops[-1][1] += pictures_of(part)
    pictures = sum(count for _, count in gops)
    body = {"kind": b"E", "pictures": varint(pictures), "gops": varint(len(gops))}
    for number, (size, count) in enumerate(gops):
        body |= {f"{number}.size": varint(size), f"{number}.pictures": varint(count)}
    length = sum(map(len, body.values())) + 8
    parts[-1] = Part("end", body | {"length": length.to_bytes(4, "little"), "crc": bytes(4)})


def pictures_of(part: Part) -> int:
    """How many pictures a group has by its structure."""
    structure = part.fields.get("structure", b"\0")
    return structure[0] % 128 // 4 + 1 if structure else 1  # bit 7: the shift of lds


def payloads_of(part: Part) -> list[bytes]:
    """A group's payloads, by its lengths as they are."""
    lengths, payloads, at = part.fields["lengths"], [], 0
    size = shift = 0
    for byte in lengths:
        size, shift = size | (byte & 127) << shift, shift + 7
        if byte < 128:
            payloads.append(part.fields["payloads"][at : at + size])
            at, size, shift = at + size, 0, 0
    return payloads


# ---- damage to fields -------------------------------------------------------------------------------------------


def number_for(item: Field, rng: random.Random) -> int:
    """A value at a limit of the field, or beside one, or any."""
    top = {"u8": 255, "u16": 2**16 - 1, "u32": 2**32 - 1}.get(item.width, 2**63 - 1)
    likely = [
        item.at_least,
        item.at_least + 1,
        item.highest(),
        item.highest() + 1,
        item.highest() - 1,
        0,
        1,
        127,
        128,
        top,
        *(item.one_of or {}),
        rng.randrange(top + 1),
        rng.randrange(256),
    ]
    return min(max(rng.choice(likely), 0), top)


def forge_header(parts: list[Part], rng: random.Random) -> None:
    header = parts[0].fields
    item = rng.choice([item for item in fields.HEADER if item.width != "crc"])
    if item.width == "bytes":
        header[item.name] = flipped(header[item.name], rng)
        return
    header[item.name] = number_for(item, rng).to_bytes(len(header[item.name]), "little")
    if rng.random() < BOTH_LARGE:
        header |= {side: rng.choice(SIDES).to_bytes(2, "little") for side in ("width", "height")}
        if rng.random() < 0.5:  # a picture of which all is likeliest: damage does not end it early
            parts[1].fields |= {"payloads": b"", "lengths": b"\0"}
    elif item.name in ("width", "height"):
        header["height" if item.name == "width" else "width"] = bytes([rng.choice([1, 2, 63, 64, 65, 72]), 0])


def forge_group(parts: list[Part], rng: random.Random) -> None:
    """One number of a record, well formed or not."""
    part = rng.choice(parts[1:-1])
    items = [item for item in fields.GROUP if item.name in part.fields and item.name not in ("crc", "payloads")]
    item = rng.choice(items)
    value = number_for(item, rng)
    if item.width == "varint":
        data = varint(value)
    else:
        width = {"u8": 1, "u16": 2}[item.width]
        data = (value % 256**width).to_bytes(width, "little")
    if item.count is not None:  # one of several, in its place; numbers of several bytes may be cut in two
        old, at = part.fields[item.name], 0
        at = rng.randrange(len(old)) if old else 0
        data = old[:at] + data + old[at + len(data) :]
    part.fields[item.name] = data
    if item.name in ("kind", "structure") and rng.random() < 0.7:
        reshape(part, rng, parts.index(part) - 1)


def reshape(part: Part, rng: random.Random, number: int) -> None:
    """Give a record the fields that its kind and structure ask for; pictures are repeated or cut to their number."""
    kind, old, payloads = part.fields["kind"], part.fields, payloads_of(part)
    given = {"kind": kind}
    if kind in (b"I", b"i"):
        given["number"] = old.get("number", varint(number))
    else:
        given["structure"] = old.get("structure", bytes([4 * len(payloads) - 4]))
    count = pictures_of(Part("group", given))
    if kind in (b"i", b"g"):
        given["qualities"] = bytes(rng.randrange(101) for _ in range(count))
    payloads = [payloads[n % len(payloads)] if payloads else b"" for n in range(count)]
    marks = (old["checksums"] * count)[: 2 * count].ljust(2 * count, b"\0")
    part.fields = given | {
        "lengths": b"".join(varint(len(payload)) for payload in payloads),
        "checksums": marks,
        "payloads": b"".join(payloads),
        "crc": old["crc"],
    }


def forge_structure(parts: list[Part], rng: random.Random) -> None:
    """A group of another structure, well formed."""
    part = rng.choice(parts[1:-1])
    part.fields["kind"] = rng.choice([b"G", b"g"])
    shape = rng.randrange(4) + 128 * (rng.random() < 0.3)  # bit 7: in lds alone
    part.fields["structure"] = bytes([4 * rng.choice([0, 1, 2, 3, 7, 31]) + shape])
    reshape(part, rng, parts.index(part) - 1)


def forge_payload(parts: list[Part], rng: random.Random) -> None:
    """What the entropy decoder and the networks see."""
    part = rng.choice(parts[1:-1])
    payloads = payloads_of(part)
    if not payloads:
        return
    at = rng.randrange(len(payloads))
    payload = payloads[at]
    size = rng.choice([0, 1, 3, 4, 5, len(payload), 2 * len(payload), rng.randrange(4000)])
    fill = rng.choice([b"\0", b"\xff", None])
    payloads[at] = rng.choice(
        [
            lambda: flipped(payload, rng),
            lambda: payload[: rng.randrange(len(payload) + 1)],
            lambda: payload + rng.randbytes(rng.randrange(9)),
            lambda: fill * size if fill else rng.randbytes(size),
            lambda: rng.choice(payloads_of(rng.choice(parts[1:-1])) or [b""]),
            lambda: payload[: (cut := rng.randrange(len(payload) + 1))] + rng.randbytes(len(payload) - cut),
        ]
    )()
    part.fields["payloads"] = b"".join(payloads)
    if rng.random() < 0.95:
        part.fields["lengths"] = b"".join(varint(len(each)) for each in payloads)


def forge_quality(parts: list[Part], rng: random.Random) -> None:
    """Pictures of other qualities, well formed."""
    part = rng.choice(parts[1:-1])
    part.fields["kind"] = part.fields["kind"].lower()
    reshape(part, rng, parts.index(part) - 1)
    if part.fields.get("qualities"):
        worst = bytes([rng.choice([0, 100, 101, 200, 201, 255, rng.randrange(201)])])
        part.fields["qualities"] = worst + part.fields["qualities"][1:]


def forge_end(parts: list[Part], rng: random.Random) -> None:
    end = parts[-1].fields
    name = rng.choice([name for name in end if name != "crc"])
    value = rng.choice([0, 1, 2, 127, 128, 2**14, 2**28 - 1, 2**28, 2**32 - 1, 2**62, rng.randrange(2**16)])
    end[name] = (
        (value % 256).to_bytes(1, "little")
        if name == "kind"
        else ((value % 2**32).to_bytes(4, "little") if name == "length" else varint(value))
    )


def shuffle_records(parts: list[Part], rng: random.Random) -> None:
    """Records left out, repeated, exchanged, renumbered."""
    place = rng.randrange(1, len(parts) - 1)
    what = rng.randrange(4)
    if what == 0 and len(parts) > 3:
        del parts[place]
    elif what == 1:
        parts.insert(rng.randrange(1, len(parts)), parts[place].copy())
    elif what == 2:
        other = rng.randrange(1, len(parts) - 1)
        parts[place], parts[other] = parts[other], parts[place]
    if rng.random() < 0.5:
        for number, part in enumerate(parts[1:-1]):
            if "number" in part.fields:
                part.fields["number"] = varint(number)


def put_side(parts: list[Part], rng: random.Random) -> None:
    """Side data before the end, right or forged: fields of its records, and what they hold."""
    changes = [*rng.choice([[], [80], [80, 3, 3]]), *(rng.randrange(4) for _ in range(rng.randrange(9)))]
    durations = rng.choice([zlib.compress(bytes(changes)), zlib.compress(bytes(1 << 20)), b"", rng.randbytes(9)])
    numbers = [rng.choice([0, 1, 25, 1000, 2**32 - 1, 2**32, 2**62]) if rng.random() < 0.1 else 1 for _ in range(5)]
    kinds = {
        1: rng.randbytes(rng.randrange(300)),
        2: b"audio: aac\n\xff",
        3: b"".join(map(varint, numbers)) + durations,
    }
    records = []
    for what, data in rng.sample(sorted(kinds.items()), rng.randrange(1, 4)):
        records.append({"kind": b"S", "what": bytes([what]), "size": varint(len(data)), "data": data, "crc": bytes(4)})
    contents = {"kind": b"C", "bytes": varint(sum(len(Part("side", fields_of).to_bytes()) for fields_of in records))}
    contents["entries"] = bytes([len(records)])
    for number, record in enumerate(records):
        checksum = zlib.crc32(record["data"]).to_bytes(4, "little")
        contents[f"{number}"] = record["what"] + record["size"] + checksum
    contents |= {"length": (sum(map(len, contents.values())) + 8).to_bytes(4, "little"), "crc": bytes(4)}
    side = [Part("side", fields_of) for fields_of in [*records, contents]]
    if rng.random() < 0.5:
        part = rng.choice(side)
        name = rng.choice(list(part.fields))
        part.fields[name] = rng.choice([flipped(part.fields[name], rng), varint(rng.choice([0, 1, 2**20 + 1, 2**62]))])
        part.sealed = rng.random() < 0.8
    parts[-1:-1] = side if rng.random() < 0.9 else rng.sample(side, len(side))


STRUCTURED: list[tuple[Callable[[list[Part], random.Random], None], int]] = [
    (forge_header, 3),
    (forge_group, 3),
    (forge_structure, 2),
    (forge_payload, 6),
    (forge_quality, 2),
    (forge_end, 2),
    (shuffle_records, 2),
]


# ---- damage to bytes --------------------------------------------------------------------------------------------


def flipped(data: bytes, rng: random.Random) -> bytes:
    """1 to 8 bits flipped."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 8]) if data else 0):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def without(data: bytes, rng: random.Random) -> bytes:
    """A run left out."""
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.randrange(1, 200) :]


def with_more(data: bytes, rng: random.Random) -> bytes:
    """A run put in: random, or a copy of the stream's own bytes."""
    start, size = rng.randrange(len(data) + 1), rng.randrange(1, 200)
    source = rng.randrange(len(data) + 1)
    run = rng.choice([rng.randbytes(size), data[source : source + size], bytes(size), b"IGigESC" * 9])
    return data[:start] + run + data[start:]


def overwritten(data: bytes, rng: random.Random) -> bytes:
    start, size = rng.randrange(len(data) + 1), rng.randrange(1, 60)
    return (data[:start] + rng.choice([rng.randbytes(size), bytes(size), b"\xff" * size]) + data[start + size :])[
        : len(data)
    ]


RAW = [flipped, flipped, cut, without, with_more, overwritten]


def damaged(streams: list[bytes], rng: random.Random) -> bytes:
    """One of the streams, damaged in one to three ways."""
    stream = rng.choice(streams)
    if rng.random() < 0.25:
        return _raw(stream, streams, rng)
    parts = [part.copy() for part in dissect(stream)]
    if rng.random() < 0.1:  # records of another stream under this header
        parts = [parts[0], *(part.copy() for part in dissect(rng.choice(streams))[1:])]
    before = [part.to_bytes() for part in parts]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        (change,) = rng.choices([change for change, _ in STRUCTURED], [weight for _, weight in STRUCTURED])
        change(parts, rng)
    has_side = rng.random() < 0.2
    if has_side:
        put_side(parts, rng)
    if has_side or rng.random() < 0.5:
        mend_end(parts)
    for part in parts:
        if rng.random() < 0.05 and part.to_bytes() not in before:
            part.sealed = False
    data = b"".join(part.to_bytes() for part in parts)
    return _raw(data, streams, rng) if rng.random() < 0.05 else data


def _raw(data: bytes, streams: list[bytes], rng: random.Random) -> bytes:
    if rng.random() < 0.15:  # joined: whole after whole, or the head of one and the tail of another
        other = rng.choice(streams)
        return rng.choice([data + other, data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]])
    for _ in range(rng.choice([1, 1, 2])):
        data = rng.choice(RAW)(data, rng)
    return data
