"""The tracks beside the pictures, as ffmpeg's messages list them: sound, subtitles, attachments; chapters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_STREAM = re.compile(
    r"^ *Stream #0:(\d+)(?:\[[^\]]*\])?(?:\(([\w-]+)\))?[^:]*: (Audio|Subtitle|Attachment|Data): (.*)$", re.MULTILINE
)
_CHAPTER = re.compile(r"^ *Chapter #0:\d+: start ", re.MULTILINE)
_CHAPTER_TRACK = "(text / 0x74786574)"  # MP4 has chapters once more as a track, which players read as them
_NOISE = re.compile(
    r" \([^()]* / 0x[0-9A-Fa-f]{4,8}\)|, start -?[\d.]+|, 0 kb/s|, (?:delay|padding) \d+| \((?:default|forced)\)"
)


@dataclass(frozen=True)
class Track:
    """One of a file's streams. number: among all of them. kind: "audio", "subtitle", "attachment" or "data".

    codec: ffmpeg's name. text: a line for people.
    """

    number: int
    kind: str
    codec: str
    text: str


def tracks_in(text: str) -> tuple[Track, ...]:
    """The tracks that ffmpeg's messages (without levels) about one input tell of; the pictures are none."""
    return tuple(_track(match) for match in _STREAM.finditer(text) if _CHAPTER_TRACK not in match[4])


def chapters_in(text: str) -> int:
    """How many chapters the messages tell of."""
    return len(_CHAPTER.findall(text))


def _track(match: re.Match[str]) -> Track:
    kind, codec = match[3].lower(), match[4].split()[0].rstrip(",")
    language = f" ({match[2]})" if match[2] and match[2] != "und" else ""
    return Track(int(match[1]), kind, codec, f"{kind}{language}: {_NOISE.sub('', match[4])}")


def counted(tracks: Sequence[Track], chapters: int = 0) -> str:
    """Of each kind how many: "1 audio stream, 2 subtitle streams, 3 chapters"; empty for none."""
    counts: dict[str, int] = {}
    for track in tracks:
        counts[f"{track.kind} stream"] = counts.get(f"{track.kind} stream", 0) + 1
    if chapters:
        counts["chapter"] = chapters
    return ", ".join(f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts.items())
