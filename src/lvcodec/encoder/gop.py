"""What encoding does with one GOP: pictures in, coded groups out. The unit of parallel work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, repeat

from lvcodec.codec.state import State
from lvcodec.encoder.alpha import TRIED, cheapest_shift
from lvcodec.encoder.buffer import Limit
from lvcodec.encoder.groups import CodedGroup, GroupCoder
from lvcodec.encoder.lookahead import Lookahead, Run, Way
from lvcodec.encoder.scenes import Marked
from lvcodec.encoder.structures import Chooser, Coded, coded_as
from lvcodec.stream.structure import Shift, Structure
from lvcodec.video.picture import Picture


@dataclass(frozen=True)
class GopEncoder:
    """How the pictures of a clip's GOPs are coded.

    run: so many pictures are read before they are coded together, as a chain of P-pictures or in pyramids; 1: each by
    itself, before the next is read. key_every: P-pictures from one key picture, with which a chain begins, to the next,
    the I-picture counted as one; 0: there are none. every: how often structures are tried, as for Chooser. executor:
    codes what may be coded side by side. shifts: how residuals may be shifted; of several, what is cheapest in a GOP's
    first P-pictures, `tried` of them, which are read before they are coded. smaller: codes small pictures, which tell
    the structures of large ones (encoder/lookahead.py).
    """

    coder: GroupCoder
    executor: Executor
    run: int = 1
    key_every: int = 0
    every: int = 3
    limit: Limit | None = None
    shifts: tuple[Shift, ...] = (Shift(),)
    tried: int = TRIED
    smaller: GroupCoder | None = None

    def encode(self, pictures: Iterable[Picture]) -> Iterator[CodedGroup]:
        """Code the pictures of one GOP, each group as soon as its last picture has come.

        An exception in reading comes after all pictures that were read before it.
        """
        chooser = Chooser(self.executor.map, self.every)
        state: State | None = None
        shift = self.shifts[0] if len(self.shifts) == 1 else None
        first: CodedGroup | None = None
        for run, way in self._planned(pictures):
            if state is None or first is None or self.coder.decisions is None:
                coded = self._limited(partial(_intra, run.pictures[0]), 1, intra=True)
                [first] = coded.groups
            elif shift is None:
                attempt = partial(cheapest_shift, self.shifts, run.pictures, first, state, self.executor)
                coded = self._limited(attempt, len(run.pictures), intra=False)
                shift = coded.shift
            else:
                attempt = partial(self._predicted, chooser, run, way, shift, state)
                coded = self._limited(attempt, len(run.pictures), intra=False)
            if state is None:
                yield replace(coded.groups[0], begins_gop=True)
            else:
                yield from coded.groups
            state, chooser = coded.state, coded.chooser or chooser

    def _planned(self, pictures: Iterable[Picture]) -> Iterator[tuple[Run, Future[Way] | None]]:
        """The runs, with their structures where small pictures tell them."""
        if self.smaller is None:
            return ((run, None) for run in self._runs(pictures))
        return Lookahead(self.smaller, self.every).ahead(self._runs(pictures))

    def _predicted(
        self, chooser: Chooser, run: Run, way: Future[Way] | None, shift: Shift, before: State, coder: GroupCoder
    ) -> Coded:
        if way is not None:
            return coded_as(run.pictures, before, coder, way.result(), self.executor.map)
        if len(run.pictures) > 1:
            return chooser.code(coder, run.pictures, run.key, before)
        return coded_as(run.pictures, before, coder, (Structure(1, False, run.key, *shift),))

    def _limited(self, attempt: Callable[[GroupCoder], Coded], pictures: int, *, intra: bool) -> Coded:
        """What an attempt comes to with the GOP's own coder, or one that keeps to the limit."""
        if self.limit is None:
            return attempt(self.coder)
        return self.limit.coded(attempt, self.coder.nets[0].quality_index, pictures, intra=intra)

    def _runs(self, pictures: Iterable[Picture]) -> Iterator[Run]:
        """The first picture, those that shifts are tried on, and the others by `run`."""
        waiting: list[Picture] = []
        sizes = chain([1], [self.tried] if len(self.shifts) > 1 else [], repeat(self.run))
        size = next(sizes)
        done = -1  # pictures after the I-picture
        failure: Exception | None = None
        source = iter(pictures)
        while failure is None:
            try:
                waiting.append(next(source))
            except Exception as error:  # StopIteration too
                failure = error
            if waiting and (failure is not None or len(waiting) == size):
                yield Run(waiting, done > 0 and self.key_every > 0 and done % self.key_every == 0)
                done += len(waiting)
                waiting, size = [], next(sizes)
        if not isinstance(failure, StopIteration):
            raise failure


def _intra(picture: Picture, coder: GroupCoder) -> Coded:
    group, state = coder.intra(picture)
    return Coded((group,), state)


def gops(pictures: Iterable[Marked], longest: int) -> Iterator[Iterator[Picture]]:
    """Runs of at most `longest` pictures, a new one at every cut; a run must be used up before the next.

    A picture is read when the one before it has been taken and the next is asked for, not sooner.
    """
    source = iter(pictures)
    following = next(source, None)
    while following is not None:

        def gop() -> Iterator[Picture]:
            nonlocal following
            count = 0
            while following is not None and not (count and (following.is_cut or count == longest)):
                yield following.picture
                following, count = next(source, None), count + 1

        yield gop()
