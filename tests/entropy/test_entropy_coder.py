"""The coder: round trips, the judge's bytes, the rate, and damage."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import RangeDecoder, RangeEncoder, decode_call, encode_call
from numpy.typing import NDArray

from lvcodec import native
from lvcodec.entropy.builders import round_to_counts, scale_grid_tables
from lvcodec.entropy.call import VALUE_LIMIT
from lvcodec.entropy.coder import Coder, Reader, Writer
from lvcodec.entropy.tables import TOTAL, Ints, TableSet, exact_model, unzigzag
from lvcodec.errors import InputError, StreamError

GRID = scale_grid_tables("laplace", np.geomspace(0.04, 20, 16), np.arange(5) / 8)


@pytest.fixture(params=["compiled", "batches"], autouse=True, scope="module")
def who_codes(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "batches":
            patch.setattr(native, "kernels", lambda: None)
        elif native.kernels() is None:
            pytest.skip(f"no compiled kernels: {native.condition()}")
        yield


def random_tables(rng: np.random.Generator, count: int) -> TableSet:
    """Of all shapes: 2 to 40 entries, flat or steep, sometimes with a likely escape."""
    tables = []
    for _ in range(count):
        weights = rng.random(int(rng.integers(2, 41))) ** float(rng.choice([1, 8, 60]))
        weights[-1] *= float(rng.choice([0, 1]))
        tables.append(round_to_counts(weights + 1e-12))
    return TableSet(np.concatenate(tables), np.array([t.size for t in tables]))


def lists(tables: TableSet) -> list[list[int]]:
    return [tables.table(number).tolist() for number in range(len(tables))]


def random_values(rng: np.random.Generator, size: int) -> Ints:
    """Mostly small, some beyond every table, some huge."""
    values = np.round(rng.laplace(0, rng.choice([0.2, 2.0, 20.0], size)))
    huge = rng.random(size) < 0.02
    return np.where(huge, rng.integers(-(1 << 20), (1 << 20) + 1, size), values).astype(np.int32)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 30),
    shapes=st.lists(st.sampled_from([(0,), (), (1,), (7,), (3, 5, 4), (0, 3), (2, 64), (1, 6, 11, 9)]), max_size=4),
    dtype=st.sampled_from([np.int32, np.int64, np.uint8]),
)
def test_round_trip(seed: int, count: int, shapes: list[tuple[int, ...]], dtype: type) -> None:
    rng = np.random.default_rng(seed)
    tables = random_tables(rng, count)
    calls: list[tuple[Any, ...]] = []
    for shape in shapes:
        size = int(np.prod(shape))
        calls.append(
            (
                random_values(rng, size).reshape(shape),
                rng.integers(0, count, shape).astype(dtype),
                rng.integers(-9, 10, shape).astype(np.int32) if rng.random() < 0.5 else int(rng.integers(-9, 10)),
                rng.choice([-1, 1], shape).astype(np.int32) if rng.random() < 0.5 else 1,
            )
        )

    writer = Writer()
    for i, (values, index, centre, sign) in enumerate(calls):
        writer.begin(f"stream {i % 2}")
        written = writer.code(values, tables, index, centre, sign)
        assert np.array_equal(written, values) and written.dtype == np.int32
    payload = writer.finish()

    reader = Reader(payload)
    for i, (values, index, centre, sign) in enumerate(calls):
        reader.begin(f"stream {i % 2}")
        read = reader.code(None, tables, index, centre, sign)
        assert read.shape == values.shape and read.dtype == np.int32
        assert np.array_equal(read, values)
    assert reader.bits == writer.bits


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 8), size=st.integers(0, 120))
def test_judge_agrees(seed: int, count: int, size: int) -> None:
    """An independent integer coder gives the same bytes and reads the same values."""
    rng = np.random.default_rng(seed)
    tables = random_tables(rng, count)
    writer, judge = Writer(), RangeEncoder()
    calls = []
    for part in (size, 3):
        values, index = random_values(rng, part), rng.integers(0, count, part)
        writer.code(values, tables, index)
        encode_call(judge, lists(tables), index.tolist(), values.tolist())
        calls.append((values, index))
    assert writer.finish() == judge.payload()

    judge_reader, reader = RangeDecoder(judge.payload()), Reader(judge.payload())
    for values, index in calls:
        assert decode_call(judge_reader, lists(tables), index.tolist()) == values.tolist()
        assert reader.code(None, tables, index).tolist() == values.tolist()


@settings(max_examples=60, deadline=None)
@given(payload=st.binary(max_size=60), seed=st.integers(0, 99))
def test_judge_agrees_on_garbage(payload: bytes, seed: int) -> None:
    """Past the end, and on words that no encoder writes, both read the same or both refuse."""
    rng = np.random.default_rng(seed)
    tables = random_tables(rng, 4)
    index = rng.integers(0, 4, 150)
    try:
        expected = decode_call(RangeDecoder(payload), lists(tables), index.tolist())
    except ValueError:
        with pytest.raises(StreamError, match="damaged payload"):
            Reader(payload).code(None, tables, index)
    else:
        assert Reader(payload).code(None, tables, index).tolist() == expected


@pytest.mark.parametrize("seed", range(40))
def test_carries_through_many_words(seed: int) -> None:
    """Intervals that straddle one half for many words, so that a late symbol settles them all: on purpose."""
    draw = random.Random(seed)
    rng = np.random.default_rng(seed)
    flat = round_to_counts(0.5 + rng.random(draw.randrange(2, 30)))
    counts, model = flat.tolist(), exact_model(flat)
    at_half = RangeDecoder(b"\x80")
    symbols = [at_half.decode(counts) for _ in range(draw.randrange(60, 200))]
    symbols[-1] = draw.randrange(len(counts))
    encoder, judge = constriction.stream.queue.RangeEncoder(), RangeEncoder()
    encoder.encode(np.array(symbols, dtype=np.int32), model)
    for symbol in symbols:
        judge.encode(counts, symbol)
    words = judge.finish()
    assert words[:2] in ([0x7FFFFFFF, 0xFFFFFFFF], [0x80000000, 0])
    assert encoder.get_compressed().tolist() == words


@pytest.mark.parametrize("seed", range(40))
def test_carries_of_a_writer(seed: int) -> None:
    """The same intervals, coded one by one, now without escapes."""
    draw = random.Random(seed)
    counts = 2**21 - 9 + np.arange(8, dtype=np.int32)
    table = TableSet(np.append(counts, TOTAL - counts.sum()), np.array([9]))
    at_half, judge, writer = RangeDecoder(b"\x80"), RangeEncoder(), Writer()
    symbols = [at_half.decode(lists(table)[0]) for _ in range(draw.randrange(200, 300))]
    symbols[-1] = draw.randrange(9)
    for value in unzigzag(np.array(symbols, dtype=np.int32)):
        encode_call(judge, lists(table), [0], [int(value)])
        writer.code(value.reshape(1), table, np.array([0]))
    assert writer.finish() == judge.payload()


def test_exact_words() -> None:
    """The words themselves: a constriction that codes otherwise may not read our streams."""
    counts = np.array([9_000_000, 5_000_000, 2_777_215, 1], dtype=np.int32)
    writer = Writer()
    tables = TableSet(counts, np.array([4]))
    values = np.array([0, 1, -1, 0, 0, 1, 5, -1000, 0], dtype=np.int32)
    writer.code(values, tables, np.zeros(9, dtype=np.int32))
    assert writer.finish().hex() == "6d72c5162435993ae20b54"


@pytest.mark.parametrize("size", [0, 1, 5, 10_000, 300_000])
def test_a_predictable_picture_costs_nothing(size: int) -> None:
    index = np.random.default_rng(1).integers(0, len(GRID), size)
    writer = Writer()
    writer.code(np.zeros(size, dtype=np.int32), GRID, index)
    assert writer.finish() == b""
    assert not Reader(b"").code(None, GRID, index).any()


@pytest.mark.parametrize("size", [0, 1, 3, 30, 300, 3000, 60_000])
def test_rate_is_the_tables(size: int) -> None:
    """The payload is within a byte and a thousandth of the sum of -log2 p, which both sides count."""
    for seed in range(20 if size < 1000 else 3):
        rng = np.random.default_rng(seed)
        tables = random_tables(rng, 20)
        index = rng.integers(0, 20, size)
        values = random_values(rng, size) if seed % 2 else rng.integers(-1, 2, size, dtype=np.int32)
        writer = Writer()
        writer.begin("y")
        writer.code(values, tables, index)
        ideal_bytes = writer.bits["y"] / 8
        payload_bytes = len(writer.finish())
        assert payload_bytes <= ideal_bytes * 1.001 + 1
        expected = 0.0
        for t, s in zip(index.tolist(), (2 * np.abs(values) - (values > 0)).tolist(), strict=True):
            escape = int(tables.lengths[t]) - 1
            expected -= np.log2(tables.table(t)[min(s, escape)] / TOTAL)
            expected += 2 * (s - escape + 1).bit_length() - 1 if s >= escape else 0
        assert writer.bits["y"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("p", [1e-6, 1e-4, 1e-2])
def test_rate_of_sparse_pictures(p: float) -> None:
    """Hardly anything but the likeliest symbol: what the range's rounding costs each symbol stays small."""
    counts = round_to_counts(np.array([1 - p, p / 2, p / 2, 0.0]))
    tables, index = TableSet(counts, np.array([4])), np.zeros(60_000, dtype=int)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        values = rng.choice([-1, 1], index.size) * (rng.random(index.size) < p)
        writer = Writer()
        writer.code(values, tables, index)
        payload = writer.finish()
        assert len(payload) <= writer.bits[""] / 8 + 1 + index.size * 2e-4 / 8
        assert np.array_equal(Reader(payload).code(None, tables, index), values)


