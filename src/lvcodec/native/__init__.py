"""Compiled kernels (native/*.c): which of them this process computes with, if any.

They are built when lvcodec is installed where there is a C compiler, and only save time: whatever they compute,
another module computes too, to the same bits. Before their first use in a process those that a decoder needs are run,
in their plain form, on fixed inputs (self_test.py), and all are left alone where one number differs.

The environment variable LVCODEC_NATIVE limits them: to "portable" code, to "avx2", to "avx512", or to "off".
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType

from lvcodec.errors import UsageError
from lvcodec.native import self_test

VARIABLE = "LVCODEC_NATIVE"
LEVELS = ("portable", "avx2", "avx512")  # sets of instructions, by the kernels' numbers
OFF = "off"


def kernels() -> ModuleType | None:
    """The kernels that compute right here; None where there are none, or they are switched off.

    Raises UsageError if LVCODEC_NATIVE is none of its values.
    """
    return _found().kernels


def condition() -> str:
    """Which instructions the kernels use, or why there are none, in words for people."""
    return _found().condition


def multiplies() -> bool:
    """Whether the kernels have products of bytes that are worth their while: portable code is slower than torch's."""
    return _found().kernels is not None and _found().condition != LEVELS[0]


def wrong() -> bool:
    """Whether there are kernels that compute wrong."""
    return _found().wrong


@dataclass(frozen=True)
class _Found:
    kernels: ModuleType | None
    condition: str
    wrong: bool = False


@cache
def _found() -> _Found:
    limit = os.environ.get(VARIABLE, "")
    if limit not in ("", OFF, *LEVELS):
        raise UsageError(f"{VARIABLE} is {limit!r}", f"set it to one of {OFF}, {', '.join(LEVELS)}, or to nothing")
    if limit == OFF:
        return _Found(None, f"switched off by {VARIABLE}")
    try:
        compiled = import_module(f"{__name__}._kernels")
    except ImportError:
        return _Found(None, "not built, slower without; install lvcodec where there is a C compiler")
    best = compiled.best()
    level = min(best, LEVELS.index(limit)) if limit else best
    compiled.use(level)
    if not self_test.right(compiled):
        return _Found(None, f"{LEVELS[level]} computes wrong, not used", wrong=True)
    return _Found(compiled, LEVELS[level])
