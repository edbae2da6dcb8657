"""A run's log as CSV: a line every so many steps, with means since the line before."""

from __future__ import annotations

import csv
import math
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from lvcodec.measure.psnr import psnr_of_mse


@dataclass(frozen=True)
class Line:
    """What the log says after some steps.

    step: steps done; time_s: training time; rate_bpp: estimated bits a luma pixel; psnr_db: of planes weighted
    6:1:1, from their squared error, NaN where a stage has none; learning_rate: Adam's, NaN in logs of older versions.
    """

    step: int
    time_s: float
    loss: float
    rate_bpp: float
    psnr_db: float
    learning_rate: float


COLUMNS = tuple(field.name for field in fields(Line))


def psnr_db(squared_error: float) -> float:
    """Of a squared error in levels; NaN for 0, which is a stage that codes no pixels."""
    return psnr_of_mse(squared_error) if squared_error > 0 else math.nan


def append(path: Path, line: Line) -> None:
    """Add a line, under the names of the columns if it is the first."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(COLUMNS)
        writer.writerow(_cells(line))


def read(path: Path) -> list[Line]:
    """All lines, of older logs too (step, time, loss, rate, squared error, and no names)."""
    lines = []
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.reader(file):
                try:
                    numbers = [float(cell) if cell else math.nan for cell in row]
                except ValueError:
                    continue  # the names
                if len(numbers) == 5:
                    numbers = [*numbers[:4], psnr_db(numbers[4]), math.nan]
                if len(numbers) == len(COLUMNS):  # else the line was cut by a kill
                    lines.append(Line(int(numbers[0]), *numbers[1:]))
    return lines


def cut(path: Path, step: int) -> None:
    """Keep the lines up to a step: those after the last checkpoint will be written again."""
    if not path.exists():
        return
    kept = [line for line in read(path) if line.step <= step]
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    for line in kept:
        append(partial, line)
    if kept:
        partial.replace(path)
    else:
        path.unlink()


def _cells(line: Line) -> list[str]:
    step, time_s, *rest = astuple(line)
    return [str(step), f"{time_s:.1f}", *("" if math.isnan(value) else f"{value:.6g}" for value in rest)]
