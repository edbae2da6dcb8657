"""Which quality it takes to come to a size, a PSNR or a VMAF: samples of a clip are coded at one after another.

One quality serves the whole clip, so that bits go where they are needed. What lies between two qualities is hit by a
share of the GOPs that is an index finer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import fmean

from lvcodec import quality
from lvcodec.encoder.aim import TARGETED, Aim
from lvcodec.encoder.buffer import STEP as SIZE_STEP
from lvcodec.encoder.clip import Clip
from lvcodec.encoder.pace import Stage
from lvcodec.encoder.probing import Coder, Probe, Prober
from lvcodec.encoder.qualities import Qualities
from lvcodec.encoder.samples import Samples, samples_of
from lvcodec.errors import InputError
from lvcodec.exact.loaded import without_gradients
from lvcodec.options import Encoding
from lvcodec.report import OnNotice, OnProgress
from lvcodec.video.picture import Picture

FIRST = quality.LAST_INDEX // 2  # where a search begins
# docs/decisions.md#rate-control
NEAR = {"size": 0.007, "psnr": 0.03, "vmaf": 0.15}  # where a search ends: relative, dB, points
STEP = {"size": SIZE_STEP, "psnr": 0.06, "vmaf": 0.4}  # what an index makes, about


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
        return math.log(TARGETED * self.value) if self.kind == "size" else self.value

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


def found(
    clip: Clip,
    runs: Iterable[Iterable[Picture]],
    coded: Coder,
    options: Encoding,
    on_notice: OnNotice,
    on_progress: OnProgress,
) -> Aim:
    """Read a clip to its end, try samples of it, and tell by which qualities the target of the options is hit.

    clip: opened with FIRST as its index. runs: its GOPs. coded: codes samples as the clip does. Raises InputError if a
    size is too small for any quality.
    """
    looking = Stage("looking", clip.pictures.expected, on_progress)
    with without_gradients(), samples_of(runs, clip.header.video, looking.tell) as samples:
        is_whole_file = options.target_size is not None
        goal = Goal.of(options, samples, clip.side.size_bytes(clip.pictures, samples.pictures) if is_whole_file else 0)
        prober = Prober(clip.header, coded, samples, goal.kind == "vmaf", lambda done: None)
        tried: dict[int, float] = {}

        def measured(index: int) -> float:
            stage = Stage(f"trying quality {quality.of_index(index):g}", samples.sampled, on_progress)
            prober.on_sample = stage.tell
            tried[index] = goal.reached(prober.at(index), samples)
            return tried[index]

        bracket = search(measured, goal.wanted, STEP[goal.kind], NEAR[goal.kind], FIRST)
    qualities = _between(goal, bracket, tried)
    nearest = tried[min(bracket, key=lambda index: abs(tried[index] - goal.wanted))]
    came_to = " to ".join(goal.shown(tried[index]) for index in bracket)
    chosen = quality.of_index(qualities.index)
    on_notice(f"{options.target_text}: quality {chosen:g}, {came_to} on {samples.sampled} pictures")
    if len(bracket) == 1 and abs(nearest - goal.wanted) > NEAR[goal.kind]:
        _tell_missed(goal, nearest, on_notice)
    return Aim(replace(qualities, most_bytes=goal.value) if goal.kind == "size" else qualities)


def _tell_missed(goal: Goal, nearest: float, on_notice: OnNotice) -> None:
    """The scale ends before the target. Raises InputError for a size that would be exceeded."""
    if nearest < goal.wanted:
        on_notice(f"the target cannot be hit: the best quality has {goal.shown(nearest)}")
    elif goal.kind == "size":
        raise InputError(
            f"the target of {goal.value:.0f} bytes for pictures cannot be hit: the lowest quality has "
            f"{goal.shown(nearest)}",
            "allow more, or code fewer or smaller pictures",
        )
    else:
        on_notice(f"the target is exceeded: the lowest quality has {goal.shown(nearest)}")


def _between(goal: Goal, bracket: list[int], tried: dict[int, float]) -> Qualities:
    """Of one or two neighbouring indices: a share of the finer one, or for the worst shot the nearer one."""
    if len(bracket) == 2 and not goal.worst:
        low, high = bracket
        return Qualities(low, (goal.wanted - tried[low]) / (tried[high] - tried[low]))
    return Qualities(min(bracket, key=lambda index: abs(tried[index] - goal.wanted)))


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
