"""Chains that run: each is coded picture by picture with the current networks, and what it decoded stays with it.

A step takes some of the chains, codes their next pictures, and puts them back. So pictures are trained on what the
networks make of the pictures before, at all distances from the I-picture, and nothing is collected anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lvcodec.codec import two_steps
from lvcodec.codec.motion import both_fields
from lvcodec.errors import InputError
from lvcodec.exact import warp
from lvcodec.quality import HIGHEST, INDICES_A_QUALITY, LOWEST, of_index
from lvcodec.stream.structure import LAYER_CHAIN, LAYER_KEY
from lvcodec.train.data import chains
from lvcodec.train.data.chains import AFTER, BEFORE, BOTH, NONE, Chain

Planes = list[NDArray[np.uint8]]  # Y, U, V
ENDS = 0.012  # the chance that a chain ends after a picture
# Qualities: the best pictures of a chain are below their I-picture by up to this, or of any quality in a share of the
# chains, where half begin with the source itself in place of an I-picture; the others are below those as when they were
# collected.
BELOW, FREE = 2.2, 0.18
KEY, WANDER = 0.08, 0.1  # share of P-pictures of the I-picture's quality, beside key ones; deviation of the others'
# I-pictures this near in quality to a first step; the share of their chains that begin as if it was one; the chance
# that another second step follows, at another quality, since there is but one in a chain and it has many of the bits.
NEAR, TWO_STEPS, AGAIN = 0.75, 0.6, 0.85


@dataclass(eq=False)
class Decoded:
    """A decoded picture as a reference. history: (M, H/16, W/16), None of an I-picture; quality: 1 ... HIGHEST."""

    planes: Planes
    history: NDArray[np.uint8] | None
    quality: float
    intra: bool


@dataclass(eq=False)
class Running:
    """A chain under way.

    flips: axes that it is mirrored in; own: quality of its I-picture; base: of the best of the others, but for key
    pictures; half: whether the I-picture has had its first step alone; step: the next.
    """

    chain: Chain
    flips: tuple[bool, bool]
    own: float
    base: float
    half: bool = False
    step: int = 0
    pictures: dict[int, Decoded] = field(default_factory=dict)


class View(NamedTuple):
    """A reference as a picture sees it. at: its number; field: the vectors to it; shown: which blocks show it."""

    at: int
    field: NDArray[np.int32]
    shown: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Task:
    """The next picture of a running chain. before, after: its references, the same of a P-picture.

    side: luma pels of the side of its blocks; distance: two_steps.STILL of an I-picture's second step, whose reference
    is its first.
    """

    running: Running
    at: int
    before: int
    after: int
    quality: float
    distance: int
    side: int
    field: NDArray[np.int32]
    direction: NDArray[np.uint8]

    @property
    def is_b(self) -> bool:
        return self.after != self.before

    @property
    def references(self) -> tuple[Decoded, Decoded]:
        return self.running.pictures[self.before], self.running.pictures[self.after]

    @property
    def source(self) -> Planes:
        return planes_of(self.running.chain.source[self.at], self.running.flips)

    @property
    def single(self) -> NDArray[np.bool_]:
        """Where a block of a B-picture shows one of its references alone."""
        return (self.direction != BOTH) & self.is_b

    @property
    def views(self) -> list[View]:
        """Its references as it sees them: one of a P-picture, two of a B-picture."""
        if not self.is_b:
            return [View(self.before, self.field, np.ones(self.direction.shape, dtype=bool))]
        here, there = both_fields(self.field, self.at - self.before, self.after - self.at)
        return [View(self.before, here, self.direction != AFTER), View(self.after, there, self.direction != BEFORE)]

    def predicted(self) -> Planes:
        """The prediction, as a decoder has it."""
        views = self.views
        every = zip(*(self.running.pictures[view.at].planes for view in views), strict=True)
        if len(views) == 1:
            return [
                warp.warp(plane, views[0].field, self.side, chroma=number > 0) for number, (plane,) in enumerate(every)
            ]
        fields, shown = (views[0].field, views[1].field), (views[0].shown, views[1].shown)
        return [warp.warp_both(pair, fields, shown, self.side, chroma=number > 0) for number, pair in enumerate(every)]


class Pool:
    """So many running chains, from the files of folders; those that come later are found when a chain ends."""

    def __init__(self, folders: Sequence[Path], count: int, seed: int) -> None:
        self.folders, self.count = folders, count
        self.random = np.random.default_rng(seed)
        self.running: list[Running] = []

    def check(self, length: int) -> None:
        """Raise InputError if there are no chains."""
        if not self._files():
            folders = ", ".join(map(str, self.folders))
            raise InputError(f"no chains in {folders}", "lvcodec train collect makes some")

    def draw(self, count: int) -> list[Running]:
        """Chains to go on with, each at most once."""
        while len(self.running) < self.count:
            self.running.append(self._begun())
        return [self.running[i] for i in self.random.permutation(len(self.running))[:count]]

    def next(self, running: Running) -> Task:
        """What comes next in a chain."""
        if running.half:
            return _second_step(running)
        chain, random = running.chain, self.random
        at, before, after, layer = (int(x) for x in chain.steps[running.step])
        below = chain.best - int(chain.qualities[running.step])
        quality = running.base - below / INDICES_A_QUALITY + WANDER * random.standard_normal()
        if layer == LAYER_KEY or (layer == LAYER_CHAIN and random.random() < KEY):
            quality = running.own
        return Task(
            running,
            at,
            before,
            before if after == NONE else after,
            float(np.clip(quality, LOWEST, HIGHEST)),
            at - before if after == NONE else max(at - before, after - at),
            chain.side,
            _flipped_field(chain.field[running.step].astype(np.int32), running.flips),
            _flipped(chain.direction[running.step], running.flips),
        )

    def put(self, task: Task, picture: Decoded) -> None:
        """Take a decoded picture; a chain that is at its end makes room for another one."""
        running = task.running
        if running.half and self.random.random() < AGAIN:
            below, running.own = running.own - running.base, self._two_steps()
            running.base = max(LOWEST, running.own - below)
            return
        if running.half:
            running.pictures[task.at] = Decoded(picture.planes, None, running.own, intra=True)
            running.half = False
        else:
            running.pictures[task.at] = picture
            running.step += 1
        needed = {int(x) for x in running.chain.steps[running.step :, 1:3].ravel()}
        running.pictures = {at: kept for at, kept in running.pictures.items() if at in needed}
        if not running.pictures or self.random.random() < ENDS:
            self.running[self.running.index(running)] = self._begun()

    def _files(self) -> list[Path]:
        return [path for folder in self.folders for path in chains.stored(folder)]

    def _begun(self) -> Running:
        random, files = self.random, self._files()
        chain = chains.load(files[random.integers(len(files))])
        flips = bool(random.random() < 0.5), bool(random.random() < 0.5)
        own, start, coded_at = of_index(chain.quality_index), chain.start, of_index(chain.start_index)
        half = coded_at != own
        if not half and abs(own - of_index(two_steps.FIRST_INDEX)) < NEAR and random.random() < TWO_STEPS:
            own, half = self._two_steps(), True
        if random.random() < FREE and not half:
            base = random.uniform(LOWEST, HIGHEST)
            if base > own and random.random() < 0.5:
                own, start = min(base + 1, HIGHEST), chain.source[0]
        else:
            base = max(LOWEST, own - random.uniform(0, BELOW))
        first = Decoded(planes_of(start, flips), None, coded_at if half else own, intra=True)
        return Running(chain, flips, own, base, half, pictures={0: first})

    def _two_steps(self) -> float:
        """A quality of I-pictures in two steps."""
        return float(self.random.uniform(of_index(two_steps.FROM_INDEX), HIGHEST))


def _second_step(running: Running) -> Task:
    """Of its I-picture."""
    directions = running.chain.direction.shape[1:]
    field, direction = np.zeros((2, *directions), np.int32), np.full(directions, BEFORE, np.uint8)
    quality = running.own + two_steps.FINER / INDICES_A_QUALITY
    return Task(running, 0, 0, 0, quality, two_steps.STILL, running.chain.side, field, direction)


def planes_of(raw: NDArray[np.uint8], flips: tuple[bool, bool] = (False, False)) -> Planes:
    """Raw 4:2:0 as planes, mirrored."""
    height, width = raw.shape[0] * 2 // 3, raw.shape[1]
    chroma = raw[height:].reshape(2, height // 2, width // 2)
    return [_flipped(plane, flips) for plane in (raw[:height], *chroma)]


def _flipped(plane: NDArray[np.uint8], flips: tuple[bool, bool]) -> NDArray[np.uint8]:
    down, across = (-1 if flip else 1 for flip in flips)
    return np.ascontiguousarray(plane[::down, ::across])


def _flipped_field(vectors: NDArray[np.int32], flips: tuple[bool, bool]) -> NDArray[np.int32]:
    down, across = (-1 if flip else 1 for flip in flips)
    return np.ascontiguousarray(vectors[:, ::down, ::across] * np.array([down, across], np.int32)[:, None, None])
