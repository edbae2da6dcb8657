"""The encoder's search for motion, for all samples of a batch: in turn, or beside a GPU in processes of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvcodec.codec import motion
from lvcodec.codec.counts import Counts
from lvcodec.encoder.search import search
from lvcodec.exact.planes import channels_to_planes, planes_to_channels
from lvcodec.video.picture import Picture, Plane

Planes = tuple[Plane, ...]  # Y, U, V
Fields = NDArray[np.int32]  # (2, rows, columns), with a batch before it (B, ...)


class SearchTask(NamedTuple):
    """reference, picture: planes; before: the motion of the picture before, if there is any; quality: 1..6."""

    reference: Planes
    picture: Planes
    before: Fields | None
    quality: float


def align(shown: Tensor, x: Tensor, quality: Tensor, before: Fields | None = None) -> tuple[Tensor, Fields]:
    """Reference pictures, compensated for the motion to x that the encoder would find; and that motion.

    shown, x: levels - 128, (B, 96, H/8, W/8), shown whole; before: the motion of the pictures before, if there is any.
    The motion is (B, 2, rows, columns).
    """
    references, pictures = _planes(shown), _planes(x)
    fields_before = [None] * len(x) if before is None else list(before)
    tasks = list(map(SearchTask, references, pictures, fields_before, quality.tolist()))
    with torch.autocast(x.device.type, enabled=False):  # the warp is the decoder's: whole numbers
        results = search_all(tasks, processes=processes_beside(x.device))
    fields, aligned = zip(*results, strict=True)
    y, u, v = (torch.from_numpy(np.stack(plane)[:, None]).float() for plane in zip(*aligned, strict=True))
    channels = planes_to_channels(y, u, v).to(x.device).contiguous(memory_format=torch.channels_last)
    return channels, np.stack(fields)


def search_all(tasks: Sequence[SearchTask], *, processes: int) -> list[tuple[Fields, Planes]]:
    """Of each task the motion, and the reference aligned by it. processes: 0 for this one."""
    if not processes:
        return [_search(task) for task in tasks]
    return list(_pool(processes).map(_search, tasks, chunksize=max(1, len(tasks) // (2 * processes))))


def processes_beside(device: torch.device) -> int:
    """How many processes search for a network on this device; 0 for the network's own."""
    return max(1, (os.cpu_count() or 1) - 3) if device.type == "cuda" else 0


def _planes(x: Tensor) -> list[Planes]:
    """Of each picture its planes as the encoder has them."""
    y, u, v = (plane.detach().to(torch.uint8).cpu().numpy()[:, 0] for plane in channels_to_planes(x))
    return list(zip(y, u, v, strict=True))


def _search(task: SearchTask) -> tuple[Fields, Planes]:
    reference = Picture(*task.reference)
    predicted = motion.still(reference) if task.before is None else task.before
    found = search(Picture(*task.picture), reference, predicted, task.quality, Counts.fresh())
    return found.field, motion.predict(reference, found).planes


@lru_cache(maxsize=1)
def _pool(processes: int) -> ProcessPoolExecutor:
    # not forked: a process that has a GPU cannot be copied
    return ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_one_thread)


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
