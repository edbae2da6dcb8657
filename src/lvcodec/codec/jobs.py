"""How many GOPs are coded side by side, and how many of their pictures wait between two threads."""

from __future__ import annotations

from lvcodec.exact.loaded import threads

# docs/decisions.md#gops-side-by-side
MOST_JOBS = 4
MOST_PIXELS = 2**22  # of pictures coded side by side, unless more is asked for
# docs/decisions.md#pictures-that-wait
AHEAD, AHEAD_BYTES = 32, 2**25  # pictures that wait between two threads at most


def default_jobs(width: int, height: int) -> int:
    """How many GOPs to code side by side, for pictures of this size.

    Layers of small pictures are too small to share among many threads, and large pictures take much memory each.
    """
    return max(1, min(MOST_JOBS, threads(), MOST_PIXELS // (width * height)))


def ahead_of(picture_bytes: int) -> int:
    """Pictures of a size that may wait between two threads."""
    return max(2, min(AHEAD, AHEAD_BYTES // picture_bytes))
