"""Motion: fields of vectors come back from their bits, smooth ones are cheap, and the search finds what has moved."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lvcodec.codec import blocks, motion
from lvcodec.codec.counts import Counts, Seen
from lvcodec.codec.modes import MODES
from lvcodec.codec.motion import BEFORE, Motion, code_motion, predict, predict_both, scaled
from lvcodec.codec.picture import decode_picture
from lvcodec.encoder.decisions import DECISIONS, AlignedDecisions
from lvcodec.encoder.errors import ErrorsOfOne
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.picture import encode_intra, encode_predicted
from lvcodec.encoder.search import search, search_both
from lvcodec.entropy.coder import Reader, Writer
from lvcodec.errors import StreamError
from lvcodec.exact import warp
from lvcodec.models import loading, store
from lvcodec.stream.structure import Structure
from lvcodec.video.picture import Picture

Field = NDArray[np.int32]
MENDED = 20.0  # errors above it count by their logarithm
BOTH_SIDES = pytest.mark.parametrize("side", warp.SIDES)
SHAPES = [(1, 1), (1, 2), (2, 1), (1, 20), (17, 1), (3, 5), (8, 8), (9, 9), (9, 16), (20, 23), (33, 40)]


def coded(found: Motion, predicted: Field, counts: Counts, *, two: bool = False) -> tuple[Motion, Seen, float]:
    """Motion that was written and read again, what its tables saw, and its bits."""
    writer = Writer()
    sent, seen = code_motion(found, predicted, found.side, counts, writer, two=two)
    reader = Reader(writer.finish())
    read, seen_again = code_motion(None, predicted, found.side, counts, reader, two=two)
    for got in (sent, read):
        assert np.array_equal(got.field, found.field) and got.field.dtype == np.int32
        assert np.array_equal(got.leaves, found.leaves) and got.side == found.side
        assert (got.direction is None) == (not two)
        assert not two or np.array_equal(got.direction, found.direction)
    assert np.array_equal(seen.times, seen_again.times)
    assert writer.bits == reader.bits and set(writer.bits) == {"motion"}
    return read, seen, writer.bits["motion"]


def blocky(shape: tuple[int, int], side: int, spread: int, predicted: Field, seed: int = 0) -> Motion:
    """Blocks of all sizes with random vectors, some of them as predicted, and random directions."""
    random = np.random.Generator(np.random.PCG64((seed, *shape, spread)))
    field, leaves, direction = predicted.copy(), np.zeros(shape, np.int32), np.zeros(shape, np.int32)

    def fill(row: int, column: int, size: int) -> None:
        if row >= shape[0] or column >= shape[1]:
            return
        if size > 1 and random.random() < 0.6:
            for down, right in np.ndindex(2, 2):
                fill(row + down * size // 2, column + right * size // 2, size // 2)
            return
        inside = slice(row, row + size), slice(column, column + size)
        leaves[inside], direction[inside] = size, random.integers(3)
        if random.random() < 0.7:
            field[(slice(None), *inside)] = random.integers(-spread, spread + 1, (2, 1, 1))

    largest = blocks.LARGEST // side
    for row, column in np.ndindex(shape):
        if row % largest == 0 and column % largest == 0:
            fill(row, column, largest)
    return Motion(side, field, leaves, direction)


def still(shape: tuple[int, int]) -> Field:
    return np.zeros((2, *shape), dtype=np.int32)


@BOTH_SIDES
@pytest.mark.parametrize("spread", [0, 1, 60, warp.MAX_VECTOR])
@pytest.mark.parametrize("shape", SHAPES)
def test_random_motion_comes_back(shape: tuple[int, int], spread: int, side: int) -> None:
    random = np.random.Generator(np.random.PCG64(shape[0] + spread))
    predicted = random.integers(-spread, spread + 1, (2, *shape)).astype(np.int32)
    found = replace(blocky(shape, side, spread, predicted), direction=None)
    coded(found, predicted, Counts.fresh())


@BOTH_SIDES
@pytest.mark.parametrize("spread", [0, 1, 60, warp.MAX_VECTOR])
@pytest.mark.parametrize("shape", SHAPES)
def test_random_motion_of_b_pictures_comes_back(shape: tuple[int, int], spread: int, side: int) -> None:
    """What is random is how it differs from temporal direct."""
    random = np.random.Generator(np.random.PCG64(shape[0] + spread))
    direct = random.integers(-spread // 2, spread // 2 + 1, (2, *shape)).astype(np.int32)
    found = blocky(shape, side, spread // 2, still(shape))
    coded(replace(found, field=found.field + direct), direct, Counts.fresh(), two=True)


@BOTH_SIDES
@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_vectors_at_the_limits(shape: tuple[int, int], two: bool, side: int) -> None:
    random = np.random.Generator(np.random.PCG64(9))
    field = random.choice([-warp.MAX_VECTOR, warp.MAX_VECTOR], (2, *shape)).astype(np.int32)
    found = Motion(side, field, np.ones(shape, np.int32), np.zeros(shape, np.int32) if two else None)
    coded(found, -field, Counts.fresh(), two=two)


@BOTH_SIDES
@pytest.mark.parametrize("shape", SHAPES)
def test_every_place_is_coded_once(shape: tuple[int, int], side: int) -> None:
    """And after those that it is predicted by; blocks are of places that are known by then."""
    seen = np.zeros(shape[0] * shape[1], dtype=int)
    order = blocks.order(*shape, side)
    assert [sized.size * side for sized in order.blocks] == [64, 32, 16, 8][: 3 + (side == warp.FINE_SIDE)]
    for steps, sized in zip(order.steps, order.blocks, strict=True):
        for step in steps:
            if step.level:
                assert (seen[step.one] == 1).all() and (seen[step.other] == 1).all()
            seen[step.places] += 1
        assert (seen[sized.first] == 1).all() and (seen[sized.beside] == 1).all()
        assert (np.bincount(sized.number) <= sized.size**2).all()
    assert (seen == 1).all()
    assert max(step.level for steps in order.steps for step in steps) <= len(order.blocks) < blocks.LEVELS


@BOTH_SIDES
def test_what_stays_costs_less_and_less(side: int) -> None:
    """A still field of 30 large blocks costs a few bits, and tables learn that it does."""
    largest = blocks.LARGEST // side
    shape = 5 * largest, 6 * largest - 1
    found = Motion(side, still(shape), np.full(shape, largest, np.int32))
    counts, costs = Counts.fresh(), []
    for _ in range(6):
        _, seen, bits = coded(found, found.field, counts)
        counts = counts.updated([seen])
        costs.append(bits)
    assert costs[0] < 60 and costs[-1] < 3 and costs == sorted(costs, reverse=True)


def test_pictures_may_be_counted_in_any_order() -> None:
    """As those of a pyramid are, whichever is decoded first."""
    predicted = still((9, 16))
    found = [replace(blocky((9, 16), 8, 5, predicted, n), direction=None) for n in (1, 2)]
    seen = [coded(each, predicted, Counts.fresh())[1] for each in found]
    both = [Counts.fresh().updated(order).times for order in (seen, seen[::-1])]
    assert np.array_equal(*both) and not np.array_equal(both[0], Counts.fresh().times)


@BOTH_SIDES
@pytest.mark.parametrize("two", [False, True])
def test_forged_motion_stays_within_limits(two: bool, side: int) -> None:
    """Whatever is read is a field of vectors that may be, or is refused."""
    outcomes = set()
    for seed in range(40):
        payload = np.random.Generator(np.random.PCG64(seed)).bytes(4000)
        predicted = np.full((2, 9, 9), warp.MAX_VECTOR * (-1) ** seed, dtype=np.int32)
        try:
            read, _ = code_motion(None, predicted, side, Counts.fresh(), Reader(payload), two=two)
        except StreamError:
            outcomes.add("refused")
            continue
        outcomes.add("read")
        assert np.abs(read.field).max() <= warp.MAX_VECTOR
        assert set(read.leaves.ravel().tolist()) <= set(blocks.sizes_of(side))
    assert "read" in outcomes


@pytest.mark.parametrize(("numerator", "denominator"), [(1, 1), (1, 2), (3, 2), (1, 8), (5, 3)])
def test_scaled_is_the_nearest(numerator: int, denominator: int) -> None:
    """Halves away from zero, so that a field against time is that along it, the other way round."""
    field = np.array([np.arange(-20, 21), np.linspace(-8192, 8192, 41)]).astype(np.int32)
    got = scaled(field, numerator, denominator)
    for value, result in zip(field.ravel().tolist(), got.ravel().tolist(), strict=True):
        exact = Fraction(abs(value) * numerator, denominator)
        nearest = min(int(exact + Fraction(1, 2)), warp.MAX_VECTOR)
        assert result == (nearest if value > 0 else -nearest)
    assert np.array_equal(scaled(-field, numerator, denominator), -got) and got.dtype == np.int32


# ---- the search -----------------------------------------------------------------------------------------------


def textured(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Noise with detail of several sizes, which has one place to fit only."""
    random = np.random.Generator(np.random.PCG64(seed))
    total = np.zeros((height, width))
    for size in (2, 4, 8, 16):
        coarse = random.normal(size=(height // size + 2, width // size + 2))
        total += size * np.kron(coarse, np.ones((size, size)))[:height, :width] / 4
    kernel = np.ones(3) / 3
    for axis in (0, 1):
        total = np.apply_along_axis(np.convolve, axis, total, kernel, mode="same")
    return np.clip(np.rint(128 + 25 * total), 0, 255).astype(np.uint8)


def grey(y: NDArray[np.uint8]) -> Picture:
    chroma = np.full(((y.shape[0] + 1) // 2, (y.shape[1] + 1) // 2), 128, np.uint8)
    return Picture(np.ascontiguousarray(y), chroma, chroma)


def mse(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.square(a.astype(float) - b).mean())


@BOTH_SIDES
@pytest.mark.parametrize("vector", [(0, 0), (3, -2), (-6, 9)])
def test_a_shift_of_everything_is_found(vector: tuple[int, int], side: int) -> None:
    """Cut twice from one large picture: the inner blocks have the vector, and nothing is left of the difference."""
    large = textured(200, 260)
    reference = grey(large[20:180, 20:240])
    picture = grey(large[20 + vector[0] : 180 + vector[0], 20 + vector[1] : 240 + vector[1]])
    field = search(picture, reference, motion.still(160, 220, side), side, 4.0, Counts.fresh()).field
    assert field.shape == warp.field_shape(160, 220, side) and field.dtype == np.int32
    edge = warp.COARSE_SIDE // side
    inner = field[:, edge:-edge, edge:-edge]
    right = (inner == 4 * np.array(vector)[:, None, None]).all(axis=0)
    assert right.mean() > 0.95
    shown = predict(reference, Motion(side, field, field[0]))
    assert mse(shown.y[16:-16, 16:-16], picture.y[16:-16, 16:-16]) < 2
    if any(vector):
        assert mse(reference.y, picture.y) > 100


@BOTH_SIDES
def test_two_motions_are_told_apart(side: int) -> None:
    """The left half goes one way, the right half another."""
    large = textured(180, 280)
    reference = grey(large[10:170, 10:266])
    halves = [large[10 + down : 170 + down, 10 + right : 266 + right] for down, right in ((4, 0), (-3, 5))]
    picture = grey(np.concatenate([halves[0][:, :128], halves[1][:, 128:]], axis=1))
    field = search(picture, reference, motion.still(160, 256, side), side, 4.0, Counts.fresh()).field
    each = warp.COARSE_SIDE // side
    inner = field[:, each:-each]
    for part, vector in ((inner[:, :, each : 7 * each], (16, 0)), (inner[:, :, 9 * each : -each], (-12, 20))):
        assert (np.abs(part - np.array(vector)[:, None, None]) <= 1).all(axis=0).mean() > 0.9  # to a quarter of a pel
    assert mse(predict(reference, Motion(side, field, field[0])).y, picture.y) < 0.15 * mse(reference.y, picture.y)


@BOTH_SIDES
@pytest.mark.parametrize("size", [(1, 1), (15, 40), (40, 15), (16, 16), (17, 33), (70, 50)])
def test_small_pictures_have_motion_too(size: tuple[int, int], side: int) -> None:
    reference, picture = grey(textured(*size)), grey(textured(*size, seed=1))
    still_field = motion.still(*size, side)
    field = search(picture, reference, still_field, side, 3.0, Counts.fresh()).field
    assert field.shape == warp.field_shape(*size, side) and np.abs(field).max() <= warp.MAX_VECTOR
    assert not search(reference, reference, still_field, side, 3.0, Counts.fresh()).field.any()


@BOTH_SIDES
def test_a_rough_field_must_be_worth_its_bits(side: int) -> None:
    """Of two pictures of noise, a low quality buys a smoother field than a high one."""
    random = np.random.Generator(np.random.PCG64(2))
    picture, reference = (grey(random.integers(118, 139, (160, 160)).astype(np.uint8)) for _ in range(2))
    before = motion.still(160, 160, side)
    roughness = [
        np.abs(np.diff(search(picture, reference, before, side, quality, Counts.fresh()).field)).sum()
        for quality in (1.0, 6.0)
    ]
    assert roughness[0] < roughness[1]


@BOTH_SIDES
@pytest.mark.parametrize("distances", [(1, 1), (1, 3), (2, 1)])
def test_b_pictures_lie_between(distances: tuple[int, int], side: int) -> None:
    """Steady motion is known already from temporal direct; what only one reference shows is taken from that one."""
    large = textured(260, 320)
    step = 3, -2
    at = [(60 + time * step[0], 60 + time * step[1]) for time in range(sum(distances) + 1)]
    pictures = [large[row : row + 160, column : column + 192].copy() for row, column in at]
    number = distances[0]
    pictures[-1][:, 128:] = 128  # the reference after has lost a part
    before, picture, after = (grey(pictures[n]) for n in (0, number, -1))
    direct = motion.still(160, 192, side) - 4 * max(distances) * np.array(step, np.int32)[:, None, None]
    found = search_both(picture, before, after, direct, side, *distances, 4.0, Counts.fresh())
    assert found.direction is not None and found.field.dtype == np.int32
    shown = predict_both(before, after, found, *distances)
    assert mse(shown.y[24:-24, 24:-24], picture.y[24:-24, 24:-24]) < 8
    assert (found.direction[:, 144 // side :] == BEFORE).mean() > 0.8
    _, _, bits = coded(found, direct, Counts.fresh(), two=True)
    assert bits < 300


@BOTH_SIDES
def test_a_b_picture_without_time_to_move_is_still(side: int) -> None:
    picture = grey(textured(80, 96))
    direct = motion.still(80, 96, side)
    found = search_both(picture, picture, picture, direct, side, 1, 1, 3.0, Counts.fresh())
    assert not found.field.any() and found.direction is not None and len(np.unique(found.direction)) == 1
    assert np.array_equal(predict_both(picture, picture, found, 1, 1).y, picture.y)


# ---- in the loop ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quality_index", [0, 60, 99, 100])
@pytest.mark.parametrize("size", [(80, 70), (33, 65)])
def test_what_is_not_sent_is_the_aligned_picture(
    random_model: str, make_clip: Callable[..., list[Picture]], size: tuple[int, int], quality_index: int
) -> None:
    """Where no residual is sent, x_hat is the aligned picture itself, in a clip that moves as in one that does not."""
    decisions = DECISIONS["aligned"]
    assert isinstance(decisions, AlignedDecisions)
    quiet = replace(decisions, distortion_weight=0.0)  # nothing is worth sending
    info = store.find(random_model)
    with torch.inference_mode():
        coding = loading.coding(info, quality_index)
        net = EncoderNetwork(coding, *size, quality_index)
        clip = make_clip(*size, 3)
        [step] = Structure(1).steps
        for pictures in ([clip[0], clip[0]], clip):
            _, first, _ = encode_intra(pictures[0], net, two_steps=False)
            payload, after, _ = encode_predicted(pictures[-1], (first,), step, net, quiet, Fraction(1))
            decoded, _ = decode_picture(payload, (first,), step, net, MODES["aligned"], Fraction(1))
            assert after.motion is not None
            assert after.motion.side == (warp.FINE_SIDE if quality_index >= 100 else warp.COARSE_SIDE)
            want = predict(first.x_hat, after.motion)
            for state in (after, decoded):
                assert all(np.array_equal(a, b) for a, b in zip(want.planes, state.x_hat.planes, strict=True))
                assert state.history is not None and not state.history.any()


@BOTH_SIDES
def test_errors_that_are_kept_are_those_that_would_be_found(make_clip, side: int) -> None:
    """Vectors tried before, at the same block and at others, among new ones and more than are kept."""
    first, second = (picture.y for picture in make_clip(5 * side, 3 * side, 2, 3))
    draw = np.random.Generator(np.random.PCG64(4))
    fields = [draw.integers(-6, 7, (2, 3, 5)).astype(np.int32) for _ in range(4)]
    fields += [np.where(draw.random((3, 5)) < 0.5, fields[0], fields[2]), fields[1], fields[3][:, ::-1].copy()]
    fields += [fields[0] + 8 * n for n in (1, 2)] + [fields[0]]
    kept = ErrorsOfOne(second, first, fields[0].shape, side, MENDED)
    for field in fields:
        alone = ErrorsOfOne(second, first, field.shape, side, MENDED).of(field)
        assert np.array_equal(kept.of(field), alone) and alone.std() > 0
    some = draw.integers(0, 15, 40)
    twice = np.tile(fields[1].reshape(2, -1)[:, some], 2)
    alone = ErrorsOfOne(second, first, fields[1].shape, side, MENDED).of(fields[1]).ravel()[some]
    assert np.array_equal(kept(twice, np.tile(some, 2)), np.tile(alone, 2))


@BOTH_SIDES
@pytest.mark.parametrize("vector", [(0, 0), (5, -9), (-2, 7), (400, -3), (-1, -8000)])
def test_errors_are_those_of_what_the_warp_shows(make_clip, vector: tuple[int, int], side: int) -> None:
    """Where all blocks move alike, to a rounding of the interpolated pels, beyond the picture's edges too."""
    first, second = (picture.y for picture in make_clip(80, 48, 2, 5))
    shape = warp.field_shape(48, 80, side)
    field = np.broadcast_to(np.array(vector, dtype=np.int32)[:, None, None], shape).copy()
    errors = ErrorsOfOne(second, first, shape, side, 255.0**2).of(field)
    apart = warp.warp(first, field, side).astype(float) - second
    want = np.square(apart).reshape(shape[1], side, shape[2], side).mean(axis=(1, 3))
    assert np.abs(np.sqrt(errors) - np.sqrt(want)).max() < 0.3 and want.max() > 10


@BOTH_SIDES
def test_errors_that_a_residual_mends(make_clip, side: int) -> None:
    """Above the limit they count by their logarithms, below as they are."""
    first, second = (picture.y for picture in make_clip(80, 48, 2, 5))
    field = motion.still(48, 80, side)
    mean = ErrorsOfOne(second, first, field.shape, side, 255.0**2).of(field)
    limit = float(np.median(mean))
    want = [error if error <= limit else limit * (1 + math.log(error / limit)) for error in mean.ravel().tolist()]
    got = ErrorsOfOne(second, first, field.shape, side, limit).of(field).ravel()
    assert got == pytest.approx(want, rel=1e-5) and mean.min() < limit < mean.max()
