"""How ffmpeg encodes: what each suffix stands for, and the options that carry size, rate and colour to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lvcodec.errors import InputError
from lvcodec.video.colour import CHROMA_LOCATIONS, UNSPECIFIED
from lvcodec.video.convert import FLAGS, is_grey, is_rgb
from lvcodec.video.format import VideoFormat
from lvcodec.video.rawformat import RAW_SUFFIXES


@dataclass(frozen=True)
class Encoder:
    """What a suffix stands for.

    text: a line for people. args: ffmpeg's output options. pix_fmt: what it is to encode, None for its own
    choice. even: its 4:2:0 has no odd sizes. known: not, if only a trial can tell whether ffmpeg writes this.
    """

    text: str
    args: tuple[str, ...]
    pix_fmt: str | None = "yuv420p"
    even: bool = False
    known: bool = True


def _encoder(text: str, args: str, *, even: bool = False) -> Encoder:
    return Encoder(text, tuple(args.split()), even=even)


_FFV1 = _encoder("FFV1, lossless", "-c:v ffv1 -level 3 -g 1")
_FFV1_SMALL = _encoder("FFV1, lossless", "-c:v ffv1 -level 1 -g 1")  # level 3 cannot slice some tiny sizes
_FFV1_AVI = _encoder("FFV1, lossless, in AVI, which keeps no colour description", "-c:v ffv1 -level 3 -g 1")
_X264 = _encoder("H.264 by libx264, crf 10, preset medium", "-c:v libx264 -crf 10 -preset medium", even=True)
_X265 = _encoder(
    "H.265 by libx265, crf 10, preset medium",
    "-c:v libx265 -crf 10 -preset medium -x265-params log-level=error",
    even=True,
)
_VP9 = _encoder("VP9 by libvpx, crf 10", "-c:v libvpx-vp9 -crf 10 -b:v 0 -deadline good -cpu-used 4 -row-mt 1")
_ENCODERS = {
    ".mkv": _FFV1,
    ".nut": _FFV1,
    ".avi": _FFV1_AVI,
    ".webm": _VP9,
    ".mp4": _X264,
    ".mov": _X264,
    ".m4v": _X264,
    ".ts": _X264,
    ".flv": _X264,
    ".h264": _X264,
    ".264": _X264,
    ".avc": _X264,
    ".h265": _X265,
    ".265": _X265,
    ".hevc": _X265,
}
RGB_PICTURES = {
    ".png": _encoder("PNG, lossless RGB", "-f image2 -c:v png"),
    ".bmp": _encoder("BMP, lossless RGB", "-f image2 -c:v bmp"),
    ".tif": _encoder("TIFF, lossless RGB", "-f image2 -c:v tiff"),
    ".tiff": _encoder("TIFF, lossless RGB", "-f image2 -c:v tiff"),
    ".ppm": _encoder("PPM, lossless RGB", "-f image2 -c:v ppm"),
}
_JPEG = _encoder("JPEG, -q:v 2", "-f image2 -c:v mjpeg -q:v 2")
PICTURES = {**RGB_PICTURES, ".jpg": _JPEG, ".jpeg": _JPEG}
_LOCATION_NAMES = {code: name for name, code in CHROMA_LOCATIONS.items()}


def encoder_for(path: Path, fmt: VideoFormat, pix_fmt: str | None) -> Encoder:
    """What to encode `path` with. Raises InputError if its suffix says nothing."""
    suffix = path.suffix.lower()
    if suffix == ".y4m" or suffix in RAW_SUFFIXES:
        wanted = pix_fmt or "yuv420p"
        muxer = "yuv4mpegpipe" if suffix == ".y4m" else "rawvideo"
        return Encoder(f"uncompressed {wanted} ({FLAGS})", ("-c:v", "rawvideo", "-strict", "-1", "-f", muxer), wanted)
    if not suffix:
        raise InputError(
            f"{path} has no suffix that says what to write", "name it .yuv, .y4m, .mkv, .mp4, .webm or .png"
        )
    encoder = _ENCODERS.get(suffix)
    if encoder in (_FFV1, _FFV1_AVI) and min(fmt.width, fmt.height) < 16:
        encoder = Encoder(encoder.text, _FFV1_SMALL.args)
    if encoder is None:
        text = f"ffmpeg's usual codec for {suffix}, -q:v 2"
        return Encoder(text, ("-q:v", "2"), pix_fmt, known=False)
    if pix_fmt is not None:
        return Encoder(f"{encoder.text}, {pix_fmt} ({FLAGS})", encoder.args, pix_fmt)
    if encoder.even and (fmt.width % 2 or fmt.height % 2):
        text = f"{encoder.text}, as 4:4:4 since its 4:2:0 has no odd sizes"
        return Encoder(text, encoder.args, "yuv444p")
    return encoder


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


def output_args(encoder: Encoder, fmt: VideoFormat) -> list[str]:
    """ffmpeg's options for encoding planes of `fmt`: codec, pixel format, colour description.

    A conversion that the pixel format needs keeps range and matrix, but for RGB and the full-range formats
    (yuvj…).
    """
    colour, pix_fmt = fmt.colour, encoder.pix_fmt or "yuv420p"
    here = "pc" if colour.full_range else "tv"
    there = "pc" if pix_fmt.startswith("yuvj") or is_rgb(pix_fmt) else here
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
    # swscale takes all grey for full range and would stretch limited luma: the plane itself goes out
    change = "extractplanes=y" if is_grey(pix_fmt) else f"scale=flags={FLAGS}:in_range={here}:out_range={there}"
    tags = [text for _, option, code in stated for text in (option, str(code))]
    if colour.chroma_location and not is_rgb(pix_fmt):
        tags += ["-chroma_sample_location", location]
    pixels = [] if encoder.pix_fmt is None else ["-pix_fmt", encoder.pix_fmt]
    return [
        "-fflags",
        "+bitexact",
        "-fps_mode",
        "passthrough",
        "-vf",
        f"setparams={':'.join(marks)},{change}",
        *encoder.args,
        *pixels,
        "-color_range",
        there,
        *tags,
    ]


def jpeg_args(fmt: VideoFormat) -> list[str]:
    """ffmpeg's filter for JPEG, which is BT.601, full range, whatever the clip is."""
    colour = fmt.colour
    matrix = "" if colour.matrix == UNSPECIFIED else f":in_color_matrix={colour.matrix}"
    return [
        "-vf",
        f"scale=flags={FLAGS}:in_range={'pc' if colour.full_range else 'tv'}:out_range=pc{matrix}"
        ":out_color_matrix=smpte170m,format=pix_fmts=yuvj420p",
    ]
