"""Training pictures: folders of videos and photographs, brought once to raw 4:2:0 in a cache, cropped at random.

Photographs are reduced to two sizes, videos to a short side of at most 360, which also takes out the traces of
their own compression.
"""
from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from lvcodec.errors import InputError

PHOTOS = {".jpg", ".jpeg", ".png"}
VIDEOS = {".mp4", ".avi", ".mpg", ".ogv", ".mkv", ".webm"}
MAX_PICTURES = 120
SHORT_SIDE = 360


@dataclass(frozen=True)
class Clip:
    """Raw 4:2:0 pictures of one source: data (N, H*3/2, W) uint8, memory-mapped."""

    data: np.ndarray
    still: bool

    @property
    def size(self) -> tuple[int, int]:
        return self.data.shape[1] * 2 // 3, self.data.shape[2]


def _raw(path: Path, scale: str, count: int) -> tuple[bytes, int, int]:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(path), "-map", "0:v:0",
               "-vf", f"{scale},crop=trunc(iw/2)*2:trunc(ih/2)*2", "-frames:v", str(count), "-pix_fmt", "yuv420p",
               "-f", "yuv4mpegpipe", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode or not done.stdout:
        raise InputError(f"cannot read {path}: {done.stderr.decode(errors='replace').strip()[-200:]}")
    head, _, body = done.stdout.partition(b"\n")
    fields = head.split()
    width, height = int(fields[1][1:]), int(fields[2][1:])
    step = 6 + width * height * 3 // 2  # each picture stands behind the six bytes "FRAME\n"
    return b"".join(body[i + 6 : i + step] for i in range(0, len(body), step)), width, height


def prepare(folders: list[Path], cache: Path) -> list[Clip]:
    """All pictures under `folders`, converted into `cache` the first time. Unreadable files are left out."""
    cache.mkdir(parents=True, exist_ok=True)
    sources = sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in PHOTOS | VIDEOS)
    clips = []
    for path in tqdm(sources, desc="pictures", unit="file", disable=None):
        still = path.suffix.lower() in PHOTOS
        short = "scale='if(lt(iw,ih),{0},-2)':'if(lt(iw,ih),-2,{0})':flags=lanczos"
        scales = [short.format(720), short.format(SHORT_SIDE)] if still else [
            f"scale='if(lt(iw,ih),min({SHORT_SIDE},iw),-2)':'if(lt(iw,ih),-2,min({SHORT_SIDE},ih))':flags=lanczos"]
        for number, scale in enumerate(scales):
            key = hashlib.sha1(f"{path}{scale}".encode()).hexdigest()[:16]
            target = cache / f"{key}_{number}.npy"
            if not target.exists():
                try:
                    raw, width, height = _raw(path, scale, 1 if still else MAX_PICTURES)
                except InputError as error:
                    tqdm.write(f"left out: {error}")
                    continue
                np.save(target, np.frombuffer(raw, np.uint8).reshape(-1, height * 3 // 2, width))
            clip = Clip(np.load(target, mmap_mode="r"), still)
            if min(clip.size) >= 192:
                clips.append(clip)
    if not clips:
        raise InputError(f"no pictures of 192x192 or more under {', '.join(map(str, folders))}")
    return clips


class Crops:
    """Random crops, as channels (swift.planes_to_channels), from a seeded generator whose state can be saved."""

    def __init__(self, clips: list[Clip], seed: int) -> None:
        self.stills = [c for c in clips if c.still]
        self.moving = [c for c in clips if not c.still and len(c.data) > 2]
        self.random = np.random.Generator(np.random.PCG64(seed))

    def _one(self, size: int, length: int, stills: float) -> np.ndarray:
        random = self.random
        pick_still = length == 1 and self.stills and (not self.moving or random.random() < stills)
        pool = self.stills if pick_still else self.moving
        clip = pool[random.integers(len(pool))]
        height, width = clip.size
        top = int(random.integers(0, (height - size) // 2 + 1)) * 2
        left = int(random.integers(0, (width - size) // 2 + 1)) * 2
        first = int(random.integers(0, len(clip.data) - length + 1))
        frames = clip.data[first : first + length]
        y = frames[:, top : top + size, left : left + size]
        chroma = np.ascontiguousarray(frames[:, height:]).reshape(length, 2, height // 2, width // 2)
        chroma = chroma[:, :, top // 2 : (top + size) // 2, left // 2 : (left + size) // 2]
        if random.random() < 0.5:
            y, chroma = y[..., ::-1], chroma[..., ::-1]
        if random.random() < 0.25:
            y, chroma = y.swapaxes(-1, -2), chroma.swapaxes(-1, -2)
        if length > 1 and random.random() < 0.5:
            y, chroma = y[::-1], chroma[::-1]
        return np.concatenate([y.reshape(length, -1), chroma.reshape(length, -1)], axis=1)

    def batch(self, count: int, size: int, *, length: int = 1, stills: float = 0.6) -> Tensor:
        """(count, length, 96, size/8, size/8) float32 levels - 128."""
        from lvcodec.nets.swift import planes_to_channels

        raw = torch.from_numpy(np.stack([self._one(size, length, stills) for _ in range(count)])).float()
        raw = raw.reshape(count * length, -1)
        half = size // 2
        y, u, v = raw.split([size * size, half * half, half * half], dim=1)
        x = planes_to_channels(y.reshape(-1, 1, size, size), u.reshape(-1, 1, half, half), v.reshape(-1, 1, half, half))
        return x.reshape(count, length, *x.shape[1:])
