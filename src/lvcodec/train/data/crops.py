"""Training pictures, cropped at random.

They come from folders of videos and photographs, brought once to raw 4:2:0 in a cache, and from Vimeo-90k as it is.

Photographs are reduced to two sizes, videos to a short side of at most 360, which also takes out the traces of
their own compression.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lvcodec.errors import InputError
from lvcodec.report import OnFile, OnNotice
from lvcodec.train.data import vimeo
from lvcodec.train.data.animate import animate, random_motion
from lvcodec.video.ffmpeg import FfmpegProcess, file_argument
from lvcodec.video.source import open_source

PHOTOS = {".jpg", ".jpeg", ".png"}
VIDEOS = {".mp4", ".avi", ".mpg", ".ogv", ".mkv", ".webm", ".y4m", ".mov"}
MAX_PICTURES = 120
SHORT_SIDE = 360
MARGIN = 16  # pels around a crop of a still that is set in motion: less is mirrored


class PictureSource(Protocol):
    """Pictures of one size, (H, W). still: one photograph. read: raw 4:2:0, (count, H*3/2, W) uint8."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def still(self) -> bool: ...
    @property
    def count(self) -> int: ...
    def read(self, first: int, count: int) -> np.ndarray: ...


@dataclass(frozen=True)
class CachedClip:
    """Raw 4:2:0 pictures of one source: data (N, H*3/2, W) uint8, memory-mapped."""

    data: np.ndarray
    still: bool
    name: str = ""

    @property
    def size(self) -> tuple[int, int]:
        return self.data.shape[1] * 2 // 3, self.data.shape[2]

    @property
    def count(self) -> int:
        return len(self.data)

    def read(self, first: int, count: int) -> np.ndarray:
        return self.data[first : first + count]


def _scaled(path: Path, scale: str, count: int) -> np.ndarray:
    """The first pictures of a file through ffmpeg's filter `scale`, sides even: (N, H*3/2, W) uint8.

    Raises InputError if ffmpeg cannot read it.
    """
    process = FfmpegProcess(
        [
            "-i",
            file_argument(path),
            "-map",
            "0:v:0",
            "-vf",
            f"{scale},crop=trunc(iw/2)*2:trunc(ih/2)*2",
            "-frames:v",
            str(count),
            "-pix_fmt",
            "yuv420p",
            "-f",
            "yuv4mpegpipe",
            "-",
        ],
        what=f"cannot read {path}",
    )
    try:
        y4m = io.BytesIO(process.stdout.read())
        process.check()
    finally:
        process.stop()
    with open_source(y4m) as pictures:
        video = pictures.format
        raw = b"".join(picture.tobytes() for picture in pictures)
    return np.frombuffer(raw, np.uint8).reshape(-1, video.height * 3 // 2, video.width)


def _silent(_: str) -> None:
    pass


def prepare(
    folders: Sequence[Path],
    cache: Path,
    *,
    least: int = 192,
    notice: OnNotice = _silent,
    on_file: OnFile = lambda done, total: None,
) -> list[CachedClip]:
    """All pictures under `folders`, converted into `cache` the first time.

    least: pixels of the short side; smaller ones are left out. Unreadable files are too, and `notice` is told.
    Raises InputError if nothing is left.
    """
    cache.mkdir(parents=True, exist_ok=True)
    sources = sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in PHOTOS | VIDEOS)
    clips = []
    for done, path in enumerate(sources):
        on_file(done, len(sources))
        still = path.suffix.lower() in PHOTOS
        short = "scale='if(lt(iw,ih),{0},-2)':'if(lt(iw,ih),-2,{0})':flags=lanczos"
        scales = (
            [short.format(720), short.format(SHORT_SIDE)]
            if still
            else [
                f"scale='if(lt(iw,ih),min({SHORT_SIDE},iw),-2)':'if(lt(iw,ih),-2,min({SHORT_SIDE},ih))':flags=lanczos"
            ]
        )
        for number, scale in enumerate(scales):
            key = hashlib.sha1(f"{path}{scale}".encode()).hexdigest()[:16]
            target = cache / f"{key}_{number}.npy"
            if not target.exists():
                try:
                    data = _scaled(path, scale, 1 if still else MAX_PICTURES)
                except InputError as error:
                    notice(f"left out: {error}")
                    continue
                partial = target.with_suffix(".partial.npy")
                np.save(partial, data)
                partial.replace(target)
            clip = CachedClip(np.load(target, mmap_mode="r"), still, path.stem)
            if min(clip.size) >= least:
                clips.append(clip)
    if not clips:
        raise InputError(f"no pictures of {least}x{least} or more under {', '.join(map(str, folders))}")
    return clips


def gather(
    folders: Sequence[Path],
    cache: Path,
    *,
    least: int,
    notice: OnNotice = _silent,
    on_file: OnFile = lambda done, total: None,
) -> list[PictureSource]:
    """All pictures to train on: Vimeo-90k trees among the folders as they are, the others as `prepare` has them."""
    trees = {folder: vimeo.find_tree(folder) for folder in folders if folder.is_dir()}
    sources: list[PictureSource] = []
    for tree in filter(None, trees.values()):
        sources += [s for s in vimeo.septuplets(tree) if min(s.size) >= least]
    others = [folder for folder in folders if not trees.get(folder)]
    if others or not sources:
        sources = [*prepare(others or folders, cache, least=least, notice=notice, on_file=on_file), *sources]
    return sources


