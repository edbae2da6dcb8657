"""Pieces of work given to a dask cluster, from connecting to it to the last result.

Each piece is a call of a function that every worker can import. What a lost worker had to do others do, and a piece
that fails is tried again; after ATTEMPTS all ends with that piece's error.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lvcodec.errors import InputError, LvcError, UsageError
from lvcodec.report import OnNotice

if TYPE_CHECKING:
    from distributed import Client, Future

ATTEMPTS = 3
CONNECT_S, WORKERS_S = 10, 120  # to wait for a scheduler, and for its first worker
LOOK_S = 0.5  # how often it is looked how far the pieces are
CONFIGURED = {
    "distributed.scheduler.allowed-failures": ATTEMPTS - 1,
    "distributed.admin.large-graph-warning-threshold": "1TB",  # pieces that are shipped are large
}
PROGRESS = "lvcodec-progress"  # the topic of what workers tell


@dataclass(frozen=True)
class Piece:
    """A call that is made on some worker.

    number, title: tell it from others. pictures: that it codes, by which its progress counts. priority: a higher one
    begins sooner. log: where workers write why it failed, if they do.
    """

    number: int
    title: str
    pictures: int
    call: Callable[..., Any]
    args: tuple[Any, ...]
    priority: int = 0
    log: str = ""


@contextmanager
def connected(where: str, on_notice: OnNotice) -> Iterator[Client]:
    """A client of the cluster: "local", "local:N", or the address of a scheduler, which has at least one worker.

    Raises UsageError for a number of workers that is none, InputError if dask is not installed or does not answer.
    """
    kind, _, number = where.partition(":")
    if kind == "local" and number and not (number.isdecimal() and int(number)):
        raise UsageError(f"{where!r} names no number of workers", "write it as local:4")
    try:
        import dask
        from dask.system import CPU_COUNT
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise InputError(f"a cluster needs the package {error.name}", "pip install 'lvcodec[cluster]'") from error
    with ExitStack() as stack:
        # what dask logs of lost workers is told by the pieces, in one line each
        stack.callback(_quiet("distributed"))
        stack.enter_context(dask.config.set(CONFIGURED))
        if kind == "local":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lvcodec-", ignore_cleanup_errors=True))
            cluster = LocalCluster(
                n_workers=int(number) if number else CPU_COUNT,
                threads_per_worker=1,
                memory_limit=0,  # a worker that is paused for its memory never ends
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                local_directory=folder,
            )
            stack.callback(cluster.close)
            client = Client(cluster)
        else:
            try:
                client = Client(where, timeout=CONNECT_S)
            except (OSError, ValueError) as error:  # TimeoutError is one
                raise InputError(f"no dask scheduler answers at {where}", "dask scheduler starts one") from error
        stack.callback(client.close)
        try:
            client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError as error:
            raise InputError(f"the scheduler at {where} has no worker", "dask worker ADDRESS starts one") from error
        count = count_of_workers(client)
        on_notice(
            f"{count} worker{'' if count == 1 else 's'} at {client.scheduler.address if client.scheduler else where}"
        )
        yield client


def _quiet(name: str) -> Callable[[], None]:
    """Let a logger say nothing; returns what undoes that."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    return lambda: logger.setLevel(before)


def count_of_workers(client: Client) -> int:
    """How many there are now."""
    return len(client.scheduler_info(n_workers=-1)["workers"])


def check_workers(client: Client, check: Callable[..., Any], *args: Any) -> None:
    """Call `check(*args)` on every worker. Raises what it raises, with the worker's name."""
    from distributed.comm.core import CommClosedError

    for worker, answer in client.run(check, *args, on_error="return").items():
        if isinstance(answer, LvcError):
            raise _about(answer, f"worker {worker}")
        if isinstance(answer, BaseException) and not isinstance(answer, CommClosedError):  # which is one that is lost
            raise InputError(f"worker {worker} cannot code: {_in_a_line(answer)}", "install the same lvcodec there")


@dataclass
class Run:
    """Pieces under way.

    window: so many pieces at once are given to the cluster; None: all. on_pictures(done): called now and then with the
    pictures that all workers together have done.
    """

    client: Client
    window: int | None
    on_pictures: Callable[[int], None]
    on_notice: OnNotice
    _name: str = field(default_factory=lambda: uuid4().hex)  # of no other run, now or later
    _running: dict[Future[Any], Piece] = field(default_factory=dict)
    _under_way: dict[str, int] = field(default_factory=dict)  # pictures done, by the key of a piece
    _finished: int = 0

    def results(self, pieces: Iterable[Piece]) -> Iterator[tuple[Piece, Any]]:
        """Each piece with its result, in the order in which they end. Raises the error of one that fails for good."""
        self.client.subscribe_topic(PROGRESS, self._hear)
        try:
            for piece in pieces:
                while self.window is not None and len(self._running) >= self.window:
                    yield from self._ended()
                self._start(piece)
            while self._running:
                yield from self._ended()
        finally:
            self.client.cancel(list(self._running))
            self.client.unsubscribe_topic(PROGRESS)

    def in_order(self, pieces: Iterable[Piece]) -> Iterator[Any]:
        """The results of pieces whose numbers go up from 0, in that order."""
        waiting: dict[int, Any] = {}
        due = 0
        for piece, result in self.results(pieces):
            waiting[piece.number] = result
            while due in waiting:
                yield waiting.pop(due)
                due += 1

    def _start(self, piece: Piece) -> None:
        key = f"lvcodec-piece-{self._name}-{piece.number}"
        future = self.client.submit(
            piece.call, *piece.args, key=key, pure=False, retries=ATTEMPTS - 1, priority=piece.priority
        )
        self._running[future] = piece
        self._under_way[key] = 0

    def _ended(self) -> Iterator[tuple[Piece, Any]]:
        """Those that have ended since the last look, after waiting for a while."""
        from distributed import wait

        try:
            ended = wait(list(self._running), timeout=LOOK_S, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            ended = set()
        for future in ended:
            piece = self._running.pop(future)
            self._under_way.pop(future.key)
            if future.status != "finished":
                raise _failure(piece, future)
            self._finished += piece.pictures
            yield piece, future.result()
            future.release()
        self.on_pictures(self._finished + sum([*self._under_way.values()]))

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """What a worker tells, in a thread of dask's."""
        key, done = event[1]["key"], event[1]["done"]
        if key in self._under_way:
            self._under_way[key] = done


def _failure(piece: Piece, future: Future[Any]) -> LvcError:
    """Why a piece could not be done, as its worker told it."""
    from distributed import KilledWorker

    error = future.exception() if future.status == "error" else None
    text = f"{piece.title} failed {ATTEMPTS} times"
    if isinstance(error, LvcError):
        failure = _about(error, text)
    elif error is None:
        failure = LvcError(f"{piece.title} is lost: the scheduler has given it up", "look at its own log")
    elif isinstance(error, KilledWorker):
        failure = LvcError(f"{text}: its worker was lost each time", "it may need more memory than there is")
    else:
        failure = LvcError(f"{text}: {_in_a_line(error)}")
    if piece.log and os.path.exists(piece.log):
        failure.hint = "; ".join(filter(None, (failure.hint, f"{piece.log} has its log")))
    return failure


def _about(error: LvcError, what: str) -> LvcError:
    error.message = f"{what}: {error.message}"
    return error


def _in_a_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
