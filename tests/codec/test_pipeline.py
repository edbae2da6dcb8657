"""GOPs from thread to thread: order, errors after what came before them, no more read than is asked for, clean ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import pytest
import torch

from lvcodec.codec.jobs import AHEAD, default_jobs
from lvcodec.codec.pipeline import pipelined


def split(items: Iterable[int], length: int) -> Iterator[Iterator[int]]:
    """Runs of so many items, each read as it is asked for."""
    source = iter(items)
    for first in source:
        yield chain([first], islice(source, length - 1))


JOBS = pytest.mark.parametrize("jobs", [1, 3])


def doubled(items: Iterable[int]) -> Iterator[int]:
    for item in items:
        time.sleep(0.002 * (item % 3))
        yield 2 * item


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """No thread is left, and torch has the threads it had."""
    before, threads = set(threading.enumerate()), torch.get_num_threads()
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)
        assert not thread.is_alive(), thread.name
    assert torch.get_num_threads() == threads


@JOBS
def test_results_come_in_order(jobs: int) -> None:
    assert list(pipelined(split(range(50), 4), doubled, jobs, AHEAD)) == [2 * n for n in range(50)]
    assert list(pipelined(split([], 4), doubled, jobs, AHEAD)) == []


def test_a_thread_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that could have ended."""
    start, started = threading.Thread.start, []

    def refuses(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuses)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        list(pipelined(split(range(50), 4), doubled, 3, AHEAD))


@JOBS
def test_an_error_of_the_work_comes_after_what_was_done_before(jobs: int) -> None:
    def fails(items: Iterable[int]) -> Iterator[int]:
        for item in items:
            if item == 9:
                raise ValueError("nine")
            yield item

    seen = []
    with pytest.raises(ValueError, match="nine"):
        for item in pipelined(split(range(40), 4), fails, jobs, AHEAD):
            seen.append(item)
    assert seen == list(range(9))


@JOBS
@pytest.mark.parametrize("bad", [8, 9, 11])  # the first of a GOP, one within, the last
def test_an_error_of_the_reading_comes_after_what_was_read_before(jobs: int, bad: int) -> None:
    def source() -> Iterator[int]:
        yield from range(bad)
        raise OSError("cut")

    seen = []
    with pytest.raises(OSError, match="cut"):
        for item in pipelined(split(source(), 4), doubled, jobs, AHEAD):
            seen.append(item)
    assert seen == [2 * n for n in range(bad)]


@JOBS
def test_it_can_be_left_early(jobs: int) -> None:
    """And then has read only so far ahead."""
    read = []

    def source() -> Iterator[int]:
        for item in range(10**6):
            read.append(item)
            yield item

    results = pipelined(split(source(), 10), doubled, jobs, AHEAD)
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    results.close()
    assert len(read) < (jobs + 3) * 10 + 2 * AHEAD


def test_a_result_comes_before_the_next_item_is_there() -> None:
    """As from a camera: the third item is only sent once the second's result is seen."""
    seen = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        yield 2
        assert seen.wait(timeout=20)
        yield 3

    results = pipelined(split(source(), 2), doubled, 2, AHEAD)
    assert [next(results), next(results)] == [2, 4]
    seen.set()
    assert list(results) == [6]


def test_a_gop_without_end_goes_through(jobs: int = 2) -> None:
    assert (
        sum(1 for _ in pipelined(split(range(5 * AHEAD), 10**9), lambda items: iter(items), jobs, AHEAD)) == 5 * AHEAD
    )


def test_large_pictures_are_coded_one_at_a_time() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(16)
        assert [default_jobs(*size) for size in ((352, 288), (1920, 1080), (2560, 1440), (7680, 4320))] == [4, 2, 1, 1]
        torch.set_num_threads(1)
        assert default_jobs(352, 288) == 1
    finally:
        torch.set_num_threads(before)
