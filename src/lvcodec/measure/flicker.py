"""Flicker: what changes from picture to picture and does not in the source, and more of it where a GOP begins.

With e the error of a picture's luma against its source, flicker is the mean of (e[t] − e[t−1])², which is that of
(x_hat[t] − x_hat[t−1]) − (x[t] − x[t−1]), as PSNR. An error that stays where it is costs nothing; one that comes anew
in each picture, as in pictures coded alone, stands 3 dB below its PSNR. Pumping is how many dB I-pictures lie below
the others: the picture jumps where a GOP begins.

Unlike PSNR, squares are averaged over pictures, not dB: where nothing moves, pictures that repeat the one before them
have no flicker at all, and their 100 dB would outweigh all others.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from lvcodec.measure.psnr import psnr_of_mse
from lvcodec.video.picture import Plane

# A scene cut, where nobody sees flicker: the source changes by a lot, and by that much more than just before and after.
CUT_FACTOR = 4.0
CUT_MSE = 400.0


class FlickerMeter:
    """Follows the error of luma from picture to picture."""

    def __init__(self) -> None:
        self._before: tuple[NDArray[np.int16], NDArray[np.int16]] | None = None
        self._changes: list[float] = []  # of the source: mean squares, from the second picture on
        self._flicker: list[float] = []  # mean squares too

    def add(self, reference: Plane, decoded: Plane) -> float | None:
        """The flicker of one picture after the one before it, in dB, at most 100; None for the first."""
        source = reference.astype(np.int16)
        error = decoded - source
        before, self._before = self._before, (source, error)
        if before is None:
            return None
        change, flicker = (
            np.square(this - last, dtype=np.float32).mean(dtype=np.float64)
            for this, last in zip((source, error), before, strict=True)
        )
        self._changes.append(float(change))
        self._flicker.append(float(flicker))
        return psnr_of_mse(float(flicker))

    def mean(self) -> float | None:
        """That of all pictures in dB, without scene cuts; None where there is none."""
        known = self._without_cuts()
        return psnr_of_mse(mean(known.values())) if known else None

    def pumping(self, intra: Collection[int]) -> float | None:
        """How many dB the flicker at I-pictures lies below that of the others, without scene cuts.

        intra: numbers of the I-pictures, from 0. None where one or the other kind is missing.
        """
        known = self._without_cuts()
        at, others = ([value for n, value in known.items() if (n in intra) == is_intra] for is_intra in (True, False))
        return psnr_of_mse(mean(others)) - psnr_of_mse(mean(at)) if at and others else None

    def _without_cuts(self) -> dict[int, float]:
        """Mean squares of flicker by the numbers of pictures."""
        changes = self._changes
        found = {}
        for n, (change, flicker) in enumerate(zip(changes, self._flicker, strict=True)):
            around = max((*changes[max(n - 1, 0) : n], *changes[n + 1 : n + 2]), default=math.inf)
            if change <= max(CUT_MSE, CUT_FACTOR * around):
                found[n + 1] = flicker
        return found
