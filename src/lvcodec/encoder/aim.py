"""What a clip's GOPs are coded at to hit a size, and what changes where the stream that they make misses it.

What a stream comes to is known at its end. While that is too much, or too little, its last GOPs get other qualities, as
few of them as can be; they are coded again, and so on. All that is asked for is the bytes of each GOP, wherever it was
coded: one machine and many change the same GOPs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from lvcodec.encoder.buffer import STEP
from lvcodec.encoder.qualities import Qualities
from lvcodec.errors import InputError

# docs/decisions.md#rate-control
WITHIN = 0.02  # of a size: what it may be missed by, below
TARGETED = 0.992  # of a size: what is aimed at, so that what is near it is within that
CORRECTIONS = 12  # of a size, before it is given up
ENOUGH = 5  # after which it may be smaller than it could be
GENTLE = 3  # indices that the last GOPs may differ by; more, where fewer would not do for all of the clip


@dataclass(frozen=True)
class Change:
    """GOPs from one on that are coded again: what they had, and by how many indices they differ now."""

    gop: int
    size_bytes: int
    difference: int


@dataclass(frozen=True)
class Aim:
    """Qualities of the GOPs, and what has been learnt of a size that they miss.

    step: what an index makes. change: the last one. tries: how many there have been.
    """

    qualities: Qualities
    step: float = STEP
    change: Change | None = None
    tries: int = 0

    def corrected(self, size_bytes: int, gops: Sequence[int]) -> Self | None:
        """The same with other qualities, if a stream misses its size and could be nearer; None if it is to stay.

        size_bytes: of all of it but what stands beside the pictures. gops: bytes of each GOP, the first one's with the
        header. Raises InputError if the size is exceeded and no quality needs less, or after CORRECTIONS.
        """
        most = self.qualities.most_bytes
        if most is None or (1 - WITHIN) * most <= size_bytes <= most:
            return None
        if size_bytes < most and self.tries >= ENOUGH:
            return None
        aim = self._learnt(gops)._changed(gops, TARGETED * most - size_bytes)
        if all(aim.qualities.of(gop) == self.qualities.of(gop) for gop in range(len(gops))):
            if size_bytes > most:
                raise InputError(f"no quality needs as little as {most:.0f} bytes", "allow more")
            return None
        if aim.tries == CORRECTIONS:
            raise InputError(f"the size was missed {CORRECTIONS} times", "--quality codes without one")
        return aim

    def shortfall(self, size_bytes: int) -> str | None:
        """What to tell of a stream that stays as it is, and has less than it was to have; None if it has enough."""
        most = self.qualities.most_bytes
        if most is None or size_bytes >= (1 - WITHIN) * most:
            return None
        return f"the target is missed by {100 * (1 - size_bytes / most):.1f} %"

    def _learnt(self, gops: Sequence[int]) -> Self:
        """The same with the step that the last change showed."""
        if self.change is None:
            return self
        step = math.log(sum(gops[self.change.gop :]) / self.change.size_bytes) / self.change.difference
        return replace(self, step=min(max(step, STEP / 4), 4 * STEP))

    def _changed(self, gops: Sequence[int], missing: float) -> Self:
        """With so many bytes more, or less: of as few GOPs as can be, as long as they do not look different."""
        gop, change = len(gops), math.inf
        while gop and abs(change) > GENTLE:
            gop -= 1
            change = math.log(max(1 + missing / sum(gops[gop:]), 0.01)) / self.step
        difference = round(change) or (1 if missing > 0 else -1)
        told = Change(gop, sum(gops[gop:]), difference)
        return replace(self, qualities=self.qualities.changed(gop, difference), change=told, tries=self.tries + 1)

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """What as_dict made. Raises KeyError, TypeError or ValueError for anything else."""
        change = record["change"]
        return cls(
            Qualities.from_dict(record["qualities"]),
            float(record["step"]),
            None if change is None else Change(*(int(change[name]) for name in ("gop", "size_bytes", "difference"))),
            int(record["tries"]),
        )
