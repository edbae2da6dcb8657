"""What the bits of a sum could depend on in an installation, and which backends have proved right on it before.

installation      versions, processor and limits
remember, known   verdicts, kept in the user's cache directory by what they depend on
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from lvcodec import native
from lvcodec.exact.loaded import loaded_torch, needed
from lvcodec.version import __version__

PACKAGES = ("torch", "numpy", "constriction", "safetensors", "imageio-ffmpeg")
_VERSION = re.compile(r"^Version: *(\S+)", re.MULTILINE)
LIMITS = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", native.VARIABLE)


def versions() -> dict[str, str]:
    """Of Python, lvcodec and the packages that code."""
    return {
        "python": platform.python_version(),
        "lvcodec": __version__,
        **{name: version_of(name) for name in PACKAGES},
    }


def version_of(package: str) -> str:
    """The installed version of a package."""
    torch = loaded_torch()
    if package == "torch" and torch is not None:
        return str(torch.__version__)  # with the kind of build
    try:
        about = distribution(package).read_text("METADATA") or ""
    except PackageNotFoundError:
        return "not installed"
    told = _VERSION.search(about)  # importlib.metadata.version parses long descriptions too
    return told[1] if told else version(package)


def processor() -> tuple[str, list[str]]:
    """Name, and those of its instruction sets that matter to sums of products; both as far as the system tells."""
    name, flags = "", [""]
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
    name = name or platform.processor() or platform.machine()  # which may start a process
    starts = ("sse4", "avx", "fma", "amx", "asimd", "sve", "i8mm", "bf16")
    return name, sorted(flag for flag in flags if flag.startswith(starts))


def device_name(device: str) -> str:
    """The device and, if it is a GPU, what it is."""
    return f"{device}: {needed('a CUDA device').cuda.get_device_name(device)}" if device == "cuda" else device


def installation(device: str) -> dict[str, str]:
    """What the bits of a sum could depend on if a library were wrong."""
    name, sets = processor()
    torch = loaded_torch()  # networks that do without it do not depend on it
    return {
        **versions(),
        "processor": name,
        "instruction sets": " ".join(sets),
        "device": device_name(device),
        "torch uses": "" if torch is None else torch.backends.cpu.get_cpu_capability(),
        "kernels": native.condition(),
        "oneDNN": "" if torch is None else str(torch.backends.mkldnn.enabled),
        **{variable: os.environ.get(variable, "") for variable in LIMITS},
    }


# ---- verdicts -----------------------------------------------------------------------------------------------------


def _marker(subject: str, device: str) -> tuple[Path, str]:
    """The file that stands for a verdict, and what it says."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    text = "".join(f"{name}: {value}\n" for name, value in {"right": subject, **installation(device)}.items())
    return Path(base) / "lvcodec" / "canary" / hashlib.sha256(text.encode()).hexdigest()[:32], text


def known(subject: str, device: str) -> bool:
    """Whether `subject` was found right on this installation before."""
    try:
        marker, text = _marker(subject, device)
        return marker.read_text(encoding="utf-8") == text
    except (OSError, RuntimeError, ValueError):  # no cache, no home, not text
        return False


def remember(subject: str, device: str) -> None:
    """Keep that `subject` is right on this installation; where nothing can be kept, it is found out again."""
    try:
        marker, text = _marker(subject, device)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(text, encoding="utf-8")
    except (OSError, RuntimeError):
        pass
