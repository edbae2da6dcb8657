"""Raw files have no header: pixel formats and their sizes in bytes, and what a file's name says.

Names as in the field: `park_1920x1080_50.yuv`, `akiyo_cif.yuv`, `Beauty_1920x1080_120fps_420_8bit_YUV.yuv`,
`goat_176x144_25_10bit.yuv`, `crew_720p60.yuv`, `x_352x288_yuv422p10le_30.yuv`. Formats are named as in
ffmpeg.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral, Real
from pathlib import PurePath

from lvcodec.errors import UsageError, count_text

RAW_SUFFIXES = {
    ".yuv",
    ".raw",
    ".i420",
    ".iyuv",
    ".yv12",
    ".nv12",
    ".yuv420p",
    ".yuv422p",
    ".yuv444p",
    ".rgb",
}
NATIVE = {"yuv420p", "yuvj420p", "yv12", "gray"}  # read without ffmpeg

_NAMED_SIZES = {
    "sqcif": (128, 96),
    "qcif": (176, 144),
    "cif": (352, 288),
    "4cif": (704, 576),
    "16cif": (1408, 1152),
    "sif": (352, 240),
    "qvga": (320, 240),
    "vga": (640, 480),
    "svga": (800, 600),
    "xga": (1024, 768),
    "ntsc": (720, 480),
    "pal": (720, 576),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1080i": (1920, 1080),
    "1440p": (2560, 1440),
    "2160p": (3840, 2160),
    "uhd": (3840, 2160),
    "4320p": (7680, 4320),
}
_FURTHER_SIZES = [
    (64, 64),
    (256, 256),
    (160, 120),
    (416, 240),
    (424, 240),
    (480, 270),
    (512, 288),
    (640, 360),
    (832, 480),
    (854, 480),
    (960, 540),
    (1024, 576),
    (1280, 800),
    (1440, 1080),
    (1920, 1088),
    (2048, 1080),
    (2048, 1152),
    (2560, 1600),
    (4096, 2160),
    (448, 256),
    (512, 512),
    (1024, 1024),
    (768, 512),
    (320, 180),
    (320, 256),
]
COMMON_SIZES = sorted({*_NAMED_SIZES.values(), *_FURTHER_SIZES})

# chroma's width and height shifts; None: no chroma
_SUBSAMPLING: dict[str, tuple[int, int] | None] = {
    "yuv420p": (1, 1),
    "yuv422p": (1, 0),
    "yuv444p": (0, 0),
    "yuv440p": (0, 1),
    "yuv411p": (2, 0),
    "yuv410p": (2, 2),
    "gray": None,
}
_PACKED_BYTES = {"rgb24": 3, "bgr24": 3, "gbrp": 3, "rgba": 4, "bgra": 4, "argb": 4, "abgr": 4, "yuva444p": 4}
_ALIASES = {
    "420": "yuv420p",
    "i420": "yuv420p",
    "iyuv": "yuv420p",
    "420p": "yuv420p",
    "yuv420": "yuv420p",
    "422": "yuv422p",
    "422p": "yuv422p",
    "yuv422": "yuv422p",
    "i422": "yuv422p",
    "444": "yuv444p",
    "444p": "yuv444p",
    "yuv444": "yuv444p",
    "i444": "yuv444p",
    "411": "yuv411p",
    "400": "gray",
    "grey": "gray",
    "gray8": "gray",
    "y8": "gray",
    "mono": "gray",
    "rgb": "rgb24",
    "yuyv": "yuyv422",
    "yuy2": "yuyv422",
    "uyvy": "uyvy422",
    "p010": "p010le",
    "p016": "p016le",
    "p210": "p210le",
}
_PLANAR = re.compile(r"(yuv4[0-4][0-4]p|gray)(9|10|12|14|16)(le|be)?")
_CHROMA_TOKENS = {"400", "410", "411", "420", "422", "444"}


@dataclass(frozen=True)
class RawFormat:
    """A pixel format whose pictures' length is known. `name` is ffmpeg's (and yv12: yuv420p with V before U)."""

    name: str

    @property
    def bits(self) -> int:
        """Bits a sample, 8..16."""
        if self.name in {"p010le", "p210le"}:
            return 10
        if self.name == "p016le":
            return 16
        match = _PLANAR.fullmatch(self.name)
        return int(match[2]) if match else 8

    @property
    def full_range(self) -> bool:
        """Whether the name alone says full range."""
        return self.name.startswith("yuvj")

    def picture_bytes(self, width: int, height: int) -> int:
        """Bytes of one picture of `width` x `height`, odd sides rounded up in the chroma planes."""
        name = self.name
        if name in _PACKED_BYTES:
            return _PACKED_BYTES[name] * width * height
        if name in {"yuyv422", "uyvy422"}:
            return 4 * ((width + 1) // 2) * height
        match = _PLANAR.fullmatch(name)
        sample_bytes = 2 if match or name.startswith("p") else 1
        base = match[1] if match else name.replace("yuvj", "yuv")
        if base in {"nv12", "nv21", "yv12", "p010le", "p016le"}:
            base = "yuv420p"
        if base in {"nv16", "p210le"}:
            base = "yuv422p"
        shifts = _SUBSAMPLING[base]
        if shifts is None:
            return sample_bytes * width * height
        chroma = -(-width >> shifts[0]) * -(-height >> shifts[1])
        return sample_bytes * (width * height + 2 * chroma)


def is_raw(suffix: str, *, sized: bool) -> bool:
    """Whether a file of that suffix (lower case) is read as raw video; sized: the caller has said its size."""
    return suffix in RAW_SUFFIXES or (sized and suffix in {"", ".bin", ".dat"})


def raw_format(name: str) -> RawFormat:
    """The format of that name: ffmpeg's, or a common other one (420, i420, yv12, 400). Raises UsageError."""
    key = name.strip().lower()
    key = _ALIASES.get(key, key)
    match = _PLANAR.fullmatch(key)
    if match:
        key = f"{match[1]}{match[2]}{match[3] or 'le'}"
        base = match[1]
    else:
        base = key.replace("yuvj", "yuv", 1)
    others = {"nv12", "nv21", "nv16", "yv12", "p010le", "p016le", "p210le", "yuyv422", "uyvy422"}
    if base not in _SUBSAMPLING and base not in _PACKED_BYTES and base not in others:
        raise UsageError(f"pixel format {name!r} is not known", "choose yuv420p, yuv420p10le, yuv422p, gray …")
    return RawFormat(key)


