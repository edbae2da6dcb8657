"""What goes along with a planned film as a whole: its sound and other tracks, and the times of pictures.

They are copied out of the source when it is planned, into a file a kind in the folder of the pieces; the plan has their
hashes. `join` puts them behind the last picture, where the encoder of the whole film does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lvcodec.errors import InputError, reason_of
from lvcodec.video.atomic import AtomicFile

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class SideFileHash:
    """A kind of side data (stream.fields.SIDE_TRACKS and others), and the SHA-256 of its file, hexadecimal."""

    what: int
    sha256: str

    def path(self, folder: Path) -> Path:
        """Where it is, in the folder of the pieces."""
        return folder / f"beside{self.what}.bin"

    def chunks(self, folder: Path) -> Iterator[bytes]:
        """Its bytes."""
        with open(self.path(folder), "rb") as file:
            while data := file.read(_CHUNK_BYTES):
                yield data

    def check(self, folder: Path) -> None:
        """Raise InputError if the file is missing or has other bytes."""
        digest = hashlib.sha256()
        try:
            for data in self.chunks(folder):
                digest.update(data)
        except OSError as error:
            raise InputError(f"cannot read {self.path(folder)}: {reason_of(error)}", "make a new plan") from error
        if digest.hexdigest() != self.sha256:
            raise InputError(f"{self.path(folder)} has other bytes than the plan says", "make a new plan")


def kept(folder: Path, what: int, chunks: Iterable[bytes]) -> SideFileHash:
    """One kind of side data, written into the folder. Raises InputError if that cannot be done."""
    digest = hashlib.sha256()
    with AtomicFile(SideFileHash(what, "").path(folder), overwrite=True) as file:
        for data in chunks:
            digest.update(data)
            file.write(data)
    return SideFileHash(what, digest.hexdigest())
