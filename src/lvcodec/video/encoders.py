"""What each suffix stands for: the encoder that ffmpeg takes for it, at what quality, and what the file can say.

Encoders count quality each in its own way: the settings are in one table, with what they reach
(docs/decisions.md#quality-of-files-that-ffmpeg-writes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lvcodec.errors import InputError, UsageError
from lvcodec.video.convert import FLAGS
from lvcodec.video.format import VideoFormat
from lvcodec.video.rawformat import RAW_SUFFIXES

Range = Literal["tv", "pc"]
USUAL_SUFFIXES = ".y4m, .yuv, .mkv, .mp4, .webm or .png"  # for messages
# what ffmpeg's writer of Y4M takes
_IN_Y4M = re.compile(r"yuvj?(420|422|444|411)p|yuva444p|gray|(yuv(420|422|444)p(9|10|12|14|16)|gray(9|10|12|16))le")


@dataclass(frozen=True)
class Encoder:
    """What a suffix stands for.

    text: a line for people. args: ffmpeg's output options. pix_fmt: what it is to encode, None for its own
    choice. even: its 4:2:0 has no odd sizes. known: not, if only a trial can tell whether ffmpeg writes this.
    only: the one range that its samples can have, limited ("tv") or full ("pc"), None if the file says which.
    bt601: its matrix is BT.601's, whatever the clip's is. rgb: it takes RGB, which we convert to exactly.
    """

    text: str
    args: tuple[str, ...]
    pix_fmt: str | None = "yuv420p"
    even: bool = False
    known: bool = True
    only: Range | None = None
    bt601: bool = False
    rgb: bool = False


def _encoder(text: str, args: str, *, even: bool = False, known: bool = True, only: Range | None = None) -> Encoder:
    return Encoder(text, tuple(args.split()), even=even, known=known, only=only)


def _pictures(text: str, codec: str, *, known: bool = True) -> Encoder:
    return Encoder(text, ("-f", "image2", "-c:v", *codec.split()), None, known=known, rgb=True)


def _lossless(name: str, codec: str, *, known: bool = True) -> Encoder:
    return _pictures(f"{name}, lossless RGB", codec, known=known)


_FFV1 = _encoder("FFV1, lossless", "-c:v ffv1 -level 3 -g 1")
_FFV1_SMALL = "-c:v ffv1 -level 1 -g 1"  # level 3 cannot slice some tiny sizes
_BARE = "FFV1, lossless where the range is limited, in {}, which keeps no colour description"
_X264 = _encoder("H.264 by libx264, crf 10, preset medium", "-c:v libx264 -crf 10 -preset medium", even=True)
_X265 = _encoder(
    "H.265 by libx265, crf 10, preset medium",
    "-c:v libx265 -crf 10 -preset medium -x265-params log-level=error",
    even=True,
)
_VVC = replace(
    _encoder("H.266 by libvvenc, qp 15", "-c:v libvvenc -qp 15 -preset faster", known=False, only="tv"),
    pix_fmt="yuv420p10le",
)
_VP9 = _encoder("VP9 by libvpx, crf 10", "-c:v libvpx-vp9 -crf 10 -b:v 0 -deadline good -cpu-used 4 -row-mt 1")
_AV1 = _encoder("AV1 by libaom, crf 10", "-c:v libaom-av1 -crf 10 -b:v 0 -cpu-used 6 -row-mt 1", known=False)
_THEORA = _encoder("Theora, -q:v 10", "-c:v libtheora -q:v 10", known=False, only="tv")
_MPEG1 = _encoder("MPEG-1, -q:v 2", "-c:v mpeg1video -q:v 2", known=False, only="tv")
_MPEG2 = _encoder("MPEG-2, -q:v 2", "-c:v mpeg2video -q:v 2", known=False, only="tv")
_MPEG4 = _encoder("MPEG-4 version 3 of Microsoft, -q:v 2", "-c:v msmpeg4 -q:v 2", known=False, only="tv")
_JPEG = replace(_encoder("JPEG, -q:v 2", "-f image2 -c:v mjpeg -q:v 2", only="pc"), bt601=True)
_MJPEG = replace(_encoder("Motion JPEG, -q:v 2", "-c:v mjpeg -q:v 2 -f mjpeg", only="pc"), bt601=True)
_WEBP = replace(_encoder("WebP, quality 95", "-c:v libwebp -quality 95", known=False, only="tv"), bt601=True)
_SUN = _lossless("Sun raster", "sunrast")
_JPEG2000 = _lossless("JPEG 2000", "jpeg2000 -pred 1")

_ENCODERS = {
    ".mkv": _FFV1,
    ".nut": replace(_FFV1, text=_BARE.format("NUT"), only="tv"),
    ".avi": replace(_FFV1, text=_BARE.format("AVI"), only="tv"),
    **dict.fromkeys((".webm", ".ivf"), _VP9),
    **dict.fromkeys((".mp4", ".mov", ".m4v", ".f4v", ".ismv", ".3gp", ".3g2"), _X264),
    **dict.fromkeys((".ts", ".m2ts", ".mts", ".m2t", ".flv", ".h264", ".264"), _X264),
    ".avc": replace(_X264, args=(*_X264.args, "-f", "h264")),  # which ffmpeg does not know by name
    **dict.fromkeys((".h265", ".265", ".hevc"), _X265),
    **dict.fromkeys((".h266", ".266", ".vvc"), _VVC),
    **dict.fromkeys((".obu", ".avif"), _AV1),
    **dict.fromkeys((".ogv", ".ogg"), _THEORA),
    **dict.fromkeys((".mpg", ".mpeg", ".m1v"), _MPEG1),
    **dict.fromkeys((".m2v", ".vob", ".mxf", ".wtv"), _MPEG2),
    **dict.fromkeys((".wmv", ".asf"), _MPEG4),
    **dict.fromkeys((".mjpeg", ".mjpg"), _MJPEG),
    ".webp": _WEBP,
    ".apng": Encoder("APNG, lossless RGB", ("-c:v", "apng"), None, rgb=True),
    ".gif": Encoder(
        "GIF, 256 colours a picture",
        ("-vf", "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1", "-c:v", "gif"),
        None,
        rgb=True,
    ),
}
# one picture a file
PICTURES = {
    ".png": _lossless("PNG", "png"),
    ".bmp": _lossless("BMP", "bmp"),
    ".tif": _lossless("TIFF", "tiff"),
    ".tiff": _lossless("TIFF", "tiff"),
    ".ppm": _lossless("PPM", "ppm"),
    ".pam": _lossless("PAM", "pam"),
    ".pfm": _lossless("PFM", "pfm"),
    ".tga": _lossless("TGA", "targa"),
    ".dpx": _lossless("DPX", "dpx"),
    ".exr": _lossless("OpenEXR (samples as they are, not linear light)", "exr -compression zip16"),
    ".sgi": _lossless("SGI", "sgi"),
    ".pcx": _lossless("PCX", "pcx"),
    ".qoi": _lossless("QOI", "qoi"),
    ".xwd": _lossless("XWD", "xwd"),
    ".pix": _lossless("Alias PIX", "alias_pix"),
    **dict.fromkeys((".sun", ".ras", ".rs", ".sunras", ".im24"), _SUN),
    ".jls": _lossless("JPEG-LS", "jpegls"),
    ".ljpg": _lossless("lossless JPEG", "ljpeg"),
    ".jxl": _lossless("JPEG XL", "libjxl -distance 0 -effort 3", known=False),
    **dict.fromkeys((".jp2", ".j2k", ".j2c"), _JPEG2000),
    ".hdr": _pictures("Radiance HDR (samples as they are, not linear light)", "hdr"),
    ".pgm": _pictures("PGM, luma without colour", "pgm"),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
}
# numbered pictures too, if the name has a number; else a file that may hold many
ALSO_NUMBERED = {
    ".webp": _WEBP,
    ".avif": replace(_AV1, args=(*_AV1.args, "-g", "1")),  # each stands alone
}


def is_video_suffix(suffix: str) -> bool:
    """Whether a suffix, lower case, is one of video or pictures that are known here."""
    return suffix == ".y4m" or any(suffix in known for known in (RAW_SUFFIXES, _ENCODERS, PICTURES))


def encoder_for(path: Path, fmt: VideoFormat, pix_fmt: str | None) -> Encoder:
    """What to encode `path` with. Raises InputError if its suffix says nothing, UsageError if it has no `pix_fmt`."""
    suffix = path.suffix.lower()
    if suffix == ".y4m" or suffix in RAW_SUFFIXES:
        wanted = pix_fmt or "yuv420p"
        if suffix == ".y4m" and not _IN_Y4M.fullmatch(wanted):
            raise UsageError(f"Y4M has no {wanted}", "choose yuv420p, yuv422p, yuv444p, gray, yuv420p10le …")
        muxer = "yuv4mpegpipe" if suffix == ".y4m" else "rawvideo"
        return Encoder(f"uncompressed {wanted} ({FLAGS})", ("-c:v", "rawvideo", "-strict", "-1", "-f", muxer), wanted)
    if not suffix:
        raise InputError(f"{path} has no suffix that says what to write", f"name it {USUAL_SUFFIXES}")
    encoder = _ENCODERS.get(suffix)
    if encoder is None:
        text = f"ffmpeg's usual codec for {suffix}, -q:v 2"
        return Encoder(text, ("-q:v", "2"), pix_fmt, known=False)
    if "ffv1" in encoder.args and min(fmt.width, fmt.height) < 16:
        encoder = replace(encoder, args=tuple(_FFV1_SMALL.split()))
    return _with_pixels(encoder, fmt, pix_fmt)


def _with_pixels(encoder: Encoder, fmt: VideoFormat, pix_fmt: str | None) -> Encoder:
    """The encoder for that pixel format, or for what the clip's size needs."""
    if pix_fmt is not None:
        if encoder.only == "tv":
            pix_fmt = pix_fmt.replace("yuvj", "yuv")
        return replace(encoder, text=f"{encoder.text}, {pix_fmt} ({FLAGS})", pix_fmt=pix_fmt)
    if encoder.even and (fmt.width % 2 or fmt.height % 2):
        text = f"{encoder.text}, as 4:4:4 since its 4:2:0 has no odd sizes"
        return replace(encoder, text=text, pix_fmt="yuv444p")
    return encoder
