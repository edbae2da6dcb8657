"""Validation within a run: export its weights, code held-out clips to real streams, note the figures in a CSV."""

from __future__ import annotations

import csv
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from lvcodec.measure.bdrate import check_installed
from lvcodec.train.data.crops import CachedClip
from lvcodec.train.results import export, judge

MODE_OF_STAGE = {"intra": "intra", "temporal": "mfvc", "compensation": "lds", "inter": "aligned"}
PICTURES = 12  # of a clip, where they are coded as video


@dataclass(frozen=True)
class HeldOutPoint:
    """One point of one clip: bits a pixel of the whole file, PSNR (6 Y + U + V) / 8.

    over_x264_percent: of all the clip's points together, the rate over x264's at equal PSNR; NaN where the curves do
    not meet.
    """

    step: int
    time_s: float
    mode: str
    clip: str
    quality: int
    bpp: float
    psnr_db: float
    over_x264_percent: float


COLUMNS = tuple(field.name for field in fields(HeldOutPoint))


class HeldOut:
    """Clips that are not trained on, and what x264 makes of them, worked out once.

    Raises InputError if a package that measures is missing.
    """

    def __init__(self, clips: Sequence[CachedClip], stage: str) -> None:
        check_installed()
        self.clips = clips
        self.mode = MODE_OF_STAGE[stage]
        self._anchors: dict[int, judge.Curve] = {}

    def measure(
        self, checkpoint: Path, *, step: int, time_s: float, stop: Callable[[], object]
    ) -> Iterator[HeldOutPoint]:
        """Points of the checkpoint's averaged weights, until `stop` says so."""
        with tempfile.TemporaryDirectory() as place:
            model = Path(place) / "validated"
            qualities = export.plain(model, checkpoint)
            count, apart = judge.pace_of(self.mode)
            for number, clip in enumerate(self.clips):
                if stop():
                    return
                shown = judge.pictures(clip, min(count, PICTURES), apart)
                if number not in self._anchors:
                    self._anchors[number] = judge.x264(shown, self.mode)
                curve = judge.coded(model, shown, self.mode, qualities)
                over_x264 = judge.rate_over(self._anchors[number], curve)
                for quality, (bpp, psnr) in zip(qualities, curve, strict=True):
                    yield HeldOutPoint(step, time_s, self.mode, clip.name, quality, bpp, psnr, over_x264)


def append(path: Path, points: Sequence[HeldOutPoint]) -> None:
    """Add points, under the names of the columns if they are the first."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(COLUMNS)
        for point in points:
            step, time_s, mode, clip, quality, *rest = astuple(point)
            numbers = ("" if math.isnan(value) else f"{value:.5g}" for value in rest)
            writer.writerow([step, f"{time_s:.1f}", mode, clip, quality, *numbers])


def read(path: Path) -> list[HeldOutPoint]:
    """All points of a file that `append` wrote; none if there is no file."""
    if not path.exists():
        return []
    points = []
    with path.open(newline="") as file:
        for row in csv.reader(file):
            if len(row) == len(COLUMNS) and row[0].isdecimal():
                rest = [float(cell) if cell else math.nan for cell in row[5:]]
                points.append(HeldOutPoint(int(row[0]), float(row[1]), row[2], row[3], int(row[4]), *rest))
    return points
