"""Progress: what is told after each picture of an encoding."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

import lvcodec
from lvcodec.encoder.pace import Pace
from lvcodec.video.format import VideoFormat
from lvcodec.video.source import ArraySource

WriteClip = Callable[..., Path]


def pace_of(pictures: int, gop: int) -> Pace:
    return Pace(ArraySource([None] * pictures, VideoFormat(64, 48, Fraction(25))), gop, None, None)


def test_told_after_every_picture(write_clip: WriteClip, random_model: str, tmp_path: Path) -> None:
    told: list[lvcodec.Progress] = []
    clip = write_clip(tmp_path / "clip.y4m", 64, 48, 12)
    report = lvcodec.encode(clip, tmp_path / "a.lvc", gop=6, model=random_model, on_progress=told.append)
    assert [each.pictures for each in told] == list(range(1, 13))
    assert {(each.stage, each.total, each.is_about) for each in told} == {("encoding", 12, False)}
    assert told[0].fps > 0 and told[0].left_s is not None and told[0].size_bytes > 0
    last = told[-1]
    assert last.left_s == 0 and last.expected_bytes == last.size_bytes <= report.size_bytes
    assert last.as_dict()["pictures"] == 12


def test_what_is_expected_counts_the_i_pictures_that_are_to_come() -> None:
    """A single large picture at the beginning does not make the stream look ten times as large as it gets."""
    pace = pace_of(100, 50)
    pace.wrote(intra=True, pictures=1, size_bytes=1000)
    pace.show()
    assert pace.progress().expected_bytes is None
    pace.wrote(intra=False, pictures=4, size_bytes=40)
    assert pace.progress().expected_bytes == 2 * 1000 + 98 * 10
    pace.wrote(intra=True, pictures=1, size_bytes=1000)  # shots are shorter than that
    pace.wrote(intra=False, pictures=44, size_bytes=440)
    assert pace.progress().expected_bytes == 4 * 1000 + 96 * 10


def test_an_estimate_that_was_too_low_is_dropped() -> None:
    pace = pace_of(2, 50)
    pace.shown = 3
    progress = pace.progress()
    assert (progress.total, progress.left_s, progress.expected_bytes) == (None, None, None)


@pytest.mark.parametrize("pictures", [1, 7])
def test_the_clock_counts_what_is_coded_now(pictures: int) -> None:
    pace = pace_of(10, 5)
    pace.shown = pictures
    pace.keep()
    assert pace.progress().fps == 0 and pace.progress().left_s is None
