"""What ffmpeg's messages tell of an input (imageio-ffmpeg brings no ffprobe)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from lvcodec.errors import InputError
from lvcodec.video.colour import CHROMA_LOCATIONS, MATRICES, PRIMARIES, TRANSFERS, UNSPECIFIED, Colour
from lvcodec.video.ffmpeg import MESSAGE, last_words
from lvcodec.video.track_text import Track, chapters_in, counted, tracks_in

_STREAM = re.compile(
    r"^ *Stream #0:(\d+)[^:]*: (Video|Audio|Subtitle|Data|Attachment): (.*)$",
    re.MULTILINE,
)
_GRID = re.compile(r"^ *Stream group #0:(\d+)[^:]*: Tile Grid: (.*)$", re.MULTILINE)
_PIXELS = re.compile(r", ([a-z][a-z0-9_]*)(?:\(((?:[^()]|\([^()]*\))*)\))?, (\d+)x(\d+)")
_INTERLACED = re.compile(r"(top|bottom) (coded )?first")
_TEXT_CODECS = {"ansi", "xbin", "bintext", "idf"}  # ffmpeg draws text files as pictures
_ASPECT = re.compile(r"SAR (\d+):(\d+)")
_TURNS = re.compile(r"^Filter '(transpose|rotate|hflip|vflip)' formats", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """An input as ffmpeg describes it.

    stream: its number among all streams; group: the number of the grid of tiles that is taken whole, or None.
    video: the stream's number among those that are no cover pictures. demuxer: ffmpeg's names for the container.
    size, pix_fmt: of what comes out. header_rate: pictures a second as the container or its first pictures have it;
    mean_rate: on the average, by two decimals. start_s, duration_s: of the longest stream. track_s: when the
    last picture ends, where a tag of the stream tells. alone: there is no other stream. range_stated: whether
    full_range of `colour` is what the input says, or what is usual. aspect: of the samples that come out, width over
    height. tracks, chapters: what there is beside the pictures.
    """

    stream: int
    group: int | None
    video: int
    demuxer: str
    codec: str
    pix_fmt: str
    size: tuple[int, int]
    header_rate: Fraction | None
    mean_rate: Fraction | None
    colour: Colour
    range_stated: bool
    start_s: float
    duration_s: float | None
    track_s: float | None
    alone: bool
    interlaced: bool
    aspect: Fraction
    tracks: tuple[Track, ...]
    chapters: int
    notices: tuple[str, ...]

    @property
    def still(self) -> bool:
        """Whether it is a picture, or numbered ones, whose rate is ffmpeg's and nobody else's."""
        pictures = self.demuxer == "image2" or self.demuxer.endswith("_pipe")
        return pictures and self.codec not in {"h264", "hevc", "dnxhd"}

    @property
    def indexed(self) -> bool:
        """Whether the container has the time of each picture in an index that ffmpeg has read."""
        return "mov" in self.demuxer.split(",")

    @property
    def anywhere(self) -> bool:
        """Whether it is a recording that begins and ends anywhere: its first pictures may need some that it lacks."""
        return self.duration_s is None or self.demuxer in {"mpegts", "mpeg"}


def parse(messages: str, name: str) -> Said:
    """Read ffmpeg's messages of level debug about input `name`. Raises InputError where they tell of no video."""
    text, turns = _plain(messages)
    source, _, output = text.partition("\nOutput #0")
    streams = [(int(m[1]), m[2], m[3]) for m in _STREAM.finditer(source)]
    videos = [(index, line) for index, kind, line in streams if kind == "Video"]
    if not videos:
        if streams:
            raise InputError(f"{name} has no video stream, only {counted(tracks_in(source))}")
        raise InputError(f"ffmpeg cannot read {name}: {_reason(source)}")
    moving = [item for item in videos if "(attached pic)" not in item[1] and "(timed thumbnails)" not in item[1]]
    if not moving:
        raise InputError(f"{name} has no video stream, only a cover picture")
    index, group, line, choice = _taken(source, moving, name)
    codec = line.split()[0].rstrip(",")
    if codec in _TEXT_CODECS:
        raise InputError(f"{name} is a text file, not a video")
    pixels, shown = _PIXELS.search(line), _PIXELS.search(output)
    if not pixels or not shown:
        raise InputError(f"ffmpeg cannot decode {name}: {_reason(text)}")
    size = int(shown[3]), int(shown[4])
    exact = re.search(r" fr:(\d+)/(\d+)", text)
    average = re.search(r", ([\d.]+)(k?) fps", line)
    mean = Fraction(average[1]) * (1000 if average[2] else 1) if average else None
    demuxer = re.search(r"^Input #0, (\S+), from", source, re.MULTILINE)
    start = re.search(r"start: (-?[\d.]+)", source)
    notices = [*choice, *_picture_notices(line, source, turns, (pixels[3], pixels[4]), size)]
    return Said(
        stream=index,
        group=group,
        video=[number for number, _ in moving].index(index),
        demuxer=demuxer[1] if demuxer else "",
        codec=codec,
        pix_fmt=shown[1],
        size=size,
        header_rate=Fraction(int(exact[1]), int(exact[2])) if exact and int(exact[1]) and int(exact[2]) else None,
        mean_rate=mean or None,
        colour=_colour(pixels[1], pixels[2] or "", shown[2] or ""),
        range_stated=pixels[1].startswith("yuvj") or re.search(r"\b(tv|pc)\b", f"{pixels[2]} {shown[2]}") is not None,
        start_s=max(0.0, float(start[1])) if start else 0.0,
        duration_s=_time(r"Duration: (\d+):(\d\d):(\d\d\.\d+)", source),
        track_s=_track_time(source, index),
        alone=len(streams) == 1,
        interlaced=_INTERLACED.search(line) is not None,
        aspect=_aspect(output),
        tracks=tracks_in(source),
        chapters=chapters_in(source),
        notices=tuple(notices),
    )


