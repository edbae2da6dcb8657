"""Pictures of swift's inter path: what is written is read, on every backend, and shows the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from entropy.judge import RangeDecoder
from second_decoder.inter import InterPath as SecondPath
from second_decoder.inter import Known, motion_of, planes_of, together
from second_decoder.inter import remembered as remembered_twice
from second_decoder.weights import Weights

from lvcodec.codec.inter import InterReference, code_inter, context_of, padded_to_places, reconstruct_inter
from lvcodec.encoder.inter import encode_inter
from lvcodec.entropy.coder import Reader, Writer
from lvcodec.exact import warp
from lvcodec.exact.backends import layers_of
from lvcodec.exact.layers import Layers
from lvcodec.exact.ops import use_backend
from lvcodec.models import export, loading
from lvcodec.models.inter_steps import inter_arrays
from lvcodec.names import BACKENDS
from lvcodec.nets.coding import InterPath
from lvcodec.nets.inter import Inter
from lvcodec.nets.inter_coding import InterCoding
from lvcodec.nets.inter_context import InterContext, change_planes, context_planes, motion_features, remembered
from lvcodec.nets.inter_kernels import InterKernels
from lvcodec.nets.linear import PATCH_CHANNELS
from lvcodec.nets.shapes import InterShape
from lvcodec.nets.swift import step_tables
from lvcodec.video.picture import Picture

HEIGHT, WIDTH = 70, 102  # no multiples of 16
ROWS, COLUMNS = 5, 7
QUALITY_INDEX = 60
M = InterShape().latent
WEIGHT = 100.0  # of errors: random weights put out tables that make symbols dear

MakeCoding = Callable[[str], InterPath]


@pytest.fixture(scope="module")
def arrays() -> dict[str, Any]:
    """The integers of networks with random weights that do something everywhere."""
    torch.manual_seed(3)
    model = Inter(InterShape())
    with torch.no_grad():
        basis, _ = torch.linalg.qr(torch.randn(PATCH_CHANNELS, PATCH_CHANNELS))
        model.enc_linear.weight.copy_(basis[:, :, None, None])
        model.dec_linear.weight.copy_(basis.T[:, :, None, None])
        model.log_step.fill_(1.8)
        model.log_scale.fill_(-0.7)
        model.outward.uniform_(-0.2, 0.2)
        model.dead_zone.uniform_(-0.2, 0.6)
        for layer in (*model.head_out, *model.live_out, model.change_out):
            layer.weight.normal_(0, 0.05)
    return export.layer_arrays(model, "layers.inter.") | inter_arrays(model)


@pytest.fixture(scope="module")
def make_coding(arrays: dict[str, Any]) -> MakeCoding:
    """The networks on a backend."""
    steps = step_tables(arrays)
    tables, _ = loading.table_sets(arrays)

    def made(backend: str) -> InterPath:
        if backend == "native":
            named = {name: table.numpy() for name, table in steps.items()}
            return InterKernels(Layers(arrays, "layers.inter."), named, tables, QUALITY_INDEX)
        with torch.device("meta"):
            coded = Inter(InterShape())
        loading.load_layers(coded, arrays, "layers.inter.")
        use_backend(coded, layers_of(backend))
        return InterCoding(coded.eval(), steps, tables, QUALITY_INDEX)

    return made


def pictures() -> tuple[Picture, Picture]:
    """A picture and what is predicted for it: alike on the left, elsewhere not."""
    random = np.random.default_rng(5)
    source, predicted = [], []
    for part in (1, 2, 2):
        plane = random.integers(0, 256, (HEIGHT // part, WIDTH // part), dtype=np.uint8)
        other = plane.copy()
        right = plane.shape[1] // 2
        noise = random.integers(-40, 40, plane[:, right:].shape)
        other[:, right:] = np.clip(plane[:, right:].astype(int) + noise, 0, 255)
        source.append(plane)
        predicted.append(other)
    return Picture(*source), Picture(*predicted)


def context(*, b_picture: bool) -> InterContext:
    random = np.random.default_rng(7)
    field = random.integers(-300, 300, (2, ROWS, COLUMNS)).astype(np.int32)
    return InterContext(
        random.integers(0, 65, (M, ROWS, COLUMNS)).astype(np.uint8),
        motion_features(field, random.random((ROWS, COLUMNS)) < 0.3, warp.COARSE_SIDE),
        context_planes(QUALITY_INDEX, (80, 60), 1, 4, b_picture=b_picture),
        change_planes(QUALITY_INDEX, b_picture=b_picture),
    )


@pytest.mark.parametrize("b_picture", [False, True])
def test_what_is_written_is_read_and_shows_the_same_on_every_backend(
    make_coding: MakeCoding, *, b_picture: bool
) -> None:
    picture, prediction = pictures()
    known, shown = context(b_picture=b_picture), []
    for backend in BACKENDS:
        coding, writer = make_coding(backend), Writer()
        symbols = encode_inter(picture, prediction, known, coding, writer, WEIGHT)
        payload = writer.finish()
        reader = Reader(payload)
        read = code_inter(None, known, coding, reader)
        np.testing.assert_array_equal(read, symbols)
        assert reader.bits == writer.bits
        x_hat = reconstruct_inter(prediction, read, known, coding)
        shown.append((payload, *x_hat.planes, remembered(known, read)))
    assert symbols.any(axis=1).sum() < symbols.shape[0], "no place is dead"
    for other in shown[1:]:
        for ours, theirs in zip(shown[0], other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_places_whose_errors_weigh_more_get_more_symbols(make_coding: MakeCoding) -> None:
    picture, prediction = pictures()
    known, coding = context(b_picture=False), make_coding("float")
    heavy = np.arange(ROWS * COLUMNS) % 2 == 0
    even = encode_inter(picture, prediction, known, coding, Writer(), WEIGHT)
    weighed = encode_inter(picture, prediction, known, coding, Writer(), np.where(heavy, 4 * WEIGHT, WEIGHT))
    assert (weighed != 0)[heavy].sum() > (even != 0)[heavy].sum()


@pytest.mark.parametrize("b_picture", [False, True])
def test_the_second_decoder_reads_and_shows_the_same(
    arrays: dict[str, Any], make_coding: MakeCoding, *, b_picture: bool
) -> None:
    picture, prediction = pictures()
    known, coding, writer = context(b_picture=b_picture), make_coding("float"), Writer()
    symbols = encode_inter(picture, prediction, known, coding, writer, WEIGHT)
    x_hat = reconstruct_inter(prediction, symbols, known, coding)
    weights = Weights.__new__(Weights)
    weights.arrays, weights._sets = arrays, {}
    second = SecondPath(weights, QUALITY_INDEX)
    theirs = Known(known.history.astype(np.int64), known.motion, known.planes, b_picture)
    read = second.read(RangeDecoder(writer.finish()), theirs)
    np.testing.assert_array_equal(read.reshape(M, -1).T, symbols)
    padded = [plane[0, 0].astype(np.int64) for plane in padded_to_places(prediction)]
    for ours, plane in zip(x_hat.planes, second.shown(padded, read, theirs), strict=True):
        np.testing.assert_array_equal(ours, plane[: ours.shape[0], : ours.shape[1]])
    np.testing.assert_array_equal(remembered(known, symbols), remembered_twice(theirs.history, read))


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (56, 128), (8, 7), (64, 90)])
@pytest.mark.parametrize("side", warp.SIDES)
def test_the_second_decoder_has_the_same_features(size: tuple[int, int], side: int) -> None:
    """Rows and columns of blocks of 8 may be odd."""
    random = np.random.default_rng(11)
    shape = warp.field_shape(*size, side)
    field = random.integers(-8192, 8193, shape) >> random.integers(0, 14, (1, *shape[1:]))
    single = random.random(shape[1:]) < 0.5
    features = motion_features(field.astype(np.int32), single, side)
    assert features.shape == (8, *warp.field_shape(*size, warp.COARSE_SIDE)[1:]) and features.dtype == np.int32
    np.testing.assert_array_equal(features, motion_of(field, single, side))


def test_features_of_several_blocks_are_the_largest() -> None:
    """At each position of 16 pels of a field of 8, of the four blocks there, or of those within the field."""
    field = np.zeros((2, 3, 5), dtype=np.int32)
    field[:, 0, 1], field[:, 2, 4] = (4, -8), (1, 0)
    features = motion_features(field, np.arange(15).reshape(3, 5) == 14, warp.FINE_SIDE)
    assert features.shape == (8, 2, 3)
    assert features[4].tolist() == [[49, 0, 0], [0, 0, 7]]  # of 12 and of 1 quarter of a pel
    assert features[0].tolist() == [[49, 0, 0], [0, 0, 7]]
    assert features[2].tolist() == [[49, 49, 0], [0, 0, 7]]
    assert features[3].tolist() == [[49, 0, 0], [0, 7, 0]]  # the last block has none to its right
    assert features[5].tolist() == [[0, 0, 0], [0, 0, 32]] and not features[6].any()
    assert features[7].tolist() == [[0, 0, 0], [0, 0, 32]]


def test_context_of_references(make_coding: MakeCoding) -> None:
    """Histories together, qualities and kinds of both; a P-picture's one counts twice."""
    coding, field = make_coding("float"), np.zeros((2, ROWS, COLUMNS), dtype=np.int32)
    still, alone = (
        motion_features(field, np.full((ROWS, COLUMNS), single), warp.COARSE_SIDE) for single in (False, True)
    )
    intra, other = InterReference(90), InterReference(71, np.full((M, ROWS, COLUMNS), 25, dtype=np.uint8))
    p_picture = context_of((intra, intra), still, coding, distance=1, b_picture=False)
    assert p_picture.planes.tolist() == [QUALITY_INDEX - 80, QUALITY_INDEX - 90, 32, 0, 7]
    np.testing.assert_array_equal(planes_of(QUALITY_INDEX, 180, 2, 1, is_b=False), p_picture.planes)
    assert not p_picture.history.any()
    b_picture = context_of((intra, other), alone, coding, distance=4, b_picture=True)
    assert b_picture.planes.tolist() == [QUALITY_INDEX - 80, (120 - 161) // 2, 16, 32, 28]
    np.testing.assert_array_equal(planes_of(QUALITY_INDEX, 161, 1, 4, is_b=True), b_picture.planes)
    assert (b_picture.history == 13).all()
    assert (together(None, other.history.astype(np.int64), other.history.shape) == 13).all()
    assert (b_picture.motion[-1] == 32).all()
    assert b_picture.change.tolist() == [QUALITY_INDEX - 80, 32]


def test_symbols_bring_the_prediction_nearer_and_leave_the_rest_alone(make_coding: MakeCoding) -> None:
    picture, prediction = pictures()
    known, coding = context(b_picture=False), make_coding("float")
    symbols = encode_inter(picture, prediction, known, coding, Writer(), WEIGHT)
    x_hat = reconstruct_inter(prediction, symbols, known, coding)

    def error(shown: Picture) -> float:
        return float(np.square(picture.y.astype(float) - shown.y).mean())

    assert error(x_hat) < 0.7 * error(prediction)
    np.testing.assert_array_equal(x_hat.y[:, :16], prediction.y[:, :16])


def test_a_picture_that_was_predicted_right_costs_nothing(make_coding: MakeCoding) -> None:
    picture, _ = pictures()
    known, coding, writer = context(b_picture=False), make_coding("float"), Writer()
    symbols = encode_inter(picture, picture, known, coding, writer, WEIGHT)
    assert not symbols.any()
    assert reconstruct_inter(picture, symbols, known, coding) is picture


def test_symbols_of_any_size_are_reconstructed(make_coding: MakeCoding) -> None:
    """A forged stream may hold them."""
    _, prediction = pictures()
    known = context(b_picture=True)
    symbols = np.zeros((ROWS * COLUMNS, M), dtype=np.int32)
    symbols[3] = 2**24 - 1
    symbols[4] = -(2**24) + 1
    shown = [reconstruct_inter(prediction, symbols, known, make_coding(backend)) for backend in BACKENDS]
    for other in shown[1:]:
        for ours, theirs in zip(shown[0].planes, other.planes, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_history_falls_and_is_forgotten() -> None:
    known, nothing = context(b_picture=False), np.zeros((ROWS * COLUMNS, M), dtype=np.int32)
    largest = [int(known.history.max())]
    while largest[-1]:
        known = InterContext(remembered(known, nothing), known.motion, known.planes, known.change)
        largest.append(int(known.history.max()))
    assert largest == sorted(set(largest), reverse=True)
    assert len(largest) < 20
