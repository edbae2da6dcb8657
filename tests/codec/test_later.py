"""Pixels that are computed later: in order, few at a time, and what goes wrong with them is told."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from lvcodec.codec.later import AHEAD, Later, at_once, ready
from lvcodec.errors import MismatchError
from lvcodec.video.picture import Picture


def picture(level: int) -> Picture:
    plane = np.full((2, 2), level, dtype=np.uint8)
    return Picture(plane, plane[:1, :1], plane[:1, :1])


def shows(level: int) -> Callable[[], Picture]:
    return lambda: picture(level)


def test_pictures_come_in_order_and_may_use_those_before() -> None:
    with Later() as later:
        first = later(shows(7))
        second = later(lambda: picture(int(ready(first).y[0, 0]) + 1))
        assert ready(second).y[0, 0] == 8
    assert ready(at_once(shows(3))).y[0, 0] == 3


def test_no_more_than_a_few_wait() -> None:
    go, given = threading.Event(), []

    def waits() -> Picture:
        go.wait(10)
        return picture(0)

    def give(later: Later) -> None:
        for number in range(AHEAD + 2):
            later(waits)
            given.append(number)

    with Later() as later:
        giver = threading.Thread(target=give, args=(later,))
        giver.start()
        giver.join(0.5)
        assert giver.is_alive() and len(given) == AHEAD
        go.set()
        giver.join(10)
    assert len(given) == AHEAD + 2


def test_what_goes_wrong_is_told_of_the_picture_and_those_after_it() -> None:
    def fails() -> Picture:
        raise MismatchError("other pixels", "", picture=1, expected=0, got=1)

    with Later() as later:
        bad, good = later(fails), later(shows(1))
        after = later(lambda: ready(bad))
        assert ready(good).y[0, 0] == 1
        for pixels in (bad, after):
            with pytest.raises(MismatchError, match="other pixels"):
                ready(pixels)
