"""Stills in smooth made-up motion, for stages that need several pictures and have too few videos.

    still ─► layers (the whole; half of the time a part that moves its own way: parallax)
               ─► each sampled through pan, zoom, rotation and a local warp that grow from picture to picture ─► noise

All is chosen by a seeded generator. Positions are in luma pels; chroma is sampled at the same places.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Floats

Pictures = NDArray[np.uint8]

MAX_PAN = 6.0  # pels from one picture to the next
MAX_ZOOM = 0.015  # of the size
MAX_TURN = 0.015  # radians
MAX_WARP = 1.5  # pels
WAVE = (48.0, 160.0)  # pels: lengths of the local warp's waves
MAX_NOISE = 2.0  # levels, standard deviation


@dataclass(frozen=True)
class Move:
    """What a layer does from one picture to the next. pan: pels down and right; zoom: growth; turn: radians.

    waves: of the local warp, (n, 5): amplitude down, right, pels; frequencies down, right, radians a pel; phase.
    """

    pan: tuple[float, float] = (0.0, 0.0)
    zoom: float = 0.0
    turn: float = 0.0
    waves: Floats = field(default_factory=lambda: np.zeros((0, 5), np.float32))

    def sources(self, size: tuple[int, int], time: float) -> tuple[Floats, Floats]:
        """Rows and columns, (H, W) each, that a picture shows after so many steps."""
        height, width = size
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        down, right = rows - (height - 1) / 2, columns - (width - 1) / 2
        scale, angle = math.exp(-self.zoom * time), self.turn * time
        cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
        at_row = cosine * down - sine * right + (height - 1) / 2 - self.pan[0] * time
        at_column = sine * down + cosine * right + (width - 1) / 2 - self.pan[1] * time
        for high, wide, f_down, f_right, phase in self.waves:
            wave = np.sin(f_down * rows + f_right * columns + phase) * time
            at_row, at_column = at_row + high * wave, at_column + wide * wave
        return at_row.astype(np.float32), at_column.astype(np.float32)


@dataclass(frozen=True)
class Motion:
    """The moves of a still's layers: the whole, and maybe a part in front. noise: standard deviation in levels."""

    whole: Move = Move()
    part: Move | None = None
    noise: float = 0.0


def random_motion(random: np.random.Generator) -> Motion:
    """A motion by chance: often slow, a second layer half of the time, noise a third of the time."""
    whole = _move(random)
    part = _move(random) if random.random() < 0.5 else None
    return Motion(whole, part, MAX_NOISE * random.random() if random.random() < 1 / 3 else 0.0)


def _move(random: np.random.Generator) -> Move:
    def some(most: float) -> float:
        return float(most * random.uniform(-1, 1) ** 3)  # small values are likelier

    waves = np.zeros((2, 5), np.float32)
    for wave in waves:
        length, angle = random.uniform(*WAVE), random.uniform(0, 2 * math.pi)
        wave[:] = (
            some(MAX_WARP),
            some(MAX_WARP),
            2 * math.pi / length * math.sin(angle),
            2 * math.pi / length * math.cos(angle),
            random.uniform(0, 2 * math.pi),
        )
    return Move((some(MAX_PAN), some(MAX_PAN)), some(MAX_ZOOM), some(MAX_TURN), waves)


def animate(still: Pictures, length: int, motion: Motion, random: np.random.Generator) -> Pictures:
    """Pictures that begin with the still. still: (H*3/2, W) raw 4:2:0. Returns (length, H*3/2, W).

    random: of the part's outline and of noise. Beyond its edges the still is mirrored.
    """
    rows, width = still.shape
    height = rows * 2 // 3
    planes = [still[:height], *still[height:].reshape(2, height // 2, width // 2)]
    mask = _outline((height, width), random) if motion.part else None
    pictures = np.empty((length, rows, width), np.uint8)
    for time in range(length):
        shown = _moved(planes, motion.whole, time, cv2.INTER_CUBIC)
        if motion.part is not None and mask is not None:
            over = _moved(planes, motion.part, time, cv2.INTER_CUBIC)
            masks = _moved([mask, mask[::2, ::2], mask[::2, ::2]], motion.part, time, cv2.INTER_LINEAR)
            shown = [a + m * (b - a) for a, b, m in zip(shown, over, masks, strict=True)]
        if motion.noise:
            shown = [p + motion.noise * random.standard_normal(p.shape, np.float32) for p in shown]
        levels = [np.clip(np.rint(plane), 0, 255).astype(np.uint8).ravel() for plane in shown]
        pictures[time] = np.concatenate(levels).reshape(rows, width)
    return pictures


def _moved(planes: list[NDArray[Any]], move: Move, time: float, taps: int) -> list[Floats]:
    """Planes of luma size and of half of it, sampled where the move says."""
    height, width = planes[0].shape
    at_row, at_column = move.sources((height, width), time)
    half = [np.ascontiguousarray((part[::2, ::2] + part[1::2, 1::2] - 1) / 4) for part in (at_row, at_column)]
    moved = []
    for number, plane in enumerate(planes):
        down, right = (at_row, at_column) if number == 0 else (half[0], half[1])
        values = np.ascontiguousarray(plane, np.float32)
        moved.append(np.asarray(cv2.remap(values, right, down, taps, borderMode=cv2.BORDER_REFLECT_101), np.float32))
    return moved


def _outline(size: tuple[int, int], random: np.random.Generator) -> Floats:
    """(H, W) 0..1: a soft-edged ellipse somewhere."""
    height, width = size
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    centre = random.uniform(0.2, 0.8, 2) * size
    axes = random.uniform(0.15, 0.4, 2) * min(size)
    apart = np.hypot((rows - centre[0]) / axes[0], (columns - centre[1]) / axes[1])
    soft: Floats = np.clip((1.05 - apart) * min(axes) / 2, 0, 1).astype(np.float32)
    return soft
