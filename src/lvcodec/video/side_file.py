"""The side file: all of an input but its pictures, copied into one file by ffmpeg, nothing coded again.

    input ─► ffmpeg -c copy ─► side file ─► the stream's side data ─► side file ─► ffmpeg -c copy ─► beside the pictures

Tracks of MP4 and QuickTime files stay in such a file, which keeps times to the sample and their own kind of subtitles;
all others go into Matroska. Matroska knows no times below 0, where the first packets of some sound are: there the clock
is LEAD_S ahead of the input's. Chapters without any track are a text of ffmpeg's, as those files need a track.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from lvcodec.errors import InputError
from lvcodec.video.ffmpeg import MESSAGE, FfmpegProcess, ffmpeg_exe, file_argument, starting_ffmpeg
from lvcodec.video.track_text import Track, counted, tracks_in

LEAD_S = 10
EXACT = ("-fflags", "+bitexact", "-flags", "+bitexact")  # the same file gives the same bytes
_AS_IN_MP4 = ("mp4", "mov", "matroska")
_CHAPTERS_ALONE = ("ffmetadata",)
_SUBTITLES_AS = {"mov_text": "srt"}  # of Matroska, for what it does not know
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # bytes 4 to 7 of MP4 and QuickTime files


@dataclass(frozen=True)
class Cut:
    """The part of an input's time that is wanted, in seconds from its start; end_s: None up to its end."""

    start_s: Fraction = Fraction(0)
    end_s: Fraction | None = None


@dataclass(frozen=True)
class SideFile:
    """A side file. ahead_s: seconds from the input's clock to that of the file. tracks: what it has.

    left_out: what the file could not take. chapters: how many the input has.
    """

    path: Path
    ahead_s: Fraction
    tracks: tuple[Track, ...]
    left_out: tuple[Track, ...] = ()
    chapters: int = 0

    @property
    def lines(self) -> list[str]:
        """What it has, a line each."""
        return [track.text for track in self.tracks] + ([counted((), self.chapters)] if self.chapters else [])


def make_side_file(
    input_args: Sequence[str], tracks: Sequence[Track], folder: Path, *, cut: Cut | None, like_mp4: bool
) -> SideFile:
    """Copy these tracks of the input that `input_args` (ending in -i …) name into a file in `folder`.

    Chapters and metadata go with them, or alone if there are no tracks. like_mp4: the input is a file of that family.
    Raises InputError if nothing can be copied.
    """
    whole = cut or Cut()
    containers = _AS_IN_MP4 if like_mp4 else _AS_IN_MP4[-1:]
    for container in containers if tracks else _CHAPTERS_ALONE:
        try:
            return _copied(input_args, tracks, folder, container, whole)
        except InputError:
            continue
    container = _AS_IN_MP4[-1]
    fitting = [track for track in tracks if _can_be_copied(input_args, track, folder, container)]
    if not fitting:
        raise InputError("no track can be copied")
    side = _copied(input_args, fitting, folder, container, whole)
    return replace(side, left_out=tuple(track for track in tracks if track not in fitting))


def _copied(input_args: Sequence[str], tracks: Sequence[Track], folder: Path, container: str, cut: Cut) -> SideFile:
    path = folder / f"tracks.{container}"
    lead_s = LEAD_S if container == "matroska" else 0
    args = [*(("-ss", seconds(cut.start_s)) if cut.start_s else ()), "-itsoffset", str(lead_s), *input_args]
    args += [*_mapped(tracks, container), "-map_metadata", "0", "-map_chapters", "0", *EXACT]
    if cut.start_s:
        args += ["-copypriorss", "0"]
    if cut.end_s is not None:
        args += ["-t", seconds(cut.end_s - cut.start_s + lead_s)]
    _run([*args, "-f", container, "-y", file_argument(path)])
    return SideFile(path, lead_s - cut.start_s, tuple(tracks))


def _can_be_copied(input_args: Sequence[str], track: Track, folder: Path, container: str) -> bool:
    """Whether a file of that kind takes a track: its head is written, no packet."""
    path = folder / f"trial.{container}"
    try:
        _run([*input_args, *_mapped([track], container), "-t", "0", "-f", container, "-y", file_argument(path)])
    except InputError:
        return False
    return True


def _mapped(tracks: Sequence[Track], container: str) -> list[str]:
    """ffmpeg's options that take these tracks of the first input as they are."""
    args = [*(part for track in tracks for part in ("-map", f"0:{track.number}")), "-c", "copy"]
    for place, track in enumerate(tracks):
        if container == "matroska" and track.codec in _SUBTITLES_AS:
            args += [f"-c:{place}", _SUBTITLES_AS[track.codec]]
    return args


def side_input_args(path: Path) -> list[str]:
    """ffmpeg's options that read a side file, as what its first bytes say and nothing else.

    A stream may be anybody's. Left to guess, ffmpeg takes a text for a list of other files, and reads those.
    Raises InputError if it begins as no side file does.
    """
    with open(path, "rb") as file:
        head = file.read(12)
    more: list[str] = []
    if head.startswith(b"\x1aE\xdf\xa3"):
        container = "matroska"
    elif head[4:8] in _BOXES:
        container, more = "mov", ["-enable_drefs", "0"]  # its boxes may name other files
    elif head == b";FFMETADATA1":
        container = "ffmetadata"
    else:
        raise InputError("they are no Matroska, MP4 or QuickTime file, and no text of chapters")
    return ["-protocol_whitelist", "file", "-f", container, *more, "-i", file_argument(path)]


def tracks_of_file(path: Path) -> tuple[Track, ...]:
    """The tracks of a side file, none where it has chapters alone. Raises InputError if ffmpeg finds nothing in it."""
    command = [ffmpeg_exe(), "-hide_banner", "-nostdin", "-v", "level+info", *side_input_args(path)]
    with starting_ffmpeg():
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    found = [match[3] for line in done.stderr.decode("utf-8", "replace").splitlines() if (match := MESSAGE.match(line))]
    tracks = tracks_in("\n".join(found))
    if not tracks and not {"Metadata:", "Chapters:"} & {line.strip() for line in found}:
        raise InputError("ffmpeg finds nothing in them")
    return tracks


def _run(args: list[str]) -> None:
    process = FfmpegProcess(args, what="copying tracks")
    try:
        process.check()
    finally:
        process.stop()


def seconds(time_s: Fraction) -> str:
    """A time as ffmpeg's options take it."""
    return f"{float(time_s):.6f}"
