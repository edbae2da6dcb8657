"""What `lvcodec doctor` looks at: this installation, and whether each backend on each device computes right.

Two things are compared: layers of every form (exact/self_test.py), and each model's canary (canary.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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
    import torch

    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def plan(models: list[ModelInfo]) -> list[tuple[ModelInfo | None, int, str, str]]:
    """Model (None for the layers), quality index, device and backend of each check; the reference comes first."""
    import torch

    from lvcodec.exact.backends import BACKENDS

    places = [
        (device, backend.name)
        for device in devices()
        for backend in reversed(BACKENDS.values())
        if backend.works(torch.device(device))
    ]
    subjects: list[tuple[ModelInfo | None, int]] = [(None, 0)]
    subjects += [(model, index) for model in models for index in loading.qualities(model)]
    return [(model, index, *place) for model, index in subjects for place in places]


def findings(models: list[ModelInfo]) -> Iterator[Finding]:
    """Make every check of `plan`, and compare: with what is recorded, else with the first of its subject."""
    from lvcodec.exact import self_test
    from lvcodec.exact.backends import BACKENDS, pick_device

    first: dict[str, str] = {}
    for model, index, where, backend in plan(models):
        device = pick_device(where)
        expected: str | None = self_test.LAYERS_SHA256
        if model is None:
            subject = "layers"
            try:
                got = self_test.layer_digest(BACKENDS[backend], device)
            except (RuntimeError, TypeError) as error:
                got = canary.in_a_line(error)
        else:
            subject, expected = f"{model.name}, quality {of_index(index):g}", canary.recorded(model).get(index)
            got = canary.attempt(model, index, device, backend)
        agrees = got == (expected or first.setdefault(subject, got))
        yield Finding(subject, where, backend, expected, got, agrees)


def machine() -> dict[str, Any]:
    """Versions, processor, limits, kernels, devices and backends of this installation, for people."""
    import torch

    from lvcodec import native
    from lvcodec.exact import installation
    from lvcodec.exact.backends import BACKENDS

    processor, sets = installation.processor()
    return {
        "versions": installation.versions(),
        "processor": processor,
        "instruction_sets": sets,
        "torch_uses": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "kernels": native.condition(),
        "limits": {name: os.environ[name] for name in installation.LIMITS if name in os.environ},
        "devices": [installation.device_name(torch.device(device)) for device in devices()],
        "backends": {name: backend.condition(torch.device("cpu")).value for name, backend in BACKENDS.items()},
    }
