"""Presets of a comparison, the figures that it can show, and curves that others have published.

Loads neither numpy nor torch: the command's help is made of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from lvcodec import names, quality
from lvcodec.measure import PAPER_GOP
from lvcodec.measure.bdrate import DECIBELS, VMAF_POINTS, Scale

if TYPE_CHECKING:
    from lvcodec.frames import Frames

ALL = "all"
PEOPLE = ("x264-medium", "x265-medium")  # as people use them, each with a structure of its own
PAPER = ("x264-veryfast", "x265-veryfast")  # as the papers have them, GOP and no B-pictures
IN_THE_PAPER = (1, 2, 3, 4, 5, 6)  # beyond them I-pictures are not the auto-encoder's alone


@dataclass(frozen=True)
class Axis:
    """A figure that curves and BD-rates may be of. metric: which of METRICS gives it. column: its name in tables."""

    title: str
    column: str
    metric: str
    scale: Scale = DECIBELS


AXES = {  # by their names in Scores
    "psnr_yuv": Axis("PSNR-YUV 6:1:1 (dB)", "PSNR-YUV", "psnr"),
    "psnr_y": Axis("PSNR-Y (dB)", "PSNR-Y", "psnr"),
    "psnr_rgb": Axis("RGB PSNR (dB)", "RGB PSNR", "rgb"),
    "ssim": Axis("SSIM, −10·log₁₀(1 − x) (dB)", "SSIM", "ssim"),
    "ms_ssim": Axis("MS-SSIM of luma, −10·log₁₀(1 − x) (dB)", "MS-SSIM", "ms-ssim"),
    "vmaf": Axis("VMAF, 20 to 99", "VMAF", "vmaf", VMAF_POINTS),
    "xpsnr": Axis("XPSNR 6:1:1 (dB)", "XPSNR", "xpsnr"),
    "flicker": Axis("flicker: PSNR-Y of changes from picture to picture (dB)", "flicker", "flicker"),
}


@dataclass(frozen=True)
class Preset:
    """Defaults of a comparison; what the user says goes before them.

    gop: None: each codec with a structure of its own. metric: of curves and BD-rates. anchor_step: takes every n-th
    point of an anchor. published: names of published curves to draw beside ours. steps: compare each mode with what it
    has to beat. table2: show the paper's Table 2, and ours as it counts bits and by bytes.
    """

    frames: Frames | None = None
    gop: int | None = None
    modes: tuple[str, ...] = (names.DEFAULT_MODE,)
    qualities: tuple[float, ...] = quality.WHOLE
    anchors: tuple[str, ...] = PEOPLE
    anchor_step: int = 1
    metrics: tuple[str, ...] = names.METRICS
    metric: str = "psnr_yuv"
    published: tuple[str, ...] = ()
    steps: bool = False
    table2: bool = False


PRESETS = {
    "uvg": Preset(
        frames=(0, 100),
        qualities=IN_THE_PAPER,
        gop=PAPER_GOP,
        anchors=PAPER,
        modes=names.MODES,
        metric="psnr_rgb",
        table2=True,
        steps=True,
        published=(
            "x264-veryfast-mfvcfig",
            "x265-veryfast-mfvcfig",
            "mfvc-wo-spm-fig",
            "mfvc-full-fig",
            "dvc",
            "ssf2020-authors",
        ),
    ),
    "quick": Preset(frames=(0, 24), qualities=(1, 2.5, 4, 6), anchor_step=2, metrics=("psnr", "ssim")),
    "ablation": Preset(
        gop=PAPER_GOP,
        qualities=IN_THE_PAPER,
        modes=names.MODES,
        anchors=(*PAPER, "x264-intra", "x264-medium", "x265-medium"),
        metrics=("psnr", "rgb", "ssim", "vmaf", "xpsnr", "flicker"),
        table2=True,
        steps=True,
    ),
}


@dataclass(frozen=True)
class Published:
    """A curve that others have published: (bpp, RGB PSNR in dB), mean of the UVG sequences."""

    name: str
    label: str
    setting: str
    source: str
    points: tuple[tuple[float, float], ...]


@lru_cache
def _data() -> Mapping[str, Any]:
    return tomllib.loads(files("lvcodec.bench").joinpath("published.toml").read_text("utf-8"))


def published() -> dict[str, Published]:
    """The published curves, by name."""
    return {
        name: Published(
            name,
            entry.get("label", name),
            entry["setting"],
            entry["source"],
            tuple((rate, quality) for rate, quality in entry["points"]),
        )
        for name, entry in _data()["curves"].items()
    }


def paper_table2() -> tuple[str, list[tuple[str, str, float]]]:
    """The published curve that stands for the paper's anchor, and Table 2: (our mode, its model, BD-rate in %)."""
    table = _data()["table2"]
    return table["stand_in"], [(row["mode"], row["model"], row["percent"]) for row in table["rows"]]
