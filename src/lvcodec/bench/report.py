"""The files of a comparison: results.csv and .json, tables.md, curves, crops, index.html."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lvcodec.bench import machine
from lvcodec.bench.crops import crop_sheet, nearest
from lvcodec.bench.curves import draw_curves
from lvcodec.bench.page import Page
from lvcodec.bench.presets import AXES
from lvcodec.bench.row_tables import POINTS_TITLE
from lvcodec.bench.rows import COLUMNS, Row
from lvcodec.bench.run import CROPS, Plan
from lvcodec.bench.summary import Summary
from lvcodec.errors import InputError, count_text
from lvcodec.video.atomic import AtomicFile


@dataclass(frozen=True)
class Report:
    """What was written: record for machines, lines of Markdown for people (not all points), the page."""

    record: dict[str, Any]
    lines: list[str]
    page: Path
    failures: int


def write_report(plan: Plan, summary: Summary, rows: Sequence[Row], *, threads: int, command: str = "") -> Report:
    """Write all files into the plan's folder, replacing earlier ones. Raises InputError where that fails."""
    facts = machine.describe(jobs=plan.jobs, threads=threads, cluster=plan.cluster)
    tables = summary.tables()
    record = {
        "command": command,
        "machine": facts,
        "metric": summary.metric,
        "reference": summary.reference,
        "rows": [asdict(row) for row in rows],
        "bd": [
            {"clip": place, "codec": codec, "anchor": summary.reference, "metric": metric, **asdict(distance)}
            for metric in summary.metrics
            for (place, codec), distance in summary.distances_in(metric).items()
        ],
    }
    lines = [line for table in tables for line in table.markdown()]
    short = [line for table in tables if table.title != POINTS_TITLE for line in table.markdown()]
    about = [f"{name}: {value}" for name, value in facts.items()]
    heading = ["# Comparison of codecs", "", lead(summary), ""]
    origin = ["### How it was made", "", *([f"    {command}", ""] if command else []), *(f"- {line}" for line in about)]
    try:
        _write(plan.out / "results.csv", _csv(rows))
        _write(plan.out / "results.json", json.dumps(record, indent=1) + "\n")
        _write(plan.out / "tables.md", "\n".join([*heading, *lines, *origin]) + "\n")
        figures = plan.out / "curves"
        figures.mkdir(exist_ok=True)
        curves = draw_curves(summary, figures)
        crops = _crops(plan, summary)
        page = Page(
            "Comparison of codecs",
            lead(summary),
            {"command": command, **facts} if command else facts,
            tables,
            curves,
            crops,
            [f"{c.label}: {c.setting} ({c.source})" for c in summary.published],
        )
        _write(plan.out / "index.html", page.html())
    except OSError as error:
        raise InputError(f"cannot write to {plan.out}: {error.strerror or error}") from error
    return Report(record, short, plan.out / "index.html", len(summary.failures))


def lead(summary: Summary) -> str:
    """What was compared, in two sentences."""
    pictures = sum({row.clip: row.pictures or 0 for row in summary.rows}.values())
    clips, codecs = count_text(len(summary.clips), "clip"), count_text(len(summary.labels), "codec")
    return (
        f"{clips}, {count_text(pictures, 'picture')}, {codecs}; curves and BD-rates in "
        f"{AXES[summary.metric].title}. Rates are whole files (elementary streams, headers in), distortion is "
        "that of decoded files in 8-bit 4:2:0, averaged over pictures."
    )


def _crops(plan: Plan, summary: Summary) -> dict[str, Path]:
    folder = plan.out / "crops"
    folder.mkdir(exist_ok=True)
    sheets = {}
    for clip in summary.clips:
        target = folder / f"{clip}.png"
        chosen = nearest([row for row in summary.rows if row.clip == clip])
        if crop_sheet(clip, chosen, plan.shown, plan.out / CROPS, target):
            sheets[clip] = target
    return sheets


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.flat() for row in rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    with AtomicFile(path, overwrite=True) as file:
        file.write(text.encode())
