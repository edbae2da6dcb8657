"""Where shots begin, as a person would say it: hard cuts, also of short shots; not in flashes, fades or motion."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from lvcodec.encoder.gop import gops
from lvcodec.encoder.scenes import AHEAD, Marked, marked
from lvcodec.errors import InputError
from lvcodec.video.picture import Picture

MakeClip = Callable[..., list[Picture]]


def cuts_of(clip: list[Picture]) -> list[int]:
    marks = list(marked(clip))
    assert [mark.picture for mark in marks] == clip
    return [number for number, mark in enumerate(marks) if mark.is_cut]


def brighter(picture: Picture, gain: float, offset: float = 0.0) -> Picture:
    """The picture with its luma between black and white again."""
    luma = np.clip(np.rint(gain * picture.y.astype(float) + offset), 16, 235).astype(np.uint8)
    return Picture(luma, picture.u, picture.v)


@pytest.mark.parametrize("size", [(176, 144), (320, 180), (48, 32), (9, 5)])
def test_a_clip_that_only_moves(make_clip: MakeClip, size: tuple[int, int]) -> None:
    assert cuts_of(make_clip(*size, 12, seed=3)) == []


@pytest.mark.parametrize("lengths", [(8, 5, 9), (6, 3, 6), (1, 7, 1)])
def test_hard_cuts(make_waves: MakeClip, make_clip: MakeClip, lengths: tuple[int, int, int]) -> None:
    """Three shots, one of them short: a cut at the first picture of each but the first."""
    first, second, third = lengths
    shots = [make_clip(176, 144, first, seed=1), make_waves(176, 144, second), make_clip(176, 144, third, seed=8)]
    assert cuts_of([picture for shot in shots for picture in shot]) == [first, first + second]


@pytest.mark.parametrize("length", range(1, AHEAD + 1))
@pytest.mark.parametrize("kind", ["white", "dark", "other"])
def test_a_flash_is_no_cut(make_clip: MakeClip, make_waves: MakeClip, length: int, kind: str) -> None:
    clip, waves = make_clip(176, 144, 14, seed=2), make_waves(176, 144, 14)
    for number in range(5, 5 + length):
        bright = {"white": brighter(clip[number], 0.1, 220), "dark": brighter(clip[number], 0.05, 16)}
        clip[number] = waves[number] if kind == "other" else bright[kind]
    assert cuts_of(clip) == []


def test_a_longer_insert_is_a_shot(make_clip: MakeClip, make_waves: MakeClip) -> None:
    clip, insert = make_clip(176, 144, 20, seed=2), make_waves(176, 144, AHEAD + 1)
    assert cuts_of([*clip[:6], *insert, *clip[6:]]) == [6, 6 + AHEAD + 1]


def test_fades_are_no_cuts(make_clip: MakeClip) -> None:
    """To black and back, within the shot; and a cross-fade makes one cut at most."""
    clip = make_clip(176, 144, 24, seed=4)
    faded = [brighter(picture, abs(number - 12) / 12, 16) for number, picture in enumerate(clip)]
    assert len(cuts_of(faded)) <= 1  # where the picture comes out of black, there is nothing to predict it from
    other = make_clip(176, 144, 24, seed=9)
    mixed = [
        Picture(((1 - part) * a.y + part * b.y).astype(np.uint8), a.u, a.v)
        for a, b, part in zip(clip, other, np.clip((np.arange(24) - 6) / 12, 0, 1), strict=True)
    ]
    assert len(cuts_of(mixed)) <= 1


def test_errors_come_after_the_pictures_before_them(make_clip: MakeClip) -> None:
    clip = make_clip(64, 48, 3)

    def source() -> Iterator[Picture]:
        yield from clip
        raise InputError("the input is cut")

    marks = marked(source())
    assert [next(marks).picture for _ in clip] == clip
    with pytest.raises(InputError, match="the input is cut"):
        next(marks)


def test_gops_begin_at_cuts_and_are_never_too_long(make_clip: MakeClip) -> None:
    clip = make_clip(16, 16, 11)
    runs = gops((Marked(picture, number in (3, 4)) for number, picture in enumerate(clip)), 4)
    assert [[clip.index(picture) for picture in run] for run in runs] == [[0, 1, 2], [3], [4, 5, 6, 7], [8, 9, 10]]


def test_no_picture_is_read_before_it_is_asked_for(make_clip: MakeClip) -> None:
    """Low delay: where GOPs do not follow cuts, a picture can leave before the next one comes in."""
    read = []

    def source() -> Iterator[Marked]:
        for number, picture in enumerate(make_clip(16, 16, 5)):
            read.append(number)
            yield Marked(picture, is_cut=False)

    for run in gops(source(), 3):
        for taken, _ in enumerate(run, start=read[-1]):
            assert read[-1] == taken
