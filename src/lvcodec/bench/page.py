"""The report as one HTML page that needs no other file, for desktop and phone, light and dark."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from lvcodec.bench.table import Table

_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8881; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 75rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
tr:last-child td { border-bottom: 0; } thead th { background: var(--soft); }
th.text, td.text { text-align: left; white-space: normal; min-width: 16rem; }
.note { font-size: .875rem; opacity: .8; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
.figures img { width: 100%; height: auto; background: #fff; border-radius: .4rem; }
.wide img { display: block; background: #fff; height: auto; max-width: none; }
@media (max-width: 40rem) {
  td:first-child, th:first-child { position: sticky; left: 0; background: Canvas; white-space: normal; }
  td:first-child { min-width: 7rem; }
  th, td { padding: .3rem .4rem; }
  th { white-space: normal; overflow-wrap: anywhere; min-width: 5rem; }
}
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: .875rem; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
.failed { border-left: .3rem solid #c33; padding-left: .8rem; }
details > summary { cursor: pointer; margin: .4rem 0; }
""".strip()
_LONG = 30  # tables of more rows are folded
_WORDY = 40  # columns with longer cells are text, not figures


@dataclass(frozen=True)
class Page:
    """What the page shows. curves: SVG by place; crops: PNG by clip."""

    title: str
    lead: str
    facts: Mapping[str, str]
    tables: Sequence[Table]
    curves: Mapping[str, Path]
    crops: Mapping[str, Path]
    sources: Sequence[str] = ()

    def html(self) -> str:
        """The page."""
        short = [table for table in self.tables if len(table.rows) <= _LONG]
        long = [table for table in self.tables if len(table.rows) > _LONG]
        parts = [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(self.title)}</title>",
            f"<style>\n{_STYLE}\n</style>",
            "</head>",
            "<body>",
            f"<h1>{escape(self.title)}</h1>",
            f"<p>{escape(self.lead)}</p>",
        ]
        if self.curves:
            places = list(self.curves)
            parts += ["<h2>Curves</h2>", '<div class="figures">']
            parts += [_image(self.curves[place], f"rate-distortion curves, {place}") for place in places[::-1]]
            parts.append("</div>")
        parts += ["<h2>Tables</h2>", *map(_table, short)]
        if self.crops:
            parts.append("<h2>Crops</h2>")
            for clip, path in self.crops.items():
                parts += [f"<h3>{escape(clip)}</h3>", f'<div class="wide">{_image(path, f"crops of {clip}")}</div>']
            parts.append(
                '<p class="note">Points nearest to one rate; bits a pixel of the clip, PSNR-YUV 6:1:1 of the '
                "picture.</p>"
            )
        for table in long:
            parts.append(
                f"<details><summary>{escape(table.title)} ({len(table.rows)} rows)</summary>{_table(table)}</details>"
            )
        parts += ["<h2>How it was made</h2>", "<dl>"]
        parts += [f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in self.facts.items()]
        parts.append("</dl>")
        if self.sources:
            items = [f'<li class="note">{escape(source)}</li>' for source in self.sources]
            parts += ["<h3>Published curves</h3>", "<ul>", *items, "</ul>"]
        return "\n".join([*parts, "</body>", "</html>", ""])


def _table(table: Table) -> str:
    wordy = [column for column, cells in enumerate(zip(*table.rows, strict=True)) if max(map(len, cells)) > _WORDY]

    def line(cells: Sequence[str], tag: str) -> str:
        marks = (' class="text"' if column in wordy else "" for column in range(len(cells)))
        return "".join(f"<{tag}{mark}>{escape(cell)}</{tag}>" for mark, cell in zip(marks, cells, strict=True))

    rows = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    kind = ' class="failed"' if table.title == "Failures" else ""
    return (
        f'<section{kind}><h3>{escape(table.title)}</h3><div class="wide"><table><thead><tr>'
        f"{line(table.heading, 'th')}</tr></thead><tbody>\n{rows}\n</tbody></table></div>{note}</section>"
    )


def _image(path: Path, what: str) -> str:
    kind = "image/svg+xml" if path.suffix == ".svg" else "image/png"
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{escape(what, quote=True)}" src="data:{kind};base64,{data}">'
