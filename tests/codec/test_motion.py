"""Motion: fields of vectors come back from their bits, smooth ones are cheap, and the search finds what has moved."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lvcodec.codec import motion
from lvcodec.codec.modes import MODES, State
from lvcodec.codec.picture import decode_picture
from lvcodec.encoder.decisions import DECISIONS
from lvcodec.encoder.errors import BlockErrors
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.picture import encode_picture
from lvcodec.encoder.search import search
from lvcodec.entropy import grid
from lvcodec.entropy.coder import Reader, Writer
from lvcodec.entropy.tables import TableSet
from lvcodec.exact import warp
from lvcodec.models import loading, store
from lvcodec.video.picture import Picture

Field = NDArray[np.int32]
SHAPES = [(1, 1), (1, 2), (2, 1), (1, 20), (17, 1), (3, 5), (8, 8), (9, 9), (9, 16), (20, 23)]


@pytest.fixture(scope="module")
def tables(random_model: str) -> TableSet:
    """A model's Laplace tables, which fields are coded with."""
    return loading.coding(store.find(random_model), 60).tables["laplace"]


def coded(field: Field, before: Field, tables: TableSet) -> tuple[Field, float]:
    """A field that was written and read again, and its bits."""
    writer = Writer()
    sent = motion.code_field(field, before, tables, writer)
    assert np.array_equal(sent, field)
    payload = writer.finish()
    reader = Reader(payload)
    read = motion.code_field(None, before, tables, reader)
    assert read.dtype == np.int32 and read.shape == field.shape
    assert writer.bits == reader.bits and set(writer.bits) == {"motion"}
    return read, writer.bits["motion"]


def smooth(shape: tuple[int, int]) -> Field:
    """Vectors that grow from one corner to the other."""
    rows, columns = np.indices(shape)
    return np.stack([3 * rows - columns, 2 * columns - 20]).astype(np.int32)


@pytest.mark.parametrize("spread", [1, 60, warp.MAX_VECTOR])
@pytest.mark.parametrize("shape", SHAPES)
def test_random_fields_come_back(tables: TableSet, shape: tuple[int, int], spread: int) -> None:
    random = np.random.Generator(np.random.PCG64(shape[0] + spread))
    field, before = random.integers(-spread, spread + 1, (2, 2, *shape)).astype(np.int32)
    assert np.array_equal(coded(field, before, tables)[0], field)


@pytest.mark.parametrize("shape", SHAPES)
def test_smooth_fields_come_back(tables: TableSet, shape: tuple[int, int]) -> None:
    field = smooth(shape)
    assert np.array_equal(coded(field, np.zeros_like(field), tables)[0], field)


@pytest.mark.parametrize("shape", SHAPES)
def test_vectors_at_the_limits(tables: TableSet, shape: tuple[int, int]) -> None:
    random = np.random.Generator(np.random.PCG64(9))
    field = random.choice([-warp.MAX_VECTOR, warp.MAX_VECTOR], (2, *shape)).astype(np.int32)
    assert np.array_equal(coded(field, -field, tables)[0], field)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_vector_is_coded_once(shape: tuple[int, int]) -> None:
    """And after those that it is predicted by."""
    seen = np.zeros(shape, dtype=int)
    for step in motion.passes(*shape):
        for near in step.between or ():
            assert (seen[near] == 1).all()
        seen[step.places] += 1
    assert (seen == 1).all()


def test_nothing_moves_for_nothing(tables: TableSet) -> None:
    """A still field of 460 vectors, or one that is as before, costs about half a bit for each."""
    still = np.zeros((2, 20, 23), dtype=np.int32)
    for before in (still, still + 5):
        assert coded(before, before, tables)[1] < 0.6 * 20 * 23


def test_what_is_expected_is_cheap(tables: TableSet) -> None:
    """Smooth motion costs a fraction of random motion of the same size; as before, a fraction of that."""
    field = smooth((20, 23))
    nothing = np.zeros_like(field)
    shuffled = np.random.Generator(np.random.PCG64(0)).permutation(field.ravel()).reshape(field.shape)
    _, random_bits = coded(shuffled, nothing, tables)
    _, smooth_bits = coded(field, nothing, tables)
    _, same_bits = coded(field, field, tables)
    assert same_bits < smooth_bits < random_bits / 2


