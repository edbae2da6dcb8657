"""Which file a film was read from: its size, and a hash of samples of its bytes.

A whole hash of a film would cost each of many machines minutes of reading for every piece. Samples notice another file
or another cut at once; that no picture is other than it was, each piece checks for its own pictures (coding.py).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from lvcodec.errors import InputError, UsageError
from lvcodec.video.numbered import Numbered
from lvcodec.video.reader import read_error
from lvcodec.video.source import can_be_opened_again

SAMPLES, SAMPLE_BYTES = 64, 1 << 16  # files of up to 4 MiB are hashed whole


@dataclass(frozen=True)
class Fingerprint:
    """Of a file, or of all files that a pattern stands for: bytes in all, and SHA-256 (hexadecimal) of samples."""

    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, source: str) -> Fingerprint:
        """Raises UsageError for what cannot be read again and again, InputError for what cannot be read."""
        path = Path(source)
        numbered = None if path.exists() else Numbered.of(path)
        files = [path] if numbered is None else [file for _, file in sorted(numbered.present().items())]
        if source == "-" or (path.exists() and not can_be_opened_again(path)):
            raise UsageError(f"pieces of {source} cannot be read one by one", "put it into a file first")
        if not files:
            raise InputError(f"no file fits the pattern {path}")
        digest, size_bytes = hashlib.sha256(), 0
        for file in files:
            try:
                size_bytes += _hash_samples(file, digest)
            except OSError as error:
                raise read_error(str(file), error) from error
        return cls(size_bytes, digest.hexdigest())


def _hash_samples(path: Path, digest: hashlib._Hash) -> int:
    """Hash a file's size and samples spread evenly over it, the first and the last bytes among them; its size."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        digest.update(size.to_bytes(8, "little"))
        last = max(0, size - SAMPLE_BYTES)
        for place in sorted({last * number // (SAMPLES - 1) for number in range(SAMPLES)}):
            file.seek(place)
            digest.update(file.read(SAMPLE_BYTES))
    return size
