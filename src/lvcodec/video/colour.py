"""What the samples of a clip mean: the colour description, and exact YUV <-> RGB in integers.

Codes are those of ITU-T H.273 (2 = unspecified); a chroma location is H.273's type + 1 (0 = unspecified),
which is ffmpeg's numbering too. Planes are never converted because of their description: it travels with
them. Only RGB arrays as input and pictures as output (PNG) go through the two functions below; the family that
works on RGB inside has its own, finer ones (nets/rgb.py).

The conversion, the same bits on every machine (coefficients are exact fractions rounded once to 16 bits after
the binary point, int32 sums, one rounding half up at the end, clipped to 0..255):

    R = (a*(Y - y0) + b*(V - 128) + 2**15) >> 16              chroma upsampled by repetition
    Y = y0 + ((r*R + g*G + b*B + 2**15) >> 16)
    U = 128 + ((r*R4 + g*G4 + b*B4 + 2**17) >> 18)            R4: sum over the 2x2 pixels of a chroma sample

An odd side repeats its last column or row before the 2x2 sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lvcodec.errors import InputError

Plane = npt.NDArray[np.uint8]

UNSPECIFIED = 2

# names: ffmpeg's
PRIMARIES = {
    "bt709": 1,
    "unknown": 2,
    "bt470m": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "film": 8,
    "bt2020": 9,
    "smpte428": 10,
    "smpte431": 11,
    "smpte432": 12,
    "ebu3213": 22,
}
TRANSFERS = {
    "bt709": 1,
    "unknown": 2,
    "bt470m": 4,
    "gamma22": 4,
    "bt470bg": 5,
    "gamma28": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "linear": 8,
    "log100": 9,
    "log316": 10,
    "iec61966-2-4": 11,
    "bt1361e": 12,
    "iec61966-2-1": 13,
    "bt2020-10": 14,
    "bt2020-12": 15,
    "smpte2084": 16,
    "smpte428": 17,
    "arib-std-b67": 18,
}
MATRICES = {
    "gbr": 0,
    "bt709": 1,
    "unknown": 2,
    "fcc": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "ycgco": 8,
    "bt2020nc": 9,
    "bt2020c": 10,
    "smpte2085": 11,
    "chroma-derived-nc": 12,
    "chroma-derived-c": 13,
    "ictcp": 14,
    "ipt-c2": 15,
    "ycgco-re": 16,
    "ycgco-ro": 17,
}
CHROMA_LOCATIONS = {
    "unspecified": 0,
    "left": 1,
    "center": 2,
    "topleft": 3,
    "top": 4,
    "bottomleft": 5,
    "bottom": 6,
}
# Y4M's tags of 8-bit 4:2:0; what has no tag of its own is written as plain 420
Y4M_LOCATIONS = {"420": 0, "420mpeg2": 1, "420jpeg": 2, "420paldv": 3}

# (Kr, Kb) by matrix code; unspecified is BT.601, as in ffmpeg
_LUMA = {
    1: (Fraction(2126, 10000), Fraction(722, 10000)),
    2: (Fraction(299, 1000), Fraction(114, 1000)),
    4: (Fraction(30, 100), Fraction(11, 100)),
    5: (Fraction(299, 1000), Fraction(114, 1000)),
    6: (Fraction(299, 1000), Fraction(114, 1000)),
    7: (Fraction(212, 1000), Fraction(87, 1000)),
    9: (Fraction(2627, 10000), Fraction(593, 10000)),
}
_ONE = 1 << 16


@dataclass(frozen=True)
class Colour:
    """Colour description of a clip, as in ITU-T H.273.

    primaries, transfer, matrix: 0..255, 2 = unspecified. full_range: luma and chroma use 0..255, not 16..235
    and 16..240. chroma_location: 0 unspecified, else H.273's type + 1: 1 left, 2 centre, 3 top left, 4 top, 5
    bottom left, 6 bottom.
    """

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    full_range: bool = False
    chroma_location: int = 0

    def __post_init__(self) -> None:
        for name in ("primaries", "transfer", "matrix"):
            if not 0 <= getattr(self, name) <= 255:
                raise InputError(f"colour {name} {getattr(self, name)} is not in 0..255")
        if not 0 <= self.chroma_location <= 6:
            raise InputError(f"chroma location {self.chroma_location} is not in 0..6")

    def describe(self) -> str:
        """One line for people, as "BT.709-like codes": `bt709/bt709/bt709 limited left`."""
        parts = [
            _name(PRIMARIES, self.primaries),
            _name(TRANSFERS, self.transfer),
            _name(MATRICES, self.matrix),
        ]
        location = _name(CHROMA_LOCATIONS, self.chroma_location)
        return f"{'/'.join(parts)} {'full' if self.full_range else 'limited'} {location}"


# what RGB input becomes; chroma left-sited where ffmpeg converts, centred where rgb_to_planes does
BT709 = Colour(1, 1, 1, full_range=False, chroma_location=1)


def planes_to_rgb(y: Plane, u: Plane, v: Plane, colour: Colour) -> Plane:
    """RGB of one picture, by the clip's matrix and range.

    y: (H, W) uint8; u, v: (ceil(H/2), ceil(W/2)) uint8. Returns (3, H, W) uint8.
    Raises InputError for a matrix that is no luma-chroma matrix of fixed weights (BT.601, 709, 2020, FCC,
    240M).
    """
    kr, kb = _luma_weights(colour)
    kg = 1 - kr - kb
    y_span, c_span, offset = _spans(colour)
    gain = _fixed(Fraction(255, y_span))
    chroma = Fraction(255, c_span) * 2
    red_v, blue_u = _fixed(chroma * (1 - kr)), _fixed(chroma * (1 - kb))
    green_u, green_v = _fixed(chroma * (1 - kb) * kb / kg), _fixed(chroma * (1 - kr) * kr / kg)
    luma = (y.astype(np.int32) - offset) * gain + (_ONE >> 1)
    cb = u.astype(np.int32) - 128
    cr = v.astype(np.int32) - 128
    out = np.empty((3, *y.shape), np.uint8)
    for channel, part in enumerate((cr * red_v, -cb * green_u - cr * green_v, cb * blue_u)):
        acc = (luma + _repeat(part, y.shape)) >> 16
        out[channel] = np.clip(acc, 0, 255)
    return out


def rgb_to_planes(rgb: Plane, colour: Colour) -> tuple[Plane, Plane, Plane]:
    """Planes of one RGB picture, by the clip's matrix and range; chroma is the mean of 2x2 pixels.

    rgb: (3, H, W) uint8, H, W >= 1. Returns y (H, W), u, v (ceil(H/2), ceil(W/2)), uint8.
    Raises InputError for a matrix without fixed weights.
    """
    kr, kb = _luma_weights(colour)
    y_span, c_span, offset = _spans(colour)
    scale = Fraction(y_span, 255)
    red, blue = _fixed(scale * kr), _fixed(scale * kb)
    green = _fixed(scale) - red - blue  # so that white is exactly the top of the range
    r, g, b = (plane.astype(np.int32) for plane in rgb)
    luma = offset + ((r * red + g * green + b * blue + (_ONE >> 1)) >> 16)
    r4, g4, b4 = _sum_2x2(r), _sum_2x2(g), _sum_2x2(b)
    half = Fraction(c_span, 255) / 2
    u_r, u_b = _fixed(half * kr / (1 - kb)), _fixed(half)
    v_r, v_b = _fixed(half), _fixed(half * kb / (1 - kr))
    # the three weights of a chroma sum to 0: grey has none
    u = 128 + ((b4 * u_b - r4 * u_r - g4 * (u_b - u_r) + (1 << 17)) >> 18)
    v = 128 + ((r4 * v_r - b4 * v_b - g4 * (v_r - v_b) + (1 << 17)) >> 18)
    y8, u8, v8 = (np.clip(plane, 0, 255).astype(np.uint8) for plane in (luma, u, v))
    return y8, u8, v8


def _luma_weights(colour: Colour) -> tuple[Fraction, Fraction]:
    try:
        return _LUMA[colour.matrix]
    except KeyError:
        raise InputError(
            f"no conversion between RGB and colour matrix {_name(MATRICES, colour.matrix)}",
            "only BT.601, BT.709, BT.2020, FCC and SMPTE 240M are known",
        ) from None


def _spans(colour: Colour) -> tuple[int, int, int]:
    """Steps of luma, steps of chroma, offset of black."""
    return (255, 255, 0) if colour.full_range else (219, 224, 16)


def _fixed(value: Fraction) -> int:
    return int(value * _ONE + Fraction(1, 2))  # value >= 0


def _repeat(plane: npt.NDArray[np.int32], shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
    return plane.repeat(2, axis=0)[: shape[0]].repeat(2, axis=1)[:, : shape[1]]


def _sum_2x2(plane: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    height, width = plane.shape
    even = np.pad(plane, ((0, height & 1), (0, width & 1)), mode="edge")
    total: npt.NDArray[np.int32] = even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2]
    return total


def _name(table: dict[str, int], code: int) -> str:
    return next((name for name, value in table.items() if value == code), str(code))
