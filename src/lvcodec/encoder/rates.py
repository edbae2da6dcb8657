"""What `codec/motion.py` will take for a kind, a flag, a difference or a direction, by the counts that it will have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lvcodec.arrays import Floats, Ints
from lvcodec.codec import blocks
from lvcodec.codec.blocks import NEW, Expected
from lvcodec.codec.counts import (
    CLASSES,
    DIFFERENCES_AT,
    DIRECTION_CONTEXTS,
    DIRECTIONS,
    DIRECTIONS_AT,
    FLAGS_AT,
    ONE_KIND,
    Counts,
)
from lvcodec.entropy.tables import PRECISION_BITS

FRACTIONS = 2**10  # of a bit: sums of whole numbers of them are exact, so that any order gives the same


@dataclass(frozen=True)
class Rates:
    """Bits by context, multiples of 1 / FRACTIONS.

    kinds: (KIND_CONTEXTS, KINDS); flags: (FLAG_CONTEXTS, FLAGS); differences: (2, DIFFERENCE_CONTEXTS, CLASSES) of each
    part, with its sign and digits; directions: (DIRECTION_CONTEXTS, DIRECTIONS).
    """

    kinds: Floats
    flags: Floats
    differences: Floats
    directions: Floats

    @classmethod
    def of(cls, counts: Counts, *, two: bool) -> Rates:
        """The rates of a P-picture, or of a B-picture."""
        tables, first = counts.tables, ONE_KIND * two

        def bits(at: int, contexts: int, symbols: int) -> Floats:
            start = int(tables.offsets[at])
            each = tables.counts[start : start + contexts * (symbols + 1)].reshape(contexts, symbols + 1)
            exact = PRECISION_BITS - np.log2(each[:, :symbols])
            return np.asarray(np.round(exact * FRACTIONS) / FRACTIONS, dtype=np.float32)

        differences = bits(first + DIFFERENCES_AT, 2 * blocks.DIFFERENCE_CONTEXTS, CLASSES)
        differences += np.arange(CLASSES, dtype=np.float32)
        return cls(
            bits(first, blocks.KIND_CONTEXTS, blocks.KINDS),
            bits(first + FLAGS_AT, blocks.FLAG_CONTEXTS, blocks.FLAGS),
            differences.reshape(2, blocks.DIFFERENCE_CONTEXTS, CLASSES),
            bits(DIRECTIONS_AT, DIRECTION_CONTEXTS, DIRECTIONS),
        )

    def of_vectors(self, vectors: Ints, expected: Expected) -> Floats:
        """(K, n): bits of vectors (2, K, n), where what is expected is of n places or of K times as many.

        Of several kinds that give a vector the first is coded.
        """
        candidates = expected.candidates
        if candidates.ndim < 4:
            candidates = candidates[:, :, None]
        classes = np.frexp(np.abs(vectors - candidates[0]))[1]
        bits: Floats = self.kinds[expected.kind, NEW]
        bits = bits + self.differences[0, expected.difference, classes[0]]
        bits += self.differences[1, expected.difference, classes[1]]
        for kind in range(NEW - 1, -1, -1):
            same = (vectors == candidates[kind]).all(axis=0)
            bits = np.where(same, self.kinds[expected.kind, kind], bits)
        return bits
