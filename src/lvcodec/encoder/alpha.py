"""How long the shift of `lds` should be in a GOP: its first P-pictures are coded with each length.

    cost = bits + worth * lambda * squared errors, of these pictures, the last one counted for those that follow too
    worth = bits of a picture / bits of the I-picture, on average of a GOP that is not shifted

Lambda weighs errors of single pictures against their bits. Where hardly anything moves, a finer I-picture makes the
whole GOP better, for its own bits alone: errors are mended at a lower price there, and are worth less.
(docs/decisions.md#the-length-of-the-shift-is-tried)
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from fractions import Fraction
from functools import partial

from lvcodec import names
from lvcodec.codec.state import State
from lvcodec.encoder.groups import CodedGroup, GroupCoder
from lvcodec.encoder.structures import GROUP_BYTES, PICTURE_BYTES, Coded, coded_as
from lvcodec.quality import lambda_of
from lvcodec.stream.structure import Structure
from lvcodec.video.picture import Picture

TRIED = 3  # P-pictures
GOP = 12  # pictures, the paper's: what a GOP costs is told from those that are tried


def cheapest_length(
    pictures: Sequence[Picture], intra: CodedGroup, before: State, executor: Executor, coder: GroupCoder
) -> Coded:
    """The first P-pictures of a GOP, one or more, in the length of the shift that costs least.

    intra: the GOP's I-picture; before: the state after it; executor: codes them side by side.
    """
    ways = [(Structure(1, alpha=alpha),) * len(pictures) for alpha in names.ALPHAS]
    coded = dict(zip(names.ALPHAS, executor.map(partial(coded_as, pictures, before, coder), ways), strict=True))
    bits, unshifted = _bits(intra), [_bits(group) for group in coded[Fraction(0)].groups]
    worth = (bits + (GOP - 1) * sum(unshifted) / len(unshifted)) / (GOP * bits)
    pixels = pictures[0].width * pictures[0].height
    worth *= TRIED / len(pictures)  # what the first ones leave out comes later, and shows only then
    weight = worth * lambda_of(coder.nets[0].quality) * pixels

    def cost(alpha: Fraction) -> float:
        each = [_bits(group) + weight * group.pictures[0].squared_error() for group in coded[alpha].groups]
        return sum(each) + max(0, GOP - 1 - len(each)) * each[-1]

    return coded[min(names.ALPHAS, key=cost)]


def _bits(group: CodedGroup) -> int:
    """Of the record of a single picture."""
    return 8 * (GROUP_BYTES + PICTURE_BYTES + len(group.pictures[0].payload))
