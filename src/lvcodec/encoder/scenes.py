"""Where a clip's shots begin: scene cuts, found in shrunken luma, two pictures ahead.

    picture ─► luma, short side of about 64 ─► error of the last picture, moved by optical flow and fitted in brightness
                                          └──► activity: deviation from the mean of 8x8 blocks ──► novelty: their ratio

A picture that the last one tells little of (a ratio of 1 or more) begins a shot, unless what follows is the shot before
(a flash), or another shot begins right after it. A fade is the last picture in another brightness, so it is no cut.
Only the encoder does this, and it may be replaced without touching the format.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lvcodec.arrays import Floats
from lvcodec.encoder.flow import SMALLEST, optical_flow
from lvcodec.video.picture import Picture

# docs/decisions.md#scene-cuts
NEW = 1.0  # error over activity from which on a picture is another shot's
AHEAD = 2  # pictures: the longest flash
SHORT_SIDE = 64
BLOCK = 8
STEADY = 0.25  # variance of a picture below which no brightness can be fitted to it
BRIGHTEST = 4.0


@dataclass(frozen=True)
class Marked:
    """A picture, and whether a shot begins with it."""

    picture: Picture
    is_cut: bool


def marked(pictures: Iterable[Picture]) -> Iterator[Marked]:
    """The pictures in order, each with whether it is a cut; AHEAD are read before the first is given out.

    The first picture is none. An exception in reading comes after all pictures that were read before it.
    """
    waiting: deque[_Small] = deque()
    shot: deque[_Small] = deque(maxlen=AHEAD + 1)  # its last pictures: a flash leaves one before it
    failure: BaseException | None = None
    source = iter(pictures)
    while True:
        while failure is None and len(waiting) <= AHEAD:
            try:
                waiting.append(_Small(next(source)))
            except BaseException as error:  # StopIteration too: the end is told like any other, once nothing waits
                failure = error
        if not waiting:
            if isinstance(failure, StopIteration) or failure is None:
                return
            raise failure
        small = waiting.popleft()
        is_new = bool(shot) and small.is_new_after(*shot)
        is_cut = is_new and _begins(small, shot, list(waiting))
        if is_cut:
            shot.clear()
        if is_cut or not is_new:
            shot.append(small)
        yield Marked(small.picture, is_cut)


def _begins(small: _Small, shot: Iterable[_Small], following: list[_Small]) -> bool:
    """Whether a picture that is new begins a shot, by the pictures that follow it."""
    pairs = zip([small, *following], following, strict=False)
    return all(after.is_new_after(*shot) and not after.is_new_after(before) for before, after in pairs)


class _Small:
    """A picture's luma, shrunken, and how much there is in it."""

    def __init__(self, picture: Picture) -> None:
        import cv2  # large, and the encoder's alone

        self.picture = picture
        height, width = picture.y.shape
        factor = max(1.0, min(height, width) / SHORT_SIDE)
        size = (round(width / factor), round(height / factor))
        self.luma = np.asarray(cv2.resize(picture.y, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    @cached_property
    def activity(self) -> float:
        """Mean absolute deviation from the mean of each whole 8x8 block, in levels."""
        rows, columns = (side // BLOCK for side in self.luma.shape)
        cut = self.luma[: rows * BLOCK, : columns * BLOCK].astype(np.float32)
        blocks = cut.reshape(rows, BLOCK, columns, BLOCK)
        return float(np.abs(blocks - blocks.mean(axis=(1, 3), keepdims=True)).mean())

    def is_new_after(self, *others: _Small) -> bool:
        """Whether each of the others tells little of this picture; never, where pictures are tiny."""
        if min(self.picture.y.shape) < SMALLEST:
            return False
        most = NEW * (self.activity + 1)
        return all(self._error(other) >= most for other in reversed(others))

    def _error(self, other: _Small) -> float:
        """Mean absolute error of the other picture as a prediction of this one, still or moved, in levels."""
        import cv2

        luma, still = self.luma.astype(np.float32), other.luma.astype(np.float32)
        error = _fitted_error(luma, still)
        if error < NEW:  # below any threshold
            return error
        flow = optical_flow(self.luma, other.luma)
        down, across = np.indices(luma.shape, dtype=np.float32)
        moved = cv2.remap(
            still, across + flow[..., 0], down + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return min(error, _fitted_error(luma, np.asarray(moved, dtype=np.float32)))


def _fitted_error(luma: Floats, prediction: Floats) -> float:
    """Mean absolute error of a prediction after the best gain (0 to BRIGHTEST) and offset, in levels."""
    here, there = luma - luma.mean(), prediction - prediction.mean()
    variance = float(np.square(there).mean())
    gain = float((here * there).mean()) / variance if variance > STEADY else 0.0
    return float(np.abs(here - min(max(gain, 0.0), BRIGHTEST) * there).mean())
