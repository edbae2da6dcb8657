"""Carry out a comparison as the user asks for it: `compare` is what `lvcodec bench` calls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from lvcodec.bench.crops import parse_box
from lvcodec.bench.ours import Lvcodec
from lvcodec.bench.point import Codec
from lvcodec.bench.presets import ALL, AXES, PRESETS, Preset
from lvcodec.bench.report import Report, write_report
from lvcodec.bench.run import OnPoint, Plan, run
from lvcodec.bench.summary import Summary
from lvcodec.bench.table2 import METRICS as TABLE2_METRICS
from lvcodec.errors import InputError, UsageError, check_known
from lvcodec.frames import Frames
from lvcodec.measure import PAPER_GOP, ffmpeg_features
from lvcodec.measure.anchors import Anchor, choose, load_anchors
from lvcodec.measure.clips import Reading, find_clips
from lvcodec.measure.filters import FILTERS
from lvcodec.names import AUTO, DEFAULT_FAMILY, METRICS, MODES, SHIFTING_MODES
from lvcodec.presets import DEFAULT_PRESET, ENCODER_PRESETS
from lvcodec.quality import index_of
from lvcodec.report import OnNotice


@dataclass(frozen=True)
class ComparisonRequest:
    """A comparison as it is asked for; None is the preset's.

    efforts, encoder_presets: of lvcodec's encoder; all modes with each; no efforts are the encoder presets'. modes,
    anchors: empty tuples leave them out. anchors: names, or "all". anchor_files: TOML files of further codecs, all of
    which are taken. latents: as in Encoding. shown: pictures from 1 on whose crops are shown. crop: WxH+X+Y.
    """

    clips: Sequence[str | os.PathLike[str]]
    out: Path
    preset: str | None = None
    modes: tuple[str, ...] | None = None
    qualities: tuple[float, ...] | None = None
    family: str = DEFAULT_FAMILY
    model: str | None = None
    gop: int | str | None = None
    bframes: int | str | None = None
    efforts: tuple[int, ...] | None = None
    encoder_presets: tuple[str, ...] = (DEFAULT_PRESET,)
    latents: str | None = None
    anchors: tuple[str, ...] | None = None
    anchor_files: tuple[Path, ...] = ()
    reference: str | None = None
    metrics: tuple[str, ...] | None = None
    metric: str | None = None
    frames: Frames | None = None
    size: tuple[int, int] | None = None
    rate: Fraction | None = None
    pix_fmt: str | None = None
    shown: tuple[int, ...] = (2, 7, 12)
    crop: str | None = None
    jobs: int = 1
    cluster: str | None = None
    threads: int = 1
    device: str = AUTO
    command: str = ""


def compare(
    request: ComparisonRequest, *, on_point: OnPoint | None = None, on_notice: OnNotice | None = None
) -> Report:
    """Code, measure and report all that the request asks for; a point that fails is a row of the report.

    Raises UsageError for names that are not known, InputError where files cannot be read or written.
    """
    preset = PRESETS[request.preset] if request.preset else Preset()
    notice = on_notice or (lambda text: None)
    metric = request.metric or preset.metric
    check_known("metric", metric, AXES)
    anchors = _anchors(request, preset, notice)
    ours = _ours(request, preset)
    reference = request.reference or (anchors[0].name if anchors else ours[0].name if ours else "")
    codecs: list[Codec] = [*ours, *anchors]
    if reference not in {codec.name for codec in codecs}:
        raise UsageError(f"the reference {reference!r} is not among the codecs")
    plan = Plan(
        clips=find_clips(request.clips),
        codecs=codecs,
        out=request.out,
        reading=Reading(request.frames or preset.frames, request.size, request.rate, request.pix_fmt),
        metrics=_metrics(request, preset, metric, notice),
        shown=tuple(sorted({number - 1 for number in request.shown})),
        box=parse_box(request.crop) if request.crop else None,
        table2=preset.table2,
        jobs=request.jobs,
        cluster=request.cluster,
    )
    rows = run(plan, on_point=on_point, on_notice=notice)
    summary = Summary(rows, preset, metric=metric, reference=reference)
    return write_report(plan, summary, rows, threads=request.threads, command=request.command)


def _ours(request: ComparisonRequest, preset: Preset) -> list[Lvcodec]:
    modes = preset.modes if request.modes is None else request.modes
    for mode in modes:
        check_known("mode", mode, MODES)
    qualities = request.qualities or preset.qualities
    for quality in qualities:
        index_of(quality)  # raises UsageError for one that is out of range
    for name in request.encoder_presets:
        check_known("encoder preset", name, ENCODER_PRESETS)
    gop = request.gop or preset.gop
    bframes = (AUTO if gop in (None, AUTO) else 0) if request.bframes is None else request.bframes
    return [
        Lvcodec(
            mode,
            qualities,
            request.family,
            request.model,
            gop,
            bframes,
            request.threads,
            request.device,
            effort,
            encoder_preset,
            request.latents if mode in SHIFTING_MODES else None,
        )
        for encoder_preset in dict.fromkeys(request.encoder_presets)
        for effort in dict.fromkeys(request.efforts or (None,))
        for mode in dict.fromkeys(modes)
    ]


def _anchors(request: ComparisonRequest, preset: Preset, notice: OnNotice) -> list[Anchor]:
    gop = int(request.gop) if isinstance(request.gop, int) else preset.gop or PAPER_GOP
    own = load_anchors(gop=gop, threads=request.threads)
    known = load_anchors(request.anchor_files, gop=gop, threads=request.threads)
    wanted = preset.anchors if request.anchors is None else request.anchors
    names = list(own) if ALL in wanted else list(wanted)
    chosen = []
    for anchor in choose(known, [*names, *(name for name in known if name not in own)]):
        if not anchor.available():
            notice(f"{anchor.name} is left out: this ffmpeg has no {anchor.encoder}")
        else:
            step = preset.anchor_step if anchor.name in own else 1
            chosen.append(replace(anchor, points=anchor.points[::step]))
    return chosen


def _metrics(request: ComparisonRequest, preset: Preset, metric: str, notice: OnNotice) -> tuple[str, ...]:
    asked = (*(request.metrics or preset.metrics), *(AXES[name].metric for name in TABLE2_METRICS if preset.table2))
    for name in asked:
        check_known("metric", name, METRICS)
    wanted = [name for name in METRICS if name in {*asked, AXES[metric].metric, "psnr"}]
    absent = [name for name in wanted if name in FILTERS and FILTERS[name] not in ffmpeg_features.filters()]
    for name in absent:
        if name == AXES[metric].metric:
            raise InputError(f"no curves of {name}: this ffmpeg has no filter {FILTERS[name]}")
        notice(f"{name} is left out: this ffmpeg has no filter {FILTERS[name]}")
    return tuple(name for name in wanted if name not in absent)
