"""The plan: a film cut into pieces of whole GOPs, and all that a machine has to know to code one of them.

It is a JSON file. Its pieces are coded into the folder beside it: PLAN.json's into PLAN.pieces. The longest piece has
number 0, so that whoever takes them in order begins with what takes longest. The plan's identity is a hash of all but
two things: the place of the source, so that plan and source may be moved, and the aim, by which GOPs have their
qualities. Some of those change where a size is missed, and pieces without such a GOP stay good.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from numbers import Real
from pathlib import Path
from typing import Any

from lvcodec.encoder.aim import Aim
from lvcodec.errors import InputError, LvcError, UsageError, reason_of
from lvcodec.options import Encoding
from lvcodec.pieces.beside import SideFileHash
from lvcodec.pieces.fingerprint import Fingerprint
from lvcodec.stream.header import Header, read_header
from lvcodec.video.atomic import AtomicFile

FORMAT = 2  # of the file
# Options that decide nothing about the stream: each machine has its own.
LOCAL = frozenset(
    "recon psnr verify jobs device backend overwrite keep_partial cluster ship resume".split()  # fields of Encoding
)


@dataclass(frozen=True)
class Piece:
    """A run of whole GOPs.

    first: its first picture, counted from 0 in the stream. gops: pictures of each GOP. opening: CRC-32 of the first
    picture. digest: of all pictures, as digest.py makes it. seek_s: where the first picture may be looked for in the
    source; None where it is found without.
    """

    first: int
    gops: tuple[int, ...]
    opening: int
    digest: str
    seek_s: Fraction | None = None

    @property
    def pictures(self) -> int:
        return sum(self.gops)

    @property
    def end(self) -> int:
        """The number of the picture after its last one."""
        return self.first + self.pictures

    @property
    def starts(self) -> set[int]:
        """The numbers of the pictures that GOPs begin with, counted from the piece's first."""
        return {sum(self.gops[:number]) for number in range(len(self.gops))}

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return vars(self) | {"gops": list(self.gops), "seek_s": None if self.seek_s is None else str(self.seek_s)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Piece:
        """What as_dict made. Raises KeyError, TypeError or ValueError for anything else."""
        seek_s = record["seek_s"]
        return cls(
            int(record["first"]),
            tuple(map(int, record["gops"])),
            int(record["opening"]),
            str(record["digest"]),
            None if seek_s is None else Fraction(seek_s),
        )


@dataclass(frozen=True)
class Plan:
    """A plan.

    path: of its file. source: path of the video. fingerprint: of that. encoding: options, but for LOCAL ones.
    header: of the stream. canary: the hash that the weights give at its quality. version: of lvcodec. pieces: by their
    numbers, the longest first. aim: the qualities of the GOPs. beside: what follows the last picture, in this order.
    """

    path: Path
    source: str
    fingerprint: Fingerprint
    encoding: Encoding
    header: Header
    canary: str
    version: str
    pieces: tuple[Piece, ...]
    aim: Aim
    beside: tuple[SideFileHash, ...] = ()

    @cached_property
    def identity(self) -> str:
        """Tells it from all other plans, wherever it and its source lie and whatever its aim; hexadecimal."""
        return _hash_of(self._facts())

    @property
    def pictures(self) -> int:
        """Of the whole film."""
        return sum(piece.pictures for piece in self.pieces)

    @property
    def in_order(self) -> list[int]:
        """The numbers of the pieces in the order of the film."""
        return sorted(range(len(self.pieces)), key=lambda number: self.pieces[number].first)

    @cached_property
    def first_gops(self) -> dict[int, int]:
        """The number of each piece's first GOP within the film."""
        counts = (len(self.pieces[number].gops) for number in self.in_order)
        return dict(zip(self.in_order, accumulate(counts, initial=0), strict=False))

    def qualities_of(self, number: int) -> list[int]:
        """The quality indices of a piece's GOPs."""
        first = self.first_gops[number]
        return [self.aim.qualities.of(first + gop) for gop in range(len(self.pieces[number].gops))]

    @property
    def folder(self) -> Path:
        """Where the coded pieces are."""
        return folder_of(self.path)

    def file_of(self, number: int) -> Path:
        """Where a coded piece is, or will be."""
        return self.folder / f"{number:04}.lvc"

    def log_of(self, number: int) -> Path:
        """Where it stands why a piece failed."""
        return self.folder / f"{number:04}.log"

    def title(self, number: int) -> str:
        """What messages call a piece."""
        piece = self.pieces[number]
        return f"piece {number} (pictures {piece.first} to {piece.end - 1})"

    def piece(self, number: int) -> Piece:
        """A piece by its number. Raises UsageError if the plan has none."""
        if not 0 <= number < len(self.pieces):
            raise UsageError(f"{self.path} has no piece {number}", f"its pieces are 0 to {len(self.pieces) - 1}")
        return self.pieces[number]

    def _facts(self) -> dict[str, Any]:
        """All but where things are."""
        return {
            "format": FORMAT,
            "lvcodec": self.version,
            "source": vars(self.fingerprint),
            "encoding": stream_options(self.encoding),
            "header": self.header.to_bytes().hex(),
            "canary": self.canary,
            "pieces": [piece.as_dict() for piece in self.pieces],
            "beside": [vars(side) for side in self.beside],
        }

    def as_dict(self) -> dict[str, Any]:
        """The file's content."""
        facts, aim = self._facts(), self.aim.as_dict()
        return facts | {
            "plan": self.identity,
            "source": {"path": self._stored_source(), **facts["source"]},
            "aim": aim,
            "hash": _hash_of([self.identity, aim]),
        }

    def _stored_source(self) -> str:
        """From the plan's folder where the source lies in there: both may be moved together then."""
        folder, source = (Path(os.path.abspath(place)) for place in (self.path.parent, self.source))
        return str(source.relative_to(folder) if source.is_relative_to(folder) else source)

    def write(self, *, overwrite: bool) -> None:
        """Write the file. Raises InputError if that cannot be done."""
        with AtomicFile(self.path, overwrite=overwrite) as file:
            file.write((json.dumps(self.as_dict(), indent=1) + "\n").encode())

    @classmethod
    def read(cls, place: str | os.PathLike[str]) -> Plan:
        """The plan in a file. Raises InputError if it cannot be read or is none."""
        path = Path(place)
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"cannot read the plan {path}: {reason_of(error)}") from error
        except ValueError as error:  # no JSON, or no text
            raise _no_plan(path, "it is no JSON file") from error
        if not isinstance(record, dict) or "plan" not in record:
            raise _no_plan(path, "its JSON is of something else")
        if record.get("format") != FORMAT:
            raise _no_plan(path, f"its format is {record.get('format')!r}, not {FORMAT}")
        try:
            plan = cls(
                path,
                os.path.join(path.parent, record["source"]["path"]),
                Fingerprint(int(record["source"]["size_bytes"]), str(record["source"]["sha256"])),
                _encoding_of(record["encoding"]),
                read_header(io.BytesIO(bytes.fromhex(record["header"])).read),
                str(record["canary"]),
                str(record["lvcodec"]),
                tuple(Piece.from_dict(piece) for piece in record["pieces"]),
                Aim.from_dict(record["aim"]),
                tuple(SideFileHash(int(side["what"]), str(side["sha256"])) for side in record["beside"]),
            )
            told = plan.as_dict()
        except (LvcError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise _no_plan(path, f"{type(error).__name__}: {error}") from error
        if (told["plan"], told["hash"]) != (record["plan"], record.get("hash")):
            raise _no_plan(path, "it has been changed since it was made")
        return plan


def folder_of(path: Path) -> Path:
    """Where the pieces of the plan in a file are."""
    return path.with_suffix(".pieces")


def _hash_of(record: Any) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


def _no_plan(path: Path, why: str) -> InputError:
    return InputError(f"{path} is no plan that can be used: {why}", "lvcodec plan makes one")


def stream_options(encoding: Encoding) -> dict[str, Any]:
    """The options that decide what the stream is, but for those that are the usual ones, as JSON has them."""
    record: dict[str, Any] = {}
    for field in fields(encoding):
        value = _plain(getattr(encoding, field.name))
        if field.name not in LOCAL and value != _plain(field.default):
            record[field.name] = value
    return record


def _plain(value: Any) -> Any:
    """An option's value as JSON has it, whatever kinds of numbers and sequences it was given in."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Real):  # rates are fractions, and all that are asked for are as near as a float is
        return int(number) if (number := float(value)).is_integer() else number
    return [_plain(part) for part in value] if isinstance(value, Iterable) else bool(value)  # numpy's


def _encoding_of(record: Mapping[str, Any]) -> Encoding:
    """The options of a record. Raises UsageError, TypeError or ValueError for what is none."""
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record.items()
    }
    return Encoding(**options).validate()
