"""How long the shift of `lds` should be in a GOP, by its first two pictures."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lvcodec.arrays import Ints
from lvcodec.codec.network import Network
from lvcodec.exact.loaded import without_gradients
from lvcodec.video.picture import Picture

# Share of latents that change where hardly anything moves; by trial (docs/decisions.md#where-hardly-anything-moves)
STILL = 0.16


def length_for(first: Ints, second: Ints) -> Fraction:
    """The length by the symbols of two pictures, (M, H, W) each: 1 where hardly any change, else 1/2.

    By one, the quantiser's middle step is three wide: what little changes is not sent. By a half nothing is lost.
    (Where none changes, the first picture is there twice, which tells nothing.)
    """
    changed, coded = np.count_nonzero(first != second), np.count_nonzero(second)
    return Fraction(1) if 0 < changed < STILL * coded else Fraction(1, 2)


def length_between(first: Picture, second: Picture, net: Network) -> Fraction:
    """The same of pictures, as they come from the source."""
    with without_gradients():
        return length_for(*(net.symbols(net.analyse(picture)) for picture in (first, second)))
