"""One range and one matrix for both clips: those that look equal have other samples where these differ.

What a clip does not say is taken for what the other one says: raw files say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lvcodec.errors import InputError
from lvcodec.video.colour import MATRICES, UNSPECIFIED, Colour, name_of
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture, Plane
from lvcodec.video.rgb import luma_weights, spans

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Meaning:
    """How DIST is measured: what makes its pictures REF's range and matrix (None: they have them), what to tell."""

    change: Callable[[Picture], Picture] | None
    colour: Colour
    notices: tuple[str, ...]


def meaning_of(distorted: VideoFormat, reference: VideoFormat) -> Meaning:
    """How DIST is brought to REF's range and matrix, where both say theirs and they differ.

    Raises InputError if the matrices differ and one of them has no fixed weights of red, green and blue.
    """
    here, there = distorted.colour, reference.colour
    wanted = here
    differences, notices = [], []
    if distorted.range_stated and reference.range_stated:
        if here.full_range != there.full_range:
            wanted = replace(wanted, full_range=there.full_range)
            differences.append(f"{_range(here)} range, not {_range(there)}")
    elif here.full_range or there.full_range:
        silent, other = ("REF", "DIST") if distorted.range_stated else ("DIST", "REF")
        notices.append(f"{silent} does not say its range: it is taken for full, as {other} is")
    if UNSPECIFIED not in (here.matrix, there.matrix) and not _same_matrix(here, there):
        wanted = replace(wanted, matrix=there.matrix)
        differences.append(f"of matrix {_matrix(here)}, not {_matrix(there)}")
    if not differences:
        return Meaning(None, here, tuple(notices))
    notices.append(f"DIST is {' and '.join(differences)} as REF: it is converted to REF's")
    return Meaning(lambda picture: converted(picture, here, wanted), wanted, tuple(notices))


def converted(picture: Picture, before: Colour, after: Colour) -> Picture:
    """The picture with the range and matrix of `after`, each sample rounded once; luma sees its chroma repeated."""
    y, u, v = (plane.astype(np.float64) for plane in picture.planes)
    luma_span, chroma_span, black = spans(before)
    y, u, v = (y - black) / luma_span, (u - 128) / chroma_span, (v - 128) / chroma_span
    if after.matrix != before.matrix:
        y, u, v = _other_matrix(y, u, v, before, after)
    luma_span, chroma_span, black = spans(after)
    return Picture(_rounded(y * luma_span + black), *(_rounded(plane * chroma_span + 128) for plane in (u, v)))


def _other_matrix(y: Floats, u: Floats, v: Floats, before: Colour, after: Colour) -> tuple[Floats, Floats, Floats]:
    """Through red, green and blue: grey stays grey, so luma changes by a sum of chroma alone."""
    (red, blue), (red_after, blue_after) = (tuple(map(float, luma_weights(colour))) for colour in (before, after))
    green, green_after = 1 - red - blue, 1 - red_after - blue_after
    # R = y + 2 (1 - red) v, B = y + 2 (1 - blue) u, and G so that y is the weighted sum of the three
    of_u = 2 * (1 - blue) * (blue_after - green_after * blue / green)
    of_v = 2 * (1 - red) * (red_after - green_after * red / green)
    change = of_u * u + of_v * v
    rows, columns = y.shape
    shown = change.repeat(2, axis=0)[:rows].repeat(2, axis=1)[:, :columns]
    u_after = (2 * (1 - blue) * u - change) / (2 * (1 - blue_after))
    v_after = (2 * (1 - red) * v - change) / (2 * (1 - red_after))
    return y + shown, u_after, v_after


def _same_matrix(here: Colour, there: Colour) -> bool:
    """Whether the matrices are one, two codes of BT.601 for example. Raises InputError if that cannot be told."""
    if here.matrix == there.matrix:
        return True
    try:
        return luma_weights(here) == luma_weights(there)
    except InputError as exc:
        raise InputError(
            f"DIST is of matrix {_matrix(here)} and REF of {_matrix(there)}", "there is no conversion between the two"
        ) from exc


def _rounded(plane: Floats) -> Plane:
    rounded: Plane = np.clip(np.floor(plane + 0.5), 0, 255).astype(np.uint8)
    return rounded


def _range(colour: Colour) -> str:
    return "full" if colour.full_range else "limited"


def _matrix(colour: Colour) -> str:
    return name_of(MATRICES, colour.matrix)
