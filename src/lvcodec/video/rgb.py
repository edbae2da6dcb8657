"""YUV <-> RGB of 8-bit 4:2:0 in integers: RGB arrays as input, and pictures as output (PNG).

The same bits on every machine: coefficients are exact fractions rounded once to 16 bits after the binary point, int32
sums, one rounding half up at the end, clipped to 0..255:

    R = (a*(Y - y0) + b*(V - 128) + 2**15) >> 16              chroma upsampled by repetition
    Y = y0 + ((r*R + g*G + b*B + 2**15) >> 16)
    U = 128 + ((r*R4 + g*G4 + b*B4 + 2**17) >> 18)            R4: sum over the 2x2 pixels of a chroma sample

An odd side repeats its last column or row before the 2x2 sum. The family that works on RGB inside has its own, finer
conversion (nets/rgb.py).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lvcodec.errors import InputError
from lvcodec.video.colour import MATRICES, Colour, name_of
from lvcodec.video.picture import Plane

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


def planes_to_rgb(y: Plane, u: Plane, v: Plane, colour: Colour) -> Plane:
    """RGB of one picture, by the clip's matrix and range.

    y: (H, W) uint8; u, v: (ceil(H/2), ceil(W/2)) uint8. Returns (3, H, W) uint8.
    Raises InputError for a matrix that is no luma-chroma matrix of fixed weights (BT.601, 709, 2020, FCC,
    240M).
    """
    kr, kb = luma_weights(colour)
    kg = 1 - kr - kb
    y_span, c_span, offset = spans(colour)
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
    kr, kb = luma_weights(colour)
    y_span, c_span, offset = spans(colour)
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


def luma_weights(colour: Colour) -> tuple[Fraction, Fraction]:
    """The weights of red and blue in luma. Raises InputError for a matrix without fixed ones."""
    try:
        return _LUMA[colour.matrix]
    except KeyError:
        raise InputError(
            f"no conversion between RGB and colour matrix {name_of(MATRICES, colour.matrix)}",
            "only BT.601, BT.709, BT.2020, FCC and SMPTE 240M are known",
        ) from None


def spans(colour: Colour) -> tuple[int, int, int]:
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
