"""Sizes of pictures: the sides that networks see, and bytes of raw 4:2:0."""

from __future__ import annotations

# Sides are padded to whole cells of the coarsest grid, that of hyper-latents. It is part of the stream's format: a
# payload's limit and all shapes of symbols follow from it (docs/bitstream.md).
MULTIPLE = 64


def padded(side: int) -> int:
    """A side in pixels, >= 1, rounded up to a multiple of 64."""
    return -(-side // MULTIPLE) * MULTIPLE


def picture_bytes(width: int, height: int) -> int:
    """Bytes of one 8-bit 4:2:0 picture; odd sizes have their chroma rounded up."""
    return width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
