"""The stage inter: chains that run, what they are predicted from, that the path works from its start and learns."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("compressai", reason="training's priors are CompressAI's: pip install '.[train]'")

from lvcodec.codec import two_steps  # noqa: E402
from lvcodec.codec.motion import Motion, predict, predict_both  # noqa: E402
from lvcodec.errors import InputError  # noqa: E402
from lvcodec.exact.warp import SIDES  # noqa: E402
from lvcodec.nets.inter import Inter  # noqa: E402
from lvcodec.nets.linear import UNITS_PER_LEVEL  # noqa: E402
from lvcodec.nets.shapes import InterShape, SwiftShape  # noqa: E402
from lvcodec.nets.swift import Swift  # noqa: E402
from lvcodec.quality import of_index  # noqa: E402
from lvcodec.train.data import chains  # noqa: E402
from lvcodec.train.data.chains import AFTER, BEFORE, BOTH, NONE  # noqa: E402
from lvcodec.train.results import checkpoint  # noqa: E402
from lvcodec.train.results.export import recipe  # noqa: E402
from lvcodec.train.run.chain_run import ChainRun  # noqa: E402
from lvcodec.train.settings import Settings  # noqa: E402
from lvcodec.train.stages.inter import pool as pool_module  # noqa: E402
from lvcodec.train.stages.inter import start, unrolled  # noqa: E402
from lvcodec.train.stages.inter.coding import code  # noqa: E402
from lvcodec.train.stages.inter.pool import Decoded, Pool, Task  # noqa: E402
from lvcodec.train.stages.priors import swift_priors  # noqa: E402
from lvcodec.video.picture import Picture  # noqa: E402

SIDE = 64


@pytest.fixture
def model(started: dict[str, torch.Tensor]) -> Inter:
    fresh = Inter(InterShape())
    fresh.load_state_dict(started)
    return fresh


def test_chains_are_saved_and_loaded(chains_folder: Path, tmp_path: Path) -> None:
    chain = chains.load(chains.stored(chains_folder)[1])
    assert chain.quality_index == 60
    assert [tuple(step) for step in chain.steps[:2]] == [(7, 0, NONE, 2), (3, 0, 7, 3)]
    assert chain.best == 48
    assert [chains.load(path).side for path in chains.stored(chains_folder)] == [16, 16, 8]
    (tmp_path / "no.npz").write_bytes(b"none")
    with pytest.raises(InputError, match="holds no chain"):
        chains.load(tmp_path / "no.npz")
    with pytest.raises(InputError, match="no chains in"):
        Pool([chains_folder.parent / "nothing"], 1, 1).check(1)


def test_chains_of_the_first_form_are_taken_as_symmetric(chains_folder: Path, tmp_path: Path) -> None:
    """Their B-pictures have a field from either reference, as they come; their qualities are not told."""
    chain = chains.load(chains.stored(chains_folder)[1])
    at, before, after, _ = chain.steps[2]  # 1 between 0 and 3
    assert (at, before, after) == (1, 0, 3)
    pair = np.zeros((len(chain.steps), 2, 2, *chain.field.shape[2:]), dtype=np.int16)
    pair[2, 0, 1], pair[2, 1, 1] = 4, -12  # a pel to the right, and three to the left in two pictures
    pair[2, 1, 1, 0, 3] = -9
    direction = np.full(chain.direction.shape, BOTH, dtype=np.uint8)
    direction[2, 0, 0], direction[2, 0, 1] = BEFORE, AFTER
    parts = {name: getattr(chain, name) for name in ("source", "start", "quality_index", "steps")}
    np.savez(tmp_path / "first.npz", **parts, motion=pair, direction=direction)
    loaded = chains.load(tmp_path / "first.npz")
    assert loaded.field[2, 1, 0].tolist() == [8, 12, 8, 8]
    assert loaded.direction[2, 0].tolist() == [BEFORE, AFTER, BEFORE, BOTH]
    assert not loaded.field[0].any() and not loaded.field[2, 0].any()
    assert loaded.qualities[:3].tolist() == [40, 32, 24]


@pytest.mark.parametrize("side", SIDES)
def test_pictures_are_predicted_as_a_decoder_does_and_soft_to_a_level(chains_folder: Path, side: int) -> None:
    """P-pictures and B-pictures between unequal distances, mirrored or not; whole pels, where taps do not matter."""
    random = np.random.default_rng(3)
    pool = Pool([chains_folder], 1, 1)
    base = pool.draw(1)[0]
    shape = SIDE // side, SIDE // side
    planes = [[random.integers(0, 256, (size, size), dtype=np.uint8) for size in (SIDE, SIDE // 2, SIDE // 2)]] * 2
    planes[1] = [plane[::-1].copy() for plane in planes[0]]
    field = (random.integers(-2, 3, (2, *shape)) * 16).astype(np.int32)
    direction = random.integers(0, 3, shape).astype(np.uint8)
    for after in (0, 3):
        pictures = {at: Decoded(shown, None, 3.0, intra=False) for at, shown in zip((0, after), planes, strict=True)}
        running = replace(base, pictures=pictures)
        task = Task(running, 1, 0, after, 3.0, after - 1 if after else 1, side, field, direction)
        motion = Motion(side, field, np.zeros(shape, np.int32), direction)
        one, other = (Picture(*pictures[at].planes) for at in (0, after))
        exact = predict_both(one, other, motion, 1, 2) if after else predict(one, motion)
        for ours, theirs in zip(task.predicted(), exact.planes, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        views = task.views
        seen = np.sum([view.shown for view in views], axis=0)
        soft = torch.zeros(96, SIDE // 8, SIDE // 8)
        for view in views:
            share = (view.shown / seen).astype(np.float32)
            reference = unrolled.channels(pictures[view.at].planes)[None]
            soft += unrolled.soft_moved(reference, view.field, share, side) + 128
        assert (soft - 128 - unrolled.channels(list(exact.planes))).abs().max() < 0.6


@pytest.fixture
def one_second_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each I-picture has its second step once."""
    monkeypatch.setattr(pool_module, "AGAIN", 0.0)


