"""A tiny model, clips for it, and fresh runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from lvcodec.models.store import ModelInfo
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

    from lvcodec.nets.shapes import SwiftShape
    from lvcodec.nets.swift import Swift
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


@pytest.fixture(scope="session")
def chains_folder(tmp_path_factory, make_clip) -> Path:
    """Three chains without motion: P-pictures, a pyramid, and P-pictures of a quality whose fields have blocks of 8."""
    from lvcodec.codec.motion import side_at, still
    from lvcodec.stream.structure import Structure
    from lvcodec.train.data import chains
    from lvcodec.train.data.collect import raw_of

    target, side = tmp_path_factory.mktemp("chains"), 64
    plain, two_steps = (60, 60), (120, 50)
    for seed, (structure, (own, start)) in enumerate(
        ((Structure(7), plain), (Structure(7, pyramid=True), plain), (Structure(7), two_steps))
    ):
        source = np.stack([raw_of(picture) for picture in make_clip(side, side, 8, seed)])
        steps = [(s.at, s.before, chains.NONE if s.after is None else s.after, s.layer) for s in structure.steps]
        field = still(side, side, side_at(own)).astype(np.int16)
        chain = chains.Chain(
            source,
            source[0] if start == own else source[0] // 16 * 16,  # as if after a first step
            own,
            start,
            np.array(steps, dtype=np.int32),
            np.array([own - 6 * layer for *_, layer in steps], dtype=np.int32),
            np.stack([field] * len(steps)),
            np.full((len(steps), *field.shape[1:]), chains.BOTH, dtype=np.uint8),
        )
        chains.save(target / f"{seed}.npz", chain)
    return target


@pytest.fixture(scope="session")
def started(chains_folder: Path) -> dict[str, Any]:
    """The weights of an inter path that has been started."""
    import torch

    from lvcodec.nets.inter import Inter
    from lvcodec.nets.shapes import InterShape
    from lvcodec.train.stages.inter import start as inter_start
    from lvcodec.train.stages.inter.pool import Pool

    torch.manual_seed(1)
    model = Inter(InterShape())
    inter_start.start(model, Pool([chains_folder], 4, 1), rounds=(2, 3))
    return model.state_dict()


@pytest.fixture(scope="session")
def with_path(started: dict[str, Any], tmp_path_factory) -> ModelInfo:
    """A tiny model whose inter path has been started, in a folder."""
    from dataclasses import replace

    import torch

    from lvcodec.models import store
    from lvcodec.models.untrained import randomise
    from lvcodec.nets.shapes import SwiftShape
    from lvcodec.nets.swift import Swift
    from lvcodec.train.results import export
    from lvcodec.train.stages.priors import swift_priors

    torch.manual_seed(1)
    model = Swift(replace(SwiftShape.parse(TINY), inter=True))
    randomise(model)
    model.inter.load_state_dict(started)
    return store.write(
        tmp_path_factory.mktemp("models") / "tiny",
        name="tiny",
        family="swift",
        shape=model.shape.as_dict(),
        arrays=export.arrays_of(model, swift_priors(model)),
        about={},
        overwrite=False,
    )
