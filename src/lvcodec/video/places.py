"""Whether two paths, pipes or open files are one: what they are is compared, not how they are spelt.

Links in a path are followed, hard links are one file, a pattern such as f_%03d.png is each of its pictures, and where
a file system takes "a" and "A" for one name, so do we.
"""

from __future__ import annotations

import os
import stat
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError
from lvcodec.video.numbered import Numbered

STDIN, STDOUT = 0, 1
_Identity = tuple[int, int]


@dataclass(frozen=True)
class Place:
    """What is read or written.

    path: with no link left in it, None for what is open. files: device and number of what is there already.
    numbered: the names that a pattern stands for.
    """

    path: Path | None
    files: frozenset[_Identity]
    numbered: Numbered | None = None

    @classmethod
    def of(cls, place: Any, standard: int) -> Place:
        """Where a path, "-" (the file descriptor `standard`) or a file object leads to."""
        if not isinstance(place, str | os.PathLike):
            return cls(None, _opened(place))
        if os.fspath(place) == "-":
            return cls(None, _identity(standard))
        if "\0" in str(os.fspath(place)):
            return cls(None, frozenset())  # no file has such a name: who opens it says so
        path = Path(os.path.realpath(place))
        numbered = None if os.path.exists(path) else Numbered.of(path)
        if numbered is None:
            return cls(path, _identity(path))
        return cls(path, _all_of(numbered), numbered)

    def is_same(self, other: Place) -> bool:
        """Whether something would be in both. Devices such as /dev/null are never the same."""
        if self.files & other.files:
            return True
        if self.path is None or other.path is None or _is_device(self.path):
            return False
        return _one_name(self.path, other.path) or self._has(other.path) or other._has(self.path)

    def _has(self, path: Path) -> bool:
        """Whether a pattern stands for that path too."""
        numbered = self.numbered
        return (
            numbered is not None
            and numbered.number_of(path.name) is not None
            and _is_same_folder(numbered.folder, path.parent)
        )


def _identity(place: Path | int) -> frozenset[_Identity]:
    """Of a file, a named pipe or a disk; nothing for what is not there and what many may use at once."""
    try:
        found = os.stat(place)
    except OSError:
        return frozenset()
    shared = not any(kind(found.st_mode) for kind in (stat.S_ISREG, stat.S_ISFIFO, stat.S_ISBLK))
    return frozenset() if shared else frozenset({(found.st_dev, found.st_ino)})


def _opened(file: Any) -> frozenset[_Identity]:
    """Of a file object; by the object itself where nothing of the system's is behind it."""
    try:
        return _identity(file.fileno())
    except (AttributeError, OSError, ValueError):
        return frozenset({(-1, id(file))})


def _all_of(numbered: Numbered) -> frozenset[_Identity]:
    try:
        return frozenset().union(*map(_identity, numbered.present().values()))
    except InputError:  # told where the folder is read or written
        return frozenset()


def _is_device(path: Path) -> bool:
    return os.path.exists(path) and not os.path.isdir(path) and not _identity(path)


def _one_name(first: Path, second: Path) -> bool:
    if not _is_same_folder(first.parent, second.parent):
        return False
    if first.name == second.name:
        return True
    return _folded(first.name) == _folded(second.name) and _folds_names(first.parent)


def _is_same_folder(first: Path, second: Path) -> bool:
    try:
        return first == second or first.samefile(second)
    except OSError:
        return False


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _folds_names(folder: Path) -> bool:
    """Whether the file system takes names for one that differ in case alone: only a trial tells."""
    try:
        with tempfile.NamedTemporaryFile(prefix=".names-", suffix=".part", dir=folder) as file:
            return Path(file.name).with_name(Path(file.name).name.upper()).exists()
    except OSError:
        return False
