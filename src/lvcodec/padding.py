"""The size that networks see: sides rounded up to whole cells of the coarsest grid, that of hyper-latents.

It is part of the stream's format: a payload's limit and all shapes of symbols follow from it (docs/bitstream.md).
"""

from __future__ import annotations

MULTIPLE = 64


def padded(side: int) -> int:
    """A side in pixels, >= 1, rounded up to a multiple of 64."""
    return -(-side // MULTIPLE) * MULTIPLE
