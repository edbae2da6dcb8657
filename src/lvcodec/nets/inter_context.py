"""What the inter path knows of a picture before its symbols are, as its networks take it: nets/inter.py has those."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec import quality
from lvcodec.arrays import Ints
from lvcodec.nets.shapes import InterShape

KNOTS = 11  # qualities whose steps and scales are learned, 1 ... 11: those beyond 9 are of I-pictures in two steps
LAST_INTER_INDEX = (KNOTS - 1) * quality.INDICES_A_QUALITY
MOTION_FEATURES = 8
POSITION = 16  # luma pels of the side of a position
CONTEXT_PLANES = 5  # quality, references' quality, I-pictures among them, B-picture, distance
CHANGE_PLANES = 2  # quality, B-picture
HEADS = 4
LIVE_WIDTH = 32
LIVE_LEVELS, LIVE_MIDDLE, LIVE_PER_UNIT = 65, 32, 4  # of the odds of a live place: natural logarithms in quarters
LEVELS_PER_UNIT = 8  # of scales
LIVE_UNITS = 64  # how a live place enters the networks
INTER_CHANGE_MAX = 2.0**16  # of what the linear layer adds, UNITS_PER_LEVEL a level
SEEN_PART = 0.25  # 8-bit units of the network at 1/8 for one of the linear layer's, UNITS_PER_LEVEL a level
# How a symbol's magnitude enters the networks: 16 log2(1 + |k|), in units.
MAGNITUDES = (0, 16, 25, 32, 37, 41, 45, 48, 51, 53, 55, 57, 59, 61, 63, 64)
# What enters beside them: lengths of vectors (quarters of a pel) and distances of pictures by half octaves, flags.
HALF_OCTAVES = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256)
UNITS_PER_HALF_OCTAVE, FLAG = 7, 32
INTER_MIDDLE_INDEX = quality.LAST_INDEX // 2  # a quality enters as how far its index is from this one
TABLES = "steps.inter."  # how names of the quantiser's integer tables begin among a model's integers
INVERSE_BITS, OFFSET_BITS, OUTWARD_BITS = 8, 5, 8  # their binary places
DEAD_ZONES = (-0.125, 0.0, 0.125, 0.25, 0.375, 0.5)  # symbols, of the classes that channels have
DECAY_BITS = 2  # what is remembered of past magnitudes falls by a quarter a picture

History = NDArray[np.uint8]  # (M, H/16, W/16), of a picture, for those that refer to it


@dataclass(frozen=True, eq=False)
class InterContext:
    """What is known of a picture before its symbols are.

    history: (M, H/16, W/16), of its references together; motion: (MOTION_FEATURES, H/16, W/16) units; planes:
    (CONTEXT_PLANES,), change: (CHANGE_PLANES,) units (nets/inter.py).
    """

    history: History
    motion: Ints
    planes: Ints
    change: Ints


def group_of(number: int, shape: InterShape) -> slice:
    """The channels that a head codes."""
    return slice(0, shape.first) if number < 2 else slice(shape.first, None)


def is_even(rows: int, columns: int) -> NDArray[np.bool_]:
    """(rows, columns): where row + column is even."""
    return (np.arange(rows)[:, None] + np.arange(columns)) % 2 == 0


def sizes_of(symbols: Ints) -> NDArray[np.uint8]:
    """How symbols enter the networks, of the same shape."""
    return np.asarray(MAGNITUDES, dtype=np.uint8)[np.minimum(np.abs(symbols), len(MAGNITUDES) - 1)]


def remembered(context: InterContext, symbols: Ints) -> History:
    """The history of a picture: its symbols' magnitudes, or what is left of its references' where that is more.

    symbols: (places, M). nets/inter.py has the same for training.
    """
    history = context.history.reshape(len(context.history), -1)
    left = history - ((history + np.uint8(2**DECAY_BITS - 1)) >> DECAY_BITS)
    some = np.flatnonzero(symbols.any(axis=1))
    left[:, some] = np.maximum(left[:, some], sizes_of(symbols[some]).T)
    return left.reshape(context.history.shape)


def together(one: History, other: History) -> History:
    """The history of two references together, or of a P-picture's one, given twice."""
    return one if one is other else ((one.astype(np.uint16) + other + 1) >> 1).astype(np.uint8)


def motion_features(field: Ints, single: NDArray[np.bool_], side: int) -> Ints:
    """(MOTION_FEATURES, H/16, W/16) units of a field of vectors; of several blocks at a position each time the largest.

    How far the neighbours above, below, left and right are off, in half octaves; how long the vector is; whether its
    parts lie between pels; whether the block is predicted from one of two references. field: (2, rows, columns)
    quarters of a pel; single: (rows, columns); side: of a block, in luma pels.
    """
    lengths = np.zeros((5, *field.shape[1:]), dtype=np.int32)  # at the edges a neighbour is the block itself
    down, right = (np.abs(np.diff(field, axis=axis)).sum(axis=0) for axis in (1, 2))
    lengths[0, 1:], lengths[1, :-1], lengths[2, :, 1:], lengths[3, :, :-1] = down, down, right, right
    lengths[4] = np.abs(field).sum(axis=0)
    octaves = np.searchsorted(HALF_OCTAVES, lengths, side="right") * UNITS_PER_HALF_OCTAVE
    flags = np.stack([field[0] & 3 != 0, field[1] & 3 != 0, single]) * FLAG
    features = np.concatenate([octaves, flags]).astype(np.int32)
    return at_positions(features, side)


def at_positions(blocks: NDArray[Any], side: int) -> NDArray[Any]:
    """(..., H/16, W/16): of what blocks of this side have, (..., rows, columns), the largest at each position."""
    each = POSITION // side
    if each == 1:
        return blocks
    *other, rows, columns = blocks.shape
    beyond = [(0, 0)] * len(other) + [(0, -rows % each), (0, -columns % each)]
    grown = np.pad(blocks, beyond, mode="edge").reshape(*other, -(-rows // each), each, -(-columns // each), each)
    return np.asarray(grown.max(axis=(-3, -1)))


def context_planes(
    quality_index: int, references: tuple[int, int], intra: int, distance: int, *, b_picture: bool
) -> Ints:
    """(CONTEXT_PLANES,) units of a picture.

    quality_index: its own; references: those of its two references, a P-picture's one twice, like intra, how many of
    them are I-pictures; distance: in pictures, to the farther one.
    """
    coarser = 2 * quality_index - sum(references)
    octave = int(np.searchsorted(HALF_OCTAVES, distance, side="right")) * UNITS_PER_HALF_OCTAVE
    planes = quality_index - INTER_MIDDLE_INDEX, coarser // 2, FLAG // 2 * intra, FLAG * b_picture, octave
    return np.clip(np.array(planes, dtype=np.int32), -128, 127)


def change_planes(quality_index: int, *, b_picture: bool) -> Ints:
    """(CHANGE_PLANES,) units of a picture."""
    return np.clip(np.array([quality_index - INTER_MIDDLE_INDEX, FLAG * b_picture], dtype=np.int32), -128, 127)
