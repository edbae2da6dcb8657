"""The kernels that a decoder needs, in their plain form, on fixed inputs, and the hashes that they must give.

tests/native compares these and all others with the other ways.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.native.layers import Block, Given, Layer, Linear

SHA256 = {
    "layers": "6a6a1acf772c97bbf2fc142be3218d1c449c00f45d9e66125f6a933fc6b95ecc",
    "coder": "462383839253dc8262dd8ef50197295eed1a6063b6df2e4c5f0c97de9e030d16",
    "warp": "ea60fd59d40c9f3fab9be64efcf3a0530a112a248aa22f00bcb6f987bb61d74b",
}


def right(kernels: ModuleType) -> bool:
    """Whether the kernels that are run here give their hashes."""
    return all(digest(name, kernels) == expected for name, expected in SHA256.items())


def digest(name: str, kernels: ModuleType) -> str:
    """SHA-256, hexadecimal, of what a kernel gives."""
    return hashed(_RUNS[name](kernels))


def hashed(outputs: list[NDArray[Any]]) -> str:
    """SHA-256, hexadecimal, of arrays as 64-bit integers."""
    digest = hashlib.sha256()
    for output in outputs:
        digest.update(output.astype("<i8").tobytes())
    return digest.hexdigest()


def numbers(shape: tuple[int, ...], low: int, high: int, step: int) -> NDArray[np.int64]:
    """low <= v <= high, in a fixed disorder. step: another prime gives another one."""
    place = np.arange(1, np.empty(shape, dtype=np.bool_).size + 1, dtype=np.int64).reshape(shape)
    return low + place * step % 2147483647 // 7 % (high - low + 1)


# ---- warp -------------------------------------------------------------------------------------------------------

HEIGHT, WIDTH = 67, 117
FAR = (9, 999)  # quarters of a pel
FORMS = ((8, 4, (16, 8)), (4, 8, (8, 4)))  # taps, phases, sides of blocks


def made_taps(count: int, steps: int) -> NDArray[np.int16]:
    """(steps, count), rows that sum to 64: as good as those of exact/warp.py, for a test."""
    taps = np.zeros((steps, count), dtype=np.int16)
    middle = count // 2 - 1
    for part in range(steps):
        taps[part, [0, count - 1]] = part, -part
        taps[part, middle - 1] -= 3 * part
        taps[part, middle : middle + 3] += np.array([64 - 6 * part, 10 * part, -part], dtype=np.int16)
    return taps


def warp_inputs() -> list[tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int16], int]]:
    """Plane, field, taps and side of each case; some neighbours share a vector."""
    plane = numbers((HEIGHT, WIDTH), 0, 255, 48271).astype(np.uint8)
    cases = []
    for count, steps, sides in FORMS:
        taps = made_taps(count, steps)
        for side in sides:
            shape = 2, -(-HEIGHT // side), -(-WIDTH // side)
            for far in FAR:
                field = numbers(shape, -far, far, 40692).astype(np.int32)
                field[:, :, 1::3] = field[:, :, ::3][:, :, : field[:, :, 1::3].shape[2]]
                field[:, : shape[1] // 2, : shape[2] // 2] = 3
                cases.append((plane, field, taps, side))
    return cases


def which_of(field: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(rows, columns): blocks that show one plane, 1, the other, 2, or both, 3; runs of them, and single ones."""
    mixed = numbers(field.shape[1:], 1, 3, 39373).astype(np.uint8)
    mixed[: len(mixed) // 3] = 3
    return mixed


def _warp(kernels: ModuleType) -> list[NDArray[Any]]:
    """Of each case one plane moved, and that plane and another, upside down, moved against each other."""
    outputs = []
    for plane, field, taps, side in warp_inputs():
        second = plane[::-1].copy(), -field, which_of(field)
        for other in ((None, None, None), second):
            shown = np.empty_like(plane)
            kernels.warp(shown, plane, field, taps, *other, *plane.shape, *field.shape[1:], *taps.shape, side)
            outputs.append(shown)
    return outputs


# ---- range coder ------------------------------------------------------------------------------------------------

ELEMENTS = 700
LENGTHS = np.array([2, 9, 40, 3], dtype=np.int32)


def coder_inputs() -> tuple[NDArray[np.int32], ...]:
    """Counts of tables of LENGTHS, end to end; of each element index, centre, sign and value."""
    counts = []
    for length in LENGTHS.tolist():
        table = numbers((length,), 1, 2**19, 48271)
        table[1:] //= np.arange(1, length)
        table[0] += 2**24 - int(np.add.reduce(table))
        counts.append(table.astype(np.int32))
    limits = (0, len(LENGTHS) - 1, 40692), (-9, 9, 48271), (0, 1, 69621), (-30, 30, 39373), (0, 99, 16807)
    index, centre, signs, near, far = (numbers((ELEMENTS,), *limit).astype(np.int32) for limit in limits)
    values = np.where(far == 0, near * 2**18, np.where(far < 70, centre, centre + near // 4))
    return np.concatenate(counts), index, centre, 2 * signs - 1, values.astype(np.int32)


def _coder(kernels: ModuleType) -> list[NDArray[Any]]:
    """The words written, twice over, and the values read from them."""
    counts, index, centre, sign, values = coder_inputs()
    starts = np.cumsum(LENGTHS, dtype=np.int64) - LENGTHS
    below = np.cumsum(counts, dtype=np.int64) - counts
    below = (below - np.repeat(below[starts], LENGTHS)).astype(np.uint32)
    uses, words = np.zeros(below.size, dtype=np.uint32), np.zeros(4 * ELEMENTS, dtype=np.uint32)
    state, tables = np.array([0, 2**64 - 1, 0], dtype=np.uint64), (starts, LENGTHS, below, uses)
    for _ in range(2):
        kernels.write(index, centre, sign, values, *tables, state, words)
    written, end = words[: int(state[2])], np.array([(int(state[0]) >> 32) + 1], dtype=np.uint32)
    source = np.concatenate([written, end])
    state = np.array([2**64 - 1, int(source[0]) << 32 | int(source[1]), 2], dtype=np.uint64)
    read = [np.empty_like(values) for _ in range(2)]
    for found in read:
        kernels.read(index, centre, sign, found, *tables, state, source)
    return [written, uses, *read]


# ---- layers -----------------------------------------------------------------------------------------------------

SIDES = 7, 9  # of activations
BLOCK = 64, 128  # channels, hidden
LINEAR = 24, 32  # inputs, outputs
LAYERS = (  # inputs, outputs, side, activation, zero of the input
    (66, 70, 1, "wide", 0),
    (66, 70, 1, "clamp", 128),
    (20, 150, 3, "relu", 128),
    (42, 21, 5, "wide", 128),
)


def given_layer(inputs: int, outputs: int, kernel: int, act: str, *, groups: int = 1) -> Given:
    """A layer whose sums are brought to units of all sizes."""
    weight = numbers((outputs, inputs // groups, kernel, kernel), -64, 64, 48271)
    shift = 4 + kernel + numbers((outputs,), 0, 5, 40692) + (2 if groups == 1 else 0)
    return Given(weight, numbers((outputs,), -4000, 4000, 69621), shift, act, groups)


def block_layers() -> tuple[Given, Given, Given]:
    """Those of a residual block."""
    channels, hidden = BLOCK
    each = given_layer(channels, channels, 3, "clamp", groups=channels)
    return each, given_layer(channels, hidden, 1, "relu"), given_layer(hidden, channels, 1, "wide")


def linear_layer() -> Given:
    """One of more than 8 bits."""
    inputs, outputs = LINEAR
    weight = numbers((outputs, inputs, 1, 1), -(2**16), 2**16, 48271)
    return Given(weight, numbers((outputs,), -(2**20), 2**20, 69621), numbers((outputs,), 0, 14, 40692), "wide")


def activations(channels: int) -> NDArray[np.uint8]:
    """(H, W, channels) bytes."""
    return numbers((*SIDES, channels), 0, 255, 16807).astype(np.uint8)


def _layers(kernels: ModuleType) -> list[NDArray[Any]]:
    outputs: list[NDArray[Any]] = [Block(kernels, *block_layers())(activations(BLOCK[0]))]
    for inputs, count, kernel, act, zero in LAYERS:
        outputs.append(Layer(kernels, given_layer(inputs, count, kernel, act), zero)(activations(inputs)))
    units = numbers((*SIDES, LINEAR[0]), -40000, 40000, 16807)
    units[1:] //= 8  # rows of 16 bits, and others
    outputs.append(Linear(kernels, linear_layer())(units.astype(np.float64)))
    return outputs


_RUNS: dict[str, Callable[[ModuleType], list[NDArray[Any]]]] = {"warp": _warp, "coder": _coder, "layers": _layers}
