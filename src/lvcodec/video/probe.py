"""What ffmpeg says of an input, read from its messages (imageio-ffmpeg brings no ffprobe).

One picture is decoded to nothing, so that size and rotation are those of what will come out.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction

from lvcodec.errors import InputError
from lvcodec.video.base import ASSUMED_RATE, RATE_IS_ASSUMED
from lvcodec.video.colour import CHROMA_LOCATIONS, MATRICES, PRIMARIES, TRANSFERS, UNSPECIFIED, Colour
from lvcodec.video.ffmpeg import ffmpeg_exe, last_words, starting_ffmpeg
from lvcodec.video.rawformat import parse_rate
from lvcodec.video.reader import ByteReader

_STREAM = re.compile(r"^ *Stream #0:(\d+)[^:]*: (Video|Audio|Subtitle|Data|Attachment): (.*)$", re.MULTILINE)
_PIXELS = re.compile(r", ([a-z][a-z0-9_]*)(?:\(((?:[^()]|\([^()]*\))*)\))?, (\d+)x(\d+)")
_INTERLACED = re.compile(r"(top|bottom) (coded )?first")
_VFR_TOLERANCE = Fraction(1, 2000)
_TEXT_CODECS = {"ansi", "xbin", "bintext", "idf"}  # ffmpeg draws text files as pictures


@dataclass(frozen=True)
class Probe:
    """An input as ffmpeg sees it.

    Sizes are those after rotation. rate: pictures a second, the average if it varies. range_stated: whether full_range
    of `colour` is what the input says, or what is usual.
    """

    stream: int
    codec: str
    pix_fmt: str
    width: int
    height: int
    rate: Fraction
    colour: Colour
    duration_s: float | None
    still: bool
    notices: tuple[str, ...]
    range_stated: bool


def probe_command(input_args: list[str]) -> list[str]:
    """ffmpeg's arguments that decode one picture to nothing and tell all about it."""
    # one thread: no more of a pipe is taken than one picture needs
    return [
        ffmpeg_exe(),
        "-hide_banner",
        "-nostdin",
        "-nostats",
        "-v",
        "verbose",
        "-threads",
        "1",
        *input_args,
        "-map",
        "0:V:0",
        "-frames:v",
        "1",
        "-fps_mode",
        "passthrough",
        "-f",
        "null",
        "-",
    ]


def probe_path(input_args: list[str], name: str) -> Probe:
    """Probe what `input_args` (ending in -i …) name. Raises InputError if ffmpeg finds no video there."""
    with starting_ffmpeg():
        ended = subprocess.run(
            probe_command(input_args),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
            start_new_session=True,
        )
    return parse_probe(ended.stderr.decode("utf-8", "replace"), name)


def probe_pipe(reader: ByteReader) -> tuple[Probe, bytes]:
    """Probe a pipe: feeds ffmpeg until it has said what it is.

    Returns what it said, and the bytes that it took, to be fed again before the rest. They are bounded by what ffmpeg
    needs for its first picture (5 MB of probing and one group of pictures at most).
    """
    import tempfile

    held = bytearray()
    with tempfile.TemporaryFile() as messages:
        with starting_ffmpeg():
            process = subprocess.Popen(
                probe_command(["-i", "pipe:0"]),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=messages,
                start_new_session=True,
            )
        try:
            with process:
                while process.poll() is None:
                    if not reader.ready(0.02):  # ffmpeg may have had enough of a pipe that stands still
                        continue
                    if not (data := reader.read_some()):
                        break
                    held += data
                    try:
                        if process.stdin is not None:
                            process.stdin.write(data)
                            process.stdin.flush()
                    except (BrokenPipeError, ConnectionResetError):
                        break
                _close_quietly(process)
                process.wait()
        except BaseException:
            process.kill()
            raise
        messages.seek(0)
        return parse_probe(messages.read().decode("utf-8", "replace"), reader.name), bytes(held)


