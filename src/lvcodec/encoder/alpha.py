"""How a GOP of `lds` should be shifted, how far and with which reference: its first P-pictures are coded in each way.

    cost = bits + worth * lambda * squared errors, of these pictures, the last one counted for those that follow too
    worth = bits of a picture / bits of the I-picture, on average of a GOP that is not shifted, or as little as may be

Lambda weighs errors of single pictures against their bits. Where hardly anything moves, a finer I-picture makes the
whole GOP better, for its own bits alone: errors are mended at a lower price there, and are worth less.
(docs/decisions.md#the-length-of-the-shift-is-tried)
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

from lvcodec.codec.state import State
from lvcodec.encoder.groups import CodedGroup, GroupCoder
from lvcodec.encoder.structures import Coded, coded_as
from lvcodec.quality import lambda_of
from lvcodec.stream.structure import Shift, Structure
from lvcodec.video.picture import Picture

TRIED = 3  # P-pictures
GOP = 12  # pictures, the paper's: what a GOP costs is told from those that are tried


def cheapest_shift(
    shifts: Sequence[Shift],
    pictures: Sequence[Picture],
    intra: CodedGroup,
    before: State,
    executor: Executor,
    coder: GroupCoder,
) -> Coded:
    """The first P-pictures of a GOP, one or more, shifted in that way which costs least.

    shifts: to choose from, the shortest last. intra: the GOP's I-picture; before: the state after it; executor: codes
    them side by side.
    """
    ways = [(Structure(1, False, False, *shift),) * len(pictures) for shift in shifts]
    coded = list(executor.map(partial(coded_as, pictures, before, coder), ways))
    bits, shortest = 8 * intra.size_bytes, 8 * coded[-1].size_bytes
    worth = (bits + (GOP - 1) * shortest / len(pictures)) / (GOP * bits)
    pixels = pictures[0].width * pictures[0].height
    worth *= TRIED / len(pictures)  # what the first ones leave out comes later, and shows only then
    weight = worth * lambda_of(coder.nets[0].quality) * pixels

    def cost(way: Coded) -> float:
        each = [8 * group.size_bytes + weight * group.pictures[0].squared_error() for group in way.groups]
        return sum(each) + max(0, GOP - 1 - len(each)) * each[-1]

    return min(coded, key=cost)
