"""A request to stop, noted until a step is done: what is raised at once (cli/failures.py) would lose it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], int]]:
    """Give a function that tells which of SIGINT, SIGTERM, SIGHUP has come, 0 for none. A second one acts as always."""
    came = 0
    before: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = number
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup's stays ignored
                before[number] = signal.signal(number, note)
    try:
        yield lambda: came
    finally:
        restore()
