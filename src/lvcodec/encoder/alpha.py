"""How long the shift of `lds` should be, by a clip's first two pictures."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice

import numpy as np

from lvcodec.arrays import Ints
from lvcodec.codec.network import Network
from lvcodec.errors import LvcError
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


def choose_alpha(pictures: Iterator[Picture], net: Network) -> tuple[Fraction, Iterator[Picture]]:
    """The length for a clip, and all of its pictures again. An error in reading them comes after those before it."""
    first, every = _ahead(pictures, 2)
    with without_gradients():
        symbols = [net.symbols(net.analyse(picture)) for picture in first]
    return length_for(symbols[0], symbols[-1]) if symbols else Fraction(1), every


def _ahead(pictures: Iterator[Picture], count: int) -> tuple[list[Picture], Iterator[Picture]]:
    first: list[Picture] = []
    try:
        for picture in islice(pictures, count):
            first.append(picture)
    except LvcError as error:
        return first, chain(first, _raised(error))
    return first, chain(first, pictures)


def _raised(error: LvcError) -> Iterator[Picture]:
    raise error
    yield  # makes it an iterator
