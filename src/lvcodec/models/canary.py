"""A model's canary: fixed pictures and symbols through all its networks and the warp, one hash for each quality.

The hash that the reference backend gives is stored in the manifest (`record`, at export). Coding compares once on each
installation, and takes the next backend where one differs (`choose`); `lvcodec doctor` compares all (survey.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec import names
from lvcodec.errors import LvcError, WeightsError
from lvcodec.exact import backends, installation, warp
from lvcodec.exact.condition import Condition
from lvcodec.exact.layers import unshuffled
from lvcodec.exact.loaded import without_gradients
from lvcodec.exact.settings import whole_products
from lvcodec.models import loading, store
from lvcodec.models.store import ModelInfo
from lvcodec.native.self_test import numbers
from lvcodec.nets.coding import Array, Coding, InterPath, as_numpy
from lvcodec.nets.inter_context import (
    HEADS,
    MAGNITUDES,
    InterContext,
    change_planes,
    context_planes,
    is_even,
    motion_features,
    remembered,
    sizes_of,
)

KEY = "canary"  # in the manifest
VERSION = 4  # of what is run and hashed: hashes of other versions are not compared
HEIGHT, WIDTH = 64, 128
SHIFTED = 3  # samples between the two pictures
REACH = 99  # quarters of a pel that vectors of the canary go, at most
FORGED = 2**14  # factor to symbols, as only a forged stream has them: clamps


def digest(coding: Coding) -> str:
    """SHA-256, hexadecimal, of all that a model's networks put out at one quality, and the warp."""
    hashed = hashlib.sha256()

    def keep(*outputs: Array) -> None:
        for output in outputs:
            hashed.update((as_numpy(output).astype(np.float64) * 64).astype("<i8").tobytes())

    def reals(output: Array) -> NDArray[np.float64]:
        return np.ascontiguousarray(as_numpy(output), dtype=np.float64)

    given = coding.given
    with whole_products(), without_gradients():
        latents, later = (coding.analyse(*(given(plane) for plane in _planes(move))) for move in (0, SHIFTED))
        y, y_next = reals(coding.symbols(latents)), reals(coding.symbols(later))
        z = reals(coding.hyper(latents))
        keep(latents, later, y, z)
        for _, parameters in coding.intra_passes(given(z)):
            keep(*parameters(given(y)))
        reference, forged = coding.units(given(y)), coding.units(given(y * FORGED))
        keep(*coding.pixels(reference), *coding.pixels(forged))
        residual = y_next - y
        z = reals(coding.p_hyper(reference, given(residual)))
        keep(z, *coding.p_parameters(given(z), reference), *coding.p_parameters(given(z), forged))
        direction = np.clip(residual, -1, 1)
        z = reals(coding.shift_hyper(given(direction), later))
        change = reals(coding.compensate(given(z), given(residual - direction), given(direction), reference))
        keep(z, change, *coding.pixels(coding.units(given(y + change))))
        planes = _planes(0)
        if coding.inter is not None:
            keep(*_inter_path(coding.inter, planes))
        for far, side in product((REACH, warp.MAX_VECTOR), warp.SIDES):
            field = numbers(warp.field_shape(HEIGHT, WIDTH, side), -far, far, 48271).astype(np.int32)
            for plane, chroma in ((planes[0], False), (planes[1], True)):
                keep(warp.warp(plane[0, 0], field, side, chroma=chroma))
    return hashed.hexdigest()


