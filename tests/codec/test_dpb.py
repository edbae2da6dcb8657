"""The decoded picture buffer: order of display, what is kept, what is missing."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest

from lvcodec.codec.dpb import DecodedPictures
from lvcodec.codec.state import State
from lvcodec.stream.container import StreamWriter
from lvcodec.stream.header import Header
from lvcodec.stream.records import PictureRecord
from lvcodec.stream.structure import Structure
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture

FIRST = 3  # number of the I-picture: the stream has others before it


def records_of(*structures: Structure) -> list[PictureRecord]:
    """Of a GOP with these groups."""
    header = Header("swift", "aligned", bytes(8), VideoFormat(64, 64, Fraction(25)), gop=1000, quality_index=60)
    writer = StreamWriter(io.BytesIO(), header)
    for _ in range(FIRST):
        writer.intra(b"", 0)
    records = [writer.intra(b"", 0)]
    for structure in structures:
        records += writer.group(structure, [(b"", 0)] * structure.pictures)
    return records


def state_of(number: int) -> State:
    plane = np.full((2, 2), number % 256, np.uint8)
    return State(Picture(plane, plane[:1, :1], plane[:1, :1]), quality_index=number)


def shown(records: list[PictureRecord], *lost: int) -> list[int]:
    """The numbers of the pictures that are shown where those of some are lost, and what depends on them with them."""
    decoded, numbers = DecodedPictures(), []
    for record in records:
        references = decoded.references(record)
        if references is not None:
            assert [state.quality_index for state in references] == list(record.references)
        is_there = references is not None and record.number not in lost
        for number, picture in decoded.add(record, state_of(record.number) if is_there else None):
            assert picture.y[0, 0] == number
            numbers.append(number)
    return numbers


STRUCTURES = [
    Structure(3),
    Structure(5, pyramid=True),
    Structure(1),
    Structure(8, pyramid=True),
    Structure(2, key=True),
]


def test_pictures_are_shown_in_order() -> None:
    records = records_of(*STRUCTURES)
    assert shown(records) == list(range(FIRST, FIRST + len(records)))


def test_each_is_shown_as_soon_as_it_can_be() -> None:
    decoded = DecodedPictures()
    records = records_of(Structure(2), Structure(4, pyramid=True))
    steps = [[number - FIRST for number, _ in decoded.add(record, state_of(record.number))] for record in records]
    assert steps == [[0], [1], [2], [], [], [3, 4], [5, 6]]


@pytest.mark.parametrize(("pictures", "most"), [(2, 2), (8, 4), (16, 5), (32, 6)])
def test_a_pyramid_keeps_few_pictures(pictures: int, most: int) -> None:
    """The ends, and one for each depth above the last; a chain keeps one."""
    decoded = DecodedPictures()
    kept = []
    for record in records_of(Structure(pictures, pyramid=True)):
        decoded.add(record, state_of(record.number))
        kept.append(len(decoded._states))
    assert max(kept) == most and kept[-1] == 1
    decoded = DecodedPictures()
    for record in records_of(Structure(pictures)):
        decoded.add(record, state_of(record.number))
        assert len(decoded._states) == 1 and not decoded._hidden


@pytest.mark.parametrize(
    ("lost", "left"),
    [
        (0, []),
        (1, [0]),
        (7, [0, 1, 2, 3]),  # the anchor, and all that follow
        (5, [0, 1, 2, 3, 7]),  # the B-picture in the middle: what motion has learned is not known after it
        (4, [0, 1, 2, 3, 5, 6, 7]),  # one that nobody refers to
        (8, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_what_depends_on_a_lost_picture_is_missing(lost: int, left: list[int]) -> None:
    records = records_of(Structure(3), Structure(4, pyramid=True), Structure(2))
    assert shown(records, lost + FIRST) == [number + FIRST for number in left]


def test_groups_without_their_i_picture_show_nothing() -> None:
    assert shown(records_of(*STRUCTURES)[1:]) == []
