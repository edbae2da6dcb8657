"""Chains for the inter path's training, collected by the encoder from videos (data/chains.py).

Each is a crop of one video at one quality with one structure of groups. Its motion is found among pictures that the
encoder has coded, so that vectors follow what a decoder has, noise of coding included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvcodec.codec.modes import State
from lvcodec.codec.motion import Field, align, field_or_zeros
from lvcodec.encoder.decisions import DECISIONS
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.picture import encode_picture
from lvcodec.encoder.search import search
from lvcodec.errors import InputError
from lvcodec.exact import warp
from lvcodec.models import loading
from lvcodec.models.store import ModelInfo
from lvcodec.quality import LAST_INDEX, of_index
from lvcodec.stream.structure import Structure
from lvcodec.train.data.chains import AFTER, BEFORE, BOTH, NONE, Chain, save, stored
from lvcodec.train.data.crops import VIDEOS
from lvcodec.video.picture import Picture
from lvcodec.video.source import open_source

HEIGHT, WIDTH = 240, 256  # of a chain's pictures
LONGEST = 97  # pictures
LARGE = 600  # a video of this width or more is also taken at half its size
COARSER = 20  # quality indices that the chain's pictures are below its I-picture, when motion is sought
# Structures of GOPs: share, and the groups that are drawn from, as pictures of pyramids; 0 is a chain of four.
STRUCTURES = ((0.5, (0,)), (0.15, (4,)), (0.2, (8,)), (0.15, (0, 2, 4, 8)))
FAIR = 1.02  # a block predicted from one reference has to be so much better than from both


def videos_in(folders: Sequence[Path]) -> list[Path]:
    """The videos of folders and of those in them. Raises InputError if there are none."""
    videos = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in VIDEOS)
    if not videos:
        raise InputError(f"no videos under {', '.join(map(str, folders))}")
    return videos


def collect(folder: Path, videos: Sequence[Path], info: ModelInfo, *, seed: int = 1) -> Iterator[Path]:
    """Without end: chains of the videos in turn, each once a round, written into the folder.

    Those that are there already are left as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {path.name for path in stored(folder)}
    number = 0
    while True:
        order = np.random.default_rng([seed, number]).permutation(len(videos))
        for video in (videos[i] for i in order):
            path = folder / f"{number:03d}_{video.stem}.npz"
            if path.name not in known:
                random = np.random.default_rng([seed, number, sum(video.stem.encode())])
                save(path, of_video(video, info, random))
                yield path
        number += 1


def of_video(video: Path, info: ModelInfo, random: np.random.Generator) -> Chain:
    """One chain of a video: crop, quality and structure are drawn. Raises InputError if the video is too small."""
    pictures = _crop(video, random)
    index = int(random.integers(0, LAST_INDEX + 1))
    start, decoded, fields = _code(pictures, info, index)
    steps, motion, direction = [], [], []
    for at, before, after, layer in _steps(len(pictures), random):
        if after == NONE and before == at - 1:
            pair, chosen = [fields[at]] * 2, np.full(fields[at].shape[1:], BEFORE, dtype=np.uint8)
        else:
            pair, chosen = _of_both(pictures[at], decoded, before, after, of_index(max(0, index - COARSER)))
        steps.append((at, before, after, layer))
        motion.append(np.stack(pair))
        direction.append(chosen)
    return Chain(
        np.stack([raw_of(picture) for picture in pictures]),
        raw_of(start),
        index,
        np.array(steps, dtype=np.int32),
        np.stack(motion).astype(np.int16),
        np.stack(direction),
    )


