"""What a worker does around a piece: one at a time in a process, telling how far it is, and a log where it fails."""

from __future__ import annotations

import platform
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lvcodec.cluster.engine import PROGRESS
from lvcodec.report import OnPicture

TELL_S = 1.0
_alone = threading.Lock()  # networks are kept for one model at a time, and torch's threads are the process's


@contextmanager
def at_work(log: Path | None = None) -> Iterator[OnPicture]:
    """Give a function (done, total) to call after each picture. log: where an exception is told, with its traceback."""
    with _alone:
        try:
            yield _teller()
        except Exception:
            if log is not None:
                _tell_failure(log)
            raise


def _teller() -> OnPicture:
    from distributed import get_worker

    worker = get_worker()
    key, told_s = worker.get_current_task(), 0.0

    def tell(done: int, total: int | None) -> None:
        nonlocal told_s
        if time.monotonic() - told_s >= TELL_S:
            told_s = time.monotonic()
            worker.log_event(PROGRESS, {"key": key, "done": done})

    return tell


def _tell_failure(log: Path) -> None:
    when = time.strftime("%Y-%m-%d %H:%M:%S")
    try:
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{when} {platform.node()}\n{traceback.format_exc()}\n")
    except OSError:
        pass  # the error itself is told all the same