def parse_probe(text: str, name: str) -> Probe:
    """Read ffmpeg's messages. Raises InputError where they tell of no video."""
    source, _, output = text.partition("\nOutput #0")
    streams = [(int(m[1]), m[2], m[3]) for m in _STREAM.finditer(source)]
    videos = [(index, line) for index, kind, line in streams if kind == "Video"]
    if not videos:
        if streams:
            raise InputError(f"{name} has no video stream, only {_kinds(streams)}")
        raise InputError(f"ffmpeg cannot read {name}: {_reason(source)}")
    # ffmpeg's stream specifier V leaves out cover pictures and thumbnails
    moving = [item for item in videos if "(attached pic)" not in item[1] and "(timed thumbnails)" not in item[1]]
    if not moving:
        raise InputError(f"{name} has no video stream, only a cover picture")
    index, line = moving[0]
    codec = line.split()[0].rstrip(",")
    if codec in _TEXT_CODECS:
        raise InputError(f"{name} is a text file, not a video")
    pixels = _PIXELS.search(line)
    shown = _PIXELS.search(output)
    if not pixels or not shown:
        raise InputError(f"ffmpeg cannot decode {name}: {_reason(text)}")
    rate, rate_notice = _rate(line, output, text)
    still = bool(re.search(r"Input #0, (image2|\w+_pipe),", source)) and codec not in {
        "h264",
        "hevc",
        "dnxhd",
    }
    size = int(shown[3]), int(shown[4])
    notices = [
        rate_notice,
        *_stream_notices(streams, moving),
        *_picture_notices(line, source, (pixels[3], pixels[4]), size),
    ]
    duration = re.search(r"Duration: (\d+):(\d\d):(\d\d\.\d+)", source)
    seconds = int(duration[1]) * 3600 + int(duration[2]) * 60 + float(duration[3]) if duration else None
    return Probe(
        index,
        codec,
        shown[1],
        *size,
        rate,
        _colour(pixels[1], pixels[2] or "", shown[2] or ""),
        seconds,
        still,
        tuple(notice for notice in notices if notice),
        pixels[1].startswith("yuvj") or re.search(r"\b(tv|pc)\b", f"{pixels[2]} {shown[2]}") is not None,
    )


def _rate(line: str, output: str, text: str) -> tuple[Fraction, str | None]:
    """The rate, and a notice if pictures do not come at a constant one."""
    average = re.search(r", ([\d.]+k?) fps", line)
    exact = re.search(r" fr:(\d+)/(\d+)", text)
    nominal = Fraction(int(exact[1]), int(exact[2])) if exact and int(exact[1]) and int(exact[2]) else None
    mean = _printed(average[1]) if average else None
    if mean is None or mean == 0:
        return nominal or ASSUMED_RATE, None if nominal else RATE_IS_ASSUMED
    # the average is printed with two decimals
    if nominal is None or abs(nominal - mean) > max(Fraction(6, 1000), nominal * _VFR_TOLERANCE):
        constant = parse_rate(mean)
        if nominal is None:
            return constant, None
        return constant, (
            f"variable picture rate: every picture is kept and timing becomes constant at the average of "
            f"{float(constant):.4g} a second"
        )
    return nominal, None


def _printed(text: str) -> Fraction:
    return Fraction(text[:-1]) * 1000 if text.endswith("k") else Fraction(text)


def _stream_notices(streams: list[tuple[int, str, str]], moving: list[tuple[int, str]]) -> list[str]:
    notices = []
    others = [stream for stream in streams if stream[1] != "Video"]
    if others:
        notices.append(f"not kept: {_kinds(others)}")
    if len(moving) > 1:
        notices.append(f"{len(moving)} video streams: the first is taken")
    return notices


def _picture_notices(line: str, source: str, coded: tuple[str, str], size: tuple[int, int]) -> list[str]:
    notices = []
    rotation = re.search(r"rotation of (-?[\d.]+) degrees", source)
    if rotation and round(float(rotation[1])) % 360 != 0:
        notices.append(
            f"rotation flag of {float(rotation[1]):g} degrees is applied: "
            f"{coded[0]}x{coded[1]} becomes {size[0]}x{size[1]}"
        )
    aspect = re.search(r"SAR (\d+):(\d+)", line)
    if aspect and aspect[1] != aspect[2] and "0" not in (aspect[1], aspect[2]):
        notices.append(
            f"the sample aspect ratio {aspect[1]}:{aspect[2]} is not kept: pictures stay {size[0]}x{size[1]}"
        )
    if _INTERLACED.search(line):
        notices.append("interlaced input is coded as progressive pictures")
    if re.search(r"alpha_mode *: *1", source):
        notices.append("the alpha channel is not kept")
    return notices


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


def _kinds(streams: list[tuple[int, str, str]]) -> str:
    counts: dict[str, int] = {}
    for _, kind, _line in streams:
        counts[kind.lower()] = counts.get(kind.lower(), 0) + 1
    return ", ".join(f"{count} {kind} stream{'s' if count > 1 else ''}" for kind, count in counts.items())


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


def _close_quietly(process: subprocess.Popen[bytes]) -> None:
    try:
        if process.stdin is not None:
            process.stdin.close()
    except OSError:
        pass
