"""Ways to damage a stream. A changed record's CRC is computed anew in most cases, so that damage gets past it.

stream ─► dissect ─► Part(fields as bytes) ─► damage ─► sealed: lengths, index, CRCs ─► bytes ─► damage of bytes
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from lvcodec.stream import fields
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


def dissect(stream: bytes) -> list[Part]:
    """Header, pictures and end record of an undamaged stream."""
    at = 0

    def take(layout: tuple[Field, ...], into: dict[str, bytes], prefix: str = "") -> dict[str, int]:
        nonlocal at
        values: dict[str, int] = {}
        for item in layout:
            if item.when and not item.when.holds(values):
                continue
            if item.width == "varint":
                size = next(n for n in range(1, 10) if stream[at + n - 1] < 128)
                value = sum((byte & 127) << 7 * n for n, byte in enumerate(stream[at : at + size]))
            else:
                fixed = {"u8": 1, "u16": 2, "u32": 4, "crc": 4}
                size = (
                    fixed[item.width]
                    if item.width in fixed
                    else (values[item.size] if isinstance(item.size, str) else item.size)
                )
                value = int.from_bytes(stream[at : at + size], "little") if item.width != "bytes" else 0
            into[prefix + item.name] = stream[at : at + size]
            values[item.name] = value
            at += size
        return values

    parts = [Part("header", {})]
    take(fields.HEADER, parts[0].fields)
    while stream[at] != fields.KIND_END:
        parts.append(Part("picture", {}))
        take(fields.PICTURE, parts[-1].fields)
    end = Part("end", {})
    parts.append(end)
    for number in range(take(fields.END, end.fields)["gops"]):
        take(fields.INDEX_ENTRY, end.fields, f"{number}.")
    take(fields.END_TAIL, end.fields)
    if b"".join(part.to_bytes() for part in parts) != stream:
        raise ValueError("the stream is not put together as it was taken apart")
    return parts


def mend_end(parts: list[Part]) -> None:
    """Make the end record tell of the pictures that are there, as a forger would."""
    gops: list[list[int]] = []
    pictures = [part for part in parts if part.kind == "picture"]
    for part in pictures:
        if part.fields["kind"] in (b"I", b"i") or not gops:
            gops.append([0, 0])
        gops[-1][0] += len(part.to_bytes())
        gops[-1][1] += 1
    body = {"kind": b"E", "pictures": varint(len(pictures)), "gops": varint(len(gops))}
    for number, (size, count) in enumerate(gops):
        body |= {f"{number}.size": varint(size), f"{number}.pictures": varint(count)}
    length = sum(map(len, body.values())) + 8
    parts[-1] = Part("end", body | {"length": length.to_bytes(4, "little"), "crc": bytes(4)})


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
            parts[1].fields |= {"payload": b"", "length": b"\0"}
    elif item.name in ("width", "height"):
        header["height" if item.name == "width" else "width"] = bytes([rng.choice([1, 2, 63, 64, 65, 72]), 0])


def forge_picture(parts: list[Part], rng: random.Random) -> None:
    part = rng.choice(parts[1:-1])
    names = [item for item in fields.PICTURE if item.name in part.fields and item.name not in ("crc", "payload")]
    item = rng.choice(names)
    value = number_for(item, rng)
    data = varint(value) if item.width == "varint" else value.to_bytes(len(part.fields[item.name]), "little")
    part.fields[item.name] = data
    if item.name == "kind" and rng.random() < 0.7:  # with the fields that the kind asks for
        kind, rest = part.fields["kind"], dict(part.fields)
        given = {"kind": kind}
        if kind in (b"I", b"i"):
            given["number"] = rest.get("number", varint(parts.index(part) - 1))
        if kind in (b"i", b"p"):
            given["quality"] = bytes([rng.randrange(101)])
        part.fields = given | {name: rest[name] for name in ("length", "payload", "checksum", "crc")}


def forge_payload(parts: list[Part], rng: random.Random) -> None:
    """What the entropy decoder and the networks see."""
    part = rng.choice(parts[1:-1])
    payload = part.fields["payload"]
    size = rng.choice([0, 1, 3, 4, 5, len(payload), 2 * len(payload), rng.randrange(4000)])
    fill = rng.choice([b"\0", b"\xff", None])
    payload = rng.choice(
        [
            lambda: flipped(payload, rng),
            lambda: payload[: rng.randrange(len(payload) + 1)],
            lambda: payload + rng.randbytes(rng.randrange(9)),
            lambda: fill * size if fill else rng.randbytes(size),
            lambda: rng.choice(parts[1:-1]).fields["payload"],
            lambda: payload[: (cut := rng.randrange(len(payload) + 1))] + rng.randbytes(len(payload) - cut),
        ]
    )()
    part.fields["payload"] = payload
    if rng.random() < 0.95:
        part.fields["length"] = varint(len(payload))


def forge_quality(parts: list[Part], rng: random.Random) -> None:
    """A picture of another quality, well formed."""
    part = rng.choice(parts[1:-1])
    fresh: dict[str, bytes] = {}
    for name, value in part.fields.items():
        if name == "length":
            fresh["quality"] = bytes([rng.choice([0, 100, 101, 255, rng.randrange(101)])])
        if name != "quality":
            fresh[name] = value.lower() if name == "kind" else value
    part.fields = fresh


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
    """Pictures left out, repeated, exchanged, renumbered."""
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


STRUCTURED: list[tuple[Callable[[list[Part], random.Random], None], int]] = [
    (forge_header, 3),
    (forge_picture, 3),
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
    run = rng.choice([rng.randbytes(size), data[source : source + size], bytes(size), b"IPipE" * 9])
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
    if rng.random() < 0.5:
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
