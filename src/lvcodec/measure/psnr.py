"""PSNR: of a squared error, of a plane, of pictures averaged one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.errors import InputError
from lvcodec.report import PlanePsnr
from lvcodec.video.picture import Picture

CAP_DB = 100.0


def psnr_of_mse(mse: float) -> float:
    """10 * log10(255^2 / MSE) in dB, at most 100. mse: of samples in levels, >= 0."""
    return min(CAP_DB, float(10 * np.log10(255.0**2 / mse))) if mse else CAP_DB


def psnr_db(reference: NDArray[Any], plane: NDArray[Any]) -> float:
    """PSNR of one plane of 8-bit samples, or of any two arrays of them of one shape, at most 100."""
    error = np.subtract(reference, plane, dtype=np.int32)
    return psnr_of_mse(float(np.square(error).mean(dtype=np.float64)))


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


def mean_psnr(references: Sequence[Picture], coded: Sequence[Picture]) -> PlanePsnr:
    """PSNR of pictures against their sources in dB, averaged over pictures.

    Raises InputError unless there are as many of them, and at least one.
    """
    if len(coded) != len(references):
        raise InputError(f"there are {len(coded)} decoded pictures and {len(references)} in the source")
    meter = PsnrMeter()
    for pair in zip(references, coded, strict=True):
        meter.add(*pair)
    mean = meter.mean()
    if mean is None:
        raise InputError("there are no pictures to measure")
    return mean