class Crops:
    """Random crops from a seeded generator.

    animated: of the samples with several pictures, the share that are stills set in motion.
    """

    def __init__(self, clips: Sequence[PictureSource], seed: int, *, animated: float = 0.0) -> None:
        self.stills = [c for c in clips if c.still]
        self.moving = [c for c in clips if not c.still and c.count > 2]
        self.animated, self.seed = animated, seed
        self.random = np.random.Generator(np.random.PCG64(seed))

    def begin(self, step: int) -> None:
        """Draw from here on what belongs to this step of a run, whatever was drawn before."""
        self.random = np.random.Generator(np.random.PCG64([self.seed, step]))

    def check(self, length: int) -> None:
        """Raise InputError if there is nothing to take samples of so many pictures from."""
        if length == 1 and (self.stills or self.moving):
            return
        if not (self.animated and self.stills) and not any(c.count >= length for c in self.moving):
            raise InputError(
                f"the data holds no video of {length} pictures or more",
                "--animate sets photographs in motion" if self.stills else "name folders with videos",
            )

    def _pool(self, length: int, stills: float) -> tuple[Sequence[PictureSource], bool]:
        """From which sources to take a sample, and whether to set a still in motion."""
        if length == 1:
            pick_still = self.stills and (not self.moving or self.random.random() < stills)
            return (self.stills if pick_still else self.moving), False
        has_video = any(clip.count >= length for clip in self.moving)
        if self.animated and self.stills and (not has_video or self.random.random() < self.animated):
            return self.stills, True
        return self.moving, False

    def _one(self, size: int, length: int, stills: float) -> np.ndarray:
        random = self.random
        pool, animated = self._pool(length, stills)
        clip = pool[random.integers(len(pool))]
        while not animated and clip.count < length:
            clip = pool[random.integers(len(pool))]
        height, width = clip.size
        top = int(random.integers(0, (height - size) // 2 + 1)) * 2
        left = int(random.integers(0, (width - size) // 2 + 1)) * 2
        if animated:
            y, chroma = self._animated(clip, top, left, size, length)
        else:
            first = int(random.integers(0, clip.count - length + 1))
            y, chroma = _cut(clip.read(first, length), clip.size, top, left, size, size)
        if random.random() < 0.5:
            y, chroma = y[..., ::-1], chroma[..., ::-1]
        if random.random() < 0.25:
            y, chroma = y.swapaxes(-1, -2), chroma.swapaxes(-1, -2)
        if length > 1 and random.random() < 0.5:
            y, chroma = y[::-1], chroma[::-1]
        return np.concatenate([y.reshape(length, -1), chroma.reshape(length, -1)], axis=1)

    def _animated(
        self, still: PictureSource, top: int, left: int, size: int, length: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """A crop of a still in motion, moved with what lies around it."""
        height, width = still.size
        up, before = min(MARGIN, top), min(MARGIN, left)
        high = up + size + min(MARGIN, height - top - size) // 2 * 2
        wide = before + size + min(MARGIN, width - left - size) // 2 * 2
        y, chroma = _cut(still.read(0, 1), still.size, top - up, left - before, high, wide)
        raw = np.concatenate([y.ravel(), chroma.ravel()]).reshape(high * 3 // 2, wide)
        return _cut(animate(raw, length, random_motion(self.random), self.random), (high, wide), up, before, size, size)

    def cut(self, count: int, size: int, *, length: int = 1, stills: float = 0.6) -> Tensor:
        """(count, length, size * size * 3/2) uint8: raw 4:2:0 pictures."""
        return torch.from_numpy(np.stack([self._one(size, length, stills) for _ in range(count)]))

    def batch(self, count: int, size: int, *, length: int = 1, stills: float = 0.6) -> Tensor:
        """(count, length, 96, size/8, size/8) float32 levels - 128."""
        return channels_of(self.cut(count, size, length=length, stills=stills), size)


def channels_of(raw: Tensor, size: int) -> Tensor:
    """Raw pictures (B, T, size * size * 3/2) uint8 as channels (as planes_to_channels): (B, T, 96, size/8, size/8)."""
    from lvcodec.exact.planes import planes_to_channels

    count, length, half = *raw.shape[:2], size // 2
    y, u, v = raw.flatten(0, 1).float().split([size * size, half * half, half * half], dim=1)
    x = planes_to_channels(y.reshape(-1, 1, size, size), u.reshape(-1, 1, half, half), v.reshape(-1, 1, half, half))
    return x.reshape(count, length, *x.shape[1:])


def _cut(
    frames: np.ndarray, size: tuple[int, int], top: int, left: int, high: int, wide: int
) -> tuple[np.ndarray, np.ndarray]:
    """Luma (N, high, wide) and chroma (N, 2, high/2, wide/2) of a piece of raw pictures (N, H*3/2, W)."""
    height, width = size
    y = frames[:, top : top + high, left : left + wide]
    chroma = np.ascontiguousarray(frames[:, height:]).reshape(len(frames), 2, height // 2, width // 2)
    return y, chroma[:, :, top // 2 : (top + high) // 2, left // 2 : (left + wide) // 2]
