"""What a comparison is made of where nothing else is asked for, and curves that others have published.

Loads nothing but the standard library.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

ALL = "all"
FIELD = ("x264-veryfast", "x265-veryfast")


@dataclass(frozen=True)
class Preset:
    """Defaults of a comparison; what the user says goes before them.

    metric: of curves and BD-rates. anchor_step: takes every n-th point of an anchor. published: names of published
    curves to draw beside ours. steps: compare each mode with what it has to beat. table2: show the paper's Table 2.
    """

    frames: tuple[int | None, int | None] | None = None
    gop: int = 12
    modes: tuple[str, ...] = ("aligned",)
    qualities: tuple[float, ...] = (1, 2, 3, 4, 5, 6)
    anchors: tuple[str, ...] = FIELD
    anchor_step: int = 1
    metrics: tuple[str, ...] = ("psnr", "rgb", "ssim", "ms-ssim", "vmaf")
    metric: str = "psnr_yuv"
    published: tuple[str, ...] = ()
    steps: bool = False
    table2: bool = False


PRESETS = {
    "uvg": Preset(
        frames=(0, 100),
        modes=("intra", "mfvc", "lds", "aligned"),
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
        modes=("intra", "mfvc", "lds", "aligned"),
        anchors=(*FIELD, "x264-intra", "x264-medium", "x265-medium"),
        metrics=("psnr", "rgb", "ssim"),
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


def published_bd_rates() -> list[tuple[str, str, float]]:
    """(anchor, test, BD-rate in %) of pairs of published curves, as other programs compute them."""
    return [(anchor, test, percent) for anchor, test, percent in _data()["bd_rates"]["values"]]


def paper_table2() -> tuple[str, list[tuple[str, str, float]]]:
    """The published curve that stands for the paper's anchor, and Table 2: (our mode, its model, BD-rate in %)."""
    table = _data()["table2"]
    return table["stand_in"], [(row["mode"], row["model"], row["percent"]) for row in table["rows"]]
