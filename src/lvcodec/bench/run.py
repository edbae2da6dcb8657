"""Run a comparison: all clips, codecs and points, resumable, several points at once where asked.

Finished points are kept in `points.jsonl` of the output folder and not coded again; a clip that cannot be read and a
point that fails are rows that say so. With several jobs points disturb each other's times: those of one point of each
codec and clip are then taken anew at the end, alone. On a cluster no times are taken.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from lvcodec.bench.crops import SOURCE, Box, busiest, save_crops
from lvcodec.bench.point import Codec, Task, failed, key_of, run_point
from lvcodec.bench.rows import PointFile, Row
from lvcodec.cluster.engine import ATTEMPTS, check_workers, connected, count_of_workers
from lvcodec.errors import InputError, LvcError, UsageError
from lvcodec.measure.clips import Clip, Reading, prepared
from lvcodec.measure.raw import read_some
from lvcodec.names import METRICS
from lvcodec.report import OnNotice
from lvcodec.version import __version__

OnPoint = Callable[[int, int], None]
POINTS = "points.jsonl"
CROPS = "pieces"


@dataclass(frozen=True)
class Plan:
    """What to compare.

    clips: files by name. shown: pictures whose crops are kept, counted from 0. box: the crop; None finds the busiest
    piece. out: the folder for all that is written. table2: the paper's estimates of rates are wanted. cluster: where
    points are coded, as in Encoding; its workers see `out` by the same name.
    """

    clips: Mapping[str, Path]
    codecs: Sequence[Codec]
    out: Path
    reading: Reading = field(default_factory=Reading)
    metrics: tuple[str, ...] = METRICS
    shown: tuple[int, ...] = (1, 6, 11)
    box: Box | None = None
    table2: bool = False
    jobs: int = 1
    cluster: str | None = None

    @property
    def total(self) -> int:
        """Points of the whole comparison."""
        return len(self.clips) * sum(len(codec.points) for codec in self.codecs)


def run(plan: Plan, *, on_point: OnPoint | None = None, on_notice: OnNotice | None = None) -> list[Row]:
    """Do all that is not done yet; returns every row, clip by clip.

    Raises InputError where the output folder cannot be written or a package is missing. All else that fails is a row.
    """
    check(plan)
    try:
        (plan.out / CROPS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {plan.out}: {error.strerror or error}") from error
    notice = on_notice or (lambda text: None)
    clips = f"{len(plan.clips)} clip{'s' if len(plan.clips) != 1 else ''}"
    notice(f"{plan.total} points of {clips}; the time left is known once the first one is done")
    plan = replace(plan, out=plan.out.absolute())
    if on_point:
        on_point(0, plan.total)
    work = Work(plan, PointFile(plan.out / POINTS), on_point, notice)
    with tempfile.TemporaryDirectory(prefix="work-", dir=plan.out, ignore_cleanup_errors=True) as folder:
        with _executor(plan, notice) as (executor, at_once):
            work.measure(Path(folder), executor, at_once)
        if plan.cluster is None:
            work.time(Path(folder))
    return work.ordered()


def check(plan: Plan) -> None:
    """Refuse before any work what cannot succeed."""
    names = [codec.name for codec in plan.codecs]
    if not plan.codecs or not plan.clips:
        raise UsageError("there is nothing to compare", "name clips, and modes or anchors")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two codecs are called {twice[0]}")
    if missing := [name for name in ("matplotlib", "bjontegaard") if importlib.util.find_spec(name) is None]:
        raise InputError(f"comparing needs the package {missing[0]}", "pip install 'lvcodec[bench]'")
    if "ms-ssim" in plan.metrics and importlib.util.find_spec("pytorch_msssim") is None:
        raise InputError("MS-SSIM needs pytorch-msssim", "pip install 'lvcodec[bench]', or leave it out of --metrics")


class Work:
    """The state of a run: rows so far, and what is being coded."""

    def __init__(self, plan: Plan, points: PointFile, on_point: OnPoint | None, on_notice: OnNotice) -> None:
        self.plan = plan
        self.points = points
        self.rows: dict[tuple[str, str, float | None], Row] = {}
        self._done, self._total = 0, plan.total
        self._on_point, self._on_notice = on_point, on_notice
        self._running: dict[Future[Row], Task] = {}
        self._open: dict[str, ExitStack] = {}

    def measure(self, folder: Path, executor: Executor, at_once: int) -> None:
        """Code and measure all points that are not finished, so many at once."""
        try:
            for name, path in self.plan.clips.items():
                for task in self._tasks(name, path, folder):
                    self._settle(at_once - 1)
                    self._start(executor, task)
                self._settle(at_once - 1)
            self._settle(0)
        finally:
            for stack in self._open.values():
                stack.close()

    def _tasks(self, name: str, path: Path, folder: Path) -> Iterator[Task]:
        """The points of a clip that have to be coded; the clip lies there until the last of them is done."""
        stack = ExitStack()
        try:
            clip = stack.enter_context(prepared(name, path, folder, self.plan.reading))
            tasks = [task for task in self._all(clip, folder) if not self._known(task)]
        except LvcError as error:
            stack.close()
            self._keep(Row(clip=name, error=str(error)), points=sum(len(codec.points) for codec in self.plan.codecs))
            self._on_notice(f"{name}: {error}")
            return
        self._open[name] = stack
        yield from tasks
        self._release(name)

    def _all(self, clip: Clip, folder: Path) -> Iterator[Task]:
        first = read_some(clip.raw, clip.video, [min([clip.pictures - 1, *self.plan.shown])])
        box = self.plan.box.within(clip.video) if self.plan.box else busiest(next(iter(first.values())))
        crops = self.plan.out / CROPS
        save_crops(clip.raw, clip, box, self.plan.shown, crops, f"{clip.name}.{SOURCE}")
        for codec in self.plan.codecs:
            for q in codec.points:
                alone = self.plan.jobs == 1 and self.plan.cluster is None
                yield Task(
                    clip,
                    codec,
                    q,
                    self.plan.metrics,
                    box,
                    self.plan.shown,
                    folder,
                    crops,
                    alone=alone,
                    table2=self.plan.table2,
                )

    def _known(self, task: Task) -> bool:
        """Whether a point needs no coding: it is finished, or its codec cannot even tell its version."""
        try:
            row = self.points.finished.get(key_of(task))
        except LvcError as error:
            row = failed(task, error)
            self._on_notice(f"{task.clip.name}, {task.codec.name}, {task.q:g}: {row.error}")
        if row is None:
            return False
        self._keep(row)
        return True

    def _start(self, executor: Executor, task: Task) -> None:
        try:
            self._running[executor.submit(run_point, task)] = task
        except BrokenProcessPool as error:
            self._finish(task, failed(task, error))

    def _settle(self, at_most: int) -> None:
        """Wait until no more than that many points are being coded."""
        while len(self._running) > at_most or any(future.done() for future in self._running):
            for future in wait(self._running, return_when=FIRST_COMPLETED).done:
                task = self._running.pop(future)
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                self._finish(task, future.result() if error is None else failed(task, error))

    def _finish(self, task: Task, row: Row) -> None:
        self.points.add(row)
        if row.failed:
            self._on_notice(f"{row.clip}, {row.codec}, {row.q:g}: {row.error}")
        self._keep(row)
        self._release(task.clip.name)

    def _keep(self, row: Row, points: int = 1) -> None:
        self.rows[row.clip, row.codec, row.q] = row
        self._done += points
        if self._on_point:
            self._on_point(self._done, self._total)

    def _release(self, clip: str) -> None:
        """Remove a clip's raw pictures once nobody needs them."""
        if clip in self._open and not any(task.clip.name == clip for task in self._running.values()):
            if all((clip, codec.name, q) in self.rows for codec in self.plan.codecs for q in codec.points):
                self._open.pop(clip).close()

    def time(self, folder: Path) -> None:
        """Take the times of each codec's middle point, if it has none, clip by clip, with nothing else running."""
        for name, path in self.plan.clips.items():
            wanted = []
            for codec in self.plan.codecs:
                row = self.rows.get((name, codec.name, codec.points[len(codec.points) // 2]))
                if row is not None and not row.failed and row.encode_s is None:
                    wanted.append((codec, row))
            if not wanted:
                continue
            self._total += len(wanted)
            with prepared(name, path, folder, self.plan.reading) as clip:
                for codec, row in wanted:
                    task = Task(
                        clip, codec, row.q or 0, (), Box(0, 0, 2, 2), (), folder, folder, alone=True, measured=row
                    )
                    timed = run_point(task)
                    if not timed.failed:
                        self.points.add(timed)
                    self._keep(row if timed.failed else timed)

    def ordered(self) -> list[Row]:
        """All rows, clip by clip and codec by codec, in the plan's order."""
        rows = []
        for clip in self.plan.clips:
            keys = [(clip, "", None), *((clip, codec.name, q) for codec in self.plan.codecs for q in codec.points)]
            rows += [self.rows[key] for key in keys if key in self.rows]
        return rows


class _Inline(Executor):
    """Runs what it is given at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextmanager
def _executor(plan: Plan, notice: OnNotice) -> Iterator[tuple[Executor, int]]:
    """What codes points, and how many at once: this process, the workers of a cluster, or so many processes as jobs.

    Processes that were started here are ended if the run is interrupted.
    """
    jobs = plan.jobs
    if plan.cluster is not None:
        with connected(plan.cluster, notice) as client:
            check_workers(client, _check_worker, __version__, plan.out)
            yield client.get_executor(pure=False, retries=ATTEMPTS - 1), count_of_workers(client)
        return
    if jobs == 1:
        yield _Inline(), 1
        return
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_in_worker)
    try:
        yield pool, jobs
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _check_worker(version: str, out: Path) -> None:
    """On a worker of a cluster: whether it has this lvcodec and sees the folder."""
    if version != __version__:
        raise InputError(f"it has lvcodec {__version__}, not {version}")
    if not out.is_dir():
        raise InputError(f"it does not see the folder {out}", "share it")


def _in_worker() -> None:
    """Ctrl-C is the parent's to handle; its SIGTERM unwinds the worker, so that encoders end and files go."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    os.environ["OMP_NUM_THREADS"] = "1"  # several workers with several threads each wait for each other
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
