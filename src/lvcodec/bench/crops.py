"""Side-by-side crops: the same piece of a picture from the source and from each codec, bpp and PSNR under each.

While points are coded, the piece of each shown picture is kept as a PNG; afterwards the points nearest to one rate are
put beside each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.bench.rows import Row
from lvcodec.errors import UsageError
from lvcodec.measure.clips import Clip
from lvcodec.measure.raw import read_some
from lvcodec.measure.rgb import shown_matrix
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.rgb import planes_to_rgb

SIDE = 192  # pixels of a crop that nobody chose
SOURCE = "source"
SHEET_INCHES = 2.0  # a crop on a sheet


@dataclass(frozen=True)
class Box:
    """A piece of a picture, in luma samples; x and y even."""

    x: int
    y: int
    width: int
    height: int

    def text(self) -> str:
        """WxH+X+Y."""
        return f"{self.width}x{self.height}+{self.x}+{self.y}"

    def within(self, video: VideoFormat) -> Box:
        """The part that lies in pictures of that size. Raises UsageError if there is none."""
        width, height = min(self.width, video.width - self.x), min(self.height, video.height - self.y)
        if width < 2 or height < 2:
            raise UsageError(f"the crop {self.text()} lies outside of {video.width}x{video.height}")
        return Box(self.x, self.y, width, height)


def parse_box(text: str) -> Box:
    """WxH+X+Y. Raises UsageError for anything else."""
    match = re.fullmatch(r"(\d+)x(\d+)\+(\d+)\+(\d+)", text)
    if not match:
        raise UsageError(f"{text!r} is no crop", "write it as WxH+X+Y, as in 192x192+64+32")
    width, height, x, y = map(int, match.groups())
    return Box(x // 2 * 2, y // 2 * 2, width, height)


def busiest(picture: Picture, side: int = SIDE) -> Box:
    """The square with most detail: where differences between neighbouring luma samples are largest."""
    luma = picture.y.astype(np.int32)
    width, height = min(side, picture.width), min(side, picture.height)
    detail = np.zeros(luma.shape, np.int64)
    detail[:, 1:] += np.abs(np.diff(luma, axis=1))
    detail[1:, :] += np.abs(np.diff(luma, axis=0))
    sums = np.pad(detail.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    even = inside[::2, ::2]
    y, x = np.unravel_index(int(even.argmax()), even.shape)
    return Box(2 * int(x), 2 * int(y), width, height)


def save_crops(raw: Path, clip: Clip, box: Box, numbers: Sequence[int], folder: Path, stem: str) -> None:
    """Write the piece of each picture as folder/stem.NUMBER.png."""
    from matplotlib.image import imsave

    colour = replace(clip.video.colour, matrix=shown_matrix(clip.video))
    for number, picture in read_some(raw, clip.video, numbers).items():
        rgb = planes_to_rgb(*picture.planes, colour)
        piece = rgb[:, box.y : box.y + box.height, box.x : box.x + box.width]
        imsave(folder / f"{stem}.{number}.png", np.ascontiguousarray(np.moveaxis(piece, 0, 2)))


def nearest(rows: Sequence[Row]) -> list[Row]:
    """One row a codec, all near one rate: the middle point of the first codec, the others' points nearest to it."""
    codecs: dict[str, list[Row]] = {}
    for row in rows:
        if not row.failed and row.bpp:
            codecs.setdefault(row.codec, []).append(row)
    if not codecs:
        return []
    first = sorted(next(iter(codecs.values())), key=lambda row: row.bpp or 0)
    target = np.log(first[len(first) // 2].bpp or 1)
    return [min(points, key=lambda row: abs(np.log(row.bpp or 1) - target)) for points in codecs.values()]


def crop_sheet(clip: str, rows: Sequence[Row], numbers: Sequence[int], folder: Path, target: Path) -> bool:
    """Draw one line a picture, one column a codec, to target (.png); False if there is nothing to show."""
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    columns: list[tuple[str, str, Mapping[str, float]]] = [(f"{clip}.{SOURCE}", SOURCE, {})]
    columns += [
        (f"{row.clip}.{row.codec}.{row.q:g}", f"{row.label}\n{rate_text(row, rows[0])}", row.picture_psnr_db)
        for row in rows
    ]
    lines = [number for number in numbers if (folder / f"{columns[0][0]}.{number}.png").is_file()]
    if not lines or len(columns) == 1:
        return False
    figure = Figure(figsize=(SHEET_INCHES * len(columns), 1.25 * SHEET_INCHES * len(lines)), layout="constrained")
    axes: NDArray[Any] = np.atleast_2d(figure.subplots(len(lines), len(columns), squeeze=False))
    for line, number in enumerate(lines):
        for column, (stem, title, psnr) in enumerate(columns):
            axis = axes[line, column]
            axis.set_xticks([])
            axis.set_yticks([])
            path = folder / f"{stem}.{number}.png"
            if path.is_file():
                axis.imshow(imread(path), interpolation="nearest")
            value = psnr.get(str(number))
            under = f"{title}\n{value:.2f} dB" if value is not None else title
            axis.set_xlabel(f"{under}\n(picture {number + 1})" if column == 0 else under, fontsize=8)
    figure.savefig(target, dpi=110)
    return True


def rate_text(row: Row, first: Row) -> str:
    """Its bits a pixel, and how much more than the first codec's that is: points lie apart."""
    rate, target = row.bpp or 0.0, first.bpp or 0.0
    return f"{rate:.4f} bpp" + (f" ({rate / target - 1:+.0%})" if row is not first and target else "")
