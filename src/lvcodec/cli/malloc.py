"""The allocator, set for arrays of megabytes that come and go with every picture."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


def keep_freed_memory() -> None:
    """Let freed memory stay with the process, where the C library is glibc.

    A page that comes back from the system costs more than what is computed on it. For commands, not the library: it is
    the process's affair.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, 1 << 30)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_ARENA_MAX, 1)  # else each thread keeps what it has freed for itself
