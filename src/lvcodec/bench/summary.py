"""What the rows say: curves per clip and averaged, BD-rates, and tables of them for Markdown and HTML."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from lvcodec.bench.ours import EFFORT
from lvcodec.bench.presets import AXES, Preset, Published, published
from lvcodec.bench.row_tables import all_points, failures, speed
from lvcodec.bench.rows import Row
from lvcodec.bench.table import Table, signed
from lvcodec.bench.table2 import table2
from lvcodec.measure.bdrate import DECIBELS, VMAF_POINTS, Distance, Point, distance
from lvcodec.measure.clips import AVERAGE
from lvcodec.measure.metrics import mean_if_all

LADDER = (  # what is compared with what: (anchor, test)
    ("x264-intra", "lvcodec-intra"),
    ("lvcodec-intra", "lvcodec-mfvc"),
    ("lvcodec-mfvc", "lvcodec-lds"),
    ("lvcodec-lds", "lvcodec-aligned"),
    ("x264-veryfast", "lvcodec-aligned"),
    ("x265-veryfast", "lvcodec-aligned"),
    ("x264-medium", "lvcodec-aligned"),
    ("x265-medium", "lvcodec-aligned"),
)


class Summary:
    """Figures that follow from the rows.

    metric: of curves and BD-rates, a key of AXES. reference: the codec that BD-rates are against.
    """

    def __init__(self, rows: Sequence[Row], preset: Preset, *, metric: str, reference: str) -> None:
        self.rows = [row for row in rows if not row.failed]
        self.failures = [row for row in rows if row.failed]
        self.metric, self.reference, self.preset = metric, reference, preset
        self.labels: dict[str, str] = {row.codec: row.label for row in rows if row.codec}
        self.clips = list(dict.fromkeys(row.clip for row in self.rows))
        self.published: list[Published] = []
        if metric == "psnr_rgb":
            self.published = [published()[name] for name in preset.published]

    @cached_property
    def curves(self) -> Mapping[str, Mapping[str, list[Point]]]:
        """(bpp, quality) by clip, then codec, by rising rate; AVERAGE is the mean over clips, point by point."""
        return self._curves(self.metric)

    def _curves(self, metric: str) -> Mapping[str, Mapping[str, list[Point]]]:
        curves = {clip: {codec: self._curve(clip, codec, metric) for codec in self.labels} for clip in self.clips}
        if len(self.clips) > 1:
            curves[AVERAGE] = {codec: self._average(codec, metric) for codec in self.labels}
        return curves

    @cached_property
    def metrics(self) -> list[str]:
        """The figures, keys of AXES, that some row has."""
        return [metric for metric in AXES if any(row.score(metric) is not None for row in self.rows)]

    def overall(self, codec: str) -> list[Point]:
        """The average curve, or that of the only clip."""
        return self.curves[self.places[-1]][codec] if self.clips else []

    @property
    def places(self) -> list[str]:
        """The clips, and AVERAGE where there are several."""
        return list(self.curves)

    def _points(self, clip: str, codec: str, metric: str) -> dict[float, Point]:
        points = {}
        for row in self.rows:
            value = row.score(metric)
            if (row.clip, row.codec) == (clip, codec) and None not in (row.bpp, row.q, value):
                points[row.q or 0.0] = (row.bpp or 0.0, in_db(metric, value or 0.0))
        return points

    def _curve(self, clip: str, codec: str, metric: str) -> list[Point]:
        return sorted(self._points(clip, codec, metric).values())

    def _average(self, codec: str, metric: str) -> list[Point]:
        """Mean rate and mean quality of each setting that all clips have."""
        each = [self._points(clip, codec, metric) for clip in self.clips]
        shared = set.intersection(*(set(points) for points in each))
        count = len(each)
        return sorted((sum(p[q][0] for p in each) / count, sum(p[q][1] for p in each) / count) for q in shared)

    @cached_property
    def distances(self) -> Mapping[tuple[str, str], Distance]:
        """BD-rate and BD-PSNR against the reference, by (place, codec)."""
        return self.distances_in(self.metric)

    def distances_in(self, metric: str) -> dict[tuple[str, str], Distance]:
        """The same by another metric."""
        return {
            (place, codec): distance(curves[self.reference], curve, AXES[metric].scale)
            for place, curves in self._curves(metric).items()
            for codec, curve in curves.items()
            if codec != self.reference
        }

    def _distance(self, anchor: Iterable[Point], test: Iterable[Point]) -> Distance:
        return distance(anchor, test, AXES[self.metric].scale)

    # ---- tables ------------------------------------------------------------------------------------------------

    def tables(self) -> list[Table]:
        """All tables, the shortest answers first."""
        tables = []
        if self.clips and len(self.labels) > 1:
            tables += [self._against("%"), self._against(AXES[self.metric].scale.unit)]
            tables += [*self._by_metric(), self._matrix()]
            if self.preset.steps:
                tables.append(self._steps())
            if self.preset.table2:
                tables += table2(self.rows, self.labels, self.reference, on_uvg=bool(self.published))
        if self.clips:
            tables += [speed(self.rows, self.labels), all_points(self.rows)]
        if self.failures:
            tables.append(failures(self.failures))
        return tables

    def _by_metric(self) -> list[Table]:
        """BD-rates against the reference by each figure that was measured, a clip a row; none where it is one."""
        if len(self.metrics) < 2:
            return []
        found = {metric: self.distances_in(metric) for metric in self.metrics}
        rows = []
        why: dict[str, list[str]] = {}
        for codec, label in self.labels.items():
            if codec == self.reference:
                continue
            for metric, clip in itertools.product(self.metrics, self.clips):
                if reason := found[metric][clip, codec].reason:
                    why.setdefault(f"{AXES[metric].column} of {label}: {reason}", []).append(clip)
            each = {clip: [found[metric][clip, codec].rate_percent for metric in self.metrics] for clip in self.clips}
            if len(self.clips) > 1:
                each["mean of clips"] = [mean_if_all(values) for values in zip(*each.values(), strict=True)]
            rows += [[label, place, *map(signed, values)] for place, values in each.items()]
        note = (
            "PCHIP over the common interval of each metric; SSIM and MS-SSIM as −10·log₁₀(1 − x), VMAF from "
            f"{VMAF_POINTS.low:g} to {VMAF_POINTS.high:g}, flicker as PSNR-Y of changes from picture to picture"
        )
        note = "; ".join([note, *(f"{reason} ({', '.join(clips)})" for reason, clips in why.items())])
        return [
            Table(
                f"BD-rate by each metric against {self.labels[self.reference]} (%)",
                ["codec", "clip", *(AXES[metric].column for metric in self.metrics)],
                rows,
                note + ".",
            )
        ]

    def _against(self, unit: str) -> Table:
        axis = AXES[self.metric]
        what = "BD-rate" if unit == "%" else "BD-PSNR" if axis.scale is DECIBELS else f"BD-{axis.column}"
        name = self.labels[self.reference]
        several = len(self.clips) > 1
        heading = ["codec", *self.clips, *(["mean of clips", "average curve"] if several else [])]
        reasons: dict[tuple[str, str], list[str]] = {}
        rows = []
        for codec in self.labels:
            if codec == self.reference:
                continue
            each = [self.distances[clip, codec] for clip in self.clips]
            values = [d.rate_percent if unit == "%" else d.quality for d in each]
            cells = [signed(value) for value in values]
            if several:
                average = self.distances[AVERAGE, codec]
                cells += [
                    signed(mean_if_all(values)),
                    signed(average.rate_percent if unit == "%" else average.quality),
                ]
                each.append(average)
            rows.append([self.labels[codec], *cells])
            for place, against in zip(self.places, each, strict=True):
                if against.reason:
                    reasons.setdefault((self.labels[codec], against.reason), []).append(place)
        note = f"{AXES[self.metric].title}, PCHIP over the common interval"
        if unit == "%":
            why = [f"{label} ({', '.join(places)}): {reason}" for (label, reason), places in reasons.items()]
            note = "; ".join([note, self._intervals(), *why])
        return Table(f"{what} against {name} ({unit})", heading, rows, note + ".")

    def _intervals(self) -> str:
        known = [
            f"{self.labels[codec]} {d.low:.2f} to {d.high:.2f}"
            for (place, codec), d in self.distances.items()
            if place == self.places[-1] and d.low is not None
        ]
        if not known:
            return "no curve has an interval in common with it"
        return f"intervals ({AXES[self.metric].scale.unit}): {', '.join(known)}"

    def _matrix(self) -> Table:
        rows = [
            [
                self.labels[test],
                *(
                    ""
                    if test == anchor
                    else signed(self._distance(self.overall(anchor), self.overall(test)).rate_percent)
                    for anchor in self.labels
                ),
            ]
            for test in self.labels
        ]
        return Table(
            "BD-rate of each codec (row) against each other (column), %",
            ["codec", *self.labels.values()],
            rows,
            self._of_what(),
        )

    def _steps(self) -> Table:
        """Each mode against what it has to beat, at every effort; the note has the mean of the two calmest clips."""
        efforts = dict.fromkeys(codec.partition(EFFORT)[1:] for codec in self.labels if codec.startswith("lvcodec"))
        rows = []
        notes = [f"{AXES[self.metric].title}, PCHIP over the common interval", f"{AVERAGE}: of the average curve"]
        calm = self._calmest()
        for effort in map("".join, efforts):
            for before, test in LADDER:
                pair = [f"{name}{effort}" if name.startswith("lvcodec") else name for name in (before, test)]
                if not set(pair) <= self.labels.keys():
                    continue
                values = {
                    place: self._distance(curves[pair[0]], curves[pair[1]]).rate_percent
                    for place, curves in self.curves.items()
                }
                cells = [signed(values[clip]) for clip in self.clips]
                if len(self.clips) > 1:
                    cells += [signed(mean_if_all([values[clip] for clip in self.clips])), signed(values[AVERAGE])]
                rows.append([self.labels[pair[1]], self.labels[pair[0]], *cells])
                if calm and pair == [f"lvcodec-intra{effort}", f"lvcodec-mfvc{effort}"]:
                    notes.append(
                        f"{self.labels[pair[1]]} against {self.labels[pair[0]]} on the two clips where x264 "
                        f"gains most from prediction, {' and '.join(calm)}: "
                        f"{signed(mean_if_all([values[clip] for clip in calm]))}"
                    )
        heading = ["codec", "against", *self.clips, *(["mean of clips", AVERAGE] if len(self.clips) > 1 else [])]
        return Table("Each mode against what it has to beat, BD-rate (%)", heading, rows, "; ".join(notes) + ".")

    def _calmest(self) -> list[str]:
        """The two clips where x264 gains most from prediction; none where that is not known."""
        if not {"x264-veryfast", "x264-intra"} <= self.labels.keys() or len(self.clips) < 3:
            return []
        gains = {
            clip: self._distance(self.curves[clip]["x264-veryfast"], self.curves[clip]["x264-intra"]).rate_percent
            for clip in self.clips
        }
        known = {clip: gain for clip, gain in gains.items() if gain is not None}
        return sorted(known, key=lambda clip: -known[clip])[:2] if len(known) == len(gains) else []

    def _of_what(self) -> str:
        return "Of the average curve." if len(self.clips) > 1 else f"Of the clip {self.clips[0]}."


def in_db(metric: str, value: float) -> float:
    """A figure as curves have it: PSNR and VMAF as they are, SSIM and MS-SSIM as −10·log10(1 − x), at most 100."""
    if metric in ("ssim", "ms_ssim"):
        return -10 * math.log10(max(1 - value, 1e-10))
    return value
