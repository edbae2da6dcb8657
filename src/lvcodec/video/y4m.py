"""YUV4MPEG2: one text line, then FRAME lines each followed by the planes of a picture.

What the format has no tag for (primaries, transfer, matrix) is written as a parameter of our own,
`XLVCODEC=primaries:transfer:matrix`; others skip parameters that begin with X.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from lvcodec.errors import InputError
from lvcodec.video.colour import UNSPECIFIED, Y4M_LOCATIONS, Colour
from lvcodec.video.format import VideoFormat, check_size

MAGIC = b"YUV4MPEG2"
MAX_LINE = 1024
FRAME = b"FRAME\n"

_DEPTHS = ("9", "10", "12", "14", "16")
_FORMATS = {
    "420": "yuv420p",
    "420jpeg": "yuv420p",
    "420mpeg2": "yuv420p",
    "420paldv": "yuv420p",
    "422": "yuv422p",
    "444": "yuv444p",
    "440": "yuv440p",
    "411": "yuv411p",
    "410": "yuv410p",
    "mono": "gray",
    "444alpha": "yuva444p",
    **{f"{chroma}p{bits}": f"yuv{chroma}p{bits}le" for chroma in ("420", "422", "444") for bits in _DEPTHS},
    **{f"mono{bits}": f"gray{bits}le" for bits in _DEPTHS},
}
_INTERLACED = {"t": "top field first", "b": "bottom field first", "m": "mixed"}


@dataclass(frozen=True)
class Y4mHeader:
    """The first line.

    rate: None if it is not stated. pix_fmt: ffmpeg's name. notices: what is not kept. range_stated: whether the line
    says which range. aspect: of samples, 1 if it is not stated.
    """

    width: int
    height: int
    rate: Fraction | None
    pix_fmt: str
    colour: Colour
    notices: tuple[str, ...]
    range_stated: bool
    aspect: Fraction


def parse_header(line: bytes, name: str) -> Y4mHeader:
    """Read the first line of a Y4M file. Raises InputError where it is none, is cut or says nonsense."""
    if not line.startswith(MAGIC):
        raise InputError(f"{name} is no Y4M file: it does not begin with YUV4MPEG2")
    if not line.endswith(b"\n"):
        if len(line) >= MAX_LINE:
            raise InputError(f"{name} has a Y4M header line of more than {MAX_LINE} bytes")
        raise InputError(f"{name} is cut within the Y4M header line")
    tags = _Tags()
    for raw in line.split()[1:]:
        tag, value = chr(raw[0]), raw[1:].decode("ascii", "replace")
        try:
            tags.take(tag, value)
        except ValueError as exc:
            raise InputError(f"{name} has a Y4M parameter that cannot be read: {tag}{value}") from exc
    if not tags.width or not tags.height:
        raise InputError(f"{name} has a Y4M header without width or height")
    check_size(tags.width, tags.height, name)
    chroma = tags.chroma.lower()
    if chroma not in _FORMATS:
        raise InputError(f"{name} has the Y4M format C{tags.chroma}, which is not known")
    colour = Colour(*tags.codes, full_range=tags.full_range, chroma_location=Y4M_LOCATIONS.get(chroma, 0))
    return Y4mHeader(
        tags.width,
        tags.height,
        tags.rate,
        _FORMATS[chroma],
        colour,
        tuple(tags.notices),
        tags.range_stated,
        tags.aspect,
    )


class _Tags:
    """What a header line says, tag by tag; what it does not say has Y4M's default."""

    def __init__(self) -> None:
        self.width = self.height = 0
        self.rate: Fraction | None = None
        self.aspect = Fraction(1)
        self.chroma = "420"
        self.full_range = self.range_stated = False
        self.codes = (UNSPECIFIED, UNSPECIFIED, UNSPECIFIED)
        self.notices: list[str] = []

    def take(self, tag: str, value: str) -> None:
        """Note one tag; unknown ones mean nothing to us. Raises ValueError if it cannot be read."""
        match tag:
            case "W":
                self.width = int(value)
            case "H":
                self.height = int(value)
            case "F":
                self.rate = _ratio(value)
            case "C":
                self.chroma = value
            case "X":
                self._take_extension(value)
            case "I" if value in _INTERLACED:
                self.notices.append(f"interlaced input ({_INTERLACED[value]}) is coded as progressive pictures")
            case "A":
                self.aspect = _ratio(value) or Fraction(1)

    def _take_extension(self, value: str) -> None:
        name, _, rest = value.partition("=")
        if name == "COLORRANGE":
            self.full_range, self.range_stated = rest.upper() == "FULL", True
        elif name == "LVCODEC":
            primaries, transfer, matrix = (int(code) for code in rest.split(":"))
            self.codes = (primaries, transfer, matrix)


def header_line(fmt: VideoFormat) -> bytes:
    """The first line of a progressive 8-bit 4:2:0 Y4M file."""
    colour = fmt.colour
    tags = {code: tag for tag, code in Y4M_LOCATIONS.items()}
    parts = [
        "YUV4MPEG2",
        f"W{fmt.width}",
        f"H{fmt.height}",
        f"F{fmt.rate.numerator}:{fmt.rate.denominator}",
        "Ip",
        f"A{fmt.aspect.numerator}:{fmt.aspect.denominator}",
        f"C{tags.get(colour.chroma_location, '420')}",
        f"XCOLORRANGE={'FULL' if colour.full_range else 'LIMITED'}",
    ]
    codes = (colour.primaries, colour.transfer, colour.matrix)
    if any(code != UNSPECIFIED for code in codes):
        parts.append("XLVCODEC=" + ":".join(map(str, codes)))
    return " ".join(parts).encode("ascii") + b"\n"


def _ratio(text: str) -> Fraction | None:
    """A ratio a:b; None for the 0:0 that stands for unknown. Raises ValueError."""
    upper, colon, lower = text.partition(":")
    if not colon:
        raise ValueError(text)
    a, b = int(upper), int(lower)
    if a < 0 or b < 0:
        raise ValueError(text)
    return Fraction(a, b) if a and b else None
