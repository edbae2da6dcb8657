"""What ffmpeg says while it decodes: its errors, changes of size, and when each picture is shown.

The time stamps come from its filter `showinfo`, which says a line about each picture that passes.
"""

from __future__ import annotations

import re
import time
from array import array
from fractions import Fraction

from lvcodec.video.ffmpeg import ERRORS

SHOWINFO = "showinfo=checksum=0"
WAIT_S = 1.0
_TICK = re.compile(r"config in time_base: (\d+)/(\d+)")
_STAMP = re.compile(r"n: *\d+ pts: *(-?\d+|NOPTS) .*?duration: *(-?\d+)")
_PACKETS = re.compile(r" +Input stream #.* \(video\): (\d+) packets read")


class Watch:
    """Takes ffmpeg's messages one by one, in whatever thread reads them.

    error: the first error, None so far; changed: whether pictures have changed their size or format.
    stamps: of the pictures so far, in ticks of `tick` seconds; stamped: all of them had one. last: how many ticks the
    last picture is shown, 0 if that is not said. packets: how many ffmpeg has read, once it is done.
    """

    def __init__(self) -> None:
        self.error: str | None = None
        self.changed = False
        self.tick: Fraction | None = None
        self.stamps = array("q")
        self.stamped = True
        self.last = 0
        self.packets: int | None = None

    def hear(self, level: str, part: str, text: str) -> None:
        """Take one message. level: "error", "info" …; part: what of ffmpeg says it."""
        if "showinfo" in part:
            self._hear_picture(text)
        elif level in ERRORS:
            if self.error is None and not part.startswith(("[out#", "[vost#")):
                self.error = text
        elif text.startswith("Reconfiguring filter graph"):
            self.changed = True
        elif match := _PACKETS.match(text):
            self.packets = (self.packets or 0) + int(match[1])

    def _hear_picture(self, text: str) -> None:
        if match := _STAMP.match(text):
            if match[1] == "NOPTS":
                self.stamped = False
            self.stamps.append(0 if match[1] == "NOPTS" else int(match[1]))
            self.last = int(match[2])
        elif self.tick is None and (match := _TICK.match(text)) and int(match[2]):
            self.tick = Fraction(int(match[1]), int(match[2]))

    def wait_for(self, count: int) -> None:
        """Wait until the stamps of `count` pictures are there: pictures may come faster than what is said of them."""
        end = time.monotonic() + WAIT_S
        while len(self.stamps) < count and time.monotonic() < end:
            time.sleep(0.005)