def test_a_step_needs_pictures(chains_folder: Path, model: Inter) -> None:
    with pytest.raises(ValueError, match="one picture or more"):
        unrolled.run(model, Pool([chains_folder], 1, 2), 1, 0)


@pytest.mark.usefixtures("one_second_step")
def test_pool_keeps_what_is_still_needed_and_begins_anew(chains_folder: Path, model: Inter) -> None:
    pool = Pool([chains_folder], 3, 2)
    began = {id(running) for running in pool.draw(3)}
    for _ in range(8):
        with torch.no_grad():
            unrolled.run(model, pool, 3, 1)
        for running in pool.running:
            assert len(running.pictures) <= 5
            needed = {int(at) for at in running.chain.steps[running.step :, 1:3].ravel()}
            assert set(running.pictures) <= needed
    assert began.isdisjoint({id(running) for running in pool.running})


def test_path_works_from_its_start(chains_folder: Path, model: Inter) -> None:
    pool = Pool([chains_folder], 2, 3)
    tasks = [pool.next(running) for running in pool.draw(2)]
    batch = unrolled.batch_of(model, tasks, {})
    with torch.no_grad():
        coded = code(model, batch)
    shown = coded.x_hat / UNITS_PER_LEVEL
    assert (shown - batch.x).square().mean() < (batch.prediction - batch.x).square().mean()
    assert coded.symbols.any()
    assert (coded.outcome.rate > 0).all()
    assert torch.equal(coded.symbols, coded.symbols.round())


@pytest.mark.usefixtures("one_second_step")
@pytest.mark.parametrize("number", [0, 2])
def test_gradients_reach_the_picture_before(chains_folder: Path, tmp_path: Path, model: Inter, number: int) -> None:
    """The second picture's distortion is also paid by what showed the first; with blocks of either size."""
    shutil.copy(chains.stored(chains_folder)[number], tmp_path)
    pool = Pool([tmp_path], 1, 4)
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


