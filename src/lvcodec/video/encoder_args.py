"""ffmpeg's options for an encoder: those that carry size, rate and colour to it, and convert what it cannot say."""

from __future__ import annotations

from lvcodec.video.colour import CHROMA_LOCATIONS, UNSPECIFIED
from lvcodec.video.convert import FLAGS, is_grey, is_rgb
from lvcodec.video.encoders import Encoder
from lvcodec.video.format import VideoFormat

_LOCATION_NAMES = {code: name for name, code in CHROMA_LOCATIONS.items()}
KEEP_TICKS = ("-enc_time_base:v", "demux")  # else times are rounded to the rate that ffmpeg guesses
_EACH_ONCE = ("-fflags", "+bitexact", "-fps_mode", "passthrough")


def input_args(fmt: VideoFormat, pix_fmt: str) -> list[str]:
    """ffmpeg's options for raw pictures of `fmt` in `pix_fmt` on its standard input."""
    rate = f"{fmt.rate.numerator}/{fmt.rate.denominator}"
    return [
        "-f",
        "rawvideo",
        "-pix_fmt",
        pix_fmt,
        "-video_size",
        f"{fmt.width}x{fmt.height}",
        "-framerate",
        rate,
        "-i",
        "pipe:0",
    ]


def input_format(encoder: Encoder) -> str:
    """The pixel format in which an encoder's pictures go to ffmpeg."""
    return "rgb24" if encoder.rgb else "yuv420p"


def range_notices(encoder: Encoder, fmt: VideoFormat, suffix: str) -> list[str]:
    """A line for the user where a file of that suffix cannot say what range the samples have."""
    if encoder.only is None or encoder.bt601 or encoder.only == _range(fmt):
        return []
    here, there = ("full", "limited") if encoder.only == "tv" else ("limited", "full")
    return [f"samples become {there}-range: a {suffix} file cannot say that they are {here}-range"]


def output_args(encoder: Encoder, fmt: VideoFormat) -> list[str]:
    """ffmpeg's options for encoding pictures of `fmt`: codec, pixel format, colour description, conversion."""
    if encoder.rgb:
        pixels = [] if encoder.pix_fmt is None else ["-pix_fmt", encoder.pix_fmt]
        return [*_EACH_ONCE, *encoder.args, *pixels]
    if encoder.bt601:
        return [*_EACH_ONCE, *bt601_args(encoder, fmt), *encoder.args]
    return [*_EACH_ONCE, *_described_args(encoder, fmt)]


def bt601_args(encoder: Encoder, fmt: VideoFormat) -> list[str]:
    """ffmpeg's filter for files that are BT.601 and of one range (JPEG, WebP), whatever the clip is."""
    matrix = "" if fmt.colour.matrix == UNSPECIFIED else f":in_color_matrix={fmt.colour.matrix}"
    pix_fmt = encoder.pix_fmt or "yuv420p"
    if encoder.only == "pc" and not pix_fmt.startswith("yuvj"):
        pix_fmt = pix_fmt.replace("yuv", "yuvj")
    return [
        "-vf",
        f"scale=flags={FLAGS}:in_range={_range(fmt)}:out_range={encoder.only}{matrix}"
        f":out_color_matrix=smpte170m,format=pix_fmts={pix_fmt}",
    ]


def _shape(fmt: VideoFormat) -> list[str]:
    """The filter that says how wide samples are, where they are not square."""
    return [] if fmt.aspect == 1 else [f"setsar={fmt.aspect.numerator}/{fmt.aspect.denominator}"]


def _range(fmt: VideoFormat) -> str:
    return "pc" if fmt.colour.full_range else "tv"


def _described_args(encoder: Encoder, fmt: VideoFormat) -> list[str]:
    """For files that say what their samples mean, as far as they can.

    A conversion that the pixel format needs keeps range and matrix, but for RGB, the full-range formats (yuvj…), and
    files of one range.
    """
    colour, pix_fmt = fmt.colour, encoder.pix_fmt or "yuv420p"
    here = _range(fmt)
    there = "pc" if pix_fmt.startswith("yuvj") or is_rgb(pix_fmt) else encoder.only or here
    codes = [
        ("color_primaries", "-color_primaries", colour.primaries),
        ("color_trc", "-color_trc", colour.transfer),
        ("colorspace", "-colorspace", colour.matrix),
    ]
    if is_rgb(pix_fmt):
        codes = codes[:2]
    stated = [(name, option, code) for name, option, code in codes if code != UNSPECIFIED]
    location = _LOCATION_NAMES[colour.chroma_location]
    marks = [f"range={here}", f"chroma_location={location}", *(f"{name}={code}" for name, _, code in stated)]
    change = [f"scale=flags={FLAGS}:in_range={here}:out_range={there}"]
    if is_grey(pix_fmt):  # swscale takes all grey for full range and would stretch limited luma: the plane goes out
        change = [*([*change, "format=pix_fmts=yuv420p"] if here != there else []), "extractplanes=y"]
    tags = [text for _, option, code in stated for text in (option, str(code))]
    if colour.chroma_location and not is_rgb(pix_fmt):
        tags += ["-chroma_sample_location", location]
    pixels = [] if encoder.pix_fmt is None else ["-pix_fmt", encoder.pix_fmt]
    return [
        "-vf",
        ",".join([f"setparams={':'.join(marks)}", *change, *_shape(fmt)]),
        *encoder.args,
        *pixels,
        "-color_range",
        there,
        *tags,
    ]
