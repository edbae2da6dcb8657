"""Flicker: what changes from picture to picture and does not in the source, and more of it where a GOP begins.

With e the error of a picture's luma against its source, flicker is the mean of (e[t] − e[t−1])², which is that of
(x_hat[t] − x_hat[t−1]) − (x[t] − x[t−1]), as PSNR. An error that stays where it is costs nothing; one that comes anew
in each picture, as in pictures coded alone, stands 3 dB below its PSNR. Pumping is how many dB I-pictures lie below
the others: the picture jumps where a GOP begins.
"""

from __future__ import annotations

from collections.abc import Collection
from statistics import mean, median

import numpy as np
from numpy.typing import NDArray

from lvcodec.measure.psnr import psnr_of_mse
from lvcodec.video.picture import Plane

# A scene cut, where nobody sees flicker: the source changes by that much more than it mostly does, and by a lot.
CUT_FACTOR = 10.0
CUT_MSE = 400.0


class FlickerMeter:
    """Follows the error of luma from picture to picture."""

    def __init__(self) -> None:
        self._before: tuple[NDArray[np.int16], NDArray[np.int16]] | None = None
        self._changes: list[float] = []  # of the source: mean squares, from the second picture on
        self._flicker: list[float] = []  # dB

    def add(self, reference: Plane, decoded: Plane) -> float | None:
        """The flicker of one picture after the one before it, in dB, at most 100; None for the first."""
        source = reference.astype(np.int16)
        error = decoded - source
        before, self._before = self._before, (source, error)
        if before is None:
            return None
        change, flicker = (
            np.square(now - then, dtype=np.float32).mean(dtype=np.float64)
            for now, then in zip((source, error), before, strict=True)
        )
        self._changes.append(float(change))
        self._flicker.append(psnr_of_mse(float(flicker)))
        return self._flicker[-1]

    def mean(self) -> float | None:
        """The mean over pictures in dB, without scene cuts; None where there is none."""
        known = self._without_cuts()
        return mean(known.values()) if known else None

    def pumping(self, intra: Collection[int]) -> float | None:
        """How many dB the flicker at I-pictures lies below that of the others, without scene cuts.

        intra: numbers of the I-pictures, from 0. None where one or the other kind is missing.
        """
        known = self._without_cuts()
        at, others = ([value for n, value in known.items() if (n in intra) == is_intra] for is_intra in (True, False))
        return mean(others) - mean(at) if at and others else None

    def _without_cuts(self) -> dict[int, float]:
        if not self._changes:
            return {}
        cut = max(CUT_MSE, CUT_FACTOR * median(self._changes))
        pairs = enumerate(zip(self._changes, self._flicker, strict=True), 1)
        return {number: flicker for number, (change, flicker) in pairs if change <= cut}
