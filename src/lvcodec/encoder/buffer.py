"""A limit of the bits that come at once: a decoder's buffer, filled at a constant rate, must never run empty.

The buffer is full when the first record is taken out of it. A record is needed whole before its first picture can be
decoded; while its pictures are shown as much comes in as the rate gives, until the buffer is full. A record that would
take more than is there, or than leaves enough for those after it, is coded again coarser.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from lvcodec.encoder.groups import GroupCoder
from lvcodec.encoder.structures import Coded

# docs/decisions.md#bits-that-come-at-once
SHARE, INTRA_SHARE = 0.5, 0.9  # of what the buffer has over what comes in meanwhile: for a run, for an I-picture
STEP = 0.026  # what an index makes of bytes, about
BACK = 8  # indices that a run may be above the one before it
RECORD_BYTES, PICTURE_BYTES = 10, 6  # of a record and of each of its pictures at most, beside payloads


@dataclass
class Buffer:
    """maxrate: bits a second that come in. bufsize: bits that it holds. rate: pictures a second."""

    maxrate: float
    bufsize: float
    rate: Fraction

    def __post_init__(self) -> None:
        self.level = float(self.bufsize)

    def allowed(self, pictures: int, *, intra: bool) -> float:
        """Bits that a record of so many pictures should have at most."""
        comes = self.maxrate * pictures / float(self.rate)
        over = max(self.level - comes, 0.0)
        return min(self.level, comes) + (INTRA_SHARE if intra else SHARE) * over

    def take(self, payload_bytes: int, pictures: int) -> bool:
        """Take a record out and show its pictures. Returns whether all of it was there."""
        bits = bits_of(payload_bytes, pictures)
        was_there = bits <= self.level
        self.level = min(max(self.level - bits, 0.0) + self.maxrate * pictures / float(self.rate), self.bufsize)
        return was_there


def bits_of(payload_bytes: int, pictures: int) -> float:
    """What a record has at most."""
    return 8.0 * (RECORD_BYTES + PICTURE_BYTES * pictures + payload_bytes)


@dataclass
class Limit:
    """Codes runs of pictures so that the buffer holds, one after another. coder_at: of a quality index.

    missed: runs that are too large at the lowest quality too.
    """

    buffer: Buffer
    coder_at: Callable[[int], GroupCoder]
    missed: int = 0
    _index: int = 0

    def go_on(self, records: Iterable[tuple[int, int]]) -> None:
        """After records that are there: payload bytes and pictures of each."""
        for payload_bytes, pictures in records:
            self.buffer.take(payload_bytes, pictures)

    def tell(self, notices: Callable[[str], None]) -> None:
        """Say whether the buffer held."""
        if self.missed:
            notices(f"the buffer runs empty {self.missed} times: the lowest quality needs more than maxrate")

    def coded(self, attempt: Callable[[GroupCoder], Coded], index: int, pictures: int, *, intra: bool) -> Coded:
        """What `attempt` makes of a run at an index that fits, the clip's own or a lower one, near the last run's.

        From one that does not fit it goes down by an estimate, and never back up: a higher one might fit, too. At index
        0 a run is taken as it is.
        """
        at = index if intra else min(index, self._index + BACK)
        allowed = self.buffer.allowed(pictures, intra=intra)
        while True:
            coded = attempt(self.coder_at(at))
            records = [
                (sum(len(each.payload) for each in group.pictures), len(group.pictures)) for group in coded.groups
            ]
            bits = sum(bits_of(*record) for record in records)
            if bits <= allowed or at == 0:
                break
            at = max(0, at - max(2, math.ceil(math.log(bits / max(allowed, 1.0)) / STEP)))
        self._index = at
        self.missed += not all([self.buffer.take(*record) for record in records])
        return coded
