"""Each kernel on fixed inputs, and the hash that it must give; tests/native compare those with the other ways."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHA256 = {
    "warp": "0d7338ce78fadef3825f4a7c7ba3fe64918c9ffef0b4e032839dbc089d4f92c3",
}


def right(kernels: ModuleType) -> bool:
    """Whether every kernel gives its hash."""
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


def _warp(kernels: ModuleType) -> list[NDArray[Any]]:
    return [run_warp(kernels, *case) for case in warp_inputs()]


def run_warp(
    kernels: ModuleType, plane: NDArray[np.uint8], field: NDArray[np.int32], taps: NDArray[np.int16], side: int
) -> NDArray[np.uint8]:
    """The kernel `warp` on arrays."""
    shown = np.empty_like(plane)
    kernels.warp(shown, plane, field, taps, *plane.shape, *field.shape[1:], *taps.shape, side)
    return shown


_RUNS: dict[str, Callable[[ModuleType], list[NDArray[Any]]]] = {"warp": _warp}
