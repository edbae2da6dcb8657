"""How long the pictures of an MP4, MOV or AVI file play by its own index, which ffmpeg's messages do not tell.

They tell the longest stream's duration. Sound may well be longer than the pictures; an index that says more of
the pictures than there is means that the file is cut.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import IO

MAX_INDEX_BYTES = 1 << 28
_UNKNOWN = {0, 2**32 - 1, 2**64 - 1}


def stated_duration_s(file: IO[bytes], video: int) -> Fraction | None:
    """Seconds that video stream `video` (from 0) is said to play; None where this is another kind of file, or unsaid.

    file: at its start, seekable; it is moved.
    """
    head = file.read(12)
    file.seek(0)
    try:
        if head[:4] == b"RIFF" and head[8:] == b"AVI ":
            return _avi(file.read(1 << 16), video)
        if head[4:8] in {b"ftyp", b"moov", b"free", b"skip", b"wide", b"mdat"}:
            return _mp4(_moov(file), video)
    except (struct.error, IndexError, ValueError, OSError):
        return None  # damaged; what is wrong with it ffmpeg will tell
    return None


def _moov(file: IO[bytes]) -> bytes:
    """The box with the index; empty if there is none."""
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        skipped = 8
        if size == 1:
            size, skipped = struct.unpack(">Q", file.read(8))[0], 16
        if kind == b"moov":
            return file.read(min(size - skipped, MAX_INDEX_BYTES))
        if size < skipped:
            break
        file.seek(size - skipped, 1)
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes in a box: kind and content."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return
        yield kind, data[at + 8 : at + size]
        at += size


def _inner(data: bytes, *path: bytes) -> bytes:
    """The content of the first box of that path. Raises ValueError if there is none."""
    for kind in path:
        data = next((inner for name, inner in _boxes(data) if name == kind), b"")
        if not data:
            raise ValueError(kind)
    return data


def _mp4(moov: bytes, video: int) -> Fraction | None:
    movie = _inner(moov, b"mvhd")
    scale = struct.unpack_from(">I", movie, 20 if movie[0] else 12)[0]
    tracks = [track for kind, track in _boxes(moov) if kind == b"trak" and _is_video(track)]
    header, media = _inner(tracks[video], b"tkhd"), _inner(tracks[video], b"mdia", b"mdhd")
    # a track may be shown in part, and some writers give it the movie's length: the shorter of the two is meant
    shown = struct.unpack_from(">Q", header, 28)[0] if header[0] else struct.unpack_from(">I", header, 20)[0]
    media_scale, stored = struct.unpack_from(">IQ", media, 20) if media[0] else struct.unpack_from(">II", media, 12)
    said = [Fraction(ticks, per) for ticks, per in ((shown, scale), (stored, media_scale)) if ticks not in _UNKNOWN]
    return min(said) if said else None


def _is_video(track: bytes) -> bool:
    return _inner(track, b"mdia", b"hdlr")[8:12] == b"vide"


def _avi(data: bytes, video: int) -> Fraction | None:
    """By the header of the stream: so many pictures, each of scale / rate seconds."""
    at, seen = data.find(b"strh"), 0
    while at >= 0:
        if data[at + 8 : at + 12] == b"vids":
            if seen == video:
                scale, rate, _, length = struct.unpack_from("<4I", data, at + 28)
                return Fraction(length * scale, rate) if length and scale and rate else None
            seen += 1
        at = data.find(b"strh", at + 4)
    return None