def raw_of(picture: Picture) -> NDArray[np.uint8]:
    """A picture of even sides as raw 4:2:0, (H * 3/2, W)."""
    height, width = picture.y.shape
    return np.concatenate([plane.ravel() for plane in picture.planes]).reshape(height * 3 // 2, width)


def picture_of(raw: NDArray[np.uint8]) -> Picture:
    """The inverse of raw_of."""
    height, width = raw.shape[0] * 2 // 3, raw.shape[1]
    chroma = raw[height:].reshape(2, height // 2, width // 2)
    return Picture(np.ascontiguousarray(raw[:height]), *(np.ascontiguousarray(plane) for plane in chroma))


def _crop(video: Path, random: np.random.Generator) -> list[Picture]:
    """A video's pictures at a place drawn at random, perhaps backwards."""
    with open_source(video) as source:
        height, width = source.format.height, source.format.width
        halved = width >= LARGE and bool(random.random() < 0.6)
        if halved:
            height, width = height // 4 * 2, width // 4 * 2
        if height < HEIGHT or width < WIDTH:
            raise InputError(f"{video}: pictures of {width}x{height} are too small")
        top, left = (
            int(random.integers(0, (height - HEIGHT) // 2 + 1)),
            int(random.integers(0, (width - WIDTH) // 2 + 1)),
        )
        pictures = []
        for picture in source:
            planes = [_halved(plane) for plane in picture.planes] if halved else picture.planes
            cut = [
                np.ascontiguousarray(plane[part * top :, part * left :][: part * HEIGHT // 2, : part * WIDTH // 2])
                for plane, part in zip(planes, (2, 1, 1), strict=True)
            ]
            pictures.append(Picture(*cut))
            if len(pictures) == LONGEST:
                break
    return pictures[::-1] if random.random() < 0.3 else pictures


def _halved(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _code(pictures: list[Picture], info: ModelInfo, index: int) -> tuple[Picture, list[Picture], list[Field]]:
    """The I-picture, all pictures as decoded in a chain of P-pictures, and each one's motion from the one before."""
    nets = [EncoderNetwork(loading.coding(info, i), WIDTH, HEIGHT, "cpu", i) for i in (index, max(0, index - COARSER))]
    state: State | None = None
    decoded, fields = [], []
    for picture in pictures:
        net = nets[0] if state is None else nets[1]
        _, state, _ = encode_picture(picture, state, net, DECISIONS["aligned"], Fraction(1))
        decoded.append(state.x_hat)
        fields.append(field_or_zeros(state.x_hat, state.field))
    return decoded[0], decoded, fields


def _steps(pictures: int, random: np.random.Generator) -> Iterator[tuple[int, int, int, int]]:
    """at, before, after and layer of what follows the I-picture, in groups as drawn."""
    shares = [share for share, _ in STRUCTURES]
    groups = STRUCTURES[int(random.choice(len(STRUCTURES), p=shares))][1]
    first = 0
    while first < pictures - 1:
        group = int(random.choice(groups))
        count = min(group or 4, pictures - 1 - first)
        structure = Structure(count, pyramid=bool(group) and count > 1)
        for step in structure.steps:
            after = NONE if step.after is None else first + step.after
            yield first + step.at, first + step.before, after, step.layer
        first += count


def _of_both(
    picture: Picture, decoded: list[Picture], before: int, after: int, quality: float
) -> tuple[list[Field], NDArray[np.uint8]]:
    """Fields from both references, sought one by one, and the direction of each block."""
    references = [decoded[before]] if after == NONE else [decoded[before], decoded[after]]
    still = field_or_zeros(picture, None)
    fields = [search(picture, reference, still, quality) for reference in references]
    if after == NONE:
        return fields * 2, np.full(still.shape[1:], BEFORE, dtype=np.uint8)
    one, other = (
        align(reference, field).y.astype(np.float32) for reference, field in zip(references, fields, strict=True)
    )
    errors = [_errors(picture.y - shown) for shown in ((one + other) / 2, one, other)]
    errors[BOTH] /= FAIR
    return fields, np.argmin(np.stack([errors[BOTH], errors[BEFORE], errors[AFTER]]), axis=0).astype(np.uint8)


def _errors(apart: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared errors of blocks."""
    side = warp.BLOCK
    rows, columns = apart.shape[0] // side, apart.shape[1] // side
    squared = np.square(apart).reshape(rows, side, columns, side)
    return np.asarray(squared.sum(axis=(1, 3)), dtype=np.float32)
