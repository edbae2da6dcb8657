"""Other pixel formats to 8-bit 4:2:0: one converter (ffmpeg's swscale, with stated flags) for every kind of input.

- YUV of other depth or subsampling keeps its range and matrix; depth is rounded, not dithered; chroma that must be
  subsampled becomes left-sited.
- Grey keeps its samples; chroma is 128. The matrix "gbr" that pictures of grey carry becomes the one that their
  primaries go with; that of YUV is a wrong tag and becomes unspecified.
- RGB becomes BT.709 limited range (BT.2020 if those are its primaries), chroma left-sited; its primaries and transfer
  stay. Alpha is dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lvcodec.video.colour import (
    BT709,
    CHROMA_LOCATIONS,
    PRIMARIES,
    RGB,
    TRANSFERS,
    Colour,
    coded_rgb,
    luma_matrix,
    name_of,
    without_rgb_matrix,
)

FLAGS = "bicubic+accurate_rnd+full_chroma_int+bitexact"
_RGB = re.compile(r"(rgb|bgr|argb|abgr|0rgb|0bgr|gbr|x2rgb|x2bgr|xyz|bayer|pal8).*")
_GREY = re.compile(r"(gray|ya8|ya16|yaf|mono).*")
_ALPHA = re.compile(r"(yuva|rgba|bgra|argb|abgr|gbrap|ya8|ya16|yaf|ayuv|vuya).*")
_FULL_GREY = re.compile(r"(grayf|yaf|mono).*")  # from 0 to 1: they have no other range
_SUBSAMPLED_BOTH = re.compile(r"(yuvj?a?420|nv12|nv21|p01[0-6]).*")
_NAMES = {code: name for name, code in CHROMA_LOCATIONS.items()}


@dataclass(frozen=True)
class Conversion:
    """How a format becomes 8-bit 4:2:0: ffmpeg's filters, the colour of what comes out, what to tell the user."""

    filters: str
    colour: Colour
    notices: tuple[str, ...]


def is_rgb(pix_fmt: str) -> bool:
    """Whether ffmpeg's pixel format of that name is red, green, blue (or is made of them, as a palette is)."""
    return _RGB.fullmatch(pix_fmt) is not None


def is_grey(pix_fmt: str) -> bool:
    """Whether ffmpeg's pixel format of that name has no chroma."""
    return _GREY.fullmatch(pix_fmt) is not None


def conversion(pix_fmt: str, width: int, height: int, colour: Colour) -> Conversion:
    """The way from `pix_fmt` (ffmpeg's name) of that size and colour to 8-bit 4:2:0, yuv420p itself included.

    The filter fixes the size, too: pictures that change size inside an input come out in its first one.
    """
    scale = f"scale={width}:{height}:flags={FLAGS}:sws_dither=none"
    notices = ["the alpha channel is not kept"] if _ALPHA.fullmatch(pix_fmt) else []
    if is_rgb(pix_fmt):
        return _from_rgb(pix_fmt, scale, colour, notices)
    colour, about_colour = yuv_colour(pix_fmt, colour)
    notices += about_colour
    # swscale takes all grey for full range: say so on both sides and it leaves the samples alone
    pixel_range = "pc" if colour.full_range or is_grey(pix_fmt) else "tv"
    scale += f":in_range={pixel_range}:out_range={pixel_range}"
    if is_grey(pix_fmt):
        notices.append(f"grey input ({pix_fmt}) is coded as 8-bit 4:2:0 with chroma 128")
    elif pix_fmt not in {"yuv420p", "yuvj420p"}:
        notices.append(f"{pix_fmt} is converted to 8-bit 4:2:0 by ffmpeg ({FLAGS})")
        here = colour.chroma_location or CHROMA_LOCATIONS["left"]
        there = here if _SUBSAMPLED_BOTH.fullmatch(pix_fmt) else CHROMA_LOCATIONS["left"]
        colour = replace(colour, chroma_location=there)
        scale += f":in_chroma_loc={_NAMES[here]}:out_chroma_loc={_NAMES[there]}"
    return Conversion(scale + ",format=pix_fmts=yuv420p|yuvj420p", colour, tuple(notices))


def yuv_colour(pix_fmt: str, colour: Colour) -> tuple[Colour, list[str]]:
    """What a format that is not RGB is coded with, and what to tell the user of it."""
    notices = []
    if is_grey(pix_fmt):
        if colour.matrix == RGB:  # pictures in RGB formats such as PNG; grey is the same in every matrix
            colour = replace(colour, matrix=luma_matrix(colour.primaries))
        colour = replace(colour, full_range=colour.full_range or _FULL_GREY.fullmatch(pix_fmt) is not None)
    elif colour.matrix == RGB:
        colour = without_rgb_matrix(colour)
        notices.append(f"the colour matrix gbr cannot be that of {pix_fmt} and is not kept")
    if colour.full_range:
        notices.append("full-range samples are kept as they are, and the stream says so")
    return colour, notices


def _from_rgb(pix_fmt: str, scale: str, colour: Colour, notices: list[str]) -> Conversion:
    # swscale itself turns XYZ into RGB of BT.709
    after = BT709 if pix_fmt.startswith("xyz") else coded_rgb(colour)
    matrix, text = ("bt709", "BT.709") if after.matrix == BT709.matrix else ("bt2020", "BT.2020")
    kept = ""
    if after != BT709:
        primaries, transfer = name_of(PRIMARIES, after.primaries), name_of(TRANSFERS, after.transfer)
        kept = f"; primaries {primaries} and transfer {transfer} are kept"
    notices.append(f"{pix_fmt} is converted to 8-bit 4:2:0, {text}, limited range, by ffmpeg ({FLAGS}){kept}")
    scale += f":out_color_matrix={matrix}:out_range=tv:out_chroma_loc=left"
    return Conversion(scale + ",format=pix_fmts=yuv420p", after, tuple(notices))
