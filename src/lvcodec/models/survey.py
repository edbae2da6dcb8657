"""What `lvcodec doctor` looks at: this installation, and whether each backend on each device computes right.

Two things are compared: layers of every form (exact/self_test.py), and each model's canary (canary.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lvcodec import names, native
from lvcodec.exact import installation
from lvcodec.exact.backends import NATIVE, condition, layers_of, pick_device, works
from lvcodec.exact.loaded import has_torch, needed, threads
from lvcodec.models import canary, loading
from lvcodec.models.store import ModelInfo
from lvcodec.quality import of_index


@dataclass(frozen=True)
class Finding:
    """One check: subject ("layers", or a model and quality), backend, device; expected is None if not recorded."""

    subject: str
    device: str
    backend: str
    expected: str | None
    got: str
    agrees: bool


def devices() -> list[str]:
    """The devices that networks can run on, here."""
    return ["cpu", *(["cuda"] if has_torch() and needed("a CUDA device").cuda.is_available() else [])]


def plan(models: list[ModelInfo]) -> list[tuple[ModelInfo | None, int, str, str]]:
    """Model (None for the layers), quality index, device and backend of each check; the reference comes first."""
    places = [(device, name) for device in devices() for name in reversed(names.BACKENDS) if works(name, device)]
    subjects = [(model, index) for model in models for index in loading.qualities(model)]
    # The kernels' layers have been checked by native/self_test.py where they work.
    layers: list[tuple[ModelInfo | None, int, str, str]] = [(None, 0, *place) for place in places if place[1] != NATIVE]
    tried = [(model, index, *place) for model, index in subjects for place in places]
    return layers + [one for one in tried if has_torch() or not loading.needs_torch(one[0], one[3])]


def findings(models: list[ModelInfo]) -> Iterator[Finding]:
    """Make every check of `plan`, and compare: with what is recorded, else with the first of its subject."""
    first: dict[str, str] = {}
    expected: str | None
    for model, index, where, backend in plan(models):
        device = pick_device(where)
        if model is None:
            from lvcodec.exact import self_test

            subject, expected = "layers", self_test.LAYERS_SHA256
            try:
                got = self_test.layer_digest(layers_of(backend), device)
            except (RuntimeError, TypeError) as error:
                got = canary.in_a_line(error)
        else:
            subject, expected = f"{model.name}, quality {of_index(index):g}", canary.recorded(model).get(index)
            got = canary.attempt(model, index, device, backend)
        agrees = got == (expected or first.setdefault(subject, got))
        yield Finding(subject, where, backend, expected, got, agrees)


def machine() -> dict[str, Any]:
    """Versions, processor, limits, kernels, devices and backends of this installation, for people."""
    processor, sets = installation.processor()
    return {
        "versions": installation.versions(),
        "processor": processor,
        "instruction_sets": sets,
        "torch_uses": needed("doctor").backends.cpu.get_cpu_capability() if has_torch() else "not installed",
        "threads": threads(),
        "kernels": native.condition(),
        "limits": {name: os.environ[name] for name in installation.LIMITS if name in os.environ},
        "devices": [installation.device_name(device) for device in devices()],
        "backends": {name: condition(name, "cpu").value for name in names.BACKENDS},
    }
