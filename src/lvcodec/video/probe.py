"""Look at an input before it is decoded: ffmpeg's messages about it, and the time stamps of its packets.

One picture is decoded to nothing, so that size and rotation are those of what will come out. Which of several video
streams is taken is left to ffmpeg, so that lvcodec takes what other tools do.
"""

from __future__ import annotations

import io
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lvcodec.frames import FrameRange
from lvcodec.video import timing
from lvcodec.video.base import ASSUMED_RATE, RATE_IS_ASSUMED
from lvcodec.video.ffmpeg import ffmpeg_exe, starting_ffmpeg
from lvcodec.video.packets import Packets, read_packets
from lvcodec.video.probe_text import Said, parse
from lvcodec.video.rawformat import parse_rate
from lvcodec.video.reader import ByteReader
from lvcodec.video.stated import stated_duration_s
from lvcodec.video.timing import DRIFT, Choice, Pace

PRINTED = Fraction(6, 1000)  # ffmpeg prints the average with two decimals


@dataclass(frozen=True)
class Probe:
    """An input as it will be read.

    rate: pictures a second, the average if it is variable. end_s: when the last picture ends as the index says, or
    None where only the longest stream's duration is known. last_s: when the last packet of all ends; None if unknown.
    """

    said: Said
    rate: Fraction
    variable: bool
    end_s: float | None
    last_s: float | None
    notices: tuple[str, ...]


def probe_command(input_args: list[str]) -> list[str]:
    """ffmpeg's arguments that decode one picture to nothing and tell all about it."""
    # one thread: no more of a pipe is taken than one picture needs
    return [
        ffmpeg_exe(),
        "-hide_banner",
        "-nostdin",
        "-nostats",
        "-v",
        "level+debug",
        "-threads",
        "1",
        *input_args,
        "-an",
        "-sn",
        "-dn",
        "-frames:v",
        "1",
        "-fps_mode",
        "passthrough",
        "-f",
        "null",
        "-",
    ]


def said_of(input_args: list[str], name: str) -> Said:
    """What ffmpeg says of what `input_args` (ending in -i …) name. Raises InputError if it finds no video there."""
    with starting_ffmpeg():
        ended = subprocess.run(
            probe_command(input_args),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
            start_new_session=True,
        )
    return parse(ended.stderr.decode("utf-8", "replace"), name)


def probe_path(input_args: list[str], name: str, *, path: Path | None, wanted: FrameRange) -> Probe:
    """Probe what `input_args` name; `wanted` are the pictures that will be read.

    path: the file, None for numbered ones. Raises InputError if ffmpeg finds no video there.
    """
    said = said_of(input_args, name)
    if path is None or said.still:
        return _probe(said, None, None, wanted)
    packets = read_packets(input_args, said.stream, wanted.end) if _doubtful(said) else None
    with open(path, "rb") as file:
        return _probe(said, packets, stated_duration_s(file, said.video), wanted)


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
        said = parse(messages.read().decode("utf-8", "replace"), reader.name)
        return _probe(said, None, stated_duration_s(io.BytesIO(held), said.video), FrameRange()), bytes(held)


def _probe(said: Said, packets: Packets | None, end_s: Fraction | None, wanted: FrameRange) -> Probe:
    pace = None if packets is None else packets.pace(wanted, hidden=said.codec == "vp8")
    choice = _chosen(said, pace)
    end = said.track_s if end_s is None else float(end_s)
    return Probe(
        said,
        choice.rate,
        choice.variable,
        None if end is None else end - said.start_s,
        None if packets is None or wanted.end is not None else packets.end_s,
        (choice.notice, *said.notices) if choice.notice else said.notices,
    )


def _varies(said: Said) -> bool:
    """Whether the average is not what the first pictures or the header say."""
    header, mean = said.header_rate, said.mean_rate
    return header is not None and mean is not None and abs(header - mean) > max(PRINTED, header * DRIFT)


def _doubtful(said: Said) -> bool:
    """Whether the rate is to be had from the packets only.

    MP4 has it in its index. Others state one at will, or none, and ffmpeg guesses from the first pictures.
    """
    return _varies(said) or not said.indexed


def _chosen(said: Said, pace: Pace | None) -> Choice:
    stated, mean = said.header_rate, said.mean_rate
    if pace is not None:
        in_doubt = said.indexed and _varies(said)  # the average is that of all pictures
        return timing.chosen_rate(None if in_doubt else stated or mean, pace, interlaced=said.interlaced)
    if mean is not None and (stated is None or _varies(said)):
        average = parse_rate(mean)
        return Choice(average, variable=True, notice=timing.variable_rate(average)) if stated else Choice(average)
    return Choice(ASSUMED_RATE, notice=RATE_IS_ASSUMED) if stated is None else Choice(timing.snapped(stated))


def _close_quietly(process: subprocess.Popen[bytes]) -> None:
    try:
        if process.stdin is not None:
            process.stdin.close()
    except OSError:
        pass
