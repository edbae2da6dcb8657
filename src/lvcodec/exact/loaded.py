"""What torch is told where it is loaded: networks that the compiled kernels compute do without it.

Importing torch takes longer than decoding a short clip, and a server may not have it at all. So nothing here imports it
but `needed`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any

from lvcodec.errors import UsageError

THREADS_VARIABLE = "OMP_NUM_THREADS"  # read by torch when it is loaded


def loaded_torch() -> Any | None:
    """torch, if the process has imported it."""
    return sys.modules.get("torch")


def has_torch() -> bool:
    """Whether torch is installed."""
    return find_spec("torch") is not None


def needed(what: str) -> Any:
    """torch, imported. what: is computed by it, for people. Raises UsageError if it is not installed."""
    try:
        import torch
    except ImportError as error:
        raise UsageError(f"{what} needs torch, which is not installed", "pip install torch") from error
    return torch


def without_gradients() -> AbstractContextManager[object]:
    """Within it, in this thread, torch keeps no track of what it computes."""
    torch = loaded_torch()
    return nullcontext() if torch is None else torch.inference_mode()


def threads() -> int:
    """How many threads may compute: as torch was told, else as OMP_NUM_THREADS says, else as many as processors."""
    torch = loaded_torch()
    if torch is not None:
        return int(torch.get_num_threads())
    asked = os.environ.get(THREADS_VARIABLE, "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def limited_to(count: int) -> Iterator[None]:
    """Within it so many threads compute, of torch's if it is loaded, and of torch's too if it is loaded there."""
    torch, asked = loaded_torch(), os.environ.get(THREADS_VARIABLE)
    before = torch.get_num_threads() if torch is not None else 0
    os.environ[THREADS_VARIABLE] = str(count)
    if torch is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(before)
        if asked is None:
            del os.environ[THREADS_VARIABLE]
        else:
            os.environ[THREADS_VARIABLE] = asked


@contextmanager
def shared_out(jobs: int) -> Iterator[None]:
    """Within it each of so many threads computes with its part of torch's threads."""
    torch = loaded_torch()
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // jobs))
    try:
        yield
    finally:
        torch.set_num_threads(before)
