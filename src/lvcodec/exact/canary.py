"""A canary for layers of every form, what an installation is, and what was found right on it before.

    layer_digest      fixed integers through layers of all forms: one hash for all backends and devices
    installation      versions, processor and limits: what the arithmetic could depend on
    remember, known   verdicts, kept in the user's cache directory by what they depend on

Which networks are tried, and what follows, is models/canary.py's business.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor

from lvcodec import __version__
from lvcodec.exact.gdn import Gdn
from lvcodec.exact.ops import INT8, WIDE, Conv
from lvcodec.exact.packed import SIGNED, Packed, Units
from lvcodec.exact.settings import whole_products

LAYERS_SHA256 = "89a8a6df00bb22602db08299cc810b104cb39ac71905cd4fdd43716d8654e4d0"
PACKAGES = ("torch", "numpy", "constriction", "safetensors", "imageio-ffmpeg")
LIMITS = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA")


# ---- layers of every form ---------------------------------------------------------------------------------------


def layer_digest(backend: str, device: torch.device) -> str:
    """SHA-256, hexadecimal, of what layers of all forms put out; LAYERS_SHA256 if the backend is right."""
    digest = hashlib.sha256()
    with whole_products(), torch.inference_mode():
        for layer, x in _layers(backend):
            layer.backend = backend if layer.fmt is INT8 or backend != "int8" else "float"
            out = layer(Packed(x.data.to(device), x.zero) if isinstance(x, Packed) else x.to(device))
            digest.update(whole(out).numpy().astype("<i8").tobytes())
    return digest.hexdigest()


def whole(x: Units, factor: int = 1) -> Tensor:
    """Units, or multiples of 1 / factor, as int64 on the processor, planar."""
    units = x.unpacked(torch.float64) if isinstance(x, Packed) else x.to(torch.float64)
    return (units * factor).to(torch.int64).cpu().contiguous()


def numbers(shape: tuple[int, ...], low: int, high: int, step: int) -> Tensor:
    """low <= v <= high, int64, in a fixed disorder. step: another prime gives another one."""
    size = 1
    for side in shape:
        size *= side
    place = torch.arange(1, size + 1)
    return (low + place * step % 2147483647 // 7 % (high - low + 1)).view(shape)


def _layers(backend: str) -> Iterator[tuple[Conv, Units]]:
    """Layers with their integers, and an input each."""
    forms = [
        Conv(33, 24, 3, fmt=INT8, act="relu", in_max=128),
        Conv(48, 17, fmt=INT8, in_max=128),
        Conv(20, 24, 5, fmt=INT8, act="wide", stride=2, in_max=128),
        Conv(32, 32, 3, fmt=INT8, groups=32, in_max=128),
        Conv(12, 16, 3, fmt=WIDE, act="relu"),
        Conv(12, 16, 3, fmt=WIDE, act="wide", stride=2),
        Conv(8, 10, 5, fmt=WIDE, act="relu", stride=2, transposed=True),
        Conv(24, 8, fmt=WIDE),
    ]
    for layer in forms:
        narrow = layer.fmt is INT8
        top, bits = (64, 10) if narrow else (2**15 - 1, 17)
        outputs, inputs = len(layer.bias), layer.weight.shape[0 if layer.transposed else 1] * layer.groups
        layer.load_integers(
            "canary",
            numbers(tuple(layer.weight.shape), -top, top, 48271).to(torch.int32),
            numbers((outputs,), -(2**bits), 2**bits, 69621),
            (bits - 2 + torch.arange(outputs) % 5).to(torch.int32),
        )
        x = numbers((1, inputs, 10, 12), layer.fmt.low, layer.fmt.high, 40692)
        if narrow and backend == "int8":
            data = (x + SIGNED).to(torch.uint8)
            yield layer, Packed(data.contiguous(memory_format=torch.channels_last))
        else:
            yield layer, x.to(layer.fmt.dtype)
    for inverse in (False, True):
        gdn = Gdn(9, fmt=WIDE, inverse=inverse)
        gamma = numbers((9, 9, 1, 1), 0, 3000, 48271).to(torch.int32)
        gdn.load_integers("canary", gamma, numbers((9,), 2**31, 2**33, 69621), torch.zeros(9, dtype=torch.int32))
        yield gdn, numbers((1, 9, 10, 12), -(2**16), 2**16, 40692).to(torch.float64)


# ---- the installation -------------------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    """Of Python, lvcodec and the packages that code."""
    return {"python": platform.python_version(), "lvcodec": __version__, **{name: _version(name) for name in PACKAGES}}


def _version(package: str) -> str:
    if package == "torch":
        return str(torch.__version__)  # with the kind of build
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def processor() -> tuple[str, list[str]]:
    """Name, and those of its instruction sets that matter to sums of products; both as far as the system tells."""
    name, flags = platform.processor() or platform.machine(), [""]
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    name = value.strip()
                elif key.strip() in ("flags", "Features"):
                    flags = value.split()
                    break
    except OSError:
        pass
    starts = ("sse4", "avx", "fma", "amx", "asimd", "sve", "i8mm", "bf16")
    return name, sorted(flag for flag in flags if flag.startswith(starts))


def device_name(device: torch.device) -> str:
    """The device and, if it is a GPU, what it is."""
    return f"{device}: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else str(device)


def installation(device: torch.device) -> dict[str, str]:
    """What the bits of a sum could depend on if a library were wrong."""
    name, sets = processor()
    return {
        **versions(),
        "processor": name,
        "instruction sets": " ".join(sets),
        "device": device_name(device),
        "torch uses": torch.backends.cpu.get_cpu_capability(),
        "oneDNN": str(torch.backends.mkldnn.enabled),
        **{variable: os.environ.get(variable, "") for variable in LIMITS},
    }


# ---- verdicts -----------------------------------------------------------------------------------------------------


def _marker(subject: str, device: torch.device) -> tuple[Path, str]:
    """The file that stands for a verdict, and what it says."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    text = "".join(f"{name}: {value}\n" for name, value in {"right": subject, **installation(device)}.items())
    return Path(base) / "lvcodec" / "canary" / hashlib.sha256(text.encode()).hexdigest()[:32], text


def known(subject: str, device: torch.device) -> bool:
    """Whether `subject` was found right on this installation before."""
    try:
        marker, text = _marker(subject, device)
        return marker.read_text(encoding="utf-8") == text
    except (OSError, RuntimeError, ValueError):  # no cache, no home, not text
        return False


def remember(subject: str, device: torch.device) -> None:
    """Keep that `subject` is right on this installation; where nothing can be kept, it is found out again."""
    try:
        marker, text = _marker(subject, device)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(text, encoding="utf-8")
    except (OSError, RuntimeError):
        pass
