"""Which length of the shift is cheapest, by what the first pictures of a GOP take in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lvcodec.encoder.alpha import cheapest_length
from lvcodec.encoder.groups import CodedGroup, CodedPicture
from lvcodec.stream.structure import Structure
from lvcodec.video.picture import Picture

ONE, HALF, NONE = Fraction(1), Fraction(1, 2), Fraction(0)
GREY = Picture(*(np.full(shape, 128, np.uint8) for shape in ((32, 32), (16, 16), (16, 16))))


def coded(alpha: Fraction | None, size_bytes: int, error: int) -> CodedGroup:
    """A picture off by so many levels everywhere; alpha: None of an I-picture."""
    shown = Picture(*(plane + np.uint8(error) for plane in GREY.planes))
    structure = None if alpha is None else Structure(1, alpha=alpha)
    return CodedGroup(structure, (CodedPicture(GREY, shown, bytes(size_bytes), 60),))


@dataclass
class Coder:
    """Stands for a GroupCoder. told: (bytes, error) of each picture, by the length of the shift."""

    told: Mapping[Fraction, Sequence[tuple[int, int]]]
    nets: tuple[Any, ...] = (SimpleNamespace(quality=4),)

    def group(
        self, structure: Structure, pictures: Sequence[Picture], at: Any, side_by_side: Any
    ) -> tuple[CodedGroup, Any]:
        """The state is the number of pictures so far."""
        return coded(structure.alpha, *self.told[structure.alpha][at]), at + len(pictures)


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
    ],
)
def test_the_cheapest_length(told: Any, intra_bytes: int, want: Fraction) -> None:
    pictures = [GREY] * len(told[ONE])
    with ThreadPoolExecutor(2) as executor:
        best = cheapest_length(pictures, coded(None, intra_bytes, 2), 0, executor, Coder(told))  # type: ignore[arg-type]
    assert best.alpha == want
    assert [len(group.pictures[0].payload) for group in best.groups] == [size for size, _ in told[want]]
    assert best.state == len(pictures)
