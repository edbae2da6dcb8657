"""When and how pictures are shown: what a constant rate and square samples do not say."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from math import gcd, lcm

from lvcodec.errors import InputError
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


def stamp_of(stamps: Sequence[int], number: int) -> int:
    """When picture `number` is shown, by the stamps of all and of their end.

    A forged stream may have pictures that its end record does not count: each of them follows after a tick.
    """
    return stamps[number] if number < len(stamps) else stamps[-1] + number - len(stamps) + 1


def joined(parts: Sequence[Presentation], counts: Sequence[int], rate: Fraction) -> Presentation:
    """How clips are shown one after the other. counts: pictures of each. rate: of all of them.

    Raises InputError if their samples differ in shape, or no tick is common to their times.
    """
    aspect = parts[0].aspect
    if any(part.aspect != aspect for part in parts):
        aspects = ", ".join(str(part.aspect) for part in parts)
        raise InputError(
            f"the samples of the streams differ in shape: {aspects}", "only streams of one shape can be joined"
        )
    if all(part.durations is None for part in parts):
        return Presentation(aspect=aspect)
    steps = [1 / rate if part.durations is None else part.tick for part in parts]
    denominator = lcm(*(step.denominator for step in steps))
    tick = Fraction(gcd(*(int(step * denominator) for step in steps)), denominator)
    durations = array("q")
    for part, step, count in zip(parts, steps, counts, strict=True):
        ticks = int(step / tick)
        more = [ticks] * count if part.durations is None else [ticks * each for each in part.durations]
        if not (_is_tick(tick) and _can_be(more)):
            raise InputError(
                "the times of the streams' pictures have no tick in common", "their clocks are too different"
            )
        durations.extend(more)
    return Presentation(tick, durations=durations, aspect=aspect)


def _is_tick(tick: Fraction) -> bool:
    return max(tick.numerator, tick.denominator) <= MAX_PARTS


def durations_of(stamps: Sequence[int], last: int, tick: Fraction, rate: Fraction) -> array[int] | None:
    """How long each picture is shown, by time stamps in order; None if that is what the rate says, or cannot be.

    last: of the last picture, in ticks; 0 if nobody says it, then it is a picture's at the rate.
    """
    step = 1 / (rate * tick)
    off = max(Fraction(3, 2), step * JITTER)
    if all(abs(stamp - stamps[0] - number * step) <= off for number, stamp in enumerate(stamps)):
        return None
    durations = array("q", (after - before for before, after in pairwise(stamps)))
    durations.append(last or max(1, round(step)))
    return durations if _can_be(durations) and _is_tick(tick) else None


def _can_be(durations: Iterable[int]) -> bool:
    return all(1 <= duration <= MAX_PARTS for duration in durations)