@dataclass(frozen=True)
class NameHints:
    """What a raw file's name says; None where it says nothing."""

    size: tuple[int, int] | None = None
    rate: Fraction | None = None
    pix_fmt: str | None = None
    interlaced: bool = False


def name_hints(name: str) -> NameHints:
    """Read size, rate and format from a file's name (its folder does not count)."""
    path = PurePath(name)
    size: tuple[int, int] | None = None
    rate: Fraction | None = None
    chroma, bits, explicit, interlaced = "420", 8, None, False
    tokens = [token.strip(".") for token in re.split(r"[^a-z0-9.]+", path.stem.lower())]
    suffix = path.suffix.lower()[1:]
    after_size = False
    for token in [*tokens, suffix if suffix != "raw" else ""]:
        token_size, token_rate, lines = _size_token(token)
        if token_size:
            size = size if size and "x" not in token else token_size  # 1920x1080 says more than 1080p
            rate, after_size = token_rate or rate, True
            interlaced = interlaced or lines
            continue
        if match := re.fullmatch(r"(\d+(?:\.\d+)?)(?:fps|hz)", token):
            rate = parse_rate(match[1])
        elif after_size and token not in _CHROMA_TOKENS and re.fullmatch(r"\d+(\.\d+)?", token):
            rate = rate or _plain_rate(token)
        elif match := re.fullmatch(r"(\d+)(?:bits?|bpp|b)(?:le)?", token):
            bits = int(match[1])
        elif token in _CHROMA_TOKENS:
            chroma = token
        elif _is_format(token, words=size is not None or token == suffix):
            explicit = raw_format(token).name
        after_size = False
    pix_fmt = explicit or _planar_name(chroma, bits)
    plain = pix_fmt == "yuv420p" and explicit is None and not _says_format(tokens)
    return NameHints(size, rate, None if plain else pix_fmt, interlaced)


