"""Other pixel formats to 8-bit 4:2:0: one converter (ffmpeg's swscale, with stated flags) for every kind of input.

- YUV of other depth or subsampling keeps its range and matrix; depth is rounded, not dithered; chroma that must be
  subsampled becomes left-sited.
- Grey keeps its samples; chroma is 128.
- RGB becomes BT.709 limited range, chroma left-sited. Alpha is dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lvcodec.video.colour import BT709, CHROMA_LOCATIONS, Colour

FLAGS = "bicubic+accurate_rnd+full_chroma_int+bitexact"
_RGB = re.compile(r"(rgb|bgr|argb|abgr|0rgb|0bgr|gbr|x2rgb|x2bgr|xyz|bayer|pal8).*")
_GREY = re.compile(r"(gray|ya8|ya16|mono).*")
_ALPHA = re.compile(r"(yuva|rgba|bgra|argb|abgr|gbrap|ya8|ya16|ayuv|vuya).*")
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
    end = ",format=pix_fmts=yuv420p|yuvj420p"
    notices = ["the alpha channel is not kept"] if _ALPHA.fullmatch(pix_fmt) else []
    if is_rgb(pix_fmt):
        notices.append(f"{pix_fmt} is converted to 8-bit 4:2:0, BT.709, limited range, by ffmpeg ({FLAGS})")
        scale += ":out_color_matrix=bt709:out_range=tv:out_chroma_loc=left"
        return Conversion(scale + ",format=pix_fmts=yuv420p", BT709, tuple(notices))
    # swscale takes all grey for full range: say so on both sides and it leaves the samples alone
    pixel_range = "pc" if colour.full_range or is_grey(pix_fmt) else "tv"
    scale += f":in_range={pixel_range}:out_range={pixel_range}"
    if colour.full_range:
        notices.append("full-range samples are kept as they are, and the stream says so")
    if pix_fmt in {"yuv420p", "yuvj420p"}:
        return Conversion(scale + end, colour, tuple(notices))
    if is_grey(pix_fmt):
        notices.append(f"grey input ({pix_fmt}) is coded as 8-bit 4:2:0 with chroma 128")
        return Conversion(scale + end, colour, tuple(notices))
    notices.append(f"{pix_fmt} is converted to 8-bit 4:2:0 by ffmpeg ({FLAGS})")
    here = colour.chroma_location or CHROMA_LOCATIONS["left"]
    there = here
    if not _SUBSAMPLED_BOTH.fullmatch(pix_fmt):
        there = CHROMA_LOCATIONS["left"]
        colour = replace(colour, chroma_location=there)
    scale += f":in_chroma_loc={_NAMES[here]}:out_chroma_loc={_NAMES[there]}"
    return Conversion(scale + end, colour, tuple(notices))
