"""Draw the latents of one picture: what was coded, what was expected, what it cost (Kim et al. 2022, Figure 4)."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lvcodec.bench.latent_maps import Array, PictureMaps, picture_maps
from lvcodec.codec.motion import AFTER, BEFORE, BOTH, Motion
from lvcodec.errors import InputError, UsageError
from lvcodec.exact.warp import STEPS
from lvcodec.video.atomic import AtomicFile, check_output

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lvcodec.stream.files import StreamLike

TINTS = {BOTH: "none", BEFORE: (0.2, 0.4, 1.0, 0.25), AFTER: (1.0, 0.3, 0.2, 0.25)}  # of the references shown
TICKS = {"signs": [-1, 0, 1], "flag": [0, 1]}  # of bars
ESTIMATE = "estimate"  # the paper's, of the maps of mfvc and lds: counted, not drawn
PANEL_INCHES = 4.6  # width of a map and its bar
DPI = 110


@dataclass(frozen=True)
class Panel:
    """One map of the figure.

    kind: "symbols" and "mean" (about zero), "signs", "level", "bits", of all channels together "place bits", "flag" and
    "flag bits"; maps of a kind share a scale. note: what stands below the title.
    """

    array: str
    title: str
    kind: str
    note: str = ""


@dataclass(frozen=True)
class Inspection:
    """The maps of a picture, and the channel of them that was drawn."""

    maps: PictureMaps
    channel: int
    heading: str

    def bits(self) -> dict[str, dict[str, float]]:
        """Bits of each map of bits, and the paper's estimate, by array: in the channel, and in all of them."""
        names = [panel.array for panel in panels(self.maps) if panel.kind == "bits"]
        names += [ESTIMATE] if ESTIMATE in self.maps.arrays else []
        arrays = {name: self.maps.arrays[name] for name in names}
        return {
            name: {"channel": float(array[self.channel].sum()), "all": float(array.sum())}
            for name, array in arrays.items()
        }

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        maps = self.maps
        live = maps.arrays.get("live")
        return {
            "picture": maps.number,
            "kind": maps.kind,
            "channel": self.channel,
            "channels": maps.channels,
            "residual_exact": maps.exact,
            "coded": maps.coded,
            "bits": self.bits(),
            "live_places": None if live is None else int(live.sum()),
            "streams": dict(maps.streams),
        }


def inspect_picture(
    source: StreamLike,
    number: int,
    channel: int | None,
    target: Path,
    *,
    motion: bool = False,
    overwrite: bool = False,
    name: str = "",
    on_picture: Callable[[int, int], None] | None = None,
) -> Inspection:
    """Draw the maps of picture `number` (from 0) to target (.png); channel None is the one that takes most bits.

    motion: draw the motion over the picture instead. name: what the figure calls the stream. Raises UsageError if
    there is no such picture, channel or motion, StreamError, MismatchError, WeightsError, InputError.
    """
    if target.suffix.lower() != ".png":
        raise UsageError(f"the maps are a PNG, and {target} is not named .png")
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("drawing needs the package matplotlib", "pip install 'lvcodec[bench]'")
    check_output(target, source, overwrite=overwrite)
    maps = picture_maps(source, number, on_picture=on_picture)
    if channel is None:
        channel = maps.dearest()
    if channel >= maps.channels:
        raise UsageError(f"there is no channel {channel}", f"the latent has {maps.channels}, counted from 0")
    kind = f"({maps.kind})" + ", latents kept" * maps.kept
    heading = f"{name or 'stream'}: picture {number} {kind}, channel {channel} of {maps.channels}"
    if maps.first_step:
        heading += ", first of two steps"
    if motion:
        heading = f"{name or 'stream'}: picture {number} ({maps.kind})"
    inspection = Inspection(maps, channel, heading)
    if motion and maps.motion is None:
        raise UsageError(f"picture {number} has no motion", "P- and B-pictures of the mode aligned have")
    with AtomicFile(target, overwrite=overwrite) as file:
        file.write(_draw_motion(inspection, maps.motion) if motion and maps.motion is not None else _draw(inspection))
    return inspection


def panels(maps: PictureMaps) -> list[Panel]:
    """The maps of a picture, in reading order, three a line (two of an I-picture)."""
    if maps.kind == "I":
        return [
            Panel("y", "ŷ, the latent", "symbols"),
            Panel("mean", "μ, its expected value", "symbols"),
            Panel("level", "level of its scale (6 to the octave from 0.05)", "level"),
            Panel("bits", "bits", "bits", "coded"),
        ]
    if "live" in maps.arrays:
        return [
            Panel("symbols", "symbols of what the prediction lacks", "symbols"),
            Panel("level", "level of their scale, where places are live", "level"),
            Panel("symbol_bits", "bits", "bits", "coded"),
            Panel("live", "live places: others have no symbols", "flag"),
            Panel("live_bits", "bits of these flags", "flag bits"),
            Panel("place_bits", "bits of flags and all channels", "place bits"),
        ]
    guessed = "" if maps.exact else "exact beyond half a step from μ, else the likeliest"
    plain, shifted = ("coded", "not coded") if maps.coded == "plain" else ("not coded", "coded")
    if not maps.exact:
        plain = "not coded; of the likeliest residual, so the least possible"
    step = "" if maps.alpha == 1 else f", half a step ({float(maps.alpha):g})"
    return [
        Panel("y_res", "ŷ_res, the residual", "symbols", guessed),
        Panel("mean", "μ, its expected value", "mean"),
        Panel("bfd", "BFD, its direction from μ", "signs", guessed),
        Panel("y_shift", f"ŷ_shift, shifted towards μ{step}", "symbols"),
        Panel("plain", "bits without the shift", "bits", plain),
        Panel("shifted", "bits with the shift", "bits", shifted),
    ]


