"""What a program may have told torch about short floats, taken back while lvcodec codes.

Sums of whole numbers in float32 are exact only while torch multiplies in float32. `torch.set_float32_matmul_precision`,
`torch.backends...fp32_precision` and autocast let it use bfloat16 or TF32 instead, in the whole process or in one
thread; a program that trains may have set them before it decodes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from lvcodec.exact.loaded import loaded_torch

_lock = threading.Lock()
_users = 0  # calls that are inside
_before: list[str] = []  # the process's settings before the first of them


@contextmanager
def whole_products() -> Iterator[None]:
    """Within it, and in functions that it decorates, float32 products are computed in float32.

    Autocast is the calling thread's: threads that are started within begin without it. The precision of products is the
    process's: it is set when the first of several calls enters and restored when the last one leaves. A program that
    changes it from another thread meanwhile is not hindered. Where torch is not loaded nobody has told it anything yet.
    """
    torch = loaded_torch()
    if torch is None:
        yield
        return
    with ExitStack() as stack:
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        _enter(torch)
        try:
            yield
        finally:
            _leave(torch)


def _enter(torch: Any) -> None:
    global _users, _before
    with _lock:
        if not _users:
            _before = _set_exact(torch)
        _users += 1


def _leave(torch: Any) -> None:
    global _users
    with _lock:
        _users -= 1
        if not _users:
            _restore(torch, _before)


def _owners(torch: Any) -> list[Any]:
    """What holds an `fp32_precision`, parents first; none in a torch that has only the one function.

    A child that was not set takes its parent's.
    """
    all_of = torch.backends
    onednn = all_of.mkldnn
    owners = [all_of, onednn, getattr(onednn, "matmul", None), getattr(onednn, "conv", None)]
    return owners if all(hasattr(owner, "fp32_precision") for owner in owners) else []


def _set_exact(torch: Any) -> list[str]:
    """Returns the settings from before, in the order of `_owners`."""
    owners = _owners(torch)
    if not owners:
        before = [torch.get_float32_matmul_precision()]
        torch.set_float32_matmul_precision("highest")
        return before
    before = []
    for owner in owners:
        before.append(str(owner.fp32_precision))  # its own: its parents say "none" by now
        owner.fp32_precision = "none"
    for owner in owners[2:]:
        owner.fp32_precision = "ieee"
    return before


def _restore(torch: Any, before: list[str]) -> None:
    owners = _owners(torch)
    if not owners:
        torch.set_float32_matmul_precision(before[0])
    # Parents last: in torch 2.14 what is said of all of oneDNN is said of everything.
    for owner, value in zip(reversed(owners), reversed(before), strict=False):
        owner.fp32_precision = value
