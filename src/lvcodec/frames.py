"""Ranges of pictures: "50:100" on the command line, (50, 100) in the library, counted from 0, end not included."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TypeAlias

from lvcodec.errors import UsageError, count_text

Frames: TypeAlias = tuple[int | None, int | None]  # (first, end) as callers give it; None is the clip's own


@dataclass(frozen=True)
class FrameRange:
    """Pictures `first` to `end` - 1; without `end`, to the clip's last.

    Raises UsageError unless 0 <= first < end.
    """

    first: int = 0
    end: int | None = None

    def __post_init__(self) -> None:
        if self.first < 0:
            raise UsageError(f"frames {self} are no range of pictures", "they are counted from 0")
        if self.end is not None and self.end <= self.first:
            raise UsageError(f"frames {self} hold no picture", "the end is not included: 0:10 takes the first ten")

    @classmethod
    def of(cls, frames: Frames | None) -> FrameRange:
        """The range that (first, end) means; None is the whole clip. Raises UsageError as the class does."""
        try:
            first, end = (None, None) if frames is None else frames
        except (TypeError, ValueError):
            raise UsageError("frames are no range of pictures", "give (first, end), as in (0, 100)") from None
        if not all(part is None or isinstance(part, Integral) for part in (first, end)):
            raise UsageError("frames are no whole numbers", "give (first, end), as in (0, 100)")
        return cls(int(first or 0), None if end is None else int(end))

    @classmethod
    def parse(cls, text: str) -> FrameRange:
        """The range that "A:B" means; either may be left out. Raises UsageError if it is none."""
        first, colon, end = text.partition(":")
        if not colon or not all(part == "" or part.isdecimal() for part in (first, end)):
            raise UsageError(f"{text!r} is not A:B", "write it as 0:100, 50: or :100")
        return cls(int(first or 0), int(end) if end else None)

    def __str__(self) -> str:
        return f"{self.first}:{'' if self.end is None else self.end}"

    def count_of(self, total: int) -> int:
        """How many of a clip's `total` pictures are in the range."""
        return max((total if self.end is None else min(self.end, total)) - self.first, 0)

    def shortfall(self, name: str, total: int) -> str | None:
        """A line for the user if the range asks for more pictures than the `total` that `name` has."""
        if self.end is None or self.end <= total:
            return None
        count = self.count_of(total)
        return f"{name} has only {count_text(total, 'picture')}: {count} {'is' if count == 1 else 'are'} taken"

    def is_over(self, number: int) -> bool:
        """Whether picture `number` and all after it lie behind the range."""
        return self.end is not None and number >= self.end
