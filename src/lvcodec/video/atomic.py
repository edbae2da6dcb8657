"""Output that is complete or absent: written beside its place under another name, renamed when complete.

Devices and named pipes (/dev/null, /dev/full, a FIFO) are written directly: there is nothing to rename.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError
from lvcodec.video.places import STDIN, STDOUT, Place
from lvcodec.video.writing import Output, refusals_told, write_all, write_error

_NAME_BYTES = 64  # a longer name gets a partial one that is no longer than itself: systems take 143 or 255 bytes
_partials: set[Path] = set()  # what is being written under another name


def check_output(target: Any, *sources: Any, outputs: Sequence[Any] = (), overwrite: bool = False) -> None:
    """Look before slow work whether `target`, a path, "-" or a file object, can be written.

    Raises InputError if it is one of `sources` or of the other `outputs`, is a folder, lies in none, or exists (unless
    `overwrite`).
    """
    if isinstance(target, str | os.PathLike) and "\0" in str(os.fspath(target)):
        raise InputError(f"output {str(target)!r} has a null byte, as no file's name has")
    try:
        place = Place.of(target, STDOUT)
        for source in sources:
            if place.is_same(Place.of(source, STDIN)):
                raise InputError(f"output {_named(target)} is the input itself", "give the output another name")
        for output in outputs:
            if place.is_same(Place.of(output, STDOUT)):
                raise InputError(
                    f"output {_named(target)} is the output {_named(output)} too", "give each its own name"
                )
        if isinstance(target, str | os.PathLike) and os.fspath(target) != "-":
            _check_place(Path(target), overwrite=overwrite)
    except OSError as exc:  # a name too long, or a working folder that has been deleted
        raise write_error(_named(target), exc) from exc


def _named(place: Any) -> str:
    return str(place) if isinstance(place, str | os.PathLike) else str(getattr(place, "name", "the file object"))


def _check_place(path: Path, *, overwrite: bool) -> None:
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
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def place_of(path: Path) -> Path:
    """Where a file called `path` is put: a link is followed, so that what it points to is replaced, not the link."""
    return path if is_special(path) else Path(os.path.realpath(path))


def begin_partial(path: Path, *, folder: bool = False) -> Path:
    """Make an empty file (or a folder) beside `path` under a free name, with its suffix at the end.

    While it is being written nobody reads it who may not read the file that it replaces. Raises OSError.
    """
    suffix = path.suffix if len(path.suffix) <= 16 else ""
    end = f".{secrets.token_hex(4)}.part{suffix}"
    stem = path.name.replace("%", "")  # which ffmpeg would take for a pattern
    room = max(_NAME_BYTES, len(os.fsencode(path.name))) - len(os.fsencode(end)) - 1
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    partial = path.with_name(f".{stem}{end}")
    if folder:
        os.mkdir(partial, 0o700)
    else:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        os.close(os.open(partial, flags, 0o600 if is_regular(path) else 0o666))
    _partials.add(partial)
    return partial


def remove_partial(partial: Path) -> None:
    """Remove what `begin_partial` made, with all that is in it."""
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)
    _partials.discard(partial)


def own_partial(partial: Path) -> None:
    """Let `remove_partials` remove a file that was not made by `begin_partial`."""
    _partials.add(partial)


def disown_partial(partial: Path) -> None:
    """Let a partial file outlive the program."""
    _partials.discard(partial)


def remove_partials() -> None:
    """Remove all that is being written: for a program that ends at once."""
    for partial in [*_partials]:
        remove_partial(partial)


def put_in_place(partial: Path, path: Path, *, overwrite: bool) -> None:
    """Rename a complete file; without `overwrite` never over one that has come into being meanwhile.

    One that replaces another has its mode, and its owner where we may give files away.
    """
    try:
        if overwrite:
            _dress_like(partial, path)
            os.replace(partial, path)
        else:
            _rename_to_new(partial, path)
        _partials.discard(partial)
    except FileExistsError as exc:
        raise InputError(f"output {path} exists", "give another name, or -y (overwrite=True) to replace it") from exc
    except OSError as exc:
        raise write_error(str(path), exc) from exc


def _dress_like(partial: Path, path: Path) -> None:
    try:
        old = path.stat()
    except FileNotFoundError:
        return
    made = partial.stat()
    if hasattr(os, "chown") and (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):
            os.chown(partial, old.st_uid, old.st_gid)
    os.chmod(partial, old.st_mode & 0o777)


def _rename_to_new(partial: Path, path: Path) -> None:
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


class FileOutput(Output):
    """A file that is written to. Where the system refuses, that is InputError, and the output is aborted."""

    name: str
    _file: Any

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Write all of `data`, and return its size in bytes."""
        with self._aborted_if_refused():
            write_all(self._file, data, self.name)
        return memoryview(data).nbytes

    def flush(self) -> None:
        """Hand what was written to the system."""
        with self._aborted_if_refused():
            self._file.flush()

    @contextmanager
    def _aborted_if_refused(self) -> Iterator[None]:
        """Turn the system's refusal into InputError, after `abort`."""
        try:
            with refusals_told(self.name):
                yield
        except InputError:
            self.abort()
            raise


class AtomicFile(FileOutput):
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
        self._place = place_of(self.path)
        try:
            if is_special(self.path):
                self._file: Any = open(self.path, "wb", buffering=0)
            else:
                self._partial = begin_partial(self._place)
                self._file = open(self._partial, "wb")
        except OSError as exc:
            if self._partial is not None:
                remove_partial(self._partial)
            raise write_error(self.name, exc) from exc

    @property
    def closed(self) -> bool:
        """Whether `close` or `abort` has been called."""
        return bool(self._file.closed)

    def close(self) -> None:
        """Complete: the file appears under its name."""
        if self._file.closed:
            return
        with self._aborted_if_refused():
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
            remove_partial(self._partial)
            self._partial = None
