"""Output that takes hours: it grows as OUT.part, and what is whole of it outlives whatever ends the program.

    OUT.part          the bytes so far; becomes OUT when they are complete
    OUT.part.jsonl    a line that says what is being made, then one a mark: so many bytes are whole

Marks are handed to the system at once and to the disk every second, bytes before the line that counts them. What they
mean, and whether the bytes before them are good after a power loss, is for whoever goes on from them to look at.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError, UsageError
from lvcodec.video.atomic import (
    FileOutput,
    check_output,
    disown_partial,
    is_regular,
    is_special,
    own_partial,
    place_of,
    put_in_place,
    remove_partial,
)
from lvcodec.video.writing import refusals_told

SYNC_S = 1.0  # between two waits for the disk
LONGEST_NAME_BYTES = 138  # with ".part" and ".jsonl" behind it, it stays below what systems take: 143 or 255

Entry = dict[str, Any]


def part_of(path: str | os.PathLike[str]) -> Path:
    """The name under which `path` grows: with .part behind it, and a long one cut and told apart by a hash."""
    place = place_of(Path(path)) if os.path.islink(path) else Path(path)
    name = os.fsencode(place.name)
    if len(name) + len(".part.jsonl") <= LONGEST_NAME_BYTES:
        return place.with_name(f"{place.name}.part")
    stem = name[: LONGEST_NAME_BYTES // 2].decode(errors="ignore")
    return place.with_name(f"{stem}.{hashlib.sha256(name).hexdigest()[:16]}.part")


def check_part(target: Any, *, resume: bool, overwrite: bool) -> None:
    """Look before slow work at what an earlier run has left of `target`, a path, "-" or a file object.

    Raises InputError if that would be lost and neither `resume` nor `overwrite` is set, or is not lvcodec's; UsageError
    for `resume` where `target` is no file.
    """
    if not isinstance(target, str | os.PathLike) or os.fspath(target) == "-" or is_special(Path(target)):
        if resume:
            raise UsageError("resume goes on with a file, and the output is none", "leave --resume out")
        return
    part = part_of(target)
    if (overwrite and not resume) or not os.path.lexists(part) or _is_empty(part):
        return
    entries = read_entries(part)
    if not entries and not overwrite:
        raise InputError(f"{part} exists and is no output that lvcodec has begun", "move it away, or -y replaces it")
    if len(entries) > 1 and not resume:
        raise InputError(
            f"{part} is what an interrupted run has left", "--resume goes on from it, -y (overwrite=True) begins anew"
        )


def read_entries(part: Path) -> list[Entry]:
    """What stands beside a part: what it was begun as, and its marks; nothing where that is not lvcodec's."""
    entries: list[Entry] = []
    try:
        with open(_journal_of(part), encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                if not isinstance(entry, dict):
                    break
                entries.append(entry)
    except (OSError, ValueError):  # none, or its last line was cut
        pass
    return entries if entries and entries[0].get("program") == "lvcodec" else []


class PartFile(FileOutput):
    """A file for writing that becomes `path` with `close`, and after `abort` is left as a part if it has marks.

    begun_as: what it is that is being made. entries: the marks of an earlier run, with their "bytes"; none unless
    `resume`. Raises InputError where the system refuses, and where another program is writing the part.
    """

    def __init__(
        self, path: str | os.PathLike[str], begun_as: Mapping[str, Any], *, resume: bool, overwrite: bool
    ) -> None:
        check_output(path, overwrite=overwrite)
        check_part(path, resume=resume, overwrite=overwrite)
        self.path, self.part = Path(path), part_of(path)
        self.name = str(path)
        self.closed = False
        self._place, self._overwrite = place_of(self.path), overwrite
        self._synced_s = 0.0
        self._journal: Any = None
        with refusals_told(str(self.part)):
            # readable by nobody who may not read the file that it replaces
            mode = 0o600 if is_regular(self._place) else 0o666
            self._file = open(os.open(self.part, os.O_RDWR | os.O_CREAT | _FLAGS, mode), "r+b")
            try:
                _lock(self._file.fileno(), self.part)
            except BaseException:
                self._file.close()
                raise
            try:
                left = read_entries(self.part) if resume else []
                self.begun_as = left[0] if len(left) > 1 else {"program": "lvcodec", **begun_as}
                self.cut(left[1:])
            except BaseException:
                self._close_files()
                if _is_empty(self.part):
                    remove_partial(self.part)
                raise

    @property
    def has_marks(self) -> bool:
        """Whether anything of the part is worth going on from."""
        return bool(self.entries)

    def cut(self, entries: list[Entry]) -> None:
        """Keep only the first of the marks, those given, and the bytes before them."""
        size = entries[-1]["bytes"] if entries else 0
        self.entries = list(entries)
        journal = _journal_of(self.part)
        new = journal.with_suffix(".new")  # what stands there is replaced as a whole: a power loss may come now
        with open(new, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(entry) + "\n" for entry in [self.begun_as, *entries])
            file.flush()
            os.fsync(file.fileno())
        if self._journal is not None:
            self._journal.close()
        os.replace(new, journal)
        self._journal = open(journal, "a", encoding="utf-8")
        self._file.truncate(size)
        self._file.seek(size)
        if not entries:
            own_partial(self.part)
            own_partial(_journal_of(self.part))

    def read_back(self) -> Any:
        """The part's bytes so far, as a file to read."""
        return open(self.part, "rb")

    def mark(self, entry: Entry) -> None:
        """Say that all bytes so far, entry["bytes"], are whole: a later run may go on from here."""
        with self._aborted_if_refused():
            self._file.flush()
            self._journal.write(json.dumps(entry) + "\n")
            self._journal.flush()
            if time.monotonic() - self._synced_s >= SYNC_S:
                self._sync()
        self.entries.append(entry)
        disown_partial(self.part)
        disown_partial(_journal_of(self.part))

    def close(self) -> None:
        """Complete: the file appears under its name, and is on the disk."""
        if self.closed:
            return
        with self._aborted_if_refused():
            self._sync()
            put_in_place(self.part, self._place, overwrite=self._overwrite)
        self._end()
        remove_partial(_journal_of(self.part))
        _sync_folder(self._place.parent)

    def abort(self) -> None:
        """Leave what later runs can go on from, or nothing."""
        if self.closed:
            return
        self._end()
        if not self.has_marks:
            remove_partial(self.part)
            remove_partial(_journal_of(self.part))

    def _end(self) -> None:
        self.closed = True
        self._close_files()

    def _close_files(self) -> None:
        for file in (self._file, self._journal):
            with suppress(OSError):  # a full disk, met again while closing
                if file is not None:
                    file.close()

    def _sync(self) -> None:
        for file in (self._file, self._journal):
            file.flush()
            os.fsync(file.fileno())
        self._synced_s = time.monotonic()


_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


def _is_empty(part: Path) -> bool:
    """Whether nothing is in it yet: the program may end before it has said what the part is."""
    return part.is_file() and part.stat().st_size == 0


def _journal_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.jsonl")


def _lock(descriptor: int, part: Path) -> None:
    """Hold a file until it is closed. Raises InputError if somebody else does; systems without locks let it be."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise InputError(f"{part} is being written by another lvcodec", "wait for it, or end it") from exc
    except OSError:  # a file system without locks
        return
    if not os.path.exists(part) or not os.path.samestat(os.fstat(descriptor), os.stat(part)):
        raise InputError(f"{part} has just been completed by another lvcodec")


def _sync_folder(folder: Path) -> None:
    """Have a rename outlive a power loss, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
