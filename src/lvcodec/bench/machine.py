"""The machine that a comparison ran on: processor, system, versions."""

from __future__ import annotations

import os
import platform

import lvcodec
from lvcodec.exact.installation import processor, version_of
from lvcodec.measure import ffmpeg_features


def describe(*, jobs: int, threads: int, cluster: str | None = None) -> dict[str, str]:
    """Names and values, for the report.

    jobs: points coded side by side; threads: of each codec; cluster: whose workers coded them.
    """
    facts = {
        "processor": processor()[0],
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "lvcodec": lvcodec.__version__,
        "torch": version_of("torch"),
        "numpy": version_of("numpy"),
        "ffmpeg": ffmpeg_features.version(),
        "pytorch-msssim": version_of("pytorch-msssim"),
        "bjontegaard": version_of("bjontegaard"),
        "jobs": str(jobs),
        "threads": str(threads),
    }
    if cluster is not None:
        facts |= {"cluster": cluster, "times": "not taken: those of several machines cannot be compared"}
    return facts
