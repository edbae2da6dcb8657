"""Output that is complete or absent: written beside its place under another name, renamed when complete.

Devices and named pipes (/dev/null, /dev/full, a FIFO) are written directly: there is nothing to rename.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError
from lvcodec.video.writing import Output, refusals_told, write_all, write_error


def check_output(
    target: str | os.PathLike[str], *sources: str | os.PathLike[str] | object, overwrite: bool = False
) -> None:
    """Look before slow work whether `target` can be written: for "-" and file objects nothing is looked at.

    Raises InputError if it is a folder, lies in none, exists (unless `overwrite`), or is one of `sources`.
    """
    if not isinstance(target, (str, os.PathLike)) or os.fspath(target) == "-":
        return
    path = Path(target)
    if "\0" in str(path):
        raise InputError(f"output {str(path)!r} has a null byte, as no file's name has")
    for source in sources:
        if isinstance(source, (str, os.PathLike)) and _is_same(path, Path(source)):
            raise InputError(f"output {path} is the input itself", "give the output another name")
    if path.is_dir():
        raise InputError(f"output {path} is a folder", "name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} for the output {path.name}", "make it first")
    if is_regular(path) and not overwrite:
        raise InputError(f"output {path} exists", "give another name, or -y (overwrite=True) to replace it")


def is_regular(path: Path) -> bool:
    """Whether there is an ordinary file of that name (links followed)."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def is_special(path: Path) -> bool:
    """Whether there is something of that name that is neither file nor folder: a device, a pipe."""
    return path.exists() and not path.is_file() and not path.is_dir()


def partial_path(path: Path) -> Path:
    """A free name beside `path`, with its suffix at the end."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part{path.suffix}")


def put_in_place(partial: Path, path: Path, *, overwrite: bool) -> None:
    """Rename a complete file; without `overwrite` never over one that has come into being meanwhile."""
    try:
        if overwrite:
            os.replace(partial, path)
            return
        try:
            os.link(partial, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if path.exists():
                raise FileExistsError(path) from None
            os.replace(partial, path)
            return
        os.unlink(partial)
    except FileExistsError as exc:
        raise InputError(f"output {path} exists", "give another name, or -y (overwrite=True) to replace it") from exc
    except OSError as exc:
        raise write_error(str(path), exc) from exc


class AtomicFile(Output):
    """A file for writing that appears under its name with `close`, and not at all after `abort`.

    As a context manager it closes on success and aborts on an exception. All methods raise InputError where
    the system refuses (a full disk, no permission); after that the partial file is gone.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        check_output(path, overwrite=overwrite)
        self.path = Path(path)
        self.name = str(path)
        self._overwrite = overwrite
        self._partial: Path | None = None
        # a link is followed: what it points to is replaced, not the link
        self._place = self.path if is_special(self.path) else Path(os.path.realpath(self.path))
        try:
            if is_special(self.path):
                self._file: Any = open(self.path, "wb", buffering=0)
            else:
                self._partial = partial_path(self._place)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
                self._file = os.fdopen(os.open(self._partial, flags, 0o666), "wb")
        except OSError as exc:
            raise write_error(self.name, exc) from exc

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Write all of `data`, and return its size in bytes."""
        with self._removed_if_refused():
            write_all(self._file, data, self.name)
        return memoryview(data).nbytes

    def flush(self) -> None:
        """Hand what was written to the system."""
        with self._removed_if_refused():
            self._file.flush()

    @property
    def closed(self) -> bool:
        """Whether `close` or `abort` has been called."""
        return bool(self._file.closed)

    def close(self) -> None:
        """Complete: the file appears under its name."""
        if self._file.closed:
            return
        with self._removed_if_refused():
            self._file.close()
            if self._partial is not None:
                put_in_place(self._partial, self._place, overwrite=self._overwrite)
        self._partial = None

    def abort(self) -> None:
        """Remove what was written."""
        try:
            self._file.close()
        except OSError:
            pass  # a full disk, met again while closing
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)
            self._partial = None

    @contextmanager
    def _removed_if_refused(self) -> Iterator[None]:
        """Turn the system's refusal into InputError, with nothing left of the file."""
        try:
            with refusals_told(self.name):
                yield
        except InputError:
            self.abort()
            raise


def _is_same(target: Path, source: Path) -> bool:
    try:
        if is_special(target):
            return False
        return target.samefile(source)
    except OSError:
        return os.path.abspath(target) == os.path.abspath(source)
