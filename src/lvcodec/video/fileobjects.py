"""File objects that callers hand over: whether bytes can be read from them or written, and whether one is a named file.

A `name` says little: a member of a zip or a tar file has that of the file it was, `gzip.open` that of the compressed
file, and a file may have been renamed since it was opened.
"""

from __future__ import annotations

import io
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError

AS_BYTES = "give a path, or a file object of bytes"


def path_of(file: Any) -> Path | None:
    """The path by which another program reads just what `file` will give: a named, regular file, at its beginning.

    None for all else, such as pipes, what is decompressed or lies in memory, and files that have been moved.
    """
    if isinstance(file, tempfile._TemporaryFileWrapper):
        file = file.file
    # exact types: what derives from them (a member of a tar file) or has a descriptor of its own (gzip) changes bytes
    raw = file.raw if type(file) in (io.BufferedReader, io.BufferedRandom) else file
    if type(raw) is not io.FileIO or not isinstance(raw.name, (str, bytes)):
        return None
    path = Path(os.fsdecode(raw.name))
    try:
        there, here = path.stat(), os.fstat(file.fileno())
        same = stat.S_ISREG(here.st_mode) and os.path.samestat(there, here) and file.tell() == 0
    except (OSError, ValueError):
        return None
    return path if same else None


def check_readable(file: Any, what: str, hint: str = AS_BYTES) -> None:
    """Raise InputError unless `file` is an object that bytes can be read from; what: a video or a stream."""
    if not callable(getattr(file, "read", None)):
        if isinstance(file, (bytes, bytearray, memoryview)):
            hint = f"{hint}; io.BytesIO makes one of bytes"
        raise InputError(f"{type(file).__name__} is no {what}", hint)
    if isinstance(file, io.TextIOBase):
        raise as_text("the input file", "rb")


def check_writable(file: Any, what: str) -> None:
    """Raise InputError unless `file` is an object that bytes can be written to; what: a video or a stream."""
    if not callable(getattr(file, "write", None)):
        raise InputError(f"{type(file).__name__} is no place for a {what}", AS_BYTES)
    if isinstance(file, io.TextIOBase):
        raise as_text("the output file", "wb")
    try:
        writable = file.writable() if hasattr(file, "writable") else True
    except ValueError as exc:  # it is closed
        raise InputError(f"cannot write the output file: {exc}") from exc
    if not writable:
        raise InputError("the output file is not open for writing", "open it with mode 'wb'")


def as_text(name: str, mode: str) -> InputError:
    """The InputError for a file object of characters."""
    return InputError(f"{name} is open as text, not as bytes", f"open it with mode {mode!r}")
