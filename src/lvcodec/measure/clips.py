"""Clips of a comparison: find them in folders, write each once as the raw 4:2:0 that all codecs are given."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from lvcodec.errors import InputError
from lvcodec.frames import Frames
from lvcodec.measure.meaning import meaning_of
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.rawformat import RAW_SUFFIXES
from lvcodec.video.reader import ByteReader
from lvcodec.video.source import open_source

SUFFIXES = RAW_SUFFIXES | {
    ".y4m",
    ".mkv",
    ".mp4",
    ".m4v",
    ".mov",
    ".avi",
    ".webm",
    ".nut",
    ".ts",
    ".mpg",
    ".h264",
    ".hevc",
}
AVERAGE = "average"  # what the mean over clips is called; no clip is


@dataclass(frozen=True)
class Reading:
    """How the clips are read: which pictures, and what raw files do not say of themselves."""

    frames: Frames | None = None
    size: tuple[int, int] | None = None
    rate: Fraction | None = None
    pix_fmt: str | None = None


@dataclass(frozen=True)
class Clip:
    """A clip as every codec gets it: `raw` holds `pictures` pictures of `video`, 8-bit 4:2:0, digest their SHA-256."""

    name: str
    raw: Path
    video: VideoFormat
    pictures: int
    digest: str
    notices: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Bytes of the raw pictures."""
        return self.pictures * self.video.picture_bytes

    def bpp(self, size_bytes: int) -> float:
        """Bits a pixel of a file that holds the clip."""
        return 8 * size_bytes / (self.video.width * self.video.height * self.pictures)

    def kbps(self, size_bytes: int) -> float:
        """Thousand bits a second at the clip's rate."""
        return float(8 * size_bytes * self.video.rate / self.pictures / 1000)


def find_clips(places: Iterable[str | os.PathLike[str]]) -> dict[str, Path]:
    """Clips by name: files as they are named, of folders the videos directly in them, sorted.

    Files need not exist: reading them tells. Raises InputError for a folder without videos.
    """
    clips: dict[str, Path] = {}
    for place in map(Path, places):
        paths = [place]
        if place.is_dir():
            paths = sorted(path for path in place.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
            if not paths:
                raise InputError(f"{place} holds no videos")
        for path in paths:
            name, number = path.stem, 2
            while name in clips or name == AVERAGE:
                name, number = f"{path.stem}-{number}", number + 1
            clips[name] = path
    return clips


@contextmanager
def prepared(
    name: str,
    source: Path | ByteReader | tuple[Sequence[Picture], VideoFormat],
    folder: Path,
    reading: Reading,
    *,
    reference: VideoFormat | None = None,
) -> Iterator[Clip]:
    """The clip, from a file or from pictures in memory, written raw into `folder` for as long as the context lasts.

    reference: whose range and matrix the pictures are brought to, where they are other ones.
    Raises InputError if it cannot be read, is not what it says, or cannot be brought to those.
    """
    raw = folder / f"{name}.yuv"
    digest, count = hashlib.sha256(), 0
    try:
        with (
            open_source(
                source, size=reading.size, rate=reading.rate, pix_fmt=reading.pix_fmt, frames=reading.frames
            ) as pictures,
            open(raw, "wb") as file,
        ):
            meaning = meaning_of(pictures.format, reference or pictures.format)
            for picture in pictures:
                if meaning.change is not None:
                    picture = meaning.change(picture)
                data = picture.tobytes()
                digest.update(data)
                file.write(data)
                count += 1
            video = replace(pictures.format, colour=meaning.colour)
            notices = (*pictures.notices, *meaning.notices)
        digest.update(f"{video}".encode())
        yield Clip(name, raw, video, count, digest.hexdigest(), notices)
    finally:
        raw.unlink(missing_ok=True)