def sizes_that_fit(length: int, size: tuple[int, int] | None, pix_fmt: str, limit: int = 5) -> list[str]:
    """Sizes and formats of which `length` bytes are whole pictures: same size first, then same format.

    Returns at most `limit` texts such as `352x288 yuv420p (3 pictures)`.
    """
    formats = ["yuv420p", "yuv420p10le", "yuv422p", "yuv422p10le", "yuv444p", "yuv444p10le", "gray"]
    candidates = [(size, name) for name in formats] if size else []
    candidates += [(other, pix_fmt) for other in sorted(COMMON_SIZES, key=lambda s: -s[0] * s[1])]
    fits: list[str] = []
    for (width, height), name in candidates:
        each = raw_format(name).picture_bytes(width, height)
        count = length // each
        text = f"{width}x{height} {name} ({count_text(count, 'picture')})"
        if length >= each and length % each == 0 and text not in fits:
            fits.append(text)
    return fits[:limit]


def parse_rate(rate: Fraction | int | float | str) -> Fraction:
    """Pictures a second as a fraction; 29.97, 23.976 and their like are meant as n*1000/1001. Raises UsageError."""
    if isinstance(rate, Real) and not isinstance(rate, Fraction):  # numpy's numbers as Python's
        rate = int(rate) if isinstance(rate, Integral) else float(rate)
    try:
        value = Fraction(rate).limit_denominator(1_000_000) if isinstance(rate, float) else Fraction(rate)
    except (ValueError, ZeroDivisionError, OverflowError) as exc:
        raise UsageError(f"{rate!r} is no picture rate", "give it as 25, 29.97 or 30000/1001") from exc
    if not 0 < value <= 100_000:
        raise UsageError(f"{rate} pictures a second: a rate is above 0 and at most 100000")
    if value.denominator > 1 and value.denominator != 1001:
        ntsc = Fraction(round(value * Fraction(1001, 1000)) * 1000, 1001)
        if ntsc and abs(value - ntsc) <= Fraction(6, 1000):
            return ntsc
    return value


def parse_size(size: str | tuple[int, int]) -> tuple[int, int]:
    """(width, height) from itself or from "352x288" or "cif". Raises UsageError."""
    if isinstance(size, str):
        match = re.fullmatch(r"(\d{1,6})[xX](\d{1,6})", size.strip())
        named = (int(match[1]), int(match[2])) if match else _NAMED_SIZES.get(size.strip().lower())
        if named is None:
            raise UsageError(f"{size!r} is no size", "give it as 352x288")
        size = named
    width, height = int(size[0]), int(size[1])
    if width < 1 or height < 1:
        raise UsageError(f"{width}x{height} is no size")
    return width, height


def _size_token(token: str) -> tuple[tuple[int, int] | None, Fraction | None, bool]:
    """Size, rate if glued to it (1080p50), whether it says interlaced."""
    if match := re.fullmatch(r"(\d{1,5})x(\d{1,5})(?:([pi])(\d{2,3})?)?", token):
        size = int(match[1]), int(match[2])
        if min(size) > 0:
            return size, parse_rate(match[4]) if match[4] else None, match[3] == "i"
    if token in _NAMED_SIZES:
        return _NAMED_SIZES[token], None, token.endswith("i")
    match = re.fullmatch(r"(\d{3,4}[pi])(\d{2,3})", token)
    if match and match[1] in _NAMED_SIZES:
        return _NAMED_SIZES[match[1]], parse_rate(match[2]), match[1].endswith("i")
    return None, None, False


def _plain_rate(token: str) -> Fraction | None:
    shorthand = {"2997": "29.97", "23976": "23.976", "2398": "23.976", "5994": "59.94", "11988": "119.88"}
    value = parse_rate(shorthand.get(token, token)) if float(token) > 0 else None
    return value if value is not None and value <= 300 else None


def _planar_name(chroma: str, bits: int) -> str | None:
    base = {"400": "gray"}.get(chroma, f"yuv{chroma}p")
    name = base if bits == 8 else f"{base}{bits}le"
    return name if bits == 8 or _PLANAR.fullmatch(name) else None


def _is_format(token: str, *, words: bool) -> bool:
    """Whether a part of a name is a pixel format; mere words (`grey_cat`) count after a size or as suffix."""
    if not token or token.isdigit() or not (words or re.search(r"\d", token)):
        return False
    try:
        raw_format(token)
    except UsageError:
        return False
    return True


def _says_format(tokens: list[str]) -> bool:
    return any(token in _CHROMA_TOKENS or re.fullmatch(r"\d+(?:bits?|bpp|b)(?:le)?", token) for token in tokens)
