"""Which structure a run of pictures gets: each one that may be right is coded, and the cheapest is kept.

    cost = bits + WORTH * lambda * squared errors, those of the last picture LAST times: the next ones are made of it

To code all of them every time would take as many times as long. So all are tried where nothing is known, after an
I-picture, and from then on the one that won last and, as the preset says, one of the others in turn, side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from fractions import Fraction

from lvcodec.codec.state import State
from lvcodec.encoder.groups import CodedGroup, GroupCoder
from lvcodec.exact.loaded import without_gradients
from lvcodec.quality import lambda_of
from lvcodec.stream.structure import Structure
from lvcodec.video.picture import Picture

# docs/decisions.md#chain-or-pyramid
LAST = 3
WORTH = 0.1  # of lambda of I-pictures: what more bits buy by a whole GOP
GROUP_BYTES, PICTURE_BYTES = 6, 4  # of a record, over its payloads

Split = Callable[[int, bool], tuple[Structure, ...]]  # of so many pictures, and whether the first of them is a key one


@dataclass(frozen=True)
class Coded:
    """A run of pictures, coded: its groups, the state after them, and what they cost where others are compared."""

    groups: tuple[CodedGroup, ...]
    state: State
    cost: float = 0.0

    @property
    def alpha(self) -> Fraction:
        """The length of the shift in its last group; 1 where there is none."""
        structure = self.groups[-1].structure
        return Fraction(1) if structure is None else structure.alpha

    @property
    def size_bytes(self) -> int:
        """Of the groups' records, about."""
        coded = [picture for group in self.groups for picture in group.pictures]
        return len(self.groups) * GROUP_BYTES + sum(len(picture.payload) + PICTURE_BYTES for picture in coded)


def chain(pictures: int, key: bool) -> tuple[Structure, ...]:
    """P-pictures alone."""
    return (Structure(pictures, key=key),)


def pyramid(pictures: int, key: bool) -> tuple[Structure, ...]:
    """One pyramid; a single picture is no pyramid."""
    return (Structure(pictures, pyramid=pictures > 1),)


def halves(pictures: int, key: bool) -> tuple[Structure, ...]:
    """Two pyramids, one after the other."""
    first = (pictures + 1) // 2
    return (*pyramid(first, key), *pyramid(pictures - first, key)) if pictures > 1 else pyramid(pictures, key)


SPLITS: tuple[Split, ...] = (chain, pyramid, halves)


@dataclass
class Chooser:
    """The choice for one GOP after another run of pictures.

    executor: what codes several of them side by side. tried: how many are, 1 or more, once the GOP's first run has
    shown which one wins.
    """

    executor: Executor
    tried: int
    _ranked: list[Split] = field(default_factory=lambda: list(SPLITS))  # the last winner first
    _known: bool = False

    def code(self, coder: GroupCoder, pictures: Sequence[Picture], key: bool, before: State) -> Coded:
        """Code a run of pictures, the cheapest way of those that are tried."""
        tried: dict[tuple[Structure, ...], Split] = {}
        for split in self._ranked[: self.tried if self._known else None]:
            tried.setdefault(split(len(pictures), key), split)
        ways = list(tried)
        coded = list(self.executor.map(lambda way: coded_as(coder, way, pictures, before), ways))
        best = min(range(len(ways)), key=lambda way: coded[way].cost)
        if len(ways) > 1:
            self._rank(tried[ways[best]], [tried[way] for way in ways])
        return coded[best]

    def _rank(self, winner: Split, tried: list[Split]) -> None:
        """The winner first, and those tried now and beaten last."""
        beaten = [split for split in tried if split is not winner]
        rest = [split for split in self._ranked if split is not winner and split not in beaten]
        self._ranked, self._known = [winner, *rest, *beaten], True


def coded_as(coder: GroupCoder, way: tuple[Structure, ...], pictures: Sequence[Picture], before: State) -> Coded:
    """A run of pictures, coded as groups of these structures."""
    groups, state, at = [], before, 0
    with without_gradients():  # it is a thread's own
        for structure in way:
            group, state = coder.group(structure, pictures[at : at + structure.pictures], state)
            groups.append(group)
            at += structure.pictures
    coded = Coded(tuple(groups), state)
    return replace(coded, cost=_cost(coded, lambda_of(coder.nets[0].quality)))


def _cost(coded: Coded, lmbda: float) -> float:
    shown = [picture for group in coded.groups for picture in group.shown]
    errors = [picture.squared_error() for picture in shown]
    pixels = shown[0].source.width * shown[0].source.height
    return 8 * coded.size_bytes + WORTH * lmbda * pixels * (sum(errors) + (LAST - 1) * errors[-1])
