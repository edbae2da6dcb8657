"""The stages on a tiny model: each learns what it should and nothing else, its parts fit together, masters survive."""

from __future__ import annotations

from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("compressai", reason="training takes its factorised priors from CompressAI: pip install '.[train]'")

from lvcodec.errors import InputError
from lvcodec.models import export, store
from lvcodec.train.results import checkpoint, masters
from lvcodec.train.run.feed import feed
from lvcodec.train.stages.families import FAMILIES

EXPECTED = {"intra": {"enc_in", "hyper_enc"}, "temporal": {"temporal"}, "compensation": {"shift"}}


@pytest.mark.parametrize("stage", [stage for stage in FAMILIES["swift"].stages if stage != "inter"])
def test_a_stage_learns_and_leaves_the_others_alone(fresh, stage: str) -> None:
    run = fresh(stage, batch=2)
    run._feed = repeat(next(feed(run.crops, run.settings, run.stage, torch.device("cpu"), first=0)))
    before = {n: p.clone() for n, p in run.model.named_parameters()}
    losses = []
    for _ in range(25):
        run.step()
        losses.append(run.progress.sums[0])
    each = np.diff([0.0, *losses])
    assert each[-5:].mean() < each[:5].mean()
    moved = {
        n.split(".")[0].rstrip("0123456789") for n, p in run.model.named_parameters() if not torch.equal(p, before[n])
    }
    assert EXPECTED[stage] <= moved
    assert not moved & (set().union(*EXPECTED.values()) - EXPECTED[stage])


def test_stages_are_put_together(fresh, tmp_path: Path) -> None:
    """The first checkpoint gives everything, another one what it trained."""
    paths = []
    for stage in ("intra", "temporal"):
        run = fresh(stage)
        for _ in range(12):
            run.step()
        paths.append(tmp_path / f"{stage}.pt")
        checkpoint.save(paths[-1], run.state())
    model, _ = checkpoint.assemble(paths)
    intra, temporal = (checkpoint.load(path, average=True)[0].state_dict() for path in paths)
    for name, value in model.state_dict().items():
        assert torch.equal(value, (temporal if name.startswith("temporal") else intra)[name]), name
    checkpoint.save(paths[1], run.state() | {"stage": "p"})
    with pytest.raises(InputError, match="trained the stage p, which swift does not have"):
        checkpoint.assemble(paths)


def test_the_mean_of_runs(fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all networks and priors; refused for other shapes."""
    paths = []
    for steps in (10, 20):
        run = fresh("intra")
        for _ in range(steps):
            run.step()
        paths.append(tmp_path / f"{steps}.pt")
        checkpoint.save(paths[-1], run.state())
    first, second = (checkpoint.assemble([path]) for path in paths)
    mean = checkpoint.assemble(paths[:1])
    checkpoint.average(mean, paths[1:])
    moved = 0
    for number in range(2):
        a, b, c = (part[number].state_dict() for part in (first, second, mean))
        for name, value in c.items():
            torch.testing.assert_close(value, (a[name] + b[name]) / 2 if value.is_floating_point() else a[name])
            moved += not torch.equal(value, a[name])
    assert moved > 20
    monkeypatch.setattr(checkpoint, "assemble", lambda paths: (torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)))
    with pytest.raises(InputError, match="other shapes"):
        checkpoint.average(mean, paths[1:])


def test_masters_give_the_same_integers_again(fresh, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    run = fresh("intra")
    for _ in range(4):
        run.step()
    model, priors = run.model, run.priors
    pmfs = {name: getattr(priors, name).pmf().numpy() for name in ("z_intra", "z_p", "z_bfd")}
    arrays = export.swift_arrays(model, pmfs)
    store.write(
        tmp_path / "tiny",
        name="tiny",
        family="swift",
        shape=model.shape.as_dict(),
        arrays=arrays,
        about={},
        overwrite=False,
    )
    save_file(masters.pack(model, priors), tmp_path / "tiny" / store.MASTERS)
    again, priors_again = masters.unpack(tmp_path / "tiny")
    for name, value in export.swift_arrays(again, pmfs).items():
        assert np.array_equal(value, arrays[name]), name
    for name, value in model.state_dict().items():
        got = again.state_dict()[name]
        assert (got - value).abs().max() <= value.abs().amax().clamp_min(1e-3) / 500, name
    assert all(torch.equal(a, b) for a, b in zip(priors.parameters(), priors_again.parameters(), strict=True))
