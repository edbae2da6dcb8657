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

from lvcodec.codec import motion
from lvcodec.encoder.search import search
from lvcodec.video.picture import Picture

Planes = tuple[NDArray[np.uint8], ...]  # Y, U, V
Fields = NDArray[np.int32]  # (2, rows, columns), with a batch before it (B, ...)


class Task(NamedTuple):
    """reference, picture: planes; before: the motion of the picture before, if there is any; quality: 1..6."""

    reference: Planes
    picture: Planes
    before: Fields | None
    quality: float


def search_all(tasks: Sequence[Task], *, processes: int) -> list[tuple[Fields, Planes]]:
    """Of each task the motion, and the reference seen through it. processes: 0 for this one."""
    if not processes:
        return [_found(task) for task in tasks]
    return list(_pool(processes).map(_found, tasks, chunksize=max(1, len(tasks) // (2 * processes))))


def beside(device: torch.device) -> int:
    """How many processes search for a network on this device."""
    return max(1, (os.cpu_count() or 1) - 3) if device.type == "cuda" else 0


def _found(task: Task) -> tuple[Fields, Planes]:
    reference = Picture(*task.reference)
    field = search(Picture(*task.picture), reference, motion.before(reference, task.before), task.quality)
    return field, motion.align(reference, field).planes


@lru_cache(maxsize=1)
def _pool(processes: int) -> ProcessPoolExecutor:
    # not forked: a process that has a GPU cannot be copied
    return ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_one_thread)


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
