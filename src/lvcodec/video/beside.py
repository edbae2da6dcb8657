"""What goes into a file beside its pictures: their own times, and tracks of sound, subtitles and others.

    pictures with times ──► IVF ───────┐
                                       ├─► ffmpeg ──► the file
    side file ──► tracks, copied ──────┘

What a kind of file cannot take is left out, and said.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from lvcodec.errors import InputError
from lvcodec.video.ffmpeg import FfmpegProcess, file_argument
from lvcodec.video.presentation import stamp_of
from lvcodec.video.side_file import seconds, side_input_args, tracks_of_file
from lvcodec.video.track_text import Track

DAMAGED = "sound and other tracks are damaged, and left out"

_MP4 = (".mp4", ".mov", ".m4v", ".f4v", ".ismv", ".3gp", ".3g2")
_TS = (".ts", ".m2ts", ".mts", ".m2t")
# the kind of text subtitles that each has, for those that it cannot take as they are
_TEXT_AS = {".mkv": "srt", ".webm": "webvtt", **dict.fromkeys(_MP4, "mov_text")}
_SOUND_ONLY = {*_TS, ".nut", ".avi", ".flv", ".ogv", ".ogg", ".mpg", ".mpeg", ".vob", ".mxf", ".wmv", ".asf"}
_TIMED = {".mkv", ".webm", ".nut", ".flv", *_MP4, *_TS}  # whose pictures may come at any time
_TEXT = {"subrip", "ass", "ssa", "webvtt", "mov_text", "text"}
# Of subtitles that begin before a cut, the part after it: negative times would move all other tracks.
_CLIPPED = r"noise=drop=lte(pts+duration\,0),setts=pts=max(PTS\,0):dts=max(DTS\,0):duration=DURATION+min(PTS\,0)"
_FAMILY_TAGS = ("major_brand", "minor_version", "compatible_brands")  # of an MP4 file itself, not of what it holds


@dataclass(frozen=True)
class Beside:
    """What goes beside pictures.

    stamps: when each picture is shown, and where the last ends, in ticks of `tick` seconds after the first; None at the
    clip's rate. lines: a line each for the tracks that there are. tracks: the side file, None where there is none or
    none is wanted. start_s: when the first picture is shown on the clock of the side file. duration_s: of the pictures,
    None where they go on to the end; cut: whether they begin later than the clip. audio: whether sound is wanted.
    """

    tick: Fraction = Fraction(1, 1000)
    stamps: Sequence[int] | None = None
    lines: tuple[str, ...] = ()
    tracks: Path | None = None
    start_s: Fraction = Fraction(0)
    duration_s: Fraction | None = None
    cut: bool = False
    audio: bool = True

    def time_s(self, number: int, rate: Fraction) -> Fraction:
        """When picture `number` is shown, seconds after the first; also that after the last, which ends it."""
        return number / rate if self.stamps is None else stamp_of(self.stamps, number) * self.tick


@dataclass(frozen=True)
class Muxing:
    """ffmpeg's options that put tracks beside the pictures of its first input, and what is to be said of that."""

    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def takes_tracks(suffix: str) -> bool:
    """Whether files of that suffix hold more than pictures."""
    return suffix in _TEXT_AS or suffix in _SOUND_ONLY


def takes_times(suffix: str) -> bool:
    """Whether in files of that suffix each picture may have its own time."""
    return suffix in _TIMED


def left_out(beside: Beside, suffix: str, *, timed: bool) -> list[str]:
    """What a file of that suffix does not take, a line each. timed: whether it takes the pictures' own times."""
    lines = []
    if beside.lines and not takes_tracks(suffix):
        lines.append(f"left out, as {suffix or 'this output'} holds pictures alone: {'; '.join(beside.lines)}")
    if beside.stamps is not None and not timed:
        lines.append("the pictures' own times are left out: they come at a constant rate")
    return lines


def muxing(beside: Beside | None, suffix: str) -> Muxing:
    """How the tracks go into a file of that suffix; not at all where they are no side file."""
    if beside is None or beside.tracks is None or not takes_tracks(suffix):
        return Muxing()
    try:
        tracks = [track for track in tracks_of_file(beside.tracks) if track.kind != "data"]
    except InputError as error:
        return Muxing(notices=[f"{DAMAGED}: {error.message}"])
    if not beside.audio:
        tracks = [track for track in tracks if track.kind != "audio"]
    codecs = _codecs(beside.tracks, tracks, suffix)
    lost = [track.text for track in tracks if track not in codecs]
    changed = [f"{track.text} becomes {codec}" for track, codec in codecs.items() if codec != "copy"]
    notices = [f"left out, as {suffix} cannot hold it: {'; '.join(lost)}"] if lost else []
    return Muxing(_inputs(beside, beside.tracks), _outputs(beside, codecs), notices + changed)


def _inputs(beside: Beside, tracks: Path) -> list[str]:
    """The side file as ffmpeg's second input, its clock set so that the first picture is at 0."""
    start = seconds(beside.start_s)
    seek = ["-ss", start, "-seek_timestamp", "1"] if beside.cut else []
    return [*seek, "-itsoffset", f"-{start}", *side_input_args(tracks)]


def _outputs(beside: Beside, codecs: dict[Track, str]) -> list[str]:
    args = ["-copyts", "-map", "0:v", *(part for track in codecs for part in ("-map", f"1:{track.number}"))]
    for place, (track, codec) in enumerate(codecs.items(), start=1):
        args += [f"-c:{place}", codec]
        if beside.cut and track.kind == "subtitle":
            args += [f"-bsf:{place}", _CLIPPED]
    args += ["-map_metadata", "1", "-map_chapters", "1"]
    for tag in _FAMILY_TAGS:
        args += ["-metadata", f"{tag}="]
    if beside.cut:
        args += ["-copypriorss:a", "0"]
    return args + ([] if beside.duration_s is None else ["-t", seconds(beside.duration_s)])


def _codecs(path: Path, tracks: Sequence[Track], suffix: str) -> dict[Track, str]:
    """How each track goes into a file of that suffix: "copy", or a codec of subtitles; some may be missing."""
    as_they_are = {track: "copy" for track in tracks if track.kind == "audio" or suffix in _TEXT_AS}
    with tempfile.TemporaryDirectory(prefix="lvcodec-") as folder:
        trial = Path(folder) / f"trial{suffix}"
        if not as_they_are or _fits(path, as_they_are, trial):
            return as_they_are
        codecs = {}
        for track in as_they_are:
            choices = ["copy", _TEXT_AS[suffix]] if track.codec in _TEXT and suffix in _TEXT_AS else ["copy"]
            codec = next((codec for codec in choices if _fits(path, {track: codec}, trial)), None)
            if codec is not None:
                codecs[track] = codec
        return codecs


def _fits(path: Path, codecs: dict[Track, str], trial: Path) -> bool:
    """Whether ffmpeg writes the head of a file with these tracks."""
    maps = [part for track in codecs for part in ("-map", f"0:{track.number}")]
    kinds = [part for place, codec in enumerate(codecs.values()) for part in (f"-c:{place}", codec)]
    args = [*side_input_args(path), *maps, *kinds, "-t", "0", "-y", file_argument(trial)]
    process = FfmpegProcess(args, what="trying tracks")
    try:
        process.check()
    except InputError:
        return False
    finally:
        process.stop()
    return True