def _plain(messages: str) -> tuple[str, list[str]]:
    """The messages without their levels and those of level debug, and which filters turn or mirror the pictures."""
    lines, turns = [], []
    for line in messages.splitlines():
        match = MESSAGE.match(line)
        if match is None:
            lines.append(line)
        elif match[2] not in {"debug", "trace"}:
            lines.append(match[1] + match[3])
        elif turn := _TURNS.match(match[3]):
            turns.append(turn[1])
    return "\n".join(lines), turns


def _taken(source: str, moving: list[tuple[int, str]], name: str) -> tuple[int, int | None, str, list[str]]:
    """The stream that ffmpeg has chosen: its number, its group's if that is a grid, its line, what to tell of it."""
    mapped = re.search(r"^ *Stream #0:(\d+) -> #0:0", source, re.MULTILINE)
    if grids := [(int(m[1]), m[2]) for m in _GRID.finditer(source)]:
        chosen = [grid for grid in grids if "(default)" in grid[1]] or grids
        if "-> xstack" in source:
            number, line = chosen[0]
            return moving[0][0], number, line, []
        if mapped is None or "(dependent)" in dict(moving).get(int(mapped[1]), "(dependent)"):
            raise InputError(
                f"{name} is a grid of tiles, which this ffmpeg cannot put together", "install ffmpeg 8.1 or later"
            )
    lines = dict(moving)
    index = int(mapped[1]) if mapped and int(mapped[1]) in lines else moving[0][0]
    if len(moving) == 1:
        return index, None, lines[index], []
    why = "the default one" if "(default)" in lines[index] else "the largest"
    return index, None, lines[index], [f"{len(moving)} video streams: stream {index} is taken, {why}"]


def _time(pattern: str, text: str) -> float | None:
    match = re.search(pattern, text)
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else None


def _track_time(source: str, index: int) -> float | None:
    """The tag DURATION of a stream, as Matroska has it."""
    _, _, after = source.partition(f"Stream #0:{index}")
    own = re.split(r"^ *Stream ", after, maxsplit=1, flags=re.MULTILINE)[0]
    return _time(r"\n +DURATION\S* *: (\d+):(\d\d):(\d\d\.\d+)", own)


def _aspect(output: str) -> Fraction:
    """Of the samples that come out: turned with the pictures."""
    match = _ASPECT.search(output)
    return Fraction(int(match[1]), int(match[2])) if match and int(match[1]) and int(match[2]) else Fraction(1)


def _picture_notices(
    line: str, source: str, turns: list[str], coded: tuple[str, str], size: tuple[int, int]
) -> list[str]:
    notices = []
    if turn := _turn(source, turns):
        was, now = "x".join(coded), f"{size[0]}x{size[1]}"
        notices.append(f"{turn} is applied" + (f": {was} becomes {now}" if was != now else ""))
    if _INTERLACED.search(line):
        notices.append("interlaced input is coded as progressive pictures")
    if re.search(r"alpha_mode *: *1", source):
        notices.append("the alpha channel is not kept")
    return notices


def _turn(source: str, turns: list[str]) -> str | None:
    """What the file's display matrix asks for, which ffmpeg's message knows as an angle only."""
    rotation = re.search(r"rotation of (-?[\d.]+) degrees", source)
    if not rotation:
        return None
    angle = f"rotation flag of {float(rotation[1]):g} degrees"
    mirrors = {"hflip": "a flag that mirrors pictures left to right", "vflip": "a flag that turns pictures upside down"}
    if len(turns) == 1 and turns[0] in mirrors:
        return mirrors[turns[0]]
    if "transpose" in turns and re.search(r"w:\d+ h:\d+ dir:[03] ", source):
        return f"{angle} with a mirror"
    return angle if round(float(rotation[1])) % 360 != 0 else None


def _colour(pix_fmt: str, tags: str, shown_tags: str) -> Colour:
    """The colour description in `yuv420p(tv, bt709/unknown/unknown, progressive, left)`."""
    primaries = transfer = matrix = UNSPECIFIED
    full_range = pix_fmt.startswith("yuvj")
    location = 0
    for part in [*shown_tags.split(", "), *tags.split(", ")]:  # the input's own tags win
        names = part.split("/")
        if part in {"tv", "pc"}:
            full_range = part == "pc"
        elif part in CHROMA_LOCATIONS:
            location = CHROMA_LOCATIONS[part]
        elif len(names) == 3:
            matrix = MATRICES.get(names[0], UNSPECIFIED)
            primaries = PRIMARIES.get(names[1], UNSPECIFIED)
            transfer = TRANSFERS.get(names[2], UNSPECIFIED)
        elif part in MATRICES or part in PRIMARIES:
            matrix = MATRICES.get(part, UNSPECIFIED)
            primaries = PRIMARIES.get(part, UNSPECIFIED)
            transfer = TRANSFERS.get(part, UNSPECIFIED)
    return Colour(primaries, transfer, matrix, full_range=full_range, chroma_location=location)


def _reason(text: str) -> str:
    """The last words of ffmpeg among all that `-v verbose` says."""
    telling = (
        "error",
        "invalid",
        "not found",
        "no such",
        "could not",
        "cannot",
        "failed",
        "unknown",
        "missing",
    )
    lines = [
        line
        for line in text.splitlines()
        if any(word in line.lower() for word in telling) and "Statistics" not in line and "decode errors" not in line
    ]
    return last_words(lines[:6])
