"""Stills in motion: exact where motion is whole pixels, smooth and seeded where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from lvcodec.train.data import animate as animation
from lvcodec.train.data.animate import Motion, Move, animate

SIZE = (64, 96)


@pytest.fixture(scope="module")
def still(make_clip) -> np.ndarray:
    return np.frombuffer(make_clip(SIZE[1], SIZE[0], 1, 4)[0].tobytes(), np.uint8).reshape(96, 96)


def planes(raw: np.ndarray) -> list[np.ndarray]:
    return [raw[:64], *raw[64:].reshape(2, 32, 48)]


def seeded(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_no_motion_gives_the_still(still: np.ndarray) -> None:
    got = animate(still, 3, Motion(), seeded())
    assert got.shape == (3, 96, 96) and all(np.array_equal(picture, still) for picture in got)
    assert np.array_equal(animate(still, 2, Motion(part=Move()), seeded())[1], still)


@pytest.mark.parametrize("pan", [(2, 4), (-4, 2), (0, -6)])
def test_whole_pixels_shift_the_picture(still: np.ndarray, pan: tuple[int, int]) -> None:
    """Down and right for positive numbers, chroma by half as much; twice as far in the third picture."""
    got = animate(still, 3, Motion(Move(pan=pan)), seeded())
    for time in (1, 2):
        for number, (plane, was) in enumerate(zip(planes(got[time]), planes(still), strict=True)):
            down, right = (time * part // (2 if number else 1) for part in pan)
            want = np.roll(was, (down, right), (0, 1))
            inside = tuple(
                slice(max(by, 0), size + min(by, 0)) for by, size in zip((down, right), was.shape, strict=True)
            )
            assert np.array_equal(plane[inside], want[inside])


def test_zoom_and_turn_keep_the_centre_and_move_the_rest(still: np.ndarray) -> None:
    """A picture twice as large has at twice the distance from the centre what the still has; a half turn turns it."""
    rows, columns = Move(zoom=np.log(2)).sources(SIZE, 1)
    assert rows[0, 0] == pytest.approx(31.5 / 2, abs=1e-3)
    assert columns[-1, -1] == pytest.approx(47.5 + 47.5 / 2, abs=1e-3)
    turned = animate(still, 2, Motion(Move(turn=np.pi)), seeded())[1]
    assert np.abs(planes(turned)[0].astype(int) - planes(still)[0][::-1, ::-1]).mean() < 0.5


def test_a_local_warp_is_smooth(still: np.ndarray) -> None:
    wave = np.array([[1.5, -1.0, 0.1, 0.05, 0.3]], np.float32)
    rows, columns = Move(waves=wave).sources(SIZE, 1)
    still_rows, still_columns = Move().sources(SIZE, 1)
    assert np.abs(rows - still_rows).max() <= 1.5 and np.abs(rows - still_rows).max() > 1
    assert np.abs(np.diff(columns - still_columns, axis=1)).max() < 0.2


def test_a_part_moves_its_own_way(still: np.ndarray) -> None:
    """Parallax: inside the outline the part's motion, outside the whole's."""
    mask = animation._outline(SIZE, seeded(2))
    got = planes(animate(still, 2, Motion(Move(), Move(pan=(0.0, 4.0))), seeded(2))[1])[0]
    moved = np.roll(mask, 4, 1)
    assert np.array_equal(got[moved == 0][:100], planes(still)[0][moved == 0][:100])
    shifted = np.roll(planes(still)[0], 4, 1)
    assert (moved == 1).sum() > 50 and np.array_equal(got[moved == 1], shifted[moved == 1])


def test_noise_is_as_strong_as_asked(still: np.ndarray) -> None:
    got = animate(still, 2, Motion(noise=2.0), seeded())
    apart = got.astype(float) - still
    assert 1.7 < apart.std() < 2.3 and not np.array_equal(got[0], got[1])


def test_chance_is_seeded_and_within_its_limits(still: np.ndarray) -> None:
    motions = [animation.random_motion(seeded(seed)) for seed in range(200)]
    moves = [move for motion in motions for move in (motion.whole, motion.part) if move]
    assert 250 < len(moves) < 350 and 30 < sum(motion.noise > 0 for motion in motions) < 100
    assert all(abs(p) <= animation.MAX_PAN for move in moves for p in move.pan)
    assert all(abs(move.zoom) <= animation.MAX_ZOOM and abs(move.turn) <= animation.MAX_TURN for move in moves)
    one, other = (animate(still, 3, animation.random_motion(seeded(7)), seeded(8)) for _ in range(2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, animate(still, 3, animation.random_motion(seeded(9)), seeded(8)))