def _inter_path(inter: InterPath, planes: tuple[NDArray[np.uint8], ...]) -> Iterator[Array]:
    """All that the inter path puts out for a made-up B-picture, in which few places are live."""
    rows, columns, channels = HEIGHT // 16, WIDTH // 16, inter.shape.latent
    field = numbers((2, rows, columns), -REACH, REACH, 48271).astype(np.int32)
    single = numbers((rows, columns), 0, 1, 16807).astype(bool)
    index = inter.quality_index
    context = InterContext(
        numbers((channels, rows, columns), 0, MAGNITUDES[-1], 69621).astype(np.uint8),
        motion_features(field, single, warp.COARSE_SIDE),
        context_planes(index, (40, 90), 1, 3, b_picture=True),
        change_planes(index, b_picture=True),
    )
    symbols = numbers((rows * columns, channels), -2, 2, 39373).astype(np.int32)
    symbols[numbers((rows * columns,), 0, 2, 48271).astype(bool)] = 0
    live, every = symbols.any(axis=1).reshape(rows, columns), np.arange(rows * columns)
    features = inter.features(context)
    yield from (inter.live_levels(parity, features, live, every) for parity in (0, 1))
    odd = ~is_even(rows, columns).ravel()
    for number in range(HEADS):
        places = (live.ravel() & (odd == number % 2)).nonzero()[0]
        if places.size:
            yield inter.indices(number, features, live, sizes_of(symbols), places)
    for factor in (1, FORGED):
        yield from inter.changed(planes, symbols * factor, context)
    yield remembered(context, symbols)
    residual = numbers((96, HEIGHT // 8, WIDTH // 8), -255, 255, 48271).astype(np.float64)
    yield as_numpy(inter.analysis(unshuffled(residual.transpose(1, 2, 0), 2).reshape(rows * columns, -1))).T


def _planes(move: int) -> tuple[NDArray[np.uint8], ...]:
    """A picture as the networks take it: a slope with blocks and noise, `move` samples to the left."""
    planes = []
    for side in (1, 2, 2):
        rows = np.arange(0, HEIGHT, side)[:, None]
        columns = np.arange(0, WIDTH, side)[None] + move
        blocks = (rows // 11 * 7 + columns // 13 * 5) % 4 * 40
        noise = (rows * 1103 + columns * 4057 + rows * columns) % 23
        planes.append((16 + rows // 2 + columns // 4 + blocks + noise).astype(np.uint8)[None, None])
    return tuple(planes)


def recorded(info: ModelInfo) -> dict[int, str]:
    """The hashes in a model's manifest, by quality index; empty where there are none of this version."""
    canary: Any = info.manifest.get(KEY)
    if not isinstance(canary, dict) or canary.get("version") != VERSION:
        return {}
    try:
        return {int(index): str(value) for index, value in canary["sha256"].items()}
    except (KeyError, ValueError, AttributeError) as error:
        raise WeightsError(f"the manifest in {info.path} has a canary that cannot be read") from error


def record(info: ModelInfo) -> ModelInfo:
    """Work out a model's canary in the reference backend and write it into the manifest.

    Raises WeightsError if the weights are damaged or the manifest cannot be written.
    """
    hashes = {str(index): digest(loading.coding(info, index, backend="reference")) for index in loading.qualities(info)}
    manifest = {**info.manifest, KEY: {"version": VERSION, "sha256": hashes}}
    store.write_manifest(info.path, manifest)
    return replace(info, manifest=manifest)


# ---- once on each installation -----------------------------------------------------------------------------------


def choose(
    info: ModelInfo, quality_index: int, device: str, name: str, notify: Callable[[str], None] | None = None
) -> str:
    """The name of the backend to code with: that of exact/backends.py for `name`, if it is right on this installation.

    One that was chosen by "auto" and gives other hashes than the manifest's is passed over, with a word to `notify`;
    the last of names.BACKENDS is not tried. A backend that was named is taken as it is.
    """
    picked = backends.pick_backend(name, device)
    if backends.asked_for(name) != names.AUTO:
        return picked
    place = names.BACKENDS.index(picked)
    for faster in names.BACKENDS[:place]:
        if notify and backends.condition(faster, device) is Condition.WRONG:
            notify(_passed_over(faster, picked))
    order = names.BACKENDS[place:]
    for backend, next_one in zip(order, order[1:], strict=False):
        if _right(info, quality_index, device, backend):
            return backend
        if notify:
            notify(_passed_over(backend, next_one))
    return order[-1]


def _passed_over(backend: str, next_one: str) -> str:
    return (
        f"the {backend} backend does not compute right on this machine, so {next_one} is used; "
        "please report what lvcodec doctor tells"
    )


def _right(info: ModelInfo, quality_index: int, device: str, backend: str) -> bool:
    """Whether a backend gives the manifest's hashes; True where there are none."""
    hashes = recorded(info)
    if quality_index in hashes:
        hashes = {quality_index: hashes[quality_index]}
    subject = f"{backend} {info.weights_id} {' '.join(hashes.values())}"
    if not hashes or installation.known(subject, device):
        return True
    if any(attempt(info, index, device, backend) != value for index, value in hashes.items()):
        return False
    installation.remember(subject, device)
    return True


def attempt(info: ModelInfo, quality_index: int, device: str, backend: str) -> str:
    """The hash that a backend gives, or what hinders it."""
    try:
        return digest(loading.coding(info, quality_index, device, backend))
    except LvcError:
        raise
    except (RuntimeError, TypeError, MemoryError) as error:  # operators that are private, and devices that are odd
        return in_a_line(error)


def in_a_line(error: Exception) -> str:
    """A failure where a hash would stand."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
