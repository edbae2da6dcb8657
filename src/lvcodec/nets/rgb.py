"""4:2:0 planes to RGB for networks and back, in whole numbers: the basis in which cheng2020 works.

Always BT.709 with limited range, whatever the clip says of its colours: inside the codec it is a change of basis
and no more. Nothing is clipped or rounded to 8 bits on the way, so samples outside the nominal range (a full-range
clip's black) come back too. Chroma is repeated on the way in and averaged over 2x2 pixels on the way out.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

_KR, _KB = Fraction(2126, 10000), Fraction(722, 10000)
_KG = 1 - _KR - _KB
_BLACK, _LUMA, _CHROMA = 16, 219, 224
FINE_BITS = 16  # coefficients are whole multiples of 2**-16
RGB_BITS = 16  # what `to_planes` takes: 2**16 units for 1.0
RGB_MAX = 2**20


def _fixed(value: Fraction) -> float:
    return float(round(value * 2**FINE_BITS))


def to_rgb(y: Tensor, u: Tensor, v: Tensor, one: int) -> Tensor:
    """Planes (B, 1, H, W), (B, 1, H/2, W/2) twice, whole levels, float64, to (B, 3, H, W): `one` units for white.

    Sums stay below 2**53 for one <= 2**16.
    """
    luma = (y - _BLACK) * _fixed(Fraction(one, _LUMA))
    cb, cr = _repeat(u - 128), _repeat(v - 128)
    chroma = Fraction(2 * one, _CHROMA)
    red = luma + cr * _fixed(chroma * (1 - _KR))
    blue = luma + cb * _fixed(chroma * (1 - _KB))
    green = luma - cb * _fixed(chroma * (1 - _KB) * _KB / _KG) - cr * _fixed(chroma * (1 - _KR) * _KR / _KG)
    return torch.cat([red, green, blue], dim=1).mul_(2.0**-FINE_BITS).round_()


def to_planes(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """RGB (B, 3, H, W), whole, 2**RGB_BITS units for white, H and W even, to planes of whole levels, not clamped."""
    red, green, blue = rgb.clamp(-RGB_MAX, RGB_MAX).split(1, dim=1)
    y = red * _fixed(_LUMA * _KR) + green * _fixed(_LUMA * _KG) + blue * _fixed(_LUMA * _KB)
    red, green, blue = _sum_2x2(red), _sum_2x2(green), _sum_2x2(blue)
    half = Fraction(_CHROMA, 2)
    u_r, u_b = _fixed(half * _KR / (1 - _KB)), _fixed(half)
    v_b, v_r = _fixed(half * _KB / (1 - _KR)), _fixed(half)
    u = blue * u_b - red * u_r - green * (u_b - u_r)  # weights that sum to 0: grey has no chroma
    v = red * v_r - blue * v_b - green * (v_r - v_b)
    scale = 2.0 ** -(FINE_BITS + RGB_BITS)
    return _levels(y * scale, _BLACK), _levels(u * (scale / 4), 128), _levels(v * (scale / 4), 128)


def _levels(x: Tensor, offset: int) -> Tensor:
    return x.round() + offset


def _repeat(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def _sum_2x2(x: Tensor) -> Tensor:
    return x[..., ::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, ::2] + x[..., 1::2, 1::2]
