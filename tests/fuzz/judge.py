"""What becomes of a damaged stream, and whether it is right.

Right is an LvcError of one line, or pictures that have the checksums of the records they came from: all of them when
decoding ends well, those that were written when it does not. The second decoder computes the checksums.
"""

from __future__ import annotations

import io
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from second_decoder import checksum_of

import lvcodec
from lvcodec.errors import LvcError
from lvcodec.report import DecodeReport
from lvcodec.stream.container import StreamReader
from lvcodec.stream.records import PictureRecord

WAYS = {"decode": 60, "conceal": 12, "unchecked": 10, "part": 6, "jobs": 2, "probe": 4, "symbols": 4, "concat": 4}


class Wrong(AssertionError):
    """What should not have happened."""


def judge(data: bytes, whole: bytes, rng: random.Random) -> str:
    """Use a damaged stream in one of WAYS; `whole` is an undamaged one to join it with.

    Returns the way and how it ended, in words. Raises Wrong, or whatever lvcodec should not have raised.
    """
    (way,) = rng.choices(list(WAYS), list(WAYS.values()))
    out = io.BytesIO()
    report: DecodeReport | None = None
    first = rng.randrange(5) if way == "part" else 0
    try:
        if way in ("probe", "symbols"):
            lvcodec.probe(io.BytesIO(data), streams=way == "symbols")
        elif way == "concat":
            _join(data, whole)
        else:
            report = lvcodec.decode(
                io.BytesIO(data),
                out,
                conceal=way == "conceal",
                check=way != "unchecked",
                jobs=2 if way == "jobs" else 1,
                frames=(first, rng.choice([None, first + 1, first + 3])) if way == "part" else None,
            )
        ended = "right"
    except LvcError as error:
        if not error.message or "\n" in str(error):
            raise Wrong(f"not one line: {error!r}") from error
        ended = type(error).__name__
    shown = list(_checksums(out.getvalue()))
    if report is not None and report.pictures != len(shown):
        raise Wrong(f"{len(shown)} pictures were written, {report.pictures} reported")
    if way in ("decode", "jobs", "part", "conceal"):
        _compare(way, shown, data, first, report)
    return f"{way}: {ended}"


def _join(data: bytes, whole: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "both.lvc"
        try:
            lvcodec.concat([io.BytesIO(whole), io.BytesIO(data)], target)
        except LvcError:
            if target.exists():
                raise Wrong("a failed concat has left a file") from None
            raise


def _checksums(y4m: bytes) -> Iterator[int]:
    """Of every picture in a Y4M file."""
    if not y4m:
        return
    heading, _, rest = y4m.partition(b"\n")
    sides = {part[:1]: int(part[1:]) for part in heading.split()[1:] if part[:1] in b"WH"}
    width, height = sides[b"W"], sides[b"H"]
    chroma = (height + 1) // 2, (width + 1) // 2
    sizes = [(height, width), chroma, chroma]
    picture_bytes = sum(h * w for h, w in sizes) + 6
    if len(rest) % picture_bytes:
        raise Wrong(f"{len(rest) % picture_bytes} bytes of half a picture were written")
    for start in range(0, len(rest), picture_bytes):
        at = start + 6
        if rest[start:at] != b"FRAME\n":
            raise Wrong("the Y4M is not one")
        planes = []
        for h, w in sizes:
            planes.append(np.frombuffer(rest, np.uint8, h * w, at).reshape(h, w))
            at += h * w
        yield checksum_of(planes)


def _compare(way: str, shown: list[int], data: bytes, first: int, report: DecodeReport | None) -> None:
    """The pictures shown, from number `first` on, are those of the stream's whole records."""
    records = sorted(_records(data, first, on=way == "conceal"), key=lambda record: record.number)
    told = [record.checksum for record in records if record.number >= first]
    if way == "conceal":
        grey = {checksum for checksum in shown if checksum not in told}  # stands in before the first good picture
        if len(grey) > 1 or (report and not report.notices and shown != told):
            raise Wrong("pictures that no record tells of were shown, or concealed without a word")
    elif shown != told[: len(shown)] or (way != "part" and report and len(shown) != len(told)):
        raise Wrong("pictures with other checksums than the stream tells, or too few, were shown as right")


def _records(data: bytes, first: int, *, on: bool) -> Iterator[PictureRecord]:
    """The whole records from picture `first` on, up to the damage, or beyond it."""
    try:
        reader = StreamReader(io.BytesIO(data))
        if first:
            reader.seek(first)  # past damage too, if there is an index
    except LvcError:
        return
    while True:
        try:
            yield from reader
            return
        except LvcError:
            if not on:
                return
        try:
            reader.resync()
        except LvcError:
            return
