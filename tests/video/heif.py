"""A tiled AVIF, written by hand: a grid of stills, each an item of its own, as phones make them in HEIC."""

from __future__ import annotations

import struct
from pathlib import Path

from .clips import ffmpeg


def tiled(path: Path, source: Path, *, tile: int = 64, rows: int = 2, columns: int = 2, size: tuple[int, int]) -> Path:
    """The picture `source`, cut into square tiles; the grid shows `size` of them. Lossless."""
    tiles = []
    configuration = b""
    for number in range(rows * columns):
        still = path.with_suffix(".tile.avif")
        crop = f"crop={tile}:{tile}:{number % columns * tile}:{number // columns * tile}"
        ffmpeg("-i", source, "-vf", crop, "-c:v", "libaom-av1", "-still-picture", "1", "-crf", "0", still)
        data = still.read_bytes()
        configuration = inner(data, b"meta", b"iprp", b"ipco", b"av1C")
        tiles.append(inner(data, b"mdat")[8:])
    path.write_bytes(grid(tiles, configuration, tile, rows, columns, size))
    return path


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def grid(tiles: list[bytes], configuration: bytes, tile: int, rows: int, columns: int, size: tuple[int, int]) -> bytes:
    """Item 1 is the grid; its tiles follow."""
    layout = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size)
    numbers = range(2, 2 + len(tiles))
    entries = [full(b"infe", 2, 0, struct.pack(">HH", 1, 0), b"grid\0")]
    entries += [full(b"infe", 2, 1, struct.pack(">HH", number, 0), b"av01\0") for number in numbers]
    sizes = [full(b"ispe", 0, 0, struct.pack(">II", *shape)) for shape in ((tile, tile), size)]
    properties = box(b"ipco", configuration, *sizes, full(b"pixi", 0, 0, bytes([3, 8, 8, 8])))
    owners = [struct.pack(">HB", 1, 2) + bytes([3, 4])]
    owners += [struct.pack(">HB", number, 3) + bytes([0x81, 2, 4]) for number in numbers]
    kind = box(b"ftyp", b"avif", bytes(4), b"avifmif1")

    def index(base: int) -> bytes:
        places = [struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(layout))]  # in idat
        for number, data in zip(numbers, tiles, strict=True):
            places.append(struct.pack(">HHHHII", number, 0, 0, 1, base, len(data)))
            base += len(data)
        return full(
            b"meta",
            0,
            0,
            full(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, b"pict"), b"\0"),
            full(b"pitm", 0, 0, struct.pack(">H", 1)),
            full(b"iloc", 1, 0, b"\x44\0", struct.pack(">H", len(places)), *places),
            full(b"iinf", 0, 0, struct.pack(">H", len(entries)), *entries),
            full(b"iref", 0, 0, box(b"dimg", struct.pack(f">{2 + len(tiles)}H", 1, len(tiles), *numbers))),
            box(b"iprp", properties, full(b"ipma", 0, 0, struct.pack(">I", len(owners)), *owners)),
            box(b"idat", layout),
        )

    return kind + index(len(kind) + len(index(0)) + 8) + box(b"mdat", *tiles)


def inner(data: bytes, *path: bytes) -> bytes:
    """The first box of that path, its head included."""
    start, end = 0, len(data)
    for kind in path:
        at = start
        while data[at + 4 : at + 8] != kind:
            at += struct.unpack_from(">I", data, at)[0]
            assert at < end, kind
        end = at + struct.unpack_from(">I", data, at)[0]
        found = data[at:end]
        start = at + (12 if kind == b"meta" else 8)
    return found
