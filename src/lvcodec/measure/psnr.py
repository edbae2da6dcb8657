"""PSNR of coded pictures, plane by plane, averaged over pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.report import PlanePsnr
from lvcodec.video.picture import Picture

CAP_DB = 100.0


def psnr_db(reference: NDArray[Any], plane: NDArray[Any]) -> float:
    """10 * log10(255^2 / MSE) of one plane, at most 100."""
    error = np.subtract(reference, plane, dtype=np.int32)
    mse = float(np.square(error).mean(dtype=np.float64))
    return min(CAP_DB, float(10 * np.log10(255.0**2 / mse))) if mse else CAP_DB


class PsnrMeter:
    """Adds up the PSNR of picture after picture."""

    def __init__(self) -> None:
        self._sums = [0.0, 0.0, 0.0]
        self._count = 0

    def add(self, reference: Picture, coded: Picture) -> None:
        """Count one picture against its source, of the same size."""
        for plane, pair in enumerate(zip(reference.planes, coded.planes, strict=True)):
            self._sums[plane] += psnr_db(*pair)
        self._count += 1

    def mean(self) -> PlanePsnr | None:
        """The averages in dB, or None before the first picture."""
        if not self._count:
            return None
        return PlanePsnr.weighted(*(s / self._count for s in self._sums))
