"""Signals that ask the program to end: the first one unwinds it, others do not disturb that."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType

# a signal this long after the first one ends the program at once: whoever sends it will not wait for a slow end
PATIENCE_S = 2.0


class Stopped(KeyboardInterrupt):
    """A signal that asks the program to end; it unwinds like Ctrl-C, so that everything cleans up."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Signals:
    """What asks the program to end: SIGINT (Ctrl-C), SIGTERM, SIGHUP. One that is ignored (nohup) stays ignored.

    `first`: the number of the signal that has come, None if none has.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self._came_s = 0.0
        self._handled: list[int] = []

    def unwind(self) -> None:
        """Let the first signal unwind the program.

        A second one would interrupt the cleaning up: threads would be left and files stay behind. It is ignored, or
        if it is a late one, ends the program at once.
        """
        usual = (signal.SIG_DFL, signal.default_int_handler)
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) in usual:
                signal.signal(number, self._stop)
                self._handled.append(number)

    def ignore(self) -> None:
        """Hear of no signal any more: the program is at its end."""
        for number in self._handled:
            signal.signal(number, signal.SIG_IGN)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.first is None:
            self.first, self._came_s = number, time.monotonic()
            raise Stopped(number)
        if time.monotonic() - self._came_s > PATIENCE_S:
            remove_partials()
            os._exit(128 + number)


def remove_partials() -> None:
    """Remove what was being written when the program was ended."""
    if atomic := sys.modules.get("lvcodec.video.atomic"):  # else nothing can have been begun
        atomic.remove_partials()
