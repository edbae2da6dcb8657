"""A tiny model, clips for it, and fresh runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from lvcodec.train.data.crops import CachedClip
    from lvcodec.train.run.run import Run

TINY = "latent=24,width8=16,depth8=1,width16=16,depth16=1,block=depthwise,hyper=8,z_channels=8,context=8,temporal=9"


@pytest.fixture(scope="session")
def tiny() -> str:
    """The shape of a tiny swift model."""
    return TINY


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small gain nothing from more, and one thread gives the same bits each time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def clips(make_clip) -> list[CachedClip]:
    """Three moving clips of six pictures, 128x128."""
    from lvcodec.train.data.crops import CachedClip

    clips = []
    for seed in range(3):
        frames = [np.frombuffer(p.tobytes(), np.uint8).reshape(192, 128) for p in make_clip(128, 128, 6, seed)]
        clips.append(CachedClip(np.stack(frames), still=False, name=f"clip{seed}"))
    return clips


@pytest.fixture(scope="session")
def fresh(clips) -> Callable[..., Run]:
    """fresh(stage, total=..., **settings): a run that has not begun, always the same."""
    pytest.importorskip("compressai", reason="training's priors are CompressAI's: pip install '.[train]'")
    import torch

    from lvcodec.nets.swift import Swift, SwiftShape
    from lvcodec.train.data.crops import Crops
    from lvcodec.train.run.run import Run
    from lvcodec.train.settings import Settings
    from lvcodec.train.stages.klt import start_from_klt
    from lvcodec.train.stages.priors import swift_priors

    def make(stage: str, total: float = 1e6, **settings: Any) -> Run:
        torch.manual_seed(1)
        crops = Crops(clips, 1)
        model = Swift(SwiftShape.parse(TINY))
        start_from_klt(model, crops, batches=4, size=64)
        usual = {"by_steps": True, "batch": 2, "crop": 64, "adam_lr": 1e-3, "schedule": "constant", "simulated": 0.0}
        return Run(Settings(stage, total, **usual | settings), model, swift_priors(model), crops)

    return make
