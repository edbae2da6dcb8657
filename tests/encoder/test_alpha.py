"""Which shift is cheapest, by what the first pictures of a GOP take in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lvcodec.encoder.alpha import cheapest_shift
from lvcodec.encoder.groups import CodedGroup, CodedPicture
from lvcodec.stream.structure import Shift, Structure
from lvcodec.video.picture import Picture

ONE, KEPT, HALF, NONE = Shift(), Shift(kept=True), Shift(Fraction(1, 2)), Shift(Fraction(0))
GREY = Picture(*(np.full(shape, 128, np.uint8) for shape in ((32, 32), (16, 16), (16, 16))))


def coded(shift: Shift | None, size_bytes: int, error: int) -> CodedGroup:
    """A picture off by so many levels everywhere; shift: None of an I-picture."""
    shown = Picture(*(plane + np.uint8(error) for plane in GREY.planes))
    structure = None if shift is None else Structure(1, alpha=shift.alpha, kept=shift.kept)
    return CodedGroup(structure, (CodedPicture(GREY, shown, bytes(size_bytes), 60),))


@dataclass
class Coder:
    """Stands for a GroupCoder. told: (bytes, error) of each picture, by the shift."""

    told: Mapping[Shift, Sequence[tuple[int, int]]]
    nets: tuple[Any, ...] = (SimpleNamespace(quality=4),)

    def group(
        self, structure: Structure, pictures: Sequence[Picture], at: Any, side_by_side: Any
    ) -> tuple[CodedGroup, Any]:
        """The state is the number of pictures so far."""
        return coded(structure.shift, *self.told[structure.shift][at]), at + len(pictures)


LITTLE, MUCH = 200, 5000  # bytes of an I-picture, against hundreds of a P-picture


@pytest.mark.parametrize(
    ("told", "intra_bytes", "want"),
    [
        ({ONE: [(100, 4)] * 3, HALF: [(110, 2)] * 3, NONE: [(105, 2)] * 3}, LITTLE, NONE),
        ({ONE: [(100, 4)] * 3, HALF: [(105, 2)] * 3, NONE: [(106, 2)] * 3}, LITTLE, HALF),
        ({ONE: [(95, 4)] * 3, HALF: [(105, 2)] * 3, NONE: [(105, 2)] * 3}, LITTLE, HALF),
        ({ONE: [(95, 4)] * 3, HALF: [(105, 2)] * 3, NONE: [(105, 2)] * 3}, MUCH, ONE),  # errors are worth less there
        ({ONE: [(90, 2)] * 2 + [(105, 4)], HALF: [(105, 2)] * 3, NONE: [(100, 2)] * 3}, MUCH, NONE),  # the last counts
        ({ONE: [(10, 2)], HALF: [(12, 2)], NONE: [(12, 2)]}, MUCH, ONE),  # the only one that is known
        ({ONE: [(100, 4)], HALF: [(105, 2)], NONE: [(105, 2)]}, MUCH, HALF),  # whose errors weigh more
        ({ONE: [(100, 4)] * 3, HALF: [(105, 2)] * 3, NONE: [(105, 2)] * 3}, MUCH, ONE),
        ({ONE: [(100, 4)] * 3, KEPT: [(99, 4)] * 3, NONE: [(105, 2)] * 3}, MUCH, KEPT),
        ({ONE: [(100, 4)] * 3, KEPT: [(101, 4)] * 3}, MUCH, ONE),  # the last is what worth is told by
        ({ONE: [(100, 4)] * 3, KEPT: [(101, 3)] * 3}, LITTLE, KEPT),
    ],
)
def test_the_cheapest_shift(told: Any, intra_bytes: int, want: Shift) -> None:
    pictures = [GREY] * len(told[ONE])
    intra = coded(None, intra_bytes, 2)
    with ThreadPoolExecutor(2) as executor:
        best = cheapest_shift(list(told), pictures, intra, 0, executor, Coder(told))  # type: ignore[arg-type]
    assert best.shift == want
    assert [len(group.pictures[0].payload) for group in best.groups] == [size for size, _ in told[want]]
    assert best.state == len(pictures)
