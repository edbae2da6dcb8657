"""What this ffmpeg is and has: its version, its encoders, its filters."""

from __future__ import annotations

import re
import subprocess
from functools import lru_cache

from lvcodec.video.ffmpeg import ffmpeg_exe, starting_ffmpeg


@lru_cache
def version() -> str:
    """ffmpeg and its version, one line."""
    return (run_ffmpeg("-version").stdout.splitlines() or ["ffmpeg"])[0].partition(" Copyright")[0]


@lru_cache
def encoders() -> frozenset[str]:
    """The encoders that ffmpeg has."""
    return frozenset(re.findall(r"^ [A-Z.]{6} (\S+) ", run_ffmpeg("-v", "error", "-encoders").stdout, re.MULTILINE))


@lru_cache
def filters() -> frozenset[str]:
    """The filters that ffmpeg has."""
    listed = run_ffmpeg("-v", "error", "-filters").stdout
    return frozenset(re.findall(r"^ [A-Z.]{2,3} (\S+) +\S+->", listed, re.MULTILINE))


def run_ffmpeg(*args: str) -> subprocess.CompletedProcess[str]:
    """Run ffmpeg to its end and keep what it prints. Raises InputError if there is none."""
    with starting_ffmpeg():
        return subprocess.run(
            [ffmpeg_exe(), "-hide_banner", "-nostdin", *args],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            start_new_session=True,
        )
