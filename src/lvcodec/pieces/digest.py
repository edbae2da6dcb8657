"""Whether pictures are those that a plan was made from: a hash of each, and of all of a piece."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable

from lvcodec.video.picture import Picture

DIGEST_BYTES = 16


def picture_crc(picture: Picture) -> int:
    """CRC-32 of the rows of Y, U and V."""
    crc = 0
    for plane in picture.planes:
        crc = zlib.crc32(plane.data, crc)
    return crc


def digest_of(crcs: Iterable[int]) -> str:
    """What stands for pictures in order, by the CRC-32 of each: the beginning of a SHA-256, hexadecimal."""
    return hashlib.sha256(b"".join(crc.to_bytes(4, "little") for crc in crcs)).digest()[:DIGEST_BYTES].hex()
