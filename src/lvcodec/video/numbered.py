"""Names of numbered pictures: frame_%03d.png stands for frame_001.png and those after it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lvcodec.errors import InputError, reason_of


@dataclass(frozen=True)
class Numbered:
    """The files in `folder` that are called before, a number of `digits` or more, after."""

    folder: Path
    before: str
    digits: int
    after: str

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """What a pattern stands for, a name with one %d or %0Nd (%% is a percent sign); None if it is none."""
        match = re.fullmatch(r"([^%]*)%(?:0(\d+))?d([^%]*)", path.name.replace("%%", "\0"))
        if match is None:
            return None
        before, after = (part.replace("\0", "%") for part in (match[1], match[3]))
        return cls(path.parent, before, int(match[2] or 1), after)

    def path(self, number: int) -> Path:
        """The file of that number."""
        return self.folder / f"{self.before}{number:0{self.digits}d}{self.after}"

    def number_of(self, name: str) -> int | None:
        """The number in a file's name, None if the name is none of these."""
        match = re.fullmatch(f"{re.escape(self.before)}([0-9]+){re.escape(self.after)}", name)
        return int(match[1]) if match and f"{int(match[1]):0{self.digits}d}" == match[1] else None

    def present(self) -> dict[int, Path]:
        """What there is of these names. Raises InputError if the folder cannot be listed."""
        try:
            names = os.listdir(self.folder)
        except OSError as exc:
            raise InputError(f"cannot list the folder {self.folder}: {reason_of(exc)}") from exc
        numbers = {name: self.number_of(name) for name in names}
        return {number: self.folder / name for name, number in numbers.items() if number is not None}
