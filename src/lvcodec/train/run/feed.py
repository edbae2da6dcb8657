"""What each step of a run is trained on.

It is a function of the run's seed and the step alone, so that a run that goes on sees what it would have seen. Beside a
GPU other processes cut it out ahead of time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lvcodec.quality import LOWEST
from lvcodec.train.data.crops import Crops, channels_of
from lvcodec.train.settings import Settings
from lvcodec.train.stages.stage import Stage

MOST_PROCESSES = 6


@dataclass(frozen=True)
class Samples:
    """What one step is trained on.

    clip: (B, T, 96, H/8, W/8) levels - 128, from one source each; quality: (B,).
    """

    clip: Tensor
    quality: Tensor


class _Steps(Dataset[tuple[Tensor, Tensor]]):
    """Raw samples by step."""

    def __init__(self, crops: Crops, settings: Settings, stage: Stage) -> None:
        self.crops, self.settings, self.stage = crops, settings, stage

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        crops, settings = self.crops, self.settings
        crops.begin(step)
        clip = crops.cut(settings.batch, settings.crop, length=self.stage.length)
        if settings.quality is None:
            quality = torch.from_numpy(
                LOWEST + (settings.highest - LOWEST) * crops.random.random(settings.batch)
            ).float()
        else:
            quality = torch.full((settings.batch,), float(settings.quality))
        return clip, quality


def feed(crops: Crops, settings: Settings, stage: Stage, device: torch.device, *, first: int) -> Iterator[Samples]:
    """Samples of the step `first` and of those after it, on the device; without end."""
    beside = device.type == "cuda"
    processes = min(MOST_PROCESSES, max(1, (os.cpu_count() or 1) // 3)) if beside else 0
    loader = DataLoader(
        _Steps(crops, settings, stage),
        batch_size=None,
        sampler=_From(first),
        num_workers=processes,
        pin_memory=beside,
        generator=torch.Generator(),
    )
    for raw in loader:
        clip, quality = (part.to(device, non_blocking=True) for part in raw)
        yield Samples(channels_of(clip, settings.crop), quality)


class _From:
    """first, first + 1, ..."""

    def __init__(self, first: int) -> None:
        self.first = first

    def __iter__(self) -> Iterator[int]:
        step = self.first
        while True:
            yield step
            step += 1
