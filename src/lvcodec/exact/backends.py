"""Which backends there are, and which one codes; the device that it codes on.

`native` is the compiled kernels, without torch (layers.py); backend.py says what the others are. All give the same.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lvcodec import names, native
from lvcodec.errors import UsageError, check_known
from lvcodec.exact.condition import Condition
from lvcodec.exact.loaded import has_torch, needed

if TYPE_CHECKING:
    import torch

    from lvcodec.exact.backend import Backend

VARIABLE = "LVCODEC_BACKEND"
NATIVE = names.BACKENDS[0]


def layers_of(name: str) -> Backend:
    """The backend of torch's layers of that name; `native` has none. Raises UsageError if torch is not installed."""
    needed(f"the {name} backend")
    from lvcodec.exact.floats import FLOAT
    from lvcodec.exact.int8 import INT8_BACKEND
    from lvcodec.exact.reference import REFERENCE

    return {backend.name: backend for backend in (INT8_BACKEND, FLOAT, REFERENCE)}[name]


def condition(name: str, device: str | torch.device) -> Condition:
    """Whether a backend can be used on a device."""
    if name != NATIVE:
        return layers_of(name).condition(device) if has_torch() else Condition.ABSENT
    if native.wrong():
        return Condition.WRONG
    # Portable code is slower than torch, but better than nothing.
    fast_enough = native.multiplies() or (native.kernels() is not None and not has_torch())
    return Condition.WORKS if str(device) == "cpu" and fast_enough else Condition.ABSENT


def works(name: str, device: str | torch.device) -> bool:
    """Whether a backend is there and computes right, as far as it can tell by itself."""
    return condition(name, device) is Condition.WORKS


def asked_for(name: str) -> str:
    """A backend's name; where it is "auto", what the environment variable LVCODEC_BACKEND says, if it says anything."""
    return (os.environ.get(VARIABLE) or names.AUTO) if name == names.AUTO else name


def pick_backend(name: str, device: str | torch.device) -> str:
    """The backend's name; for "auto", and LVCODEC_BACKEND unset, that of the fastest that works on the device.

    Raises UsageError if there is no such backend, or it cannot be had on this machine.
    """
    name = asked_for(name)
    if name == names.AUTO:
        for backend in names.BACKENDS:
            if works(backend, device):
                return backend
        raise UsageError(
            "there are neither compiled kernels nor torch to compute with",
            "pip install torch, or install lvcodec where there is a C compiler",
        )
    check_known("backend", name, (names.AUTO, *names.BACKENDS))
    if not works(name, device):
        raise UsageError(f"the {name} backend does not work on this machine", "use --backend auto")
    return name


def pick_device(name: str) -> str:
    """The device for "auto", "cpu" or "cuda", set up so that its sums are exact.

    Raises UsageError for another name, and if "cuda" is asked for where there is none.
    """
    if name not in (names.AUTO, *names.DEVICES):
        raise UsageError(f"there is no device {name!r}", f"choose one of {names.AUTO}, {', '.join(names.DEVICES)}")
    # float64 would be needed to keep cuDNN from Winograd in float32; until a CUDA backend is proved exact by its
    # own tests, "auto" stays on the processor.
    if name != "cuda":
        return "cpu"
    torch = needed("a CUDA device")
    if not torch.cuda.is_available():
        raise UsageError("no CUDA device is available", "use --device cpu")
    torch.backends.cudnn.enabled = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return "cuda"
