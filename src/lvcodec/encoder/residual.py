"""What a prediction lacks at places of 16x16 luma pels: how much, and the pels themselves as the transform wants them.

Most places lack so little that no symbol pays there: their pels are never laid out. The compiled kernels and numpy give
the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.arrays import Indices, Reals
from lvcodec.codec.inter import padded_to_places
from lvcodec.exact.patches import CHANNELS, channels_of
from lvcodec.nets.inter_context import POSITION
from lvcodec.video.picture import Picture

PARTS = 4  # of a place: the blocks of 8x8 luma pels that exact/patches.py lays out, row by row


def energies(picture: Picture, prediction: Picture) -> NDArray[np.uint32]:
    """(places,): squared errors of a prediction, luma and chroma, of places that go on as the edges do."""
    kernels = native.kernels()
    if kernels is None:
        return np.asarray(np.square(_all(picture, prediction), dtype=np.int32).sum(axis=1), dtype=np.uint32)
    rows, columns = (-(-size // POSITION) for size in picture.y.shape)
    found = np.empty(rows * columns, dtype=np.uint32)
    kernels.energies(found, *picture.planes, *prediction.planes, *picture.y.shape)
    return found


def at_places(picture: Picture, prediction: Picture, places: Indices) -> Reals:
    """(n, PARTS * CHANNELS): what a prediction lacks at some places, in levels, as InterPath.analysis takes it."""
    kernels = native.kernels()
    if kernels is None:
        return _all(picture, prediction)[places].astype(np.float64)
    found = np.empty((places.size, PARTS * CHANNELS))
    kernels.residual(found, places, *picture.planes, *prediction.planes, *picture.y.shape)
    return found


def _all(picture: Picture, prediction: Picture) -> NDArray[np.int16]:
    """(places, PARTS * CHANNELS) levels."""
    x, shown = (padded_to_places(each) for each in (picture, prediction))
    lacking = channels_of([np.subtract(a[0, 0], b[0, 0], dtype=np.int16) for a, b in zip(x, shown, strict=True)])
    rows, columns, _ = lacking.shape
    parts = lacking.reshape(rows // 2, 2, columns // 2, 2, CHANNELS).transpose(0, 2, 4, 1, 3)
    return parts.reshape(-1, CHANNELS * PARTS)
