"""The structure of a group: in which order its pictures are coded, and from which ones each is predicted.

    chain of 4              1 ◄ 2 ◄ 3 ◄ 4                   each from the one before it, in the order of display
    pyramid of 4            4 from 0;  2 between 0 and 4;  1 between 0 and 2;  3 between 2 and 4

Positions count from the last picture shown before the group, which is 0: the pictures of a group of n are 1 ... n.
A group needs nothing of what came before it but picture 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

MAX_GROUP = 32  # pictures
MAX_LAYER = 7
LAYER_KEY, LAYER_CHAIN, LAYER_ANCHOR = 0, 1, 2  # a B-picture's is LAYER_ANCHOR + its depth


@dataclass(frozen=True)
class Step:
    """One picture of a group.

    at: its position; before, after: those of its references, after None for a P-picture, else before < at < after.
    layer: which pictures it shares its quality with. parent: the position of that reference of a B-picture that was
    coded last, and whose motion spans before ... after; None for a P-picture.
    """

    at: int
    before: int
    after: int | None
    layer: int
    parent: int | None = None

    @property
    def references(self) -> tuple[int, ...]:
        """Positions of its references, the earlier first."""
        return (self.before,) if self.after is None else (self.before, self.after)


class Shift(NamedTuple):
    """How residuals are shifted in lds, and what that leaves to the next picture.

    alpha: the length of the shift, 1, 1/2, or 0 where nothing is shifted. kept: whether the next picture is predicted
    from the latents that the symbols tell, and not from the picture that is shown, analysed again. Where nothing is
    shifted they are kept anyway, and this is False.
    """

    alpha: Fraction = Fraction(1)
    kept: bool = False


@dataclass(frozen=True)
class Structure:
    """A group of 1 ... MAX_GROUP pictures after an I-picture; a pyramid has two or more.

    key: whether the first picture that is coded has the I-picture's quality. alpha, kept: its Shift in lds, which has a
    key picture only where that is the usual one; 1 and False in all other modes.
    """

    pictures: int
    pyramid: bool = False
    key: bool = False
    alpha: Fraction = Fraction(1)
    kept: bool = False

    @property
    def shift(self) -> Shift:
        """Of its pictures."""
        return Shift(self.alpha, self.kept)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The pictures in the order of coding."""
        return _steps(self)


@lru_cache(maxsize=256)
def _steps(structure: Structure) -> tuple[Step, ...]:
    n = structure.pictures
    if not structure.pyramid:
        layers = [LAYER_KEY if structure.key and at == 1 else LAYER_CHAIN for at in range(1, n + 1)]
        return tuple(Step(at, at - 1, None, layer) for at, layer in enumerate(layers, start=1))
    order = [Step(n, 0, None, LAYER_KEY if structure.key else LAYER_ANCHOR)]

    def between(before: int, after: int, depth: int, parent: int) -> None:
        at = (before + after) // 2
        if at > before:
            order.append(Step(at, before, after, min(LAYER_ANCHOR + depth, MAX_LAYER), parent))
            between(before, at, depth + 1, at)
            between(at, after, depth + 1, at)

    between(0, n, 1, n)
    return tuple(order)