def test_escape_bits_are_counted() -> None:
    table = TableSet(np.array([TOTAL // 2, TOTAL // 4, TOTAL // 8, TOTAL // 8]), np.array([4]))
    writer = Writer()
    # Symbols 3 and 4 are 0 and 1 beyond the table: 3 bits for the escape, 1 and 3 bits of Exp-Golomb.
    writer.code(np.array([2, -2]), table, np.array([0, 0]))
    assert writer.bits == {"": 3 + 1 + 3 + 3}


@pytest.mark.parametrize("value", [1 << 20, -(1 << 20), VALUE_LIMIT - 1, 1 - VALUE_LIMIT, 3, -3])
def test_far_values(value: int) -> None:
    values = np.array([0, value, 1, -value, value], dtype=np.int32)
    index = np.array([3, 0, 40, 0, 9])
    writer = Writer()
    writer.code(values, GRID, index)
    assert Reader(writer.finish()).code(None, GRID, index).tolist() == values.tolist()


def test_far_centres_wrap() -> None:
    top, bottom = 2**31 - 1, -(2**31)
    values, centre = np.array([top, bottom, top]), np.array([bottom, top, top - 5])
    writer = Writer()
    index = np.zeros(3, dtype=int)
    writer.code(values, GRID, index, centre)
    assert Reader(writer.finish()).code(None, GRID, index, centre).tolist() == values.tolist()


@pytest.mark.parametrize(
    ("values", "index", "centre", "sign", "message"),
    [
        ([VALUE_LIMIT], [0], 0, 1, "too far"),
        ([-VALUE_LIMIT], [0], 0, 1, "too far"),
        ([-(2**31)], [0], 0, 1, "too far"),
        ([2**31], [0], 0, 1, "32 bits"),
        ([0], [len(GRID)], 0, 1, "outside the set"),
        ([0], [-1], 0, 1, "outside the set"),
        ([0.0], [0], 0, 1, "not integers"),
        ([0], [0.0], 0, 1, "not integers"),
        ([0], [0], 0.5, 1, "not integers"),
        ([0], [0], 0, [0], "neither"),
        ([0, 0], [0], 0, 1, "do not match"),
        ([0, 0], [0, 0], [1, 2, 3], 1, "do not match"),
    ],
)
def test_writer_refuses(values: list[float], index: list[float], centre: Any, sign: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Writer().code(np.array(values), GRID, np.array(index), centre, sign)


def test_wrong_way_round() -> None:
    with pytest.raises(InputError, match="needs the values"):
        Writer().code(None, GRID, np.array([0]))
    with pytest.raises(InputError, match="takes None"):
        Reader(b"").code(np.array([0]), GRID, np.array([0]))


def code_picture(coder: Coder, values: Ints | None, index: NDArray[Any]) -> Ints:
    coder.begin("z")
    first = coder.code(None if values is None else values[:50], GRID, index[:50])
    coder.begin("y")
    return np.concatenate([first, coder.code(None if values is None else values[50:], GRID, index[50:])])


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage(data: st.DataObject) -> None:
    """Whatever the payload holds, the reader gives the asked number of values or a StreamError."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    values, index = random_values(rng, 400), rng.integers(0, len(GRID), 400)
    writer = Writer()
    code_picture(writer, values, index)
    payload = bytearray(writer.finish())
    kind = data.draw(st.sampled_from(["flip", "cut", "random", "ones"]))
    if kind == "flip":
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del payload[data.draw(st.integers(0, len(payload) - 1)) :]
    elif kind == "random":
        payload = bytearray(data.draw(st.binary(max_size=500)))
    else:
        payload = bytearray(b"\xff" * data.draw(st.integers(0, 2000)))
    try:
        read = code_picture(Reader(bytes(payload)), None, index)
    except StreamError as error:
        assert "damaged payload" in str(error)
    else:
        assert read.shape == values.shape


def test_endless_escape_is_refused() -> None:
    """25 continuation bits: a number no writer makes."""
    table = TableSet(np.array([TOTAL - 1, 1]), np.array([2]))
    judge = RangeEncoder()
    judge.encode([TOTAL - 1, 1], 1)
    for bit in [1, 0] * 24 + [1]:
        judge.encode([TOTAL // 2, TOTAL // 2], bit)
    with pytest.raises(StreamError, match="more than 24 bits"):
        Reader(judge.payload()).code(None, table, np.array([0]))


def test_light_and_silent_to_import() -> None:
    """No torch, scipy or compressai behind the coder, and nothing of constriction's warnings on stdout."""
    script = (
        "import sys, numpy as np\n"
        "from lvcodec.entropy.coder import Reader\n"
        "from lvcodec.entropy.tables import TableSet\n"
        "Reader(b'abc').code(None, TableSet(np.array([1 << 23, 1 << 23]), np.array([2])), np.array([0]))\n"
        "sys.exit(len({'torch', 'scipy', 'compressai'} & set(sys.modules)))\n"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
