"""The stage inter: chains that run, what they are predicted from, that the path works from its start and learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("compressai", reason="training's priors are CompressAI's: pip install '.[train]'")

from lvcodec.errors import InputError  # noqa: E402
from lvcodec.nets.inter import Inter, InterShape  # noqa: E402
from lvcodec.nets.linear import UNITS_PER_LEVEL  # noqa: E402
from lvcodec.nets.swift import Swift, SwiftShape  # noqa: E402
from lvcodec.stream.structure import Structure  # noqa: E402
from lvcodec.train.data import chains  # noqa: E402
from lvcodec.train.data.chains import BOTH, NONE, Chain  # noqa: E402
from lvcodec.train.data.collect import raw_of  # noqa: E402
from lvcodec.train.results import checkpoint  # noqa: E402
from lvcodec.train.run.chain_run import ChainRun  # noqa: E402
from lvcodec.train.settings import Settings  # noqa: E402
from lvcodec.train.stages.inter import start as inter_start  # noqa: E402
from lvcodec.train.stages.inter import unrolled  # noqa: E402
from lvcodec.train.stages.inter.coding import code  # noqa: E402
from lvcodec.train.stages.inter.pool import Pool  # noqa: E402
from lvcodec.train.stages.priors import swift_priors  # noqa: E402

SIDE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_clip) -> Path:
    """Two chains without motion: P-pictures, and a pyramid."""
    target = tmp_path_factory.mktemp("chains")
    for seed, structure in enumerate((Structure(7), Structure(7, pyramid=True))):
        source = np.stack([raw_of(picture) for picture in make_clip(SIDE, SIDE, 8, seed)])
        steps = [(s.at, s.before, NONE if s.after is None else s.after, s.layer) for s in structure.steps]
        places = SIDE // 16, SIDE // 16
        motion = np.zeros((len(steps), 2, 2, *places), dtype=np.int16)
        direction = np.full((len(steps), *places), BOTH, dtype=np.uint8)
        chain = Chain(source, source[0], 60, np.array(steps, dtype=np.int32), motion, direction)
        chains.save(target / f"{seed}.npz", chain)
    return target


@pytest.fixture(scope="module")
def started(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a path that has been started."""
    torch.manual_seed(1)
    model = Inter(InterShape())
    inter_start.start(model, Pool([folder], 4, 1), rounds=(2, 3))
    return model.state_dict()


@pytest.fixture
def model(started: dict[str, torch.Tensor]) -> Inter:
    fresh = Inter(InterShape())
    fresh.load_state_dict(started)
    return fresh


def test_chains_are_saved_and_loaded(folder: Path, tmp_path: Path) -> None:
    chain = chains.load(chains.stored(folder)[1])
    assert chain.quality_index == 60
    assert [tuple(step) for step in chain.steps[:2]] == [(7, 0, NONE, 2), (3, 0, 7, 3)]
    (tmp_path / "no.npz").write_bytes(b"none")
    with pytest.raises(InputError, match="holds no chain"):
        chains.load(tmp_path / "no.npz")
    with pytest.raises(InputError, match="no chains in"):
        Pool([folder.parent / "nothing"], 1, 1).check(1)


def test_pool_keeps_what_is_still_needed_and_begins_anew(folder: Path, model: Inter) -> None:
    pool = Pool([folder], 3, 2)
    began = {id(running) for running in pool.draw(3)}
    for _ in range(8):
        with torch.no_grad():
            unrolled.run(model, pool, 3, 1)
        for running in pool.running:
            assert len(running.pictures) <= 5
            needed = {int(at) for at in running.chain.steps[running.step :, 1:3].ravel()}
            assert set(running.pictures) <= needed
    assert began.isdisjoint({id(running) for running in pool.running})


def test_path_works_from_its_start(folder: Path, model: Inter) -> None:
    pool = Pool([folder], 2, 3)
    tasks = [pool.next(running) for running in pool.draw(2)]
    batch = unrolled.batch_of(model, tasks, {})
    with torch.no_grad():
        coded = code(model, batch)
    shown = coded.x_hat / UNITS_PER_LEVEL
    assert (shown - batch.x).square().mean() < (batch.prediction - batch.x).square().mean()
    assert coded.symbols.any()
    assert (coded.outcome.rate > 0).all()
    assert torch.equal(coded.symbols, coded.symbols.round())


def test_gradients_reach_the_picture_before(folder: Path, model: Inter) -> None:
    """The second picture's distortion is also paid by what showed the first."""
    pool = Pool([folder], 1, 4)
    chain = pool.draw(1)[0]
    known: unrolled.Known = {}
    shown = []
    for _ in range(2):
        tasks = [pool.next(chain)]
        coded = code(model, unrolled.batch_of(model, tasks, known))
        shown.append((coded.x_hat / UNITS_PER_LEVEL).clamp(-128, 127))
        shown[-1].retain_grad()
        known[0, tasks[0].at] = shown[-1][0]
        decoded = unrolled.decoded_of(tasks, shown[-1].round(), coded.history)
        pool.put(tasks[0], decoded[0])
    coded.outcome.distortion.sum().backward()
    assert shown[0].grad is not None
    assert shown[0].grad.abs().sum() > 0


def test_a_run_trains_its_path_alone_and_goes_on(folder: Path, started: dict[str, torch.Tensor]) -> None:
    swift = Swift(SwiftShape(inter=True, depth8=1, depth16=1))
    swift.inter.load_state_dict(started)
    settings = Settings("inter", 30, by_steps=True, batch=2, schedule="constant", simulated=0.0)
    run = ChainRun(settings, swift, swift_priors(swift), Pool([folder], 4, 5))
    before = {name: value.clone() for name, value in swift.state_dict().items()}
    for _ in range(24):
        run.step()
    changed = {name for name, value in swift.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("inter.") for name in changed)
    still = {name for name in before if name.startswith("inter.") and name not in changed}
    assert {name for name in still if "bias" not in name} == {"inter.enc_linear.weight", "inter.log_step"}
    state = run.state()
    again = ChainRun(settings, swift, swift_priors(swift), Pool([folder], 4, 5))
    again.resume(state)
    assert again.progress.step == 24


def test_networks_without_the_path_get_one(tmp_path: Path, started: dict[str, torch.Tensor]) -> None:
    """Of a model that has none and a checkpoint of the stage, `assemble` makes a model that has it."""
    states = []
    for has_inter in (False, True):
        swift = Swift(SwiftShape(inter=has_inter, depth8=1, depth16=1))
        if has_inter:
            swift.inter.load_state_dict(started)
        settings = Settings("inter" if has_inter else "intra", 1, by_steps=True)
        priors = swift_priors(swift)
        path = tmp_path / f"{has_inter}.pt"
        parts = {"model": swift.state_dict(), "priors": priors.state_dict()}
        average = {"average": {"model": {}, "priors": {}}}
        checkpoint.save(
            path,
            {"stage": settings.stage, "shape": swift.shape.as_dict(), "step": 1, "used_s": 0.0, **parts, **average},
        )
        states.append(path)
    model, _ = checkpoint.assemble(states)
    assert model.shape.inter
    for name, value in started.items():
        assert torch.equal(model.inter.state_dict()[name], value)
