"""What the rows say: curves per clip and averaged, BD-rates, and tables of them for Markdown and HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lvcodec.bench.ours import EFFORT
from lvcodec.bench.presets import METRIC_TITLES, Preset, Published, paper_table2, published
from lvcodec.bench.rows import NA, Row
from lvcodec.measure.bdrate import Distance, Point, distance
from lvcodec.measure.clips import AVERAGE
from lvcodec.measure.metrics import mean_if_all

POINTS_TITLE = "All points"
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


class Summary:
    """Figures that follow from the rows.

    metric: of curves and BD-rates, a key of METRIC_TITLES. reference: the codec that BD-rates are against.
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
        curves = {clip: {codec: self._curve(clip, codec) for codec in self.labels} for clip in self.clips}
        if len(self.clips) > 1:
            curves[AVERAGE] = {codec: self._average(codec) for codec in self.labels}
        return curves

    def overall(self, codec: str) -> list[Point]:
        """The average curve, or that of the only clip."""
        return self.curves[self.places[-1]][codec] if self.clips else []

    @property
    def places(self) -> list[str]:
        """The clips, and AVERAGE where there are several."""
        return list(self.curves)

    def _points(self, clip: str, codec: str) -> dict[float, Point]:
        points = {}
        for row in self.rows:
            value = row.score(self.metric)
            if (row.clip, row.codec) == (clip, codec) and None not in (row.bpp, row.q, value):
                points[row.q or 0.0] = (row.bpp or 0.0, in_db(self.metric, value or 0.0))
        return points

    def _curve(self, clip: str, codec: str) -> list[Point]:
        return sorted(self._points(clip, codec).values())

    def _average(self, codec: str) -> list[Point]:
        """Mean rate and mean quality of each setting that all clips have."""
        each = [self._points(clip, codec) for clip in self.clips]
        shared = set.intersection(*(set(points) for points in each))
        count = len(each)
        return sorted((sum(p[q][0] for p in each) / count, sum(p[q][1] for p in each) / count) for q in shared)

    @cached_property
    def distances(self) -> Mapping[tuple[str, str], Distance]:
        """BD-rate and BD-PSNR against the reference, by (place, codec)."""
        return {
            (place, codec): distance(curves[self.reference], curve)
            for place, curves in self.curves.items()
            for codec, curve in curves.items()
            if codec != self.reference
        }

    # ---- tables ------------------------------------------------------------------------------------------------

    def tables(self) -> list[Table]:
        """All tables, the shortest answers first."""
        tables = []
        if self.clips and len(self.labels) > 1:
            tables += [self._against("BD-rate", "%"), self._against("BD-PSNR", "dB"), self._matrix()]
            if self.preset.steps:
                tables.append(self._steps())
            if self.preset.table2:
                tables.append(self._table2())
        if self.clips:
            tables += [self._speed(), self._points_table()]
        if self.failures:
            tables.append(
                Table(
                    "Failures",
                    ["clip", "codec", "setting", "reason"],
                    [
                        [row.clip, row.codec or "all", "" if row.q is None else f"{row.q:g}", row.error]
                        for row in self.failures
                    ],
                )
            )
        return tables

    def _against(self, what: str, unit: str) -> Table:
        name = self.labels[self.reference]
        several = len(self.clips) > 1
        heading = ["codec", *self.clips, *(["mean of clips", "average curve"] if several else [])]
        reasons: dict[tuple[str, str], list[str]] = {}
        rows = []
        for codec in self.labels:
            if codec == self.reference:
                continue
            each = [self.distances[clip, codec] for clip in self.clips]
            values = [d.rate_percent if unit == "%" else d.psnr_db for d in each]
            cells = [_signed(value) for value in values]
            if several:
                average = self.distances[AVERAGE, codec]
                cells += [
                    _signed(mean_if_all(values)),
                    _signed(average.rate_percent if unit == "%" else average.psnr_db),
                ]
                each.append(average)
            rows.append([self.labels[codec], *cells])
            for place, against in zip(self.places, each, strict=True):
                if against.reason:
                    reasons.setdefault((self.labels[codec], against.reason), []).append(place)
        note = f"{METRIC_TITLES[self.metric]}, PCHIP over the common interval"
        if unit == "%":
            why = [f"{label} ({', '.join(places)}): {reason}" for (label, reason), places in reasons.items()]
            note = "; ".join([note, self._intervals(), *why])
        return Table(f"{what} against {name} ({unit})", heading, rows, note + ".")

    def _intervals(self) -> str:
        known = [d for (place, _), d in self.distances.items() if place == self.places[-1] and d.low_db is not None]
        if not known:
            return "no curve has an interval in common with it"
        return "intervals (dB): " + ", ".join(
            f"{self.labels[codec]} {d.low_db:.2f} to {d.high_db:.2f}"
            for (place, codec), d in self.distances.items()
            if place == self.places[-1] and d.low_db is not None
        )

    def _matrix(self) -> Table:
        rows = [
            [
                self.labels[test],
                *(
                    "" if test == anchor else _signed(distance(self.overall(anchor), self.overall(test)).rate_percent)
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
        notes = [f"{METRIC_TITLES[self.metric]}, PCHIP over the common interval", f"{AVERAGE}: of the average curve"]
        calm = self._calmest()
        for effort in map("".join, efforts):
            for before, test in LADDER:
                pair = [f"{name}{effort}" if name.startswith("lvcodec") else name for name in (before, test)]
                if not set(pair) <= self.labels.keys():
                    continue
                values = {
                    place: distance(curves[pair[0]], curves[pair[1]]).rate_percent
                    for place, curves in self.curves.items()
                }
                cells = [_signed(values[clip]) for clip in self.clips]
                if len(self.clips) > 1:
                    cells += [_signed(mean_if_all([values[clip] for clip in self.clips])), _signed(values[AVERAGE])]
                rows.append([self.labels[pair[1]], self.labels[pair[0]], *cells])
                if calm and pair == [f"lvcodec-intra{effort}", f"lvcodec-mfvc{effort}"]:
                    notes.append(
                        f"{self.labels[pair[1]]} against {self.labels[pair[0]]} on the two clips where x264 "
                        f"gains most from prediction, {' and '.join(calm)}: "
                        f"{_signed(mean_if_all([values[clip] for clip in calm]))}"
                    )
        heading = ["codec", "against", *self.clips, *(["mean of clips", AVERAGE] if len(self.clips) > 1 else [])]
        return Table("Each mode against what it has to beat, BD-rate (%)", heading, rows, "; ".join(notes) + ".")

    def _calmest(self) -> list[str]:
        """The two clips where x264 gains most from prediction; none where that is not known."""
        if not {"x264-veryfast", "x264-intra"} <= self.labels.keys() or len(self.clips) < 3:
            return []
        gains = {
            clip: distance(self.curves[clip]["x264-veryfast"], self.curves[clip]["x264-intra"]).rate_percent
            for clip in self.clips
        }
        known = {clip: gain for clip, gain in gains.items() if gain is not None}
        return sorted(known, key=lambda clip: -known[clip])[:2] if len(known) == len(gains) else []

    def _table2(self) -> Table:
        stand_in, lines = paper_table2()
        heading = ["model", "paper", "ours", "BD-rate against " + self.labels[self.reference]]
        if self.published:
            heading.append("against the published H.264 curve")
        rows = []
        for mode, model, percent in lines:
            ours = next((codec for codec in self.labels if codec.startswith("lvcodec") and codec.endswith(mode)), None)
            cells = [
                model,
                _signed(percent),
                self.labels[ours] if ours else NA,
                _signed(self._rate(self.overall(self.reference), ours)),
            ]
            if self.published:
                cells.append(_signed(self._rate(published()[stand_in].points, ours)))
            rows.append(cells)
        note = (
            "The paper: UVG, RGB PSNR, BD-rate (%) against the H.264 curve of MFVC's paper. "
            f"Ours: {METRIC_TITLES[self.metric]}, {self._of_what(lower=True)}"
        )
        if self.published:
            note += f" That H.264 curve is published as a figure only; {stand_in} was read off it."
        return Table("Table 2 of Kim et al. 2022, and ours (%)", heading, rows, note)

    def _rate(self, anchor: Iterable[Point], ours: str | None) -> float | None:
        return distance(anchor, self.overall(ours)).rate_percent if ours else None

    def _of_what(self, *, lower: bool = False) -> str:
        text = "Of the average curve." if len(self.clips) > 1 else f"Of the clip {self.clips[0]}."
        return text[0].lower() + text[1:] if lower else text

    def _speed(self) -> Table:
        rows = []
        for codec, label in self.labels.items():
            timed = [row for row in self.rows if row.codec == codec and row.encode_fps and row.decode_fps]
            cells = [_mean(row.encode_fps for row in timed), _mean(row.decode_fps for row in timed)]
            version = next((row.version for row in self.rows if row.codec == codec), "")
            rows.append([label, *cells, str(len(timed)), version])
        return Table(
            "Speed, pictures a second",
            ["codec", "encode", "decode", "timed points", "version"],
            rows,
            "Mean over timed points; the whole of a command or call, files included, no point beside it.",
        )

    def _points_table(self) -> Table:
        heading = [
            "clip",
            "codec",
            "setting",
            "bytes",
            "bpp",
            "kb/s",
            "Y",
            "U",
            "V",
            "YUV",
            "RGB",
            "SSIM",
            "MS-SSIM",
            "VMAF",
            "encode fps",
            "decode fps",
        ]
        rows = [
            [
                row.clip,
                row.label,
                f"{row.q or 0:g}",
                f"{row.size_bytes}",
                f"{row.bpp:.4f}",
                f"{row.kbps:.1f}",
                *(_plain(row.score(f"psnr_{plane}"), 2) for plane in ("y", "u", "v", "yuv", "rgb")),
                _plain(row.score("ssim"), 4),
                _plain(row.score("ms_ssim"), 4),
                _plain(row.score("vmaf"), 2),
                _plain(row.encode_fps, 1),
                _plain(row.decode_fps, 1),
            ]
            for row in self.rows
        ]
        return Table(
            POINTS_TITLE,
            heading,
            rows,
            "PSNR in dB of the planes, 6:1:1 and as RGB (chroma upsampled by ffmpeg's bicubic filter).",
        )


def in_db(metric: str, value: float) -> float:
    """A figure as curves have it: PSNR as it is, SSIM and MS-SSIM as −10·log10(1 − x), at most 100."""
    if metric in ("ssim", "ms_ssim"):
        return -10 * math.log10(max(1 - value, 1e-10))
    return value


def _signed(value: float | None) -> str:
    return NA if value is None else f"{value:+.2f}"


def _plain(value: float | None, digits: int) -> str:
    return NA if value is None else f"{value:.{digits}f}"


def _mean(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):.1f}" if known else NA