def _draw(inspection: Inspection) -> bytes:
    """The figure as PNG."""
    from matplotlib.figure import Figure

    maps, bits, shown = inspection.maps, inspection.bits(), panels(inspection.maps)
    columns = 2 if maps.kind == "I" else 3
    lines = -(-len(shown) // columns)
    height, width = maps.arrays[maps.coded].shape[1:]
    panel_height = min(max(PANEL_INCHES * 0.8 * height / width, 1.2), 2 * PANEL_INCHES) + 0.7
    figure = Figure(figsize=(PANEL_INCHES * columns, panel_height * lines + 0.5), layout="constrained")
    figure.suptitle(f"{inspection.heading}; each square is 16x16 pixels", fontsize=10)
    for axis, panel in zip(figure.subplots(lines, columns, squeeze=False).flat, shown, strict=True):
        total = f": {bits[panel.array]['channel']:.1f}" if panel.kind == "bits" else ""
        if panel.kind.endswith(" bits"):
            total = f": {maps.arrays[panel.array].sum():.1f}"
        axis.set_title(panel.title + total + (f"\n({panel.note})" if panel.note else ""), fontsize=9)
        image = axis.imshow(
            _shown(maps, panel, inspection.channel),
            interpolation="nearest",
            **_scale(maps, inspection.channel, panel.kind),
        )
        axis.tick_params(labelsize=7)
        axis.locator_params(integer=True)
        bar = figure.colorbar(image, ax=axis, ticks=TICKS.get(panel.kind))
        bar.ax.tick_params(labelsize=7)
    return _png(figure)


def _draw_motion(inspection: Inspection, motion: Motion) -> bytes:
    """The decoded picture with its blocks, and an arrow for each from where its content was in the reference, as PNG.

    Blocks of a B-picture that show one of its references only are tinted.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    y = inspection.maps.shown.y
    height, width = y.shape
    figure = Figure(figsize=(10, max(10 * height / width, 1.5) + 0.6), layout="constrained")
    axis = figure.subplots()
    pels = motion.field / STEPS
    longest = float(np.hypot(*pels).max())
    bits = inspection.maps.streams.get("motion", 0.0)
    axis.set_title(
        f"{inspection.heading}: motion since the reference, {bits:.0f} bits; "
        f"the longest vector has {longest:.2f} pixels",
        fontsize=10,
    )
    axis.imshow(y, cmap="gray", vmin=0, vmax=255, alpha=0.7)
    places = np.indices(motion.leaves.shape)
    starts = (places % motion.leaves == 0).all(axis=0)
    for row, column, size in zip(*places[:, starts], motion.leaves[starts].tolist(), strict=True):
        shown = BOTH if motion.direction is None else int(motion.direction[row, column])
        corner = motion.side * column - 0.5, motion.side * row - 0.5
        axis.add_patch(
            Rectangle(
                corner, motion.side * size, motion.side * size, linewidth=0.4, edgecolor="0.5", facecolor=TINTS[shown]
            )
        )
    rows, columns = (places + 0.5) * motion.side - 0.5
    moved = np.abs(motion.field).any(axis=0)
    stretch = max(1.0, motion.side / longest) if longest else 1.0  # short vectors are drawn longer, all alike
    axis.quiver(
        (columns + stretch * pels[1])[moved],
        (rows + stretch * pels[0])[moved],
        -stretch * pels[1][moved],
        -stretch * pels[0][moved],
        angles="xy",
        scale_units="xy",
        scale=1,
        color="tab:red",
        width=0.0016,
    )
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    axis.set_xlabel(f"arrows {stretch:.1f} times as long as the motion", fontsize=9)
    axis.tick_params(labelsize=7)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI)
    return data.getvalue()


def _shown(maps: PictureMaps, panel: Panel, channel: int) -> Array:
    """What a panel shows: (H/16, W/16), of the channel where the map has channels."""
    array = maps.arrays[panel.array]
    return array if array.ndim == 2 else np.asarray(array[channel])


def _scale(maps: PictureMaps, channel: int, kind: str) -> dict[str, Any]:
    """Colours and limits for all maps of one kind, so that they compare."""
    if kind == "signs":
        return {"cmap": "RdBu_r", "vmin": -1, "vmax": 1}
    if kind == "flag":
        return {"cmap": "gray", "vmin": 0, "vmax": 1}
    arrays = [_shown(maps, panel, channel) for panel in panels(maps) if panel.kind == kind]
    if kind in ("symbols", "mean"):
        most = max(float(np.abs(array).max()) for array in arrays) or 1.0
        return {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    if kind == "level":
        return {"cmap": "viridis"}
    return {"cmap": "magma", "vmin": 0, "vmax": max(float(array.max()) for array in arrays) or 1.0}
