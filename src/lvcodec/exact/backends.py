"""Which backends there are, and which one codes; the device that it codes on.

backend.py says what one is. All give the same bits.
"""

from __future__ import annotations

import os

import torch

from lvcodec import names
from lvcodec.errors import UsageError, check_known
from lvcodec.exact.backend import Backend
from lvcodec.exact.compiled import NATIVE
from lvcodec.exact.floats import FLOAT
from lvcodec.exact.int8 import INT8_BACKEND
from lvcodec.exact.reference import REFERENCE

VARIABLE = "LVCODEC_BACKEND"
# By names.BACKENDS: the fastest first (docs/decisions.md#backends).
BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (NATIVE, INT8_BACKEND, FLOAT, REFERENCE)}


def asked_for(name: str) -> str:
    """A backend's name; where it is "auto", what the environment variable LVCODEC_BACKEND says, if it says anything."""
    return (os.environ.get(VARIABLE) or names.AUTO) if name == names.AUTO else name


def pick_backend(name: str, device: torch.device) -> Backend:
    """The backend of that name; for "auto", and LVCODEC_BACKEND unset, the fastest that works on the device.

    Raises UsageError if there is no such backend, or it cannot be had on this machine.
    """
    name = asked_for(name)
    if name == names.AUTO:
        return next(backend for backend in BACKENDS.values() if backend.works(device))
    check_known("backend", name, (names.AUTO, *BACKENDS))
    if not BACKENDS[name].works(device):
        raise UsageError(f"the {name} backend does not work on this machine", "use --backend auto")
    return BACKENDS[name]


def pick_device(name: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda", set up so that its sums are exact.

    Raises UsageError for another name, and if "cuda" is asked for where there is none.
    """
    if name not in (names.AUTO, *names.DEVICES):
        raise UsageError(f"there is no device {name!r}", f"choose one of {names.AUTO}, {', '.join(names.DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is available", "use --device cpu")
    # float64 would be needed to keep cuDNN from Winograd in float32; until a CUDA backend is proved exact by its
    # own tests, "auto" stays on the processor.
    if name != "cuda":
        return torch.device("cpu")
    torch.backends.cudnn.enabled = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda")
