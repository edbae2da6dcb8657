"""Picture rates and time stamps: which rate a clip has, and how much of its time its pictures fill.

Containers round: Matroska counts in milliseconds, so that 59.94 a second comes back as 19001/317. What is near
a whole rate n or n * 1000/1001 is meant as that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

SNAP = Fraction(1, 50_000)  # a fiftieth of what lies between n and n * 1000/1001
DRIFT = Fraction(1, 2000)  # half of it: rates that differ by less cannot be told apart by their pictures
JITTER = Fraction(1, 8)  # of a picture's time; a clip whose pictures come off by no more has a constant rate
MOSTLY = Fraction(9, 10)  # of the steps between pictures: a clip with gaps is not one of variable rate


def snapped(rate: Fraction, tolerance: Fraction = SNAP) -> Fraction:
    """The whole rate n or n * 1000/1001 that `rate` is near, by that part of it; itself where it is near neither."""
    near = [Fraction(round(rate)), Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)]
    off = {other: abs(other - rate) for other in near if other > 0}
    fits = [other for other in off if off[other] <= rate * tolerance]
    return min(fits, key=off.__getitem__) if fits else rate


@dataclass(frozen=True)
class Pace:
    """How pictures follow each other.

    stamps: when each is shown, in ticks, in order; two or more, not all at once. tick: seconds. last: how long the
    last one is shown, in ticks; 0 where that is not said.
    """

    stamps: Sequence[int]
    tick: Fraction
    last: int

    @classmethod
    def of(cls, stamps: Sequence[int], tick: Fraction, last: int) -> Pace | None:
        """None for stamps that tell no rate."""
        return cls(stamps, tick, last) if len(stamps) > 1 and stamps[-1] > stamps[0] else None

    @property
    def step_ticks(self) -> Fraction:
        """Ticks from one picture to the next, on the average."""
        return Fraction(self.stamps[-1] - self.stamps[0], len(self.stamps) - 1)

    @property
    def constant(self) -> bool:
        """Whether every picture comes when it should at one rate, but for rounding."""
        step, first = self.step_ticks, self.stamps[0]
        off = max(Fraction(3, 2), step * JITTER)
        return all(abs(stamp - first - number * step) <= off for number, stamp in enumerate(self.stamps))

    @property
    def rate(self) -> Fraction:
        """Pictures a second, on the average; near a whole rate, that one."""
        if not self.constant:
            last = self.last or self.step_ticks
            rate = len(self.stamps) / ((self.stamps[-1] - self.stamps[0] + last) * self.tick)
            return snapped(rate.limit_denominator(1_000_000))
        rate = 1 / (self.step_ticks * self.tick)
        return snapped(rate.limit_denominator(1_000_000), max(SNAP, self.doubt))

    @property
    def doubt(self) -> Fraction:
        """By what part of it the rate is uncertain, since stamps are rounded to ticks."""
        return Fraction(3, 2) / (self.stamps[-1] - self.stamps[0])

    def fits(self, rate: Fraction) -> bool:
        """Whether the pictures come at that constant rate, but perhaps for some gaps."""
        step = 1 / (rate * self.tick)
        off = max(Fraction(3, 2), step * JITTER)
        if self.constant:
            return abs(self.step_ticks - step) <= step * max(DRIFT, self.doubt)
        steps = [after - before for before, after in pairwise(self.stamps)]
        return sum(abs(ticks - step) <= off for ticks in steps) >= MOSTLY * len(steps)


class Choice(NamedTuple):
    """The rate to go by; variable: it is an average; notice: what to tell the user of it."""

    rate: Fraction
    variable: bool = False
    notice: str | None = None


def chosen_rate(stated: Fraction | None, pace: Pace, *, interlaced: bool) -> Choice:
    """The rate that a container states, if its time stamps agree; else the one that they have.

    pace: of the packets, of which an interlaced picture may have two.
    """
    if stated is not None and (pace.fits(stated) or (interlaced and pace.fits(2 * stated))):
        return Choice(snapped(stated))
    rate = pace.rate
    if not pace.constant:
        return Choice(rate, variable=True, notice=variable_rate(rate))
    if stated is None:
        return Choice(rate)
    said, shown = f"{float(stated):.5g}", f"{float(rate):.5g}"
    notice = f"the container states {said} pictures a second, its time stamps {shown}: those are taken"
    return Choice(rate, notice=notice)


def variable_rate(rate: Fraction) -> str:
    """What the user is told of a clip whose pictures do not come at a constant rate."""
    return (
        f"variable picture rate, {float(rate):.4g} a second on the average: every picture is kept, and streams keep "
        f"its time"
    )


def empty_places(stamps: Sequence[int], step: Fraction) -> int:
    """How many pictures would fit between those that are there; step: ticks a picture."""
    return sum(max(0, round((after - before) / step) - 1) for before, after in pairwise(stamps))


def disagreement(pace: Pace, rate: Fraction) -> str | None:
    """How long the pictures fill and how long they will play, if that is not the same."""
    filled_s = (pace.stamps[-1] - pace.stamps[0] + (pace.last or pace.step_ticks)) * pace.tick
    count = len(pace.stamps)
    played_s = count / rate
    if abs(filled_s - played_s) <= max(Fraction(3, 2) / rate, filled_s * DRIFT):
        return None
    return (
        f"by their time stamps {count} pictures take {float(filled_s):.2f} s; at a constant {float(rate):.5g} a second "
        f"they would take {float(played_s):.2f} s"
    )
