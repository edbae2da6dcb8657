"""How far an encoding has come, how fast it goes, and what it will come to: what progress bars are made of."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from lvcodec.report import Estimate, OnPicture, OnProgress, Progress
from lvcodec.video.base import Source


@dataclass
class Tally:
    """Pictures and bytes of one kind."""

    pictures: int = 0
    size_bytes: int = 0

    def add(self, pictures: int, size_bytes: int) -> None:
        """Count some more."""
        self.pictures += pictures
        self.size_bytes += size_bytes


@dataclass
class Pace:
    """Counts what is written and tells it after each picture.

    longest_gop: pictures; how many I-pictures are to come follows from it, or from how many there have been, if more.
    """

    source: Source
    longest_gop: int
    on_picture: OnPicture | None
    on_progress: OnProgress | None
    kept: int = 0  # pictures that an earlier run has coded
    shown: int = 0
    intra: Tally = field(default_factory=Tally)
    others: Tally = field(default_factory=Tally)
    _began_s: float = field(default_factory=time.monotonic)

    def wrote(self, *, intra: bool, pictures: int, size_bytes: int) -> None:
        """Count a record."""
        (self.intra if intra else self.others).add(pictures, size_bytes)

    def keep(self) -> None:
        """All so far had been coded before: the clock begins now."""
        self.kept, self._began_s = self.shown, time.monotonic()

    def show(self) -> None:
        """Count a picture in the order of display, and tell."""
        self.shown += 1
        if self.on_picture:
            self.on_picture(self.shown, self.source.expected)
        if self.on_progress:
            self.on_progress(self.progress())

    def progress(self) -> Progress:
        """How far it has come."""
        elapsed_s = time.monotonic() - self._began_s
        coded, total = self.shown - self.kept, self.source.expected
        if total is not None and total < self.shown:  # an estimate, and it was too low
            total = None
        fps = coded / elapsed_s if coded and elapsed_s else 0.0
        return Progress(
            stage="encoding",
            pictures=self.shown,
            total=total,
            is_about=total is not None and self.source.count is None,
            fps=fps,
            size_bytes=self.intra.size_bytes + self.others.size_bytes,
            expected_bytes=None if total is None else self._expected_bytes(total),
            elapsed_s=elapsed_s,
            left_s=(total - self.shown) / fps if total is not None and fps else None,
        )

    def _expected_bytes(self, total: int) -> int | None:
        """Of the whole stream, I-pictures and others apart, since the first is one; None before any other is there."""
        intra, others = self.intra, self.others
        done = intra.pictures + others.pictures
        if done >= total:
            return intra.size_bytes + others.size_bytes
        if not intra.pictures or (not others.pictures and self.longest_gop > 1):
            return None
        intras = max(intra.pictures, total / self.longest_gop, intra.pictures * total / max(done, self.longest_gop))
        other = others.size_bytes / others.pictures if others.pictures else 0.0
        return round(intra.size_bytes / intra.pictures * intras + other * (total - intras))


@dataclass(frozen=True)
class Stage:
    """Tells how far work has come of which only the pictures are known: no bytes. kept: pictures of an earlier run."""

    name: str
    total: int | None
    on_progress: OnProgress
    kept: int = 0
    began_s: float = field(default_factory=time.monotonic)

    def tell(self, pictures: int) -> None:
        """So many pictures are done, those of an earlier run too."""
        elapsed_s = time.monotonic() - self.began_s
        fps = (pictures - self.kept) / elapsed_s if elapsed_s else 0.0
        total = self.total if self.total is not None and self.total >= pictures else None
        left_s = (total - pictures) / fps if total is not None and fps else None
        self.on_progress(
            Progress(self.name, pictures, total, isinstance(total, Estimate), fps, 0, None, elapsed_s, left_s)
        )
