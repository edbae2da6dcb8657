"""Time stamps of packets: read through, not decoded, they tell the rate of a clip whose container does not."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from fractions import Fraction

from lvcodec.frames import FrameRange
from lvcodec.video.ffmpeg import FfmpegProcess
from lvcodec.video.timing import Pace

NO_STAMP = -(2**63)
REORDERED = 64  # packets that may come before those of pictures that are shown earlier


@dataclass
class Packets:
    """The packets of a video stream, in the order in which they are decoded.

    decoded, shown: when, in ticks of `tick` seconds, or NO_STAMP. last: the latest of `shown`, and how long that is
    shown. cut: there are more, or were. end_s: when the last packet of video or sound ends.
    """

    decoded: array[int] = field(default_factory=lambda: array("q"))
    shown: array[int] = field(default_factory=lambda: array("q"))
    tick: Fraction = Fraction(0)
    last: tuple[int, int] = (NO_STAMP, 0)
    cut: bool = False
    end_s: float = 0.0

    def pace(self, wanted: FrameRange, *, hidden: bool) -> Pace | None:
        """How the wanted pictures follow each other; None if the stamps do not tell.

        hidden: there may be pictures that are never shown, as in VP8, one tick after the one before.
        """
        # AVI does not say when pictures are shown, but when they are decoded, at the same rate
        stamps = sorted(self.decoded if NO_STAMP in self.shown else self.shown)
        if NO_STAMP in stamps or not self.tick:
            return None
        if self.cut:  # pictures to be shown before these may be among those that are not here
            stamps = [stamp for stamp in stamps if stamp <= self.decoded[-1]] or stamps
        if hidden:
            stamps = [stamp for number, stamp in enumerate(stamps) if not number or stamp - stamps[number - 1] > 1]
        return Pace.of(stamps[wanted.first : wanted.end], self.tick, self.last[1])


def read_packets(input_args: list[str], stream: int, end: int | None) -> Packets:
    """All packets of a stream, or enough of them for its first `end` pictures."""
    limit = [] if end is None else ["-frames:v", str(end + REORDERED)]
    streams = ["-map", f"0:{stream}"] if limit else ["-map", f"0:{stream}", "-map", "0:a?"]
    copy = [*streams, "-c", "copy", "-copyinkf", *limit, "-f", "framecrc", "pipe:1"]
    process = FfmpegProcess([*input_args, *copy], what="reading time stamps")
    packets, ticks = Packets(), {}
    try:
        for line in process.stdout:
            if line.startswith(b"#tb "):
                number, tick = line[4:].decode("ascii").split(":")
                ticks[int(number)] = Fraction(tick.strip())
            elif not line.startswith(b"#"):
                number, decoded, shown, duration = (int(text) for text in line.split(b",")[:4])
                packets.end_s = max(packets.end_s, float((max(decoded, shown) + duration) * ticks[number]))
                if number == 0:
                    packets.decoded.append(decoded)
                    packets.shown.append(shown)
                    packets.last = max(packets.last, (shown, duration))
        process.wait()
    finally:
        process.stop()
    packets.tick = ticks.get(0, Fraction(0))
    packets.cut = bool(process.lines) or (end is not None and len(packets.shown) == end + REORDERED)
    return packets
