"""A model's canary: fixed pictures and symbols through all its networks and the warp, one hash for each quality.

The hash that the reference backend gives is stored in the manifest (`record`, at export). Coding compares once on each
installation, and takes the next backend where one differs (`choose`); `lvcodec doctor` compares all (`survey`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lvcodec.errors import LvcError, WeightsError
from lvcodec.models import loading, store
from lvcodec.models.store import ModelInfo

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lvcodec.nets.coding import Coding

KEY = "canary"  # in the manifest
VERSION = 2  # of what is run and hashed: hashes of other versions are not compared
HEIGHT, WIDTH = 64, 128
SHIFTED = 3  # samples between the two pictures
REACH = 99  # quarters of a pel that vectors of the canary go, at most
FORGED = 2**14  # factor to symbols, as only a forged stream has them: clamps


def digest(coding: Coding, device: torch.device) -> str:
    """SHA-256, hexadecimal, of all that a model's networks put out at one quality, and the warp."""
    import torch

    from lvcodec.exact import warp
    from lvcodec.exact.canary import numbers, whole
    from lvcodec.exact.settings import whole_products

    hashed = hashlib.sha256()

    def keep(*outputs: Tensor) -> None:
        for output in outputs:
            hashed.update(whole(output, 64).numpy().astype("<i8").tobytes())

    with whole_products(), torch.inference_mode():
        latents, later = (coding.analyse(*_planes(move, device)) for move in (0, SHIFTED))
        y, y_next = coding.symbols(latents).double(), coding.symbols(later).double()
        z = coding.hyper(latents).double()
        keep(latents, later, y, z)
        for _, parameters in coding.intra_passes(z):
            keep(*parameters(y))
        reference, forged = coding.units(y), coding.units(y * FORGED)
        keep(*coding.pixels(reference), *coding.pixels(forged))
        residual = y_next - y
        z = coding.p_hyper(reference, residual).double()
        keep(z, *coding.p_parameters(z, reference), *coding.p_parameters(z, forged))
        direction = residual.clamp(-1, 1)
        z = coding.shift_hyper(direction, later).double()
        change = coding.compensate(z, residual - direction, direction, reference)
        keep(z, change, *coding.pixels(coding.units(y + change)))
        y_plane, u_plane, v_plane = _planes(0, device)
        keep(*coding.changed((y_plane, u_plane, v_plane), reference, reference + coding.units(residual)))
        for far in (REACH, warp.MAX_VECTOR):
            field = numbers(warp.field_shape(HEIGHT, WIDTH), -far, far, 48271).to(torch.int32).numpy()
            for plane, chroma in ((y_plane, False), (u_plane, True)):
                keep(torch.from_numpy(warp.warp(plane[0, 0].cpu().numpy(), field, chroma=chroma)))
    return hashed.hexdigest()