def test_a_run_trains_its_path_alone_and_goes_on(chains_folder: Path, started: dict[str, torch.Tensor]) -> None:
    swift = Swift(SwiftShape(inter=True, depth8=1, depth16=1))
    swift.inter.load_state_dict(started)
    settings = Settings("inter", 30, by_steps=True, batch=2, schedule="constant", simulated=0.0)
    run = ChainRun(settings, swift, swift_priors(swift), Pool([chains_folder], 4, 5))
    before = {name: value.clone() for name, value in swift.state_dict().items()}
    for _ in range(24):
        run.step()
    changed = {name for name, value in swift.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("inter.") for name in changed)
    still = {name for name in before if name.startswith("inter.") and name not in changed}
    assert {name for name in still if "bias" not in name} == {"inter.enc_linear.weight", "inter.log_step"}
    state = run.state()
    again = ChainRun(settings, swift, swift_priors(swift), Pool([chains_folder], 4, 5))
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


def test_hours_are_of_all_processes(tmp_path: Path) -> None:
    state = {"stage": "inter", "shape": {}, "step": 9, "used_s": 1800.0, "model": {}, "priors": {}, "average": {}}
    for processes, hours in ((None, 0.5), (2, 1.0)):
        checkpoint.save(tmp_path / "a.pt", state | ({} if processes is None else {"processes": processes}))
        assert recipe(tmp_path / "a.pt")["processor_hours"] == hours


@pytest.mark.usefixtures("one_second_step")
def test_chains_begin_with_the_second_step_of_their_i_picture(chains_folder: Path, model: Inter) -> None:
    """It is coded once more at its own place, nearer to the source; later pictures take it for an I-picture."""
    pool = Pool([chains_folder], 6, 5)
    running = next(r for r in pool.draw(6) if r.half and r.chain.start_index != r.chain.quality_index)
    first = running.pictures[0]
    task = pool.next(running)
    assert (task.at, task.distance, task.quality) == (0, 0, running.own + 2)
    with torch.no_grad():
        coded = code(model, unrolled.batch_of(model, [task], {}))
    [decoded] = unrolled.decoded_of([task], (coded.x_hat / UNITS_PER_LEVEL).round().clamp(-128, 127), coded.history)
    pool.put(task, decoded)
    shown = running.pictures[0]
    assert (shown.intra, shown.history, shown.quality) == (True, None, running.own)

    def error(planes: list[np.ndarray]) -> float:
        return float(np.square(np.subtract(planes[0], task.source[0], dtype=np.int32)).mean())

    assert error(shown.planes) < 0.8 * error(first.planes)
    assert pool.next(running).at == 1


def test_second_steps_come_again_at_other_qualities(
    chains_folder: Path, model: Inter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the same first step, to which no gradients pass."""
    pool = Pool([chains_folder], 6, 5)
    running = next(running for running in pool.draw(6) if running.half)
    monkeypatch.setattr(pool_module, "AGAIN", 1.0)
    first, below = running.pictures[0], running.own - running.base
    qualities = set()
    for _ in range(3):
        task = pool.next(running)
        assert task.distance == two_steps.STILL
        assert running.pictures[0] is first
        qualities.add(task.quality)
        assert running.own - running.base == pytest.approx(below)
        other = torch.zeros_like(unrolled.channels(task.source)).requires_grad_()
        batch = unrolled.batch_of(model, [task], {(0, 0): other})
        assert not batch.prediction.requires_grad
        pool.put(task, Decoded(task.source, None, task.quality, intra=False))
    assert len(qualities) == 3
    assert min(qualities) > of_index(two_steps.FROM_INDEX)


def test_the_transform_is_turned_to_where_rows_are_sparse() -> None:
    """Of rows that are few directions at a time, which are no cosines, it finds those."""
    cosines = start._cosines()
    assert torch.allclose(cosines @ cosines.T, torch.eye(384), atol=1e-5)
    torch.manual_seed(1)
    hidden, _ = torch.linalg.qr(cosines + 0.02 * torch.randn(384, 384))
    rows = ((torch.rand(3000, 384) < 0.02) * torch.randn(3000, 384).sign() * 4) @ hidden.T
    found = start._sparse(cosines, rows)
    assert torch.allclose(found @ found.T, torch.eye(384), atol=1e-4)

    def alike(basis: torch.Tensor) -> float:
        return float((basis @ hidden).abs().amax(dim=1).mean())

    assert alike(found) > 0.97 > alike(cosines)
