"""Which structure a run of pictures gets: each one that may be right is coded, and the cheapest is kept.

    cost = bits + WORTH * lambda * squared errors, those of the last picture LAST times: the next ones are made of it

To code all of them every time would take as many times as long. So all are tried where nothing is known, after an
I-picture, and from then on the one that won last beside one of the others: the next time one that came close, else some
runs later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from lvcodec.codec.state import State
from lvcodec.encoder.groups import CodedGroup, GroupCoder, SideBySide
from lvcodec.quality import lambda_of
from lvcodec.stream.structure import Shift, Structure
from lvcodec.video.picture import Picture

# docs/decisions.md#chain-or-pyramid
LAST = 3
WORTH = 0.1  # of lambda of I-pictures: what more bits buy by a whole GOP
CLOSE = 1.02  # times the cost of the winner
SOONER = 3  # times as often what came close is tried


class Split(Protocol):
    """The structures of so many pictures. key: whether the first of them is a key one."""

    def __call__(self, pictures: int, *, key: bool) -> tuple[Structure, ...]: ...


@dataclass(frozen=True)
class Coded:
    """A run of pictures, coded: its groups, and the state after them.

    chooser: of the structures of the next run, where one chose this one's.
    """

    groups: tuple[CodedGroup, ...]
    state: State
    chooser: Chooser | None = None

    @property
    def shift(self) -> Shift:
        """Of its last group; the usual one of an I-picture."""
        structure = self.groups[-1].structure
        return Shift() if structure is None else structure.shift

    @property
    def size_bytes(self) -> int:
        """Of the groups' records, about."""
        return sum(group.size_bytes for group in self.groups)


def chain(pictures: int, *, key: bool) -> tuple[Structure, ...]:
    """P-pictures alone."""
    return (Structure(pictures, key=key),)


def pyramid(pictures: int, *, key: bool) -> tuple[Structure, ...]:
    """One pyramid; a single picture is no pyramid."""
    return (Structure(pictures, pyramid=pictures > 1),)


def halves(pictures: int, *, key: bool) -> tuple[Structure, ...]:
    """Two pyramids, one after the other."""
    if pictures == 1:
        return pyramid(1, key=key)
    first = (pictures + 1) // 2
    return (*pyramid(first, key=key), *pyramid(pictures - first, key=key))


SPLITS: tuple[Split, ...] = (chain, pyramid, halves)


@dataclass(frozen=True)
class Chooser:
    """The choice for one GOP after another run of pictures. Each makes the next one: a run may be coded again.

    side_by_side: codes several of them. every: after how many runs one that was beaten is tried again, if it did not
    come close; 1: all are tried every time. lean: what the costs of the last winner and of a chain count for.
    """

    side_by_side: SideBySide
    every: int
    lean: float = 1.0
    _winner: Split | None = None
    _due: Mapping[Split, int] = field(default_factory=dict)  # the runs that those beaten are tried in again
    _run: int = 0

    def code(self, coder: GroupCoder, pictures: Sequence[Picture], key: bool, before: State) -> Coded:
        """Code a run of pictures, the cheapest way of those that are tried; with the chooser of the next run."""
        ways: dict[tuple[Structure, ...], Split] = {}
        for split in self._tried():
            ways.setdefault(split(len(pictures), key=key), split)
        run = self._run + 1
        if len(ways) == 1:
            only = coded_as(pictures, before, coder, next(iter(ways)), self.side_by_side)
            return replace(only, chooser=replace(self, _run=run))
        coded: list[Coded] = list(self.side_by_side(partial(coded_as, pictures, before, coder), ways))
        lmbda, splits = lambda_of(coder.nets[0].quality), list(ways.values())
        costs = [_cost(each, lmbda) * self._factor(split) for each, split in zip(coded, splits, strict=True)]
        best = min(range(len(costs)), key=costs.__getitem__)
        due = dict(self._due)
        for split, each in zip(splits, costs, strict=True):
            wait = self.every if each > CLOSE * costs[best] else max(1, self.every // SOONER)
            due[split] = run + wait - 1
        return replace(coded[best], chooser=replace(self, _winner=splits[best], _due=due, _run=run))

    def _tried(self) -> list[Split]:
        if self._winner is None:
            return list(SPLITS)
        due = [split for split in SPLITS if split is not self._winner and self._due.get(split, 0) <= self._run]
        due.sort(key=lambda split: self._due.get(split, 0))  # the longest ago first
        return [self._winner, *due[: None if self.every == 1 else 1]]

    def _factor(self, split: Split) -> float:
        return (self.lean if split is chain else 1.0) * (self.lean if split is self._winner else 1.0)


def coded_as(
    pictures: Sequence[Picture],
    before: State,
    coder: GroupCoder,
    way: tuple[Structure, ...],
    side_by_side: SideBySide = map,
) -> Coded:
    """A run of pictures, coded as groups of these structures. side_by_side: codes B-pictures of one layer."""
    groups, state, at = [], before, 0
    for structure in way:
        group, state = coder.group(structure, pictures[at : at + structure.pictures], state, side_by_side)
        groups.append(group)
        at += structure.pictures
    return Coded(tuple(groups), state)


def _cost(coded: Coded, lmbda: float) -> float:
    shown = [picture for group in coded.groups for picture in group.shown]
    errors = [picture.squared_error() for picture in shown]
    pixels = shown[0].source.width * shown[0].source.height
    return 8 * coded.size_bytes + WORTH * lmbda * pixels * (sum(errors) + (LAST - 1) * errors[-1])
