"""When and how pictures are shown: what a constant rate and square samples do not say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise

from lvcodec.frames import FrameRange
from lvcodec.video.timing import JITTER

MAX_PARTS = (1 << 32) - 1  # of a tick, and ticks of one picture


@dataclass(frozen=True)
class Presentation:
    """When pictures are shown, and how wide their samples are.

    tick: seconds. start: of picture 0 on the tracks' clock, in ticks, 0 or more. durations: ticks of each picture, in
    the order of display, 1 or more; None where they come at the clip's rate. aspect: of samples, width over height.
    """

    tick: Fraction = Fraction(1, 1000)
    start: int = 0
    durations: Sequence[int] | None = None
    aspect: Fraction = Fraction(1)

    def time_s(self, number: int, rate: Fraction) -> Fraction:
        """When picture `number` is shown, seconds after picture 0; also that after the last, which ends it."""
        if self.durations is None:
            return number / rate
        return sum(self.durations[:number]) * self.tick

    def start_of(self, number: int, rate: Fraction) -> Fraction:
        """When picture `number` is shown, seconds on the tracks' clock."""
        return self.start * self.tick + self.time_s(number, rate)

    def stamps(self) -> list[int] | None:
        """When each picture is shown, and the end of the last, in ticks after picture 0; None at the clip's rate."""
        return None if self.durations is None else list(accumulate(self.durations, initial=0))

    def part(self, frames: FrameRange) -> Presentation:
        """Of those pictures alone; `start` stays that of picture 0."""
        if self.durations is None:
            return self
        return replace(self, durations=self.durations[frames.first : frames.end])


def durations_of(stamps: Sequence[int], last: int, tick: Fraction, rate: Fraction) -> list[int] | None:
    """How long each picture is shown, by time stamps in order; None if that is what the rate says, or cannot be.

    last: of the last picture, in ticks; 0 if nobody says it, then it is a picture's at the rate.
    """
    step = 1 / (rate * tick)
    off = max(Fraction(3, 2), step * JITTER)
    if all(abs(stamp - stamps[0] - number * step) <= off for number, stamp in enumerate(stamps)):
        return None
    durations = [after - before for before, after in pairwise(stamps)]
    durations.append(last or max(1, round(step)))
    return durations if _can_be(durations) and tick.denominator <= MAX_PARTS >= tick.numerator else None


def _can_be(durations: Iterable[int]) -> bool:
    return all(1 <= duration <= MAX_PARTS for duration in durations)
