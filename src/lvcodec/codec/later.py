"""Pixels that are worked out later: what a picture's symbols need of others are their symbols, not their pixels.

parse picture 1 ── parse picture 2 ── parse picture 3 ──►     the thread that reads symbols
└──── pixels of 1 ── pixels of 2 ── pixels of 3 ──► a thread of its own, in the same order
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from types import TracebackType
from typing import Self

from lvcodec.exact.loaded import without_gradients
from lvcodec.video.picture import Picture

Pixels = Picture | Future[Picture]
Compute = Callable[[], Picture]
When = Callable[[Compute], Pixels]  # computes pixels now, or sees to it that somebody does

AHEAD = 3  # pictures whose symbols may wait for their pixels: each takes megabytes


def at_once(compute: Compute) -> Pixels:
    """Without a thread."""
    return compute()


def ready(pixels: Pixels) -> Picture:
    """The picture, waited for. Raises what its computation raised."""
    return pixels.result() if isinstance(pixels, Future) else pixels


class Later:
    """A thread that computes pictures in the order in which they are given to it. At its end all are there."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "lvcodec pixels")
        self._room = BoundedSemaphore(AHEAD)

    def __call__(self, compute: Compute) -> Pixels:
        """See When; waits while too many pictures do."""
        self._room.acquire()
        future = self._thread.submit(_untracked, compute)
        future.add_done_callback(lambda _: self._room.release())
        return future

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()


def _untracked(compute: Compute) -> Picture:
    with without_gradients():
        return compute()
