"""Groups of items through threads: read by one, worked on by several side by side, handed out in order.

    groups ── a thread that reads ──► items of each group ── `jobs` threads that work ──► results ──► the caller

A group is a GOP here: nothing in it needs anything from before it, so what is computed does not depend on how many are
worked on at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, Generic, TypeVar

from lvcodec.exact.loaded import shared_out, without_gradients

In = TypeVar("In")
Out = TypeVar("Out")

LOOK_S = 0.2  # how often a waiting thread looks whether it should stop
READER_S = 1.0  # how long a reader may take to end: it may wait for a pipe that never does


def pipelined(
    groups: Iterable[Iterable[In]],
    work: Callable[[Iterable[In]], Iterator[Out]],
    jobs: int,
    ahead: int,
    results_ahead: int | None = None,
) -> Generator[Out, None, None]:
    """Apply `work` to every group and chain the results in order: each is handed out once those before it are.

    So input is read, and output written, while the networks run. At most `ahead` items and `results_ahead` results (as
    many if None) wait for each of jobs + 2 groups. An exception comes after the results that came before it. torch's
    threads are shared out among the jobs.
    """
    with shared_out(jobs):
        yield from _Pipeline(groups, work, jobs, ahead, results_ahead or ahead).results()


class _Pipeline(Generic[In, Out]):
    """The threads of one call of `pipelined`, and the lanes on which groups go from one to the next."""

    def __init__(
        self,
        groups: Iterable[Iterable[In]],
        work: Callable[[Iterable[In]], Iterator[Out]],
        jobs: int,
        ahead: int,
        results_ahead: int,
    ) -> None:
        self._groups, self._work, self._jobs = groups, work, jobs
        self._ahead, self._results_ahead = ahead, results_ahead
        self._stop = Event()
        self._in_order: Queue[_Lane[In, Out] | None] = Queue(jobs)  # for the caller
        self._open: Queue[_Lane[In, Out] | None] = Queue()  # the same lanes, for whoever has time

    def results(self) -> Iterator[Out]:
        """Start the threads, and hand out what they make.

        Afterwards the workers have ended; so has the reader, a daemon, unless its input keeps it longer than READER_S.
        """
        reader = Thread(target=self._read, name="lvcodec reader", daemon=True)  # may wait for a pipe that never ends
        workers = [Thread(target=self._run, name="lvcodec worker") for _ in range(self._jobs)]
        started: list[Thread] = []
        try:
            for thread in (reader, *workers):
                thread.start()  # which the system may refuse
                started.append(thread)
            while (lane := self._in_order.get()) is not None:
                yield from lane.out()
        finally:
            self._stop.set()
            self._close()
            for thread in reversed(started):
                thread.join(timeout=READER_S if thread is reader else None)

    def _read(self) -> None:
        try:
            for group in self._groups:
                lane = self._lane()
                self._open.put(lane)
                lane.fill(group)
            _put(self._in_order, None, self._stop)
        except _Stopped:
            pass
        except BaseException as error:  # of the reading itself, between groups
            with suppress(_Stopped):
                self._lane(_Failed(error))
        finally:
            self._close()

    def _lane(self, failure: _Failed | None = None) -> _Lane[In, Out]:
        """A new lane, the next for the caller; failure: all that will be on it."""
        lane: _Lane[In, Out] = _Lane(self._stop, self._ahead, self._results_ahead)
        if failure is not None:
            lane.results.put(failure)
        _put(self._in_order, lane, self._stop)
        return lane

    def _close(self) -> None:
        """Tell every worker that there are no more lanes."""
        for _ in range(self._jobs):
            self._open.put(None)

    def _run(self) -> None:
        with without_gradients():
            while (lane := self._open.get()) is not None and not self._stop.is_set():
                lane.run(self._work)


class _Stopped(Exception):
    """Nobody wants the results any more."""


class _End:
    """No more items."""


@dataclass(frozen=True)
class _Failed:
    """An exception where an item would be."""

    error: BaseException


class _Lane(Generic[In, Out]):
    """One group's items and results on their way from thread to thread."""

    def __init__(self, stop: Event, ahead: int, results_ahead: int) -> None:
        self._stop = stop
        self.items: Queue[In | _End | _Failed] = Queue(ahead)
        self.results: Queue[Out | _End | _Failed] = Queue(results_ahead)

    def fill(self, group: Iterable[In]) -> None:
        """For the reader: pass on all items, and what goes wrong with reading them."""
        try:
            for item in group:
                _put(self.items, item, self._stop)
        except _Stopped:
            raise
        except BaseException as error:
            _put(self.items, _Failed(error), self._stop)
            raise _Stopped from error
        _put(self.items, _End(), self._stop)

    def run(self, work: Callable[[Iterable[In]], Iterator[Out]]) -> None:
        """For a worker: do the work, and pass on its results."""
        with suppress(_Stopped):
            try:
                for result in work(_taken(self.items, self._stop)):
                    _put(self.results, result, self._stop)
            except _Stopped:
                raise
            except BaseException as error:
                _put(self.results, _Failed(error), self._stop)
            _put(self.results, _End(), self._stop)

    def out(self) -> Iterator[Out]:
        """For the caller: the results."""
        yield from _taken(self.results, self._stop)


def _taken(queue: Queue[Any], stop: Event) -> Iterator[Any]:
    while True:
        try:
            item = queue.get(timeout=LOOK_S)
        except Empty:
            if stop.is_set():
                raise _Stopped from None
            continue
        if isinstance(item, _Failed):
            raise item.error
        if isinstance(item, _End):
            return
        yield item


def _put(queue: Queue[Any], item: Any, stop: Event) -> None:
    while not stop.is_set():
        try:
            return queue.put(item, timeout=LOOK_S)
        except Full:
            continue
    raise _Stopped