def test_a_forged_field_stays_within_limits() -> None:
    """Escapes reach further than vectors may: whatever is read is clipped."""
    narrow = escaping_tables()
    for seed in range(5):
        payload = np.random.Generator(np.random.PCG64(seed)).bytes(4000)
        before = np.full((2, 9, 9), warp.MAX_VECTOR, dtype=np.int32)
        read = motion.code_field(None, before, narrow, Reader(payload))
        assert np.abs(read).max() <= warp.MAX_VECTOR
        assert len(np.unique(read)) > 5


def escaping_tables() -> TableSet:
    """Tables that escape half of the time, as many as the grid has."""
    count = grid.LEVELS * grid.FRACTIONS
    return TableSet(np.tile(np.array([2**22, 2**22, 2**23], np.int32), count), np.full(count, 3, np.int32))


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


@pytest.mark.parametrize("vector", [(0, 0), (3, -2), (-6, 9)])
def test_a_shift_of_everything_is_found(vector: tuple[int, int]) -> None:
    """Cut twice from one large picture: the inner blocks have the vector, and nothing is left of the difference."""
    large = textured(200, 260)
    reference = grey(large[20:180, 20:240])
    picture = grey(large[20 + vector[0] : 180 + vector[0], 20 + vector[1] : 240 + vector[1]])
    field = search(picture, reference, motion.field_or_zeros(reference, None), 4.0)
    assert field.shape == warp.field_shape(160, 220) and field.dtype == np.int32
    inner = field[:, 1:-1, 1:-1]
    right = (inner == 4 * np.array(vector)[:, None, None]).all(axis=0)
    assert right.mean() > 0.95
    shown = motion.align(reference, field)
    assert mse(shown.y[16:-16, 16:-16], picture.y[16:-16, 16:-16]) < 2
    if any(vector):
        assert mse(reference.y, picture.y) > 100


def test_two_motions_are_told_apart() -> None:
    """The left half goes one way, the right half another."""
    large = textured(180, 280)
    reference = grey(large[10:170, 10:266])
    halves = [large[10 + down : 170 + down, 10 + right : 266 + right] for down, right in ((4, 0), (-3, 5))]
    picture = grey(np.concatenate([halves[0][:, :128], halves[1][:, 128:]], axis=1))
    field = search(picture, reference, motion.field_or_zeros(reference, None), 4.0)
    for part, vector in ((field[:, 1:-1, 1:7], (16, 0)), (field[:, 1:-1, 9:-1], (-12, 20))):
        assert (np.abs(part - np.array(vector)[:, None, None]) <= 1).all(axis=0).mean() > 0.9  # to a quarter of a pel
    assert mse(motion.align(reference, field).y, picture.y) < 0.15 * mse(reference.y, picture.y)


@pytest.mark.parametrize("size", [(1, 1), (15, 40), (40, 15), (16, 16), (17, 33)])
def test_small_pictures_have_motion_too(size: tuple[int, int]) -> None:
    reference, picture = grey(textured(*size)), grey(textured(*size, seed=1))
    field = search(picture, reference, motion.field_or_zeros(reference, None), 3.0)
    assert field.shape == warp.field_shape(*size) and np.abs(field).max() <= warp.MAX_VECTOR
    assert np.array_equal(
        search(reference, reference, motion.field_or_zeros(reference, None), 3.0), np.zeros_like(field)
    )


def test_a_rough_field_must_be_worth_its_bits() -> None:
    """Of two pictures of noise, a low quality buys a smoother field than a high one."""
    random = np.random.Generator(np.random.PCG64(2))
    picture, reference = (grey(random.integers(118, 139, (160, 160)).astype(np.uint8)) for _ in range(2))
    roughness = [
        np.abs(np.diff(search(picture, reference, motion.field_or_zeros(reference, None), quality))).sum()
        for quality in (1.0, 6.0)
    ]
    assert roughness[0] < roughness[1]


