"""Whether pictures, or qualities, are those of a plan: a hash of each picture, and of numbers in order."""

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


def digest_of(numbers: Iterable[int]) -> str:
    """What stands for numbers of 32 bits in order, as CRCs of pictures: the beginning of a SHA-256, hexadecimal."""
    return hashlib.sha256(b"".join(each.to_bytes(4, "little") for each in numbers)).digest()[:DIGEST_BYTES].hex()
