"""A table of text, for Markdown and HTML, and figures as its cells have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lvcodec.bench.rows import NA


@dataclass(frozen=True)
class Table:
    """Rows of text under a heading, the first column names; note: a line below."""

    title: str
    heading: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> list[str]:
        """The table as lines of Markdown."""
        cells = [[cell.replace("|", "\\|") for cell in row] for row in (self.heading, *self.rows)]
        rule = ["---", *["---:"] * (len(self.heading) - 1)]
        lines = ["| " + " | ".join(row) + " |" for row in (cells[0], rule, *cells[1:])]
        return [f"### {self.title}", "", *lines, *(["", self.note] if self.note else []), ""]


def signed(value: float | None) -> str:
    """A difference with its sign and two digits; n/a where there is none."""
    return NA if value is None else f"{value:+.2f}"


def plain(value: float | None, digits: int) -> str:
    """A figure with so many digits; n/a where there is none."""
    return NA if value is None else f"{value:.{digits}f}"
