"""The paper's Table 2 three times: as published, ours as the paper counts bits, ours by bytes of files.

The paper estimates its rates (codec/paper_rate.py). An estimate and bytes are different things, as are RGB PSNR and
PSNR 6:1:1, so each BD-rate is between two curves of one kind, and there is none where that cannot be had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lvcodec.bench.presets import AXES, paper_table2, published
from lvcodec.bench.rows import NA, Row
from lvcodec.bench.table import Table, signed
from lvcodec.measure.bdrate import Distance, Measured, Point, measured_distance
from lvcodec.measure.clips import AVERAGE
from lvcodec.measure.metrics import mean_if_all

BYTES, ESTIMATE = "bytes of files", "the paper's estimate"
METRICS = ("psnr_rgb", "psnr_yuv")  # the paper's, and ours
ANCHORS = {"intra": "all-intra", "mfvc": "MFVC"}  # modes that later ones of the table are compared with


def table2(rows: Sequence[Row], labels: Mapping[str, str], reference: str, *, on_uvg: bool) -> list[Table]:
    """The tables.

    rows: that have figures, one or more. labels: of codecs, by name. reference: the codec that stands for H.264.
    on_uvg: the clips are the paper's, so that the published H.264 curve may stand there too.
    """
    modes = [mode for mode, _, _ in paper_table2()[1]]
    found = {mode: codec for codec in reversed(list(labels)) for mode in modes if _is_ours(codec, mode)}
    ours = _Ours(rows, found, labels, reference)
    tables = [_as_published(), *(_counted(ours, counted, on_uvg=on_uvg) for counted in (ESTIMATE, BYTES))]
    return [*tables, _clip_by_clip(ours)] if {"mfvc", "lds"} <= found.keys() else tables


def _is_ours(codec: str, mode: str) -> bool:
    return codec.startswith("lvcodec") and codec.endswith(f"-{mode}")


@dataclass(frozen=True)
class _Ours:
    """What was measured. codecs: names by the modes of the table."""

    rows: Sequence[Row]
    codecs: Mapping[str, str]
    labels: Mapping[str, str]
    reference: str

    @property
    def clips(self) -> list[str]:
        return list(dict.fromkeys(row.clip for row in self.rows))

    @property
    def places(self) -> list[str]:
        """The clips, and AVERAGE where there are several."""
        return self.clips if len(self.clips) == 1 else [*self.clips, AVERAGE]

    def curve(self, place: str, mode: str | None, counted: str, metric: str) -> Measured:
        """Of a mode, None: of the reference. Empty where figures lack; AVERAGE has the settings that all clips have."""
        codec = self.reference if mode is None else self.codecs.get(mode, "")
        each = [self._points(clip, codec, counted, metric) for clip in (self.clips if place == AVERAGE else [place])]
        shared = set.intersection(*(set(points) for points in each))
        mean = [
            (sum(points[q][0] for points in each) / len(each), sum(points[q][1] for points in each) / len(each))
            for q in shared
        ]
        return Measured(sorted(mean), counted, AXES[metric].column)

    def _points(self, clip: str, codec: str, counted: str, metric: str) -> dict[float, Point]:
        points = {}
        for row in self.rows:
            rate, quality = row.bpp if counted == BYTES else row.paper_estimate_bpp, row.score(metric)
            if (row.clip, row.codec) == (clip, codec) and rate is not None and quality is not None:
                points[row.q or 0.0] = rate, quality
        return points


def _before(mode: str) -> list[str]:
    """The anchors that stand before a mode in the table."""
    anchors = list(ANCHORS)
    return anchors[: anchors.index(mode)] if mode in anchors else anchors


def _quotient(mode: str, anchor: str) -> float:
    """What the paper's figures make of a mode against another, in %."""
    known = {name: 100 + percent for name, _, percent in paper_table2()[1]}
    return 100 * (known[mode] / known[anchor] - 1)


def _as_published() -> Table:
    rows = [
        [
            model,
            signed(percent),
            *(signed(_quotient(mode, anchor)) if anchor in _before(mode) else "" for anchor in ANCHORS),
        ]
        for mode, model, percent in paper_table2()[1]
    ]
    note = (
        "UVG, first 100 pictures, GOP 12; RGB PSNR; estimated rates, against the H.264 curve of MFVC's paper. Against "
        "all-intra and MFVC: quotients of its figures."
    )
    heading = ["model", "against H.264", *(f"against {name}" for name in ANCHORS.values())]
    return Table("Table 2 of Kim et al. 2022 (%)", heading, rows, note)


def _counted(ours: _Ours, counted: str, *, on_uvg: bool) -> Table:
    """Our Table 2 by one way of counting bits, and by both metrics."""
    place = ours.places[-1]
    stand_in, lines = paper_table2()
    h264 = Measured(published()[stand_in].points, BYTES, AXES["psnr_rgb"].column) if on_uvg else None
    heading = ["model", "ours"]
    for metric in METRICS:
        names = [ours.labels[ours.reference], *ANCHORS.values()]
        heading += [f"{AXES[metric].column} against {name}" for name in names]
    heading += ["RGB PSNR against the published H.264 curve"] if h264 else []
    rows, why = [], dict[str, None]()
    for mode, model, _ in lines:
        found: list[Distance | None] = []
        for metric in METRICS:
            own = ours.curve(place, mode, counted, metric)
            found.append(measured_distance(ours.curve(place, None, BYTES, metric), own))
            found += [
                measured_distance(ours.curve(place, anchor, counted, metric), own) if anchor in _before(mode) else None
                for anchor in ANCHORS
            ]
        if h264:
            found.append(measured_distance(h264, ours.curve(place, mode, counted, "psnr_rgb")))
        why |= {distance.reason: None for distance in found if distance and distance.reason and mode in ours.codecs}
        cells = ["" if distance is None else signed(distance.rate_percent) for distance in found]
        rows.append([model, ours.labels[ours.codecs[mode]] if mode in ours.codecs else NA, *cells])
    notes = ["of the average curve" if place == AVERAGE else f"of the clip {place}"]
    if counted == ESTIMATE:
        notes.append("rates are estimates as info --streams has them, and of no stream")
    elif h264:
        notes.append(f"the published H.264 curve is a figure only, and {stand_in} was read off it")
    title = f"Table 2, ours by {counted} (%)"
    text = "; ".join([*notes, *why])
    return Table(title, heading, rows, f"{text[0].upper()}{text[1:]}.")


def _clip_by_clip(ours: _Ours) -> Table:
    """What the shift and its compensation are worth, by both ways of counting."""
    rows = []
    for counted in (ESTIMATE, BYTES):
        for metric in METRICS:
            percents = {
                place: measured_distance(
                    ours.curve(place, "mfvc", counted, metric), ours.curve(place, "lds", counted, metric)
                ).rate_percent
                for place in ours.places
            }
            cells = [signed(percents[clip]) for clip in ours.clips]
            if AVERAGE in percents:
                cells += [signed(mean_if_all([percents[clip] for clip in ours.clips])), signed(percents[AVERAGE])]
            rows.append([counted, AXES[metric].column, *cells])
    heading = ["rate", "distortion", *ours.clips, *(["mean of clips", "average curve"] if len(ours.clips) > 1 else [])]
    title = f"{ours.labels[ours.codecs['lds']]} against {ours.labels[ours.codecs['mfvc']]}, both ways (%)"
    note = f"The paper, by its estimate and RGB PSNR: {signed(_quotient('lds', 'mfvc'))}, a quotient of its figures."
    return Table(title, heading, rows, note)
