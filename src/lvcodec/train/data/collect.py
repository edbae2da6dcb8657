"""Chains for the inter path's training, collected by the encoder from videos (data/chains.py).

Each is a crop of a video at one quality, coded as the encoder codes it unless it is told otherwise: of its stream the
structure of groups is kept, qualities, and motion. So vectors follow what a decoder has, noise of coding included.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvcodec import encode
from lvcodec.codec.dpb import DecodedPictures
from lvcodec.codec.motion import Motion
from lvcodec.codec.prediction import code_picture_motion
from lvcodec.codec.state import State
from lvcodec.codec.two_steps import FIRST_INDEX, takes_two_steps
from lvcodec.entropy.coder import Reader
from lvcodec.errors import InputError
from lvcodec.models.store import ModelInfo
from lvcodec.options import Encoding
from lvcodec.quality import LAST_INDEX, of_index
from lvcodec.stream.container import StreamReader
from lvcodec.stream.records import PictureRecord
from lvcodec.train.data.chains import BEFORE, NONE, Chain, save, stored
from lvcodec.train.data.crops import VIDEOS
from lvcodec.video.picture import Picture
from lvcodec.video.source import open_source

HEIGHT, WIDTH = 240, 256  # of a chain's pictures
LONGEST = 97  # pictures
LARGE = 600  # a video of this width or more is also taken at half its size


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
    """One chain of a video: crop and quality are drawn. Raises InputError if the video is too small."""
    pictures, rate = crop(video, random)
    index = int(random.integers(0, LAST_INDEX + 1))
    return of_pictures(pictures, rate, info, index)


def of_pictures(pictures: Sequence[Picture], rate: Fraction, info: ModelInfo, index: int) -> Chain:
    """The longest GOP that the encoder makes of pictures in `aligned`, with an I-picture of this quality index."""
    stream, shown = _coded(pictures, rate, info, index, "aligned")
    first, *gop = max(_gops(StreamReader(stream)), key=len)
    if not gop:
        raise InputError("a chain needs two pictures of one shot")
    with open_source(shown) as source:
        start = next(islice(source, first.number, None))
    start_index = index
    if takes_two_steps(index):
        start, start_index = _first_step(pictures[first.number], rate, info), FIRST_INDEX
    steps, motions = zip(*_predicted(first, gop, start), strict=True)
    end = first.number + len(gop) + 1
    return Chain(
        np.stack([raw_of(picture) for picture in pictures[first.number : end]]),
        raw_of(start),
        index,
        start_index,
        np.array(steps, dtype=np.int32),
        np.array([record.quality_index for record in gop], dtype=np.int32),
        np.stack([motion.field for motion in motions]).astype(np.int16),
        np.stack([_direction(motion) for motion in motions]),
    )


def _coded(
    pictures: Sequence[Picture], rate: Fraction, info: ModelInfo, index: int, mode: str
) -> tuple[io.BytesIO, io.BytesIO]:
    """The stream of pictures, and what it decodes to."""
    stream, shown = io.BytesIO(), io.BytesIO()
    encoding = Encoding(
        size=(pictures[0].width, pictures[0].height),
        rate=rate,
        pix_fmt="yuv420p",
        model=info.path,
        mode=mode,
        quality=of_index(index),
        recon=shown,
    )
    encode(io.BytesIO(b"".join(picture.tobytes() for picture in pictures)), stream, encoding)
    stream.seek(0)
    shown.seek(0)
    return stream, shown


def _first_step(picture: Picture, rate: Fraction, info: ModelInfo) -> Picture:
    """An I-picture after the first of its two steps."""
    _, shown = _coded([picture], rate, info, FIRST_INDEX, "intra")
    with open_source(shown) as source:
        return next(iter(source))


def _gops(reader: Iterable[PictureRecord]) -> list[list[PictureRecord]]:
    """The records of a stream, GOP by GOP."""
    found: list[list[PictureRecord]] = []
    for record in reader:
        if record.kind == "I":
            found.append([])
        found[-1].append(record)
    return found


def _predicted(
    first: PictureRecord, gop: Sequence[PictureRecord], start: Picture
) -> Iterator[tuple[tuple[int, int, int, int], Motion]]:
    """Steps and motion of the pictures after the I-picture, as a decoder reads it, which needs no pixels for that.

    start: stands for all of them.
    """
    buffer = DecodedPictures()
    buffer.add(first, State(start, first.quality_index))
    for record in gop:
        references, step = buffer.references(record), record.step
        if references is None or step is None:
            raise ValueError(f"picture {record.number} comes before what it refers to")
        coded = code_picture_motion(None, references, step, Reader(record.payload))
        state = State(
            start, record.quality_index, motion=coded.motion, span=coded.span, counts=coded.counts, seen=coded.seen
        )
        buffer.add(record, state)
        after = NONE if step.after is None else record.base + step.after - first.number
        yield (record.number - first.number, record.references[0] - first.number, after, step.layer), coded.motion


def _direction(motion: Motion) -> NDArray[np.uint8]:
    direction = np.full(motion.leaves.shape, BEFORE) if motion.direction is None else motion.direction
    return direction.astype(np.uint8)


def raw_of(picture: Picture) -> NDArray[np.uint8]:
    """A picture of even sides as raw 4:2:0, (H * 3/2, W)."""
    height, width = picture.y.shape
    return np.concatenate([plane.ravel() for plane in picture.planes]).reshape(height * 3 // 2, width)


def crop(video: Path, random: np.random.Generator) -> tuple[list[Picture], Fraction]:
    """A video's pictures at a place drawn at random, perhaps backwards, and how many there are a second."""
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
        rate = source.format.rate
    return (pictures[::-1] if random.random() < 0.3 else pictures), rate


def _halved(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.uint8)