def _planes(move: int, device: torch.device) -> list[Tensor]:
    """A picture as the networks take it: a slope with blocks and noise, `move` samples to the left."""
    import torch

    planes = []
    for side in (1, 2, 2):
        rows = torch.arange(0, HEIGHT, side)[:, None]
        columns = torch.arange(0, WIDTH, side)[None] + move
        blocks = (rows // 11 * 7 + columns // 13 * 5) % 4 * 40
        noise = (rows * 1103 + columns * 4057 + rows * columns) % 23
        planes.append((16 + rows // 2 + columns // 4 + blocks + noise).to(torch.uint8).to(device)[None, None])
    return planes


def recorded(info: ModelInfo) -> dict[int, str]:
    """The hashes in a model's manifest, by quality index; empty where there are none of this version."""
    told: Any = info.manifest.get(KEY)
    if not isinstance(told, dict) or told.get("version") != VERSION:
        return {}
    try:
        return {int(index): str(value) for index, value in told["sha256"].items()}
    except (KeyError, ValueError, AttributeError) as error:
        raise WeightsError(f"the manifest in {info.path} has a canary that cannot be read") from error


def record(info: ModelInfo) -> ModelInfo:
    """Work out a model's canary in the reference backend and write it into the manifest.

    Raises WeightsError if the weights are damaged or the manifest cannot be written.
    """
    import torch

    device = torch.device("cpu")
    hashes = {
        str(index): digest(loading.coding(info, index, device, "reference"), device)
        for index in loading.qualities(info)
    }
    manifest = {**info.manifest, KEY: {"version": VERSION, "sha256": hashes}}
    partial = info.path / (store.MANIFEST + ".partial")
    try:
        partial.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        partial.replace(info.path / store.MANIFEST)
    except OSError as error:
        raise WeightsError(f"cannot write the manifest in {info.path}: {error.strerror}") from error
    return replace(info, manifest=manifest)


# ---- once on each installation -----------------------------------------------------------------------------------


def choose(
    info: ModelInfo, quality_index: int, device: torch.device, name: str, notify: Callable[[str], None] | None = None
) -> str:
    """The backend to code with: that of exact/backends.py for `name`, if it is right on this installation.

    One that was chosen by "auto" and gives other hashes than the manifest's is passed over, with a word to `notify`;
    `reference` is the last one and not tried. A backend that was named is taken as it is.
    """
    from lvcodec.exact import backends

    picked = backends.pick_backend(name, device)
    if name != "auto" or os.environ.get(backends.VARIABLE, "auto") not in ("", "auto"):
        return picked
    if picked == "float" and backends.int8_fails(device) and notify:
        notify(_passed_over("int8", "float"))
    order = backends.FALLBACK[backends.FALLBACK.index(picked) :]
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


def _right(info: ModelInfo, quality_index: int, device: torch.device, backend: str) -> bool:
    """Whether a backend gives the manifest's hashes; True where there are none."""
    from lvcodec.exact import canary

    hashes = recorded(info)
    if quality_index in hashes:
        hashes = {quality_index: hashes[quality_index]}
    subject = f"{backend} {info.weights_id} {' '.join(hashes.values())}"
    if not hashes or canary.known(subject, device):
        return True
    if any(_try(info, index, device, backend) != value for index, value in hashes.items()):
        return False
    canary.remember(subject, device)
    return True


def _try(info: ModelInfo, quality_index: int, device: torch.device, backend: str) -> str:
    """The hash that a backend gives, or what hinders it."""
    try:
        return digest(loading.coding(info, quality_index, device, backend), device)
    except LvcError:
        raise
    except (RuntimeError, TypeError, MemoryError) as error:  # operators that are private, and devices that are odd
        return f"{type(error).__name__}: {error}".splitlines()[0]


# ---- the doctor's survey ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """One canary: subject ("layers", or a model and quality), backend, device; expected is None if not recorded."""

    subject: str
    device: str
    backend: str
    expected: str | None
    got: str
    agrees: bool


def devices() -> list[str]:
    """Those that networks can run on, here."""
    import torch

    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def plan(models: list[ModelInfo]) -> list[tuple[ModelInfo | None, int, str, str]]:
    """Model (None for the layers), quality index, device and backend of each canary; the reference comes first."""
    from lvcodec.exact import backends

    order = [
        (device, backend)
        for device in devices()
        for backend in backends.FALLBACK[::-1]
        if backend != "int8" or (device == "cpu" and backends.int8_works())
    ]
    subjects: list[tuple[ModelInfo | None, int]] = [(None, 0)]
    subjects += [(model, index) for model in models for index in loading.qualities(model)]
    return [(model, index, *where) for model, index in subjects for where in order]


def survey(models: list[ModelInfo]) -> Iterator[Finding]:
    """Run every canary of `plan`, and compare: with what is recorded, else with the first of its subject."""
    from lvcodec.exact import backends, canary

    first: dict[str, str] = {}
    for model, index, where, backend in plan(models):
        device = backends.pick_device(where)
        expected: str | None = canary.LAYERS_SHA256
        if model is None:
            subject = "layers"
            try:
                got = canary.layer_digest(backend, device)
            except (RuntimeError, TypeError) as error:
                got = f"{type(error).__name__}: {error}".splitlines()[0]
        else:
            subject, expected = f"{model.name}, quality {1 + index / 20:g}", recorded(model).get(index)
            got = _try(model, index, device, backend)
        agrees = got == (expected or first.setdefault(subject, got))
        yield Finding(subject, where, backend, expected, got, agrees)


def machine() -> dict[str, Any]:
    """Versions, processor, limits, devices and backends of this installation, for people."""
    import torch

    from lvcodec.exact import backends, canary

    cpu = torch.device("cpu")
    name, sets = canary.processor()
    states = {backend: "works" for backend in backends.FALLBACK}
    if not backends.int8_works():
        states["int8"] = "computes wrong, not used" if backends.int8_fails(cpu) else "not in this torch, not used"
    return {
        "versions": canary.versions(),
        "processor": name,
        "instruction_sets": sets,
        "torch_uses": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "limits": {name: os.environ[name] for name in canary.LIMITS if name in os.environ},
        "devices": [canary.device_name(torch.device(device)) for device in devices()],
        "backends": states,
    }