# ---- in the loop ----------------------------------------------------------------------------------------------


def still_symbols(net: EncoderNetwork) -> EncoderNetwork:
    """The network with symbols that are all zero, as if nothing were worth sending."""
    net.scaled = lambda latents: np.zeros(net.latent_shape())  # type: ignore[method-assign]
    net.distortion_weights = lambda factor: None  # type: ignore[method-assign]
    return net


@pytest.mark.parametrize("quality_index", [0, 60, 100])
@pytest.mark.parametrize("size", [(80, 70), (33, 65)])
def test_what_is_not_sent_is_the_aligned_picture(
    random_model: str, make_clip: Callable[..., list[Picture]], size: tuple[int, int], quality_index: int
) -> None:
    """Where no residual is sent, x_hat is the aligned picture itself, in a clip that moves as in one that does not."""
    mode, decisions = MODES["aligned"], DECISIONS["aligned"]
    info = store.find(random_model)
    with torch.inference_mode():
        coding = loading.coding(info, quality_index)
        net = EncoderNetwork(coding, *size, torch.device("cpu"), quality_index)
        clip = make_clip(*size, 3)
        for pictures in ([clip[0], clip[0]], clip):
            _, first, _ = encode_picture(pictures[0], None, net, decisions, Fraction(1, 2))
            quiet = still_symbols(EncoderNetwork(coding, *size, torch.device("cpu"), quality_index))
            payload, after, _ = encode_picture(pictures[-1], first, quiet, decisions, Fraction(1, 2))
            decoded, _ = decode_picture(payload, first, net, mode, Fraction(1, 2))
            assert after.field is not None
            want = motion.align(first.x_hat, after.field)
            for state in (after, decoded):
                assert isinstance(state, State)
                assert all(np.array_equal(a, b) for a, b in zip(want.planes, state.x_hat.planes, strict=True))


def test_errors_that_are_kept_are_those_that_would_be_found(make_clip) -> None:
    """Vectors tried before, at the same block and at others, among new ones and more than are kept."""
    first, second = (picture.y for picture in make_clip(80, 48, 2, 3))
    draw = np.random.Generator(np.random.PCG64(4))
    fields = [draw.integers(-6, 7, (2, 3, 5)).astype(np.int32) for _ in range(4)]
    fields += [np.where(draw.random((3, 5)) < 0.5, fields[0], fields[2]), fields[1], fields[3][:, ::-1].copy()]
    fields += [fields[0] + 8 * n for n in (1, 2)] + [fields[0]]
    kept = BlockErrors(second, first, fields[0].shape)
    for field in fields:
        alone = BlockErrors(second, first, field.shape).of(field)
        assert np.array_equal(kept.of(field), alone) and alone.std() > 0
    some = draw.integers(0, 15, 40)
    twice = np.tile(fields[1].reshape(2, -1)[:, some], 2)
    assert np.array_equal(kept(twice, np.tile(some, 2)), np.tile(alone_at(first, second, fields[1], some), 2))


@pytest.mark.parametrize("vector", [(0, 0), (5, -9), (-2, 7), (400, -3), (-1, -8000)])
def test_errors_are_those_of_what_the_warp_shows(make_clip, vector: tuple[int, int]) -> None:
    """Where all blocks move alike, to a rounding of the interpolated pels, beyond the picture's edges too."""
    first, second = (picture.y for picture in make_clip(80, 48, 2, 5))
    field = np.broadcast_to(np.array(vector, dtype=np.int32)[:, None, None], (2, 3, 5)).copy()
    errors = BlockErrors(second, first, field.shape).of(field)
    apart = warp.warp(first, field).astype(float) - second
    want = np.square(apart).reshape(3, 16, 5, 16).mean(axis=(1, 3))
    assert np.abs(np.sqrt(errors) - np.sqrt(want)).max() < 0.3 and want.max() > 10


def alone_at(first, second, field: Field, blocks: NDArray[np.intp]) -> NDArray[np.float32]:
    return BlockErrors(second, first, field.shape).of(field).ravel()[blocks]
