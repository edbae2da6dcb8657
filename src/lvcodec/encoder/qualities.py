"""Which quality each GOP of a clip is coded at, and the encoder for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from math import floor
from threading import Lock
from typing import Any, Self

from lvcodec import quality
from lvcodec.encoder.gop import GopEncoder
from lvcodec.encoder.groups import CodedGroup
from lvcodec.video.picture import Picture


@dataclass(frozen=True)
class Qualities:
    """The quality indices of a clip's GOPs: one for all, but for what it takes to hit a size.

    index: the header's. finer: the share of GOPs, spread evenly, that are one index above it, 0..1. changes: (GOP,
    difference): from that GOP on so many indices more or less. most_bytes: what the stream is to
    have, but for side data; None: any size.
    """

    index: int
    finer: float = 0.0
    changes: tuple[tuple[int, int], ...] = ()
    most_bytes: float | None = None

    def of(self, gop: int) -> int:
        """The index of a GOP by its number, from 0."""
        one = floor((gop + 1) * self.finer + 0.5) - floor(gop * self.finer + 0.5)
        change = sum(difference for first, difference in self.changes if gop >= first)
        return min(max(self.index + one + change, 0), quality.LAST_INDEX)

    def changed(self, gop: int, difference: int) -> Self:
        """The same with a change."""
        return replace(self, changes=(*self.changes, (gop, difference)))

    def text(self) -> str:
        """On one line, for `of_text`."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> Self:
        """What `text` wrote."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """What dataclasses.asdict made. Raises KeyError, TypeError or ValueError for anything else."""
        most = record["most_bytes"]
        changes = tuple((int(gop), int(difference)) for gop, difference in record["changes"])
        return cls(int(record["index"]), float(record["finer"]), changes, None if most is None else float(most))


@dataclass(frozen=True)
class Planned:
    """A picture to code, and the quality index of its GOP."""

    picture: Picture
    index: int


def planned(runs: Iterable[Iterable[Picture]], qualities: Qualities, first: int = 0) -> Iterator[Iterator[Planned]]:
    """The pictures of GOPs, each with its quality. first: the number of the first GOP."""
    for gop, run in enumerate(runs, start=first):
        index = qualities.of(gop)
        yield (Planned(picture, index) for picture in run)


@dataclass
class Encoders:
    """The encoders of GOPs by their quality index. make: what makes one."""

    make: Callable[[int], GopEncoder]
    _made: dict[int, GopEncoder] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def at(self, index: int) -> GopEncoder:
        """The encoder for a quality. Raises UsageError if the weights have none."""
        with self._lock:
            if index not in self._made:
                self._made[index] = self.make(index)
            return self._made[index]

    def encode(self, pictures: Iterable[Planned]) -> Iterator[CodedGroup]:
        """Code one GOP."""
        rest = iter(pictures)
        for first in rest:
            yield from self.at(first.index).encode(each.picture for each in chain([first], rest))
