"""Vimeo-90k's septuplets (Xue et al. 2019), read picture by picture when they are asked for: nothing is converted.

TREE/sep_trainlist.txt               a line a sequence: 00001/0001
TREE/sequences/00001/0001/im1.png    to im7.png, RGB
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvcodec.errors import InputError

LIST, SEQUENCES = "sep_trainlist.txt", "sequences"
PICTURES = 7


class Septuplet:
    """Seven pictures in a folder. size: (H, W)."""

    still = False
    count = PICTURES

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self.folder, self.size = folder, size

    @property
    def name(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"

    def read(self, first: int, count: int) -> NDArray[np.uint8]:
        """Pictures as raw 4:2:0 (BT.601, limited range), (count, H*3/2, W) uint8.

        Raises InputError if one is missing or of another size.
        """
        import cv2

        pictures = []
        for number in range(first + 1, first + count + 1):
            path = self.folder / f"im{number}.png"
            picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if picture is None or picture.shape[:2] != self.size:
                raise InputError(f"{path} is missing, or no picture of {self.size[1]}x{self.size[0]}")
            pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420))
        return np.stack(pictures).astype(np.uint8, copy=False)


def find_tree(folder: Path) -> Path | None:
    """The tree that `folder` is or holds one level below; None if it is none."""
    for place in (folder, *sorted(p for p in folder.iterdir() if p.is_dir())):
        if (place / LIST).is_file() and (place / SEQUENCES).is_dir():
            return place
    return None


def septuplets(tree: Path) -> list[Septuplet]:
    """All sequences of the training list, in its order; all have the size of the first.

    Raises InputError if the list names none, or the first is not there.
    """
    names = [line.strip() for line in (tree / LIST).read_text(encoding="utf-8").splitlines() if line.strip()]
    if not names:
        raise InputError(f"{tree / LIST} names no sequence")
    size = _size(tree / SEQUENCES / names[0] / "im1.png")
    return [Septuplet(tree / SEQUENCES / name, size) for name in names]


def _size(path: Path) -> tuple[int, int]:
    """(H, W) of a PNG, from its header; both are even."""
    try:
        head = path.read_bytes()[:24]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n":
        raise InputError(f"{path} is no PNG")
    width, height = struct.unpack(">II", head[16:24])
    if width % 2 or height % 2:
        raise InputError(f"{path} is {width}x{height}: 4:2:0 needs even sides")
    return height, width
