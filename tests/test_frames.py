"""Ranges of pictures: what they mean on the command line and in the library."""

from __future__ import annotations

import pytest

from lvcodec.errors import UsageError
from lvcodec.frames import FrameRange, Frames


@pytest.mark.parametrize(
    ("text", "frames", "expected"),
    [
        ("50:100", (50, 100), FrameRange(50, 100)),
        ("50:", (50, None), FrameRange(50)),
        (":100", (None, 100), FrameRange(0, 100)),
        (":", None, FrameRange()),
    ],
)
def test_both_ways_to_say_it(text: str, frames: Frames | None, expected: FrameRange) -> None:
    assert FrameRange.parse(text) == FrameRange.of(frames) == expected


@pytest.mark.parametrize("text", ["", "3", "-1:4", "4:4", "5:4", ":0", "1:2:3", "a:b", "1.5:2"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(UsageError):
        FrameRange.parse(text)


@pytest.mark.parametrize("frames", [(3, 3), (4, 3), (None, 0), (-1, 2), (-3, None)])
def test_tuples_that_are_no_range(frames: Frames) -> None:
    with pytest.raises(UsageError, match=r"^frames -?\d+:\d* "):
        FrameRange.of(frames)


@pytest.mark.parametrize(
    ("frames", "count"), [((0, None), 7), ((2, 5), 3), ((5, 99), 2), ((7, None), 0), ((9, 12), 0), ((None, 7), 7)]
)
def test_how_many_of_seven(frames: Frames, count: int) -> None:
    pictures = FrameRange.of(frames)
    assert pictures.count_of(7) == count
    assert [pictures.is_over(number) for number in (4, 5, 98, 99)] == [
        pictures.end is not None and number >= pictures.end for number in (4, 5, 98, 99)
    ]
