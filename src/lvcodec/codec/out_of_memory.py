"""Memory that is not there becomes a failure that lvcodec can explain.

A header may tell of pictures of 16384x16384, truly or not, and no limit below that would be right for everyone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lvcodec.errors import InputError

_ALLOCATORS = ("allocate memory", "out of memory", "not enough memory", "bad_alloc")  # how torch's RuntimeErrors say it


@contextmanager
def enough_memory() -> Iterator[None]:
    """Within it, and in functions that it decorates, a failed allocation is an InputError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in _ALLOCATORS):
            raise
        raise InputError(
            "there is not enough memory for pictures of this size",
            "fewer --jobs take less; lvcodec info shows the size",
        ) from error
