"""The stage's step: some chains, some pictures of each, one after the other.

reference ─► warp (whole numbers) ─► prediction ─► code ─► x_hat ─► the next picture's reference ─► ...
    └─ gradients to a reference that was coded in this step pass as through a bilinear warp
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvcodec import quality as quality_scale
from lvcodec.codec.two_steps import STILL
from lvcodec.exact.planes import channels_to_planes, planes_to_channels
from lvcodec.exact.rounding import round_ste
from lvcodec.nets.inter import Inter
from lvcodec.nets.inter_context import POSITION, change_planes, context_planes, motion_features
from lvcodec.nets.linear import UNITS_PER_LEVEL
from lvcodec.nets.swift import Swift
from lvcodec.train.stages.inter.coding import PictureBatch, code
from lvcodec.train.stages.inter.pool import Decoded, Planes, Pool, Task
from lvcodec.train.stages.soft_warp import soft_warp
from lvcodec.train.stages.stage import Outcome, Stage

PICTURES = 2  # of a chain in a step
Known = dict[tuple[int, int], Tensor]  # (96, H/8, W/8) levels - 128 with gradients, by sample and picture


def run(model: Inter, pool: Pool, count: int, pictures: int) -> Outcome:
    """Code the next `pictures` pictures of `count` chains, both 1 or more. The outcome has all of them as samples."""
    chains = pool.draw(count)
    total: Outcome | None = None
    known: Known = {}
    for _ in range(pictures):
        tasks = [pool.next(running) for running in chains]
        coded = code(model, batch_of(model, tasks, known))
        total = coded.outcome if total is None else total.joined(coded.outcome)
        shown = round_ste(coded.x_hat / UNITS_PER_LEVEL).clamp(-128, 127)
        known |= {(number, task.at): shown[number] for number, task in enumerate(tasks)}
        for task, decoded in zip(tasks, decoded_of(tasks, shown, coded.history), strict=True):
            pool.put(task, decoded)
        still = [task.running in pool.running for task in tasks]
        if not all(still):
            break
    if total is None:
        raise ValueError("a step of this stage codes one picture or more")
    return total


def step(model: Swift, pool: Pool, count: int) -> Outcome:
    """One step of the stage, of `count` chains."""
    return run(model.inter, pool, count, PICTURES)


def batch_of(model: Inter, tasks: list[Task], known: Known) -> PictureBatch:
    """What is known of pictures before they are coded."""
    predictions = torch.stack([_predicted(task, number, known) for number, task in enumerate(tasks)])
    return PictureBatch(
        x=torch.stack([channels(task.source) for task in tasks]).contiguous(memory_format=torch.channels_last),
        prediction=predictions.contiguous(memory_format=torch.channels_last),
        history=torch.stack([_history(task, model.shape.latent) for task in tasks]),
        motion=_stacked([motion_features(task.field, task.single, task.side) for task in tasks]),
        context=_stacked([_context(task) for task in tasks])[:, :, None, None],
        change=_stacked([change_planes(_index(task.quality), b_picture=task.is_b) for task in tasks])[:, :, None, None],
        quality=torch.tensor([task.quality for task in tasks]),
    )


def decoded_of(tasks: list[Task], shown: Tensor, history: Tensor) -> list[Decoded]:
    """The pictures as references of others."""
    planes = [plane.detach()[:, 0].to(torch.uint8).numpy() for plane in channels_to_planes(shown.detach())]
    histories = history.to(torch.uint8).numpy()
    return [
        Decoded([plane[number] for plane in planes], histories[number], task.quality, intra=False)
        for number, task in enumerate(tasks)
    ]


def channels(planes: Planes) -> Tensor:
    """Planes as (96, H/8, W/8) levels - 128."""
    y, u, v = (torch.from_numpy(plane)[None, None].float() for plane in planes)
    return planes_to_channels(y, u, v)[0]


def _predicted(task: Task, number: int, known: Known) -> Tensor:
    shown = channels(task.predicted())
    views = task.views
    if task.distance == STILL:
        known = {}  # its reference is a first step, which is not coded here
    seen = np.sum([view.shown for view in views], axis=0, dtype=np.float32)
    for view in views:
        reference = known.get((number, view.at))
        if reference is not None and reference.requires_grad:
            soft = soft_moved(reference[None], view.field, view.shown / seen, task.side)
            shown = shown + (soft - soft.detach())
    return shown


def soft_moved(reference: Tensor, field: NDArray[np.int32], share: NDArray[np.float32], side: int) -> Tensor:
    """(96, H/8, W/8) of a reference (1, 96, H/8, W/8) along a field, as far as blocks show it (soft_warp.py)."""
    how = torch.from_numpy(field)[None], torch.from_numpy(share)[None], side
    with torch.autocast("cpu", enabled=False):
        y, u, v = channels_to_planes(reference.float())
        moved = (soft_warp(y, *how), soft_warp(u, *how, chroma=True), soft_warp(v, *how, chroma=True))
        return planes_to_channels(*moved)[0]


def _history(task: Task, latent: int) -> Tensor:
    """Of both references together: their mean, rounded up."""
    rows, columns = (-(-size * task.side // POSITION) for size in task.direction.shape)
    parts = [np.zeros((latent, rows, columns), np.uint8) if d.history is None else d.history for d in task.references]
    return torch.from_numpy((parts[0].astype(np.uint16) + parts[1] + 1) >> 1).float()


def _context(task: Task) -> NDArray[np.int32]:
    one, other = task.references
    return context_planes(
        _index(task.quality),
        (_index(one.quality), _index(other.quality)),
        one.intra + other.intra,
        task.distance,
        b_picture=task.is_b,
    )


def _index(quality: float) -> int:
    return round((quality - 1) * quality_scale.INDICES_A_QUALITY)


def _stacked(arrays: list[NDArray[np.int32]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays)).float()


# The encoder's transform and the steps stay as they began: sqrt(12 * 0.72 / lambda) is right for an orthonormal one.
STAGE = Stage(step, length=PICTURES, trained=("inter.",), still=("inter.enc_linear", "inter.log_step"), priors=())
