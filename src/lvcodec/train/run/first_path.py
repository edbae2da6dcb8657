"""A first inter path, for a model that has none: without one there are no P- and B-pictures to collect chains from.

videos ─► chains without motion, of the source's own pictures ─► start (stages/inter/start.py) ─► a model that codes
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lvcodec.models import store
from lvcodec.models.store import ModelInfo
from lvcodec.quality import LAST_INDEX
from lvcodec.stream.structure import MAX_GROUP, Structure
from lvcodec.train.data.chains import BEFORE, NONE, Chain, save
from lvcodec.train.data.collect import crop, raw_of
from lvcodec.train.results import checkpoint, export, masters
from lvcodec.train.stages.inter.pool import Pool
from lvcodec.train.stages.inter.start import ROUNDS, start

VIDEOS = 16  # that it is made of, at most
RUNNING = 32  # chains at a time


def with_path(
    target: Path, info: ModelInfo, videos: Sequence[Path], *, seed: int, rounds: Sequence[int] = ROUNDS
) -> ModelInfo:
    """The same model with an inter path that is started and not trained, written into the folder `target`.

    rounds: as for `start`. Raises WeightsError if the model has no masters, InputError if a video is too small.
    """
    model, priors = masters.unpack(info.path)
    model = checkpoint.with_inter(model)
    random = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        for number, video in enumerate(random.permutation(np.array(videos, dtype=object))[:VIDEOS]):
            save(Path(folder) / f"{number}.npz", _still(video, random))
        start(model.inter, Pool([Path(folder)], RUNNING, seed), rounds)
    about = {"about": "its inter path is not trained", "alpha": float(info.alpha)}
    shape = replace(model.shape, inter=True).as_dict()
    arrays = export.arrays_of(model, priors)
    return store.write(
        target, name=target.name, family="swift", shape=shape, arrays=arrays, about=about, overwrite=True
    )


def _still(video: Path, random: np.random.Generator) -> Chain:
    """A chain of P-pictures along vectors of 0, after the source's first picture."""
    pictures, _ = crop(video, random)
    source = np.stack([raw_of(picture) for picture in pictures[: MAX_GROUP + 1]])
    steps = [(step.at, step.before, NONE, step.layer) for step in Structure(len(source) - 1).steps]
    height, width = pictures[0].y.shape
    places = len(steps), height // 16, width // 16
    return Chain(
        source,
        source[0],
        LAST_INDEX,
        LAST_INDEX,
        np.array(steps, dtype=np.int32),
        np.full(len(steps), LAST_INDEX, dtype=np.int32),
        np.zeros((places[0], 2, *places[1:]), dtype=np.int16),
        np.full(places, BEFORE, dtype=np.uint8),
    )
