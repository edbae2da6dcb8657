"""Motion read by the second decoder (tests/second_decoder/motion.py) is what ours wrote, and so is what it shows."""

from __future__ import annotations

import numpy as np
import pytest
from entropy.judge import RangeDecoder
from second_decoder.motion import Found, aligned_planes, both_planes, first_counts, read_motion

from lvcodec.codec.blocks import sizes_of
from lvcodec.codec.counts import TABLE_SIZES, Counts
from lvcodec.codec.motion import Motion, code_motion, predict, predict_both
from lvcodec.entropy.coder import Writer
from lvcodec.exact import warp
from lvcodec.video.picture import Picture


def motion_of(shape: tuple[int, int], side: int, seed: int, predicted: np.ndarray, *, two: bool) -> Motion:
    """Blocks of all sizes; vectors near those predicted, some of them far."""
    random = np.random.Generator(np.random.PCG64(seed))
    largest, *smaller, _ = sizes_of(side)
    leaves = np.full(shape, largest, np.int32)
    for size in (largest, *smaller):
        rows, columns = (-(-length // size) for length in shape)
        split = (random.random((rows, columns)) < 0.5).repeat(size, 0).repeat(size, 1)[: shape[0], : shape[1]]
        leaves[split & (leaves == size)] = size // 2
    places = np.indices(shape)
    first = places - places % leaves
    spread = random.choice([2, 30, 9000], shape)
    vectors = np.clip(random.integers(-9000, 9001, (2, *shape)) % (2 * spread + 1) - spread, -4000, 4000)
    field = vectors[:, first[0], first[1]].astype(np.int32)
    kept = (random.random(shape) < 0.3)[first[0], first[1]]
    if two:
        field = np.where(kept, 0, field) + predicted
        direction = random.integers(0, 3, shape).astype(np.int32)[first[0], first[1]]
        return Motion(side, field.astype(np.int32), leaves, direction)
    return Motion(side, np.where(kept, predicted, field).astype(np.int32), leaves)


@pytest.mark.parametrize("side", warp.SIDES)
@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (9, 16), (18, 22)])
def test_the_second_decoder_reads_motion(shape: tuple[int, int], two: bool, side: int) -> None:
    """Several pictures, each with the counts after the one before."""
    counts, again = Counts.fresh(), first_counts()
    predicted = np.zeros((2, *shape), np.int32)
    for seed in range(4):
        found = motion_of(shape, side, seed, predicted, two=two)
        writer = Writer()
        _, seen = code_motion(found, predicted, side, counts, writer, two=two)
        read = read_motion(RangeDecoder(writer.finish()), predicted, side, again, two=two)
        assert np.array_equal(read.field, found.field)
        assert not two or np.array_equal(read.direction, found.direction)
        counts, again = counts.updated([seen]), read.counts
        assert [row[:size] for row, size in zip(counts.times.tolist(), TABLE_SIZES, strict=True)] == again
        predicted = found.field // 2


@pytest.mark.parametrize("side", warp.SIDES)
@pytest.mark.parametrize("distances", [(1, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("size", [(1, 1), (17, 40), (70, 35)])
def test_the_second_decoder_shows_the_same(size: tuple[int, int], distances: tuple[int, int], side: int) -> None:
    """A P- and a B-picture's prediction, of noise, so that every rounding and every edge has a say."""
    random = np.random.Generator(np.random.PCG64(size))
    height, width = size
    shapes = size, *[((height + 1) // 2, (width + 1) // 2)] * 2
    before, after = (Picture(*(random.choice([0, 255], shape).astype(np.uint8) for shape in shapes)) for _ in "12")
    shape = warp.field_shape(height, width, side)[1:]
    found = motion_of(shape, side, 5, np.zeros((2, *shape), np.int32), two=True)
    read = Found(found.field.astype(np.int64), found.direction, [])
    for ours, theirs in (
        (predict(before, found), aligned_planes(list(before.planes), read.field, side)),
        (
            predict_both(before, after, found, *distances),
            both_planes(list(before.planes), list(after.planes), read, side, *distances),
        ),
    ):
        assert all(np.array_equal(plane, other) for plane, other in zip(ours.planes, theirs, strict=True))
