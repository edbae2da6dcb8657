"""Rate-distortion curves as PNG and SVG, one figure a clip and one of the average."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lvcodec.bench.presets import AXES
from lvcodec.bench.summary import Summary
from lvcodec.measure.clips import AVERAGE

SIZE_INCHES = (5.2, 4.6)  # narrow: on a phone the figure is scaled down, and its text with it
_MARKERS = "osD^vPX<>*"


def draw_curves(summary: Summary, folder: Path) -> dict[str, Path]:
    """Write PLACE.png and PLACE.svg for each clip and the average; returns the SVGs by place."""
    import matplotlib

    svgs = {}
    with matplotlib.rc_context({"svg.hashsalt": "lvcodec", "font.size": 9, "legend.fontsize": 8}):
        for place in summary.places:
            figure = _figure(summary, place)
            for suffix in ("png", "svg"):
                path = folder / f"{place}.{suffix}"
                figure.savefig(path, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
            svgs[place] = folder / f"{place}.svg"
    return svgs


def _figure(summary: Summary, place: str) -> Any:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axis = figure.subplots()
    colours = matplotlib.color_sequences["tab10"]
    for number, (codec, points) in enumerate(summary.curves[place].items()):
        if not points:
            continue
        ours = codec.startswith("lvcodec")
        axis.plot(
            *zip(*points, strict=True),
            label=summary.labels[codec],
            color=colours[number % len(colours)],
            marker=_MARKERS[number % len(_MARKERS)],
            markersize=4,
            linewidth=2 if ours else 1.2,
        )
    if place == summary.places[-1]:  # published curves are means of the data set
        for number, curve in enumerate(summary.published):
            axis.plot(
                *zip(*sorted(curve.points), strict=True),
                label=curve.label,
                linestyle=":",
                color=str(0.15 + 0.1 * (number % 6)),
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=3,
                linewidth=1,
            )
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("bits a pixel")
    axis.set_ylabel(AXES[summary.metric].title)
    axis.set_title(f"average of {len(summary.clips)} clips" if place == AVERAGE else place)
    axis.grid(True, which="both", linewidth=0.4, alpha=0.5)
    if axis.lines:
        longest = max(len(str(line.get_label())) for line in axis.lines)
        shown = place == summary.places[-1] and summary.published
        figure.legend(
            loc="outside lower center",
            ncols=2 if longest <= 32 else 1,
            frameon=False,
            title="dotted: published by others, on UVG" if shown else None,
            title_fontsize=8,
        )
    return figure
