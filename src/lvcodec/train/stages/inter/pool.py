"""Chains that run: each is coded picture by picture with the current networks, and what it decoded stays with it.

A step takes some of the chains, codes their next pictures, and puts them back. So pictures are trained on what the
networks make of the pictures before, at all distances from the I-picture, and nothing is collected anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvcodec.errors import InputError
from lvcodec.exact import warp
from lvcodec.nets.inter import KNOTS
from lvcodec.quality import of_index
from lvcodec.stream.structure import LAYER_ANCHOR, LAYER_CHAIN
from lvcodec.train.data import chains
from lvcodec.train.data.chains import AFTER, BEFORE, BOTH, NONE, Chain

Planes = list[NDArray[np.uint8]]  # Y, U, V
ENDS = 0.012  # the chance that a chain ends after a picture
# Qualities: P-pictures of a chain are below their I-picture by up to this, or of any quality in a share of the chains,
# where half begin with the source itself in place of an I-picture; layers of pyramids by so much a layer.
BELOW, FREE, LAYER = 2.2, 0.18, 0.4
KEY, WANDER = 0.08, 0.1  # share of key pictures, of their I-picture's quality; deviation of every other one's


@dataclass(eq=False)
class Decoded:
    """A decoded picture as a reference. history: (M, H/16, W/16), None of an I-picture; quality: 1 ... KNOTS."""

    planes: Planes
    history: NDArray[np.uint8] | None
    quality: float
    intra: bool


@dataclass(eq=False)
class Running:
    """A chain under way. flips: axes that it is mirrored in; base: quality of its P-pictures; step: the next."""

    chain: Chain
    flips: tuple[bool, bool]
    base: float
    step: int = 0
    pictures: dict[int, Decoded] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Task:
    """The next picture of a running chain. before, after: its references, the same of a P-picture."""

    running: Running
    at: int
    before: int
    after: int
    quality: float
    distance: int
    fields: tuple[NDArray[np.int32], NDArray[np.int32]]
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

    def motion(self) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """One field for both references, from before towards after, and where one of them alone is used."""
        one, other = self.fields
        if not self.is_b:
            return one, np.zeros(one.shape[1:], dtype=bool)
        both = np.where(self.direction == BEFORE, one, np.where(self.direction == AFTER, -other, (one - other) // 2))
        return both, self.direction != BOTH

    def predicted(self) -> Planes:
        """The prediction, as a decoder has it."""
        one = moved(self.references[0].planes, self.fields[0])
        return mixed(one, moved(self.references[1].planes, self.fields[1]), self.direction) if self.is_b else one


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
        chain, random = running.chain, self.random
        at, before, after, layer = (int(x) for x in chain.steps[running.step])
        quality = running.base + WANDER * random.standard_normal()
        if layer > LAYER_ANCHOR:
            quality -= LAYER * (layer - LAYER_ANCHOR)
        elif layer <= LAYER_CHAIN and random.random() < KEY:
            quality = of_index(chain.quality_index)
        fields = [_flipped_field(f.astype(np.int32), running.flips) for f in chain.motion[running.step]]
        direction = _flipped(chain.direction[running.step], running.flips)
        return Task(
            running,
            at,
            before,
            before if after == NONE else after,
            float(np.clip(quality, 1, KNOTS)),
            at - before if after == NONE else max(at - before, after - at),
            (fields[0], fields[1]),
            direction,
        )

    def put(self, task: Task, picture: Decoded) -> None:
        """Take a decoded picture; a chain that is at its end makes room for another one."""
        running = task.running
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
        own, start = of_index(chain.quality_index), chain.start
        if random.random() < FREE:
            base = random.uniform(1, KNOTS)
            if base > own and random.random() < 0.5:
                own, start = min(base + 1, KNOTS), chain.source[0]
        else:
            base = max(1.0, own - random.uniform(0, BELOW))
        first = Decoded(planes_of(start, flips), None, own, intra=True)
        return Running(chain, flips, base, pictures={0: first})


def planes_of(raw: NDArray[np.uint8], flips: tuple[bool, bool] = (False, False)) -> Planes:
    """Raw 4:2:0 as planes, mirrored."""
    height, width = raw.shape[0] * 2 // 3, raw.shape[1]
    chroma = raw[height:].reshape(2, height // 2, width // 2)
    return [_flipped(plane, flips) for plane in (raw[:height], *chroma)]


def moved(planes: Sequence[NDArray[np.uint8]], field: NDArray[np.int32]) -> Planes:
    """Planes along a field."""
    return [warp.warp(plane, field, chroma=bool(number)) for number, plane in enumerate(planes)]


def mixed(one: Planes, other: Planes, direction: NDArray[np.uint8]) -> Planes:
    """The mean of two predictions, rounded up, or one of them, block by block."""
    result = []
    for number, (a, b) in enumerate(zip(one, other, strict=True)):
        side = warp.BLOCK // 2 if number else warp.BLOCK
        which = direction.repeat(side, axis=0).repeat(side, axis=1)[: a.shape[0], : a.shape[1]]
        mean = ((a.astype(np.uint16) + b + 1) >> 1).astype(np.uint8)
        result.append(np.where(which == BEFORE, a, np.where(which == AFTER, b, mean)))
    return result


def _flipped(plane: NDArray[np.uint8], flips: tuple[bool, bool]) -> NDArray[np.uint8]:
    down, across = (-1 if flip else 1 for flip in flips)
    return np.ascontiguousarray(plane[::down, ::across])


def _flipped_field(vectors: NDArray[np.int32], flips: tuple[bool, bool]) -> NDArray[np.int32]:
    down, across = (-1 if flip else 1 for flip in flips)
    return np.ascontiguousarray(vectors[:, ::down, ::across] * np.array([down, across], np.int32)[:, None, None])
