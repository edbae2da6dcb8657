"""Pieces of a clip on which qualities are tried: all of a short one, else the beginnings of GOPs all over it.

One pass reads the clip, finds its GOPs, and keeps pieces as raw files in a folder that goes with them. How long the
clip is shows at its end only: where there get to be too many pieces, every other one is dropped, and fewer are taken
from then on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lvcodec.errors import InputError
from lvcodec.measure.raw import read_all
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.writing import refusals_told

PIECE = 33  # pictures: an I-picture and four runs of eight
MOST_PIECES = 24  # and at least half as many, if the clip has them
MOST_BYTES = 2**30  # of all pieces
SHORT = 480  # pictures: clips up to this length are tried as a whole


@dataclass(frozen=True)
class Piece:
    """The first pictures of a GOP. gop: its number; path: a raw file that holds them."""

    gop: int
    pictures: int
    path: Path


@dataclass
class Samples:
    """Pieces of a clip, and how long its GOPs are. whole: the pieces are all of the clip."""

    video: VideoFormat
    pieces: list[Piece] = field(default_factory=list)
    gops: list[int] = field(default_factory=list)
    whole: bool = True

    @property
    def pictures(self) -> int:
        """Of the clip."""
        return sum(self.gops)

    @property
    def sampled(self) -> int:
        """Pictures of the pieces."""
        return sum(piece.pictures for piece in self.pieces)

    def read(self, piece: Piece) -> Iterator[Picture]:
        """The pictures of a piece."""
        return read_all(piece.path, self.video)


@contextmanager
def samples_of(
    runs: Iterable[Iterable[Picture]], video: VideoFormat, on_picture: Callable[[int], None]
) -> Iterator[Samples]:
    """Read a clip's GOPs to the end, and keep pieces of them; on_picture(number) is called after each picture.

    Raises InputError if the clip has no pictures, or there is no room for the pieces.
    """
    with tempfile.TemporaryDirectory(prefix="lvcodec-") as folder:
        samples = Samples(video)
        most = max(4, min(MOST_PIECES, MOST_BYTES // (PIECE * video.picture_bytes)))
        short = min(SHORT, MOST_BYTES // video.picture_bytes)
        stride = 1
        for gop, run in enumerate(runs):
            taken, is_taken = 0, gop % stride == 0
            path = Path(folder) / f"{gop}.yuv"
            samples.gops.append(0)
            for picture in run:
                if is_taken and (samples.whole or taken < PIECE):
                    append(path, picture.tobytes())
                    taken += 1
                samples.gops[gop] += 1
                on_picture(samples.pictures)
            samples.pieces += [Piece(gop, taken, path)] if is_taken else []
            if samples.whole and samples.pictures > short:
                samples.whole = False
                samples.pieces = [_cut(piece, video) for piece in samples.pieces]
            while not samples.whole and len(samples.pieces) > most:
                stride *= 2
                for dropped in [piece for piece in samples.pieces if piece.gop % stride]:
                    dropped.path.unlink()
                samples.pieces = [piece for piece in samples.pieces if piece.gop % stride == 0]
        if not samples.pictures:
            raise InputError("the input holds no pictures")
        yield samples


def append(path: Path, data: bytes) -> None:
    """Add to a file. Raises InputError if the system refuses: there may be no room."""
    with refusals_told(str(path)), open(path, "ab") as file:
        file.write(data)


def _cut(piece: Piece, video: VideoFormat) -> Piece:
    """No more of a piece than a long clip's."""
    pictures = min(piece.pictures, PIECE)
    with open(piece.path, "r+b") as file:
        file.truncate(pictures * video.picture_bytes)
    return Piece(piece.gop, pictures, piece.path)
