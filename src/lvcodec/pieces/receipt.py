"""What stands behind the stream in the file of a coded piece: which piece of which plan it is, and its hash.

A line of JSON after the end record: the file is a stream like any other to all who read it from its beginning.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError, StreamError, reason_of
from lvcodec.pieces.digest import digest_of
from lvcodec.pieces.plan import Plan

_TAIL_BYTES = 4096  # more than a receipt has
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Receipt:
    """What is known of a coded piece.

    plan: its identity; piece: the number there. qualities: the digest of its GOPs' quality indices. sha256: of the
    stream, hexadecimal. elapsed_s: how long coding took; processor_s: of processors of `host`, in the
    process that coded.
    """

    plan: str
    piece: int
    qualities: str
    stream_bytes: int
    payload_bytes: int
    sha256: str
    elapsed_s: float
    processor_s: float
    host: str

    def to_bytes(self) -> bytes:
        """As it stands in the file."""
        return b"\n" + json.dumps(asdict(self)).encode() + b"\n"


def receipt_of(plan: Plan, number: int) -> Receipt | None:
    """That of a coded piece, if the file is whole and what the plan asks for; None if there is no file.

    Raises InputError for a file that cannot be read or is of another plan or piece, StreamError for a damaged one.
    """
    path, title = plan.file_of(number), plan.title(number)
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            receipt = _parsed(file.read())
            if receipt is None or receipt.stream_bytes + len(receipt.to_bytes()) != size:
                raise StreamError(f"{title} is damaged: {path} does not end as a whole piece does")
            if receipt.plan != plan.identity:
                raise InputError(f"{title} is foreign: {path} is of plan {receipt.plan}, not of {plan.identity}")
            if receipt.piece != number:
                raise InputError(f"{title} is foreign: {path} is piece {receipt.piece}")
            if receipt.qualities != digest_of(plan.qualities_of(number)):
                raise InputError(f"{title} is to be coded again: its size was missed, and it has other qualities now")
            file.seek(0)
            digest, left = hashlib.sha256(), receipt.stream_bytes
            while left and (data := file.read(min(left, _CHUNK_BYTES))):
                digest.update(data)
                left -= len(data)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{title}: cannot read {path}: {reason_of(error)}") from error
    if digest.hexdigest() != receipt.sha256:
        raise StreamError(f"{title} is damaged: {path} has other bytes than were coded")
    return receipt


def _parsed(tail: bytes) -> Receipt | None:
    try:
        record: Any = json.loads(tail[tail.rfind(b"\n{") :])
        return Receipt(**record)
    except (ValueError, TypeError):
        return None


def folder_is_there(path: Path) -> None:
    """Make a folder for pieces unless it is there. Raises InputError if that cannot be done."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {reason_of(error)}") from error
