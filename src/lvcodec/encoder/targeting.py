"""Encoding towards a size, a bit rate, or a figure of quality: which quality that takes, and that a size is hit.

    source ─► samples ─► coded at one quality after another ─► the quality of all ─► encoding.encode ─► size ─► done
                                                                        ▲                              │
                                                                        └─── its last GOPs, coarser ◄──┘ or finer

One quality serves the whole clip, so that bits go where they are needed. What lies between two qualities is hit by a
share of the GOPs that is an index finer.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from lvcodec import quality
from lvcodec.codec.notices import Notices
from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.encoder import encoding
from lvcodec.encoder.clip import opened
from lvcodec.encoder.pace import Stage
from lvcodec.encoder.probing import Probe, Prober
from lvcodec.encoder.qualities import Qualities
from lvcodec.encoder.resume import Begun, check_same
from lvcodec.encoder.samples import Samples, samples_of
from lvcodec.errors import InputError, UsageError
from lvcodec.exact.loaded import without_gradients
from lvcodec.exact.settings import whole_products
from lvcodec.options import Encoding
from lvcodec.report import EncodeReport, OnNotice, OnPicture, OnProgress
from lvcodec.stream.files import is_path
from lvcodec.video.atomic import check_output, is_special
from lvcodec.video.part import check_part, part_of, read_entries

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike
    from lvcodec.video.base import VideoLike

# docs/decisions.md#rate-control
WITHIN = 0.02  # of a size: what it may be missed by, below
AIM = 0.992  # of a size: what is aimed at, so that what is within NEAR of it is within that
NEAR = {"size": 0.007, "psnr": 0.03, "vmaf": 0.15}  # where a search ends: relative, dB, points
STEP = {"size": 0.026, "psnr": 0.06, "vmaf": 0.4}  # what an index makes, about
CORRECTIONS = 12  # of a size, before it is given up
ENOUGH = 5  # after which it may be smaller than it could be
GENTLE = 3  # indices that the last GOPs may differ by; more, where fewer would not do for all of the clip


@dataclass(frozen=True)
class Goal:
    """What is aimed at. kind: "size", "psnr" or "vmaf"; worst: of the worst shot, not the mean.

    A size is in bytes, of all but what stands beside the pictures.
    """

    kind: str
    value: float
    worst: bool = False

    @classmethod
    def of(cls, options: Encoding, samples: Samples, beside: int) -> Goal:
        """That of options which have one, for a clip with so many bytes beside its pictures.

        Raises InputError if those leave no room for pictures.
        """
        if options.target_psnr is not None:
            return cls("psnr", float(options.target_psnr), options.worst_shot)
        if options.target_vmaf is not None:
            return cls("vmaf", float(options.target_vmaf), options.worst_shot)
        if options.bitrate is not None:
            return cls("size", float(options.bitrate) / 8 * samples.pictures / float(samples.video.rate))
        size = float(options.target_size or 0) - beside
        if size <= 0:
            raise InputError(
                f"what goes beside the pictures has {beside} bytes, and the target is {options.target_text}",
                "allow more, or leave it out by --no-audio or --video-only",
            )
        return cls("size", size)

    @property
    def wanted(self) -> float:
        """What `reached` should be."""
        return math.log(AIM * self.value) if self.kind == "size" else self.value

    def reached(self, probe: Probe, samples: Samples) -> float:
        """What a probe comes to: it grows with quality, about evenly."""
        if self.kind == "size":
            return math.log(probe.size_bytes)
        figures = probe.psnr_db if self.kind == "psnr" else probe.vmaf or ()
        if self.worst:
            return min(figures)
        weights = [piece.pictures for piece in samples.pieces]
        return fmean(figures, weights)

    def shown(self, reached: float) -> str:
        """What a probe comes to, for people."""
        what = {"size": f"about {math.exp(min(reached, 50.0)):.0f} bytes", "psnr": f"{reached:.2f} dB"}
        return what.get(self.kind, f"VMAF {reached:.1f}")


class _Again(Exception):
    """The stream is complete, and misses its size: some of it is to be coded again, at other qualities."""

    def __init__(self, plan: _Plan) -> None:
        super().__init__()
        self.plan = plan


def encode(
    source: VideoLike,
    target: StreamLike,
    options: Encoding,
    *,
    on_picture: OnPicture | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
) -> EncodeReport:
    """See lvcodec.encode; at a quality, or towards what `options` aim at."""
    options.validate()
    told: dict[str, Any] = {"on_picture": on_picture, "on_progress": on_progress, "on_notice": on_notice}
    if not options.has_target:
        return encoding.encode(source, target, options, **told)
    _check(source, target, options)
    notices = Notices(on_notice)
    left = _left(target, options)
    plan = left or _planned(source, options, notices, on_progress or (lambda progress: None))
    for _ in range(CORRECTIONS):

        def whole(begun: Begun, plan: _Plan = plan) -> None:
            plan.check(begun)

        try:
            report = encoding.encode(source, target, options, qualities=plan.qualities, whole=whole, **told)
        except _Again as again:
            plan, options = again.plan, replace(options, resume=True)
            continue
        most = plan.qualities.most_bytes
        size = report.size_bytes - report.side_bytes
        if most is not None and size < (1 - WITHIN) * most:
            notices(f"the size is missed by {100 * (1 - size / most):.1f} %")
        return replace(report, notices=(*notices.texts, *report.notices))
    raise InputError(f"the size was missed {CORRECTIONS} times", "--quality codes without one")


def _check(source: VideoLike, target: StreamLike, options: Encoding) -> None:
    """Refuse before slow work what cannot work."""
    again = not hasattr(source, "read")  # an array, or pictures with their format
    if isinstance(source, str | os.PathLike):
        again = is_path(source) and not is_special(Path(source))
    if not again:
        raise UsageError("a target needs the video twice, and a pipe gives it once", "name a file, or --quality")
    if options.has_size and (not is_path(target) or is_special(Path(str(target)))):
        raise UsageError("a size or a bit rate is for a stream that goes into a file", "name one, or --maxrate")
    check_output(target, source, overwrite=options.overwrite)
    check_part(target, resume=options.resume, overwrite=options.overwrite)


@dataclass(frozen=True)
class _Change:
    """GOPs from one on that are coded again: what they had, and by how many indices they differ now."""

    gop: int
    size_bytes: int
    difference: int


@dataclass(frozen=True)
class _Plan:
    """Qualities of the GOPs, and what has been learnt of a size that they miss.

    step: what an index makes. change: the last one. tries: how many there have been.
    """

    qualities: Qualities
    step: float = STEP["size"]
    change: _Change | None = None
    tries: int = 0

    def check(self, begun: Begun) -> None:
        """Compare a stream that is complete with its size. Raises _Again if it misses that, and could be nearer."""
        size, most = begun.writer.size_bytes - begun.writer.side_bytes, self.qualities.most_bytes
        if most is None or begun.part is None or (1 - WITHIN) * most <= size <= most:
            return
        if size < most and self.tries >= ENOUGH:
            return
        sizes = [end - start for start, end in pairwise([0, *(entry["bytes"] for entry in begun.part.entries)])]
        plan = self._learnt(sizes)._corrected(sizes, AIM * most - size)
        gops = range(len(sizes))
        if [plan.qualities.of(gop) for gop in gops] == [self.qualities.of(gop) for gop in gops]:
            if size > most:
                raise InputError(f"no quality needs as little as {most:.0f} bytes", "allow more")
            return
        begun.part.begun_as["qualities"] = plan.qualities.text()
        begun.part.cut(begun.part.entries[: plan.change.gop if plan.change else 0])
        raise _Again(plan)

    def _learnt(self, sizes: list[int]) -> _Plan:
        """The same with the step that the last change showed."""
        if self.change is None:
            return self
        step = math.log(sum(sizes[self.change.gop :]) / self.change.size_bytes) / self.change.difference
        return replace(self, step=min(max(step, STEP["size"] / 4), 4 * STEP["size"]))

    def _corrected(self, sizes: list[int], missing: float) -> _Plan:
        """With so many bytes more, or less: of as few GOPs as can be, as long as they do not look different."""
        gop, change = len(sizes), math.inf
        while gop and abs(change) > GENTLE:
            gop -= 1
            change = math.log(max(1 + missing / sum(sizes[gop:]), 0.01)) / self.step
        difference = round(change) or (1 if missing > 0 else -1)
        told = _Change(gop, sum(sizes[gop:]), difference)
        return replace(self, qualities=self.qualities.changed(gop, difference), change=told, tries=self.tries + 1)


def _left(target: StreamLike, options: Encoding) -> _Plan | None:
    """What an earlier run has found, if it is gone on with. Raises InputError if it aimed at something else."""
    entries = read_entries(part_of(str(target))) if options.resume and is_path(target) else []
    if len(entries) < 2:
        return None
    begun_as = entries[0]
    check_same(part_of(str(target)), begun_as, {"target": options.target_text})
    return _Plan(Qualities.of_text(begun_as["qualities"]))


@enough_memory()
@whole_products()
def _planned(source: VideoLike, options: Encoding, notices: Notices, on_progress: OnProgress) -> _Plan:
    """Try samples of the source, and tell by which qualities the target is hit."""
    first = quality.LAST_INDEX // 2
    wanted = options if options.target_size is not None else replace(options, video_only=True)
    with opened(source, wanted, first, Notices(None)) as clip, without_gradients():
        looking = Stage("looking", clip.pictures.expected, on_progress)
        with samples_of(clip.runs, clip.header.video, looking.tell) as samples:
            goal = Goal.of(options, samples, clip.side.size_bytes(clip.pictures, samples.pictures))
            prober = Prober(clip, samples, goal.kind == "vmaf", lambda done: None)
            found: dict[int, float] = {}

            def measured(index: int) -> float:
                stage = Stage(f"trying quality {quality.of_index(index):g}", samples.sampled, on_progress)
                prober.on_sample = stage.tell
                found[index] = goal.reached(prober.at(index), samples)
                return found[index]

            bracket = search(measured, goal.wanted, STEP[goal.kind], NEAR[goal.kind], first)
            qualities = _between(goal, bracket, found)
    chosen = quality.of_index(qualities.index)
    nearest = found[min(bracket, key=lambda index: abs(found[index] - goal.wanted))]
    tried = " to ".join(goal.shown(found[index]) for index in bracket)
    notices(f"{options.target_text}: quality {chosen:g}, {tried} on {samples.sampled} pictures")
    if len(bracket) == 1 and abs(nearest - goal.wanted) > NEAR[goal.kind]:
        _tell_missed(goal, nearest, notices)
    return _Plan(replace(qualities, most_bytes=goal.value) if goal.kind == "size" else qualities)


def _tell_missed(goal: Goal, nearest: float, notices: Notices) -> None:
    """The scale ends before the target. Raises InputError for a size that would be exceeded."""
    if nearest < goal.wanted:
        notices(f"the target cannot be hit: the best quality has {goal.shown(nearest)}")
    elif goal.kind == "size":
        raise InputError(
            f"the target of {goal.value:.0f} bytes for pictures cannot be hit: the lowest quality has "
            f"{goal.shown(nearest)}",
            "allow more, or code fewer or smaller pictures",
        )
    else:
        notices(f"the target is exceeded: the lowest quality has {goal.shown(nearest)}")


def _between(goal: Goal, bracket: list[int], found: dict[int, float]) -> Qualities:
    """Of one or two neighbouring indices: a share of the finer one, or for the worst shot the nearer one."""
    if len(bracket) == 2 and not goal.worst:
        low, high = bracket
        return Qualities(low, (goal.wanted - found[low]) / (found[high] - found[low]))
    return Qualities(min(bracket, key=lambda index: abs(found[index] - goal.wanted)))


def search(measure: Callable[[int], float], wanted: float, step: float, near: float, first: int) -> list[int]:
    """The index whose measure is `near` what is wanted, else the two neighbours that it lies between, or the end.

    measure: grows with the index, by about `step`. first: where to begin.
    """
    low, high = -1, quality.LAST_INDEX + 1  # below what is wanted, and above
    found: dict[int, float] = {}
    index = first
    while True:
        found[index] = measure(index)
        if abs(found[index] - wanted) <= near:
            return [index]
        if found[index] < wanted:
            low = index
        else:
            high = index
        if high - low == 1:
            return [each for each in (low, high) if each in found]
        if low in found and high in found:
            guess = low + (high - low) * (wanted - found[low]) / (found[high] - found[low])
        else:
            guess = index + (wanted - found[index]) / step
        index = min(max(round(guess), low + 1), high - 1)
