"""The machine that a comparison ran on: processor, system, versions."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import lvcodec
from lvcodec.measure import ffmpeg_features


def describe(*, jobs: int, threads: int) -> dict[str, str]:
    """Names and values, for the report. jobs: points coded side by side; threads: of each codec."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "lvcodec": lvcodec.__version__,
        "torch": _installed("torch"),
        "numpy": _installed("numpy"),
        "ffmpeg": ffmpeg_features.version(),
        "pytorch-msssim": _installed("pytorch-msssim"),
        "bjontegaard": _installed("bjontegaard"),
        "jobs": str(jobs),
        "threads": str(threads),
    }


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
