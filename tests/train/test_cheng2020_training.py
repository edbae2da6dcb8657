"""The stages of cheng2020 on a tiny network: they learn, agree with CompressAI, and their models code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("compressai", reason="training's priors are CompressAI's: pip install '.[train]'")

from lvcodec.entropy.rates import FLOOR
from lvcodec.errors import InputError, UsageError
from lvcodec.models.cheng2020_arrays import network_arrays
from lvcodec.nets.cheng2020 import ONE, causal_taps
from lvcodec.train.data.crops import Crops
from lvcodec.train.results import checkpoint, export, judge
from lvcodec.train.run.run import Run
from lvcodec.train.settings import settings_of
from lvcodec.train.stages import cheng2020, cheng2020_networks

TINY = "channels=12"


def begun(stage: str, clips, networks=None, **given) -> Run:
    torch.manual_seed(2)
    settings = settings_of(
        "short",
        stage,
        minutes=None,
        steps=1000,
        given={
            "family": "cheng2020",
            "quality": 2,
            "batch": 1,
            "crop": 64,
            "adam_lr": 3e-3,
            "schedule": "constant",
            **given,
        },
    )
    return Run(settings, *(networks or cheng2020_networks.fresh(2, TINY)), Crops(clips, 1))


@pytest.fixture(scope="module")
def anchor():
    """CompressAI's network with random weights, and the same as ours."""
    from compressai.models import Cheng2020Anchor

    torch.manual_seed(5)
    theirs = Cheng2020Anchor(12).eval()
    state = {cheng2020_networks.importers.rename(key): value for key, value in theirs.state_dict().items()}
    return theirs, cheng2020_networks.from_compressai(state, 2)


def test_intra_is_compressais(anchor, clips) -> None:
    """The same pixels, and the same bits as its likelihoods tell, on rounded latents."""
    theirs, (model, priors) = anchor
    x = Crops(clips, 1).batch(2, 64)
    with torch.no_grad():
        out = theirs(cheng2020.to_rgb(x[:, 0]) / ONE)
        ours = cheng2020.intra(model, priors, x, torch.full((2,), 2.0), hard=True)
        squared = (255 * (out["x_hat"] - cheng2020.to_rgb(x[:, 0]) / ONE)).square().mean(dim=(1, 2, 3))
        y_hat = theirs.g_a(cheng2020.to_rgb(x[:, 0]) / ONE).round()
        z_hat = theirs.h_a(theirs.g_a(cheng2020.to_rgb(x[:, 0]) / ONE)).round()
        context = torch.cat([theirs.h_s(z_hat), theirs.context_prediction(y_hat)], dim=1)
        # its forward takes the likelihood of round(y - mean) + mean, and this codec codes round(y)
        likely = theirs.gaussian_conditional._likelihood(y_hat, *theirs.entropy_parameters(context).chunk(2, dim=1))
    bits = sum(-torch.log2(part.clamp_min(FLOOR)).sum(dim=(1, 2, 3)) for part in (likely, out["likelihoods"]["z"]))
    assert ours.rate.tolist() == pytest.approx((bits / 64**2).tolist(), rel=0.002)
    assert ours.squared.tolist() == pytest.approx(squared.tolist(), rel=1e-3)
    assert ours.lmbda.tolist() == pytest.approx([0.0035] * 2)


def test_a_compressai_checkpoint_is_a_start(anchor, tmp_path: Path) -> None:
    theirs, (model, priors) = anchor
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "anchor.pth.tar")
    got, got_priors = checkpoint.assemble([tmp_path / "anchor.pth.tar"], "cheng2020", 2)
    for ours, same in ((got, model), (got_priors.z_intra, priors.z_intra)):
        for (name, a), b in zip(ours.named_parameters(), same.parameters(), strict=True):
            assert name.startswith(("temporal", "shift")) or torch.equal(a, b), name
    with pytest.raises(InputError, match="is no checkpoint"):
        checkpoint.assemble([tmp_path / "anchor.pth.tar"])


TRAINED = {
    "intra": {"g_a", "g_s", "h_a", "h_s", "context_prediction", "entropy_parameters"},
    "temporal": {"temporal"},
    "compensation": {"shift"},
}


@pytest.mark.parametrize("stage", TRAINED)
def test_a_stage_learns_and_leaves_the_others_alone(clips, stage: str) -> None:
    run = begun(stage, clips)
    before = {n: p.clone() for n, p in run.model.named_parameters()}
    losses = []
    for _ in range(12):
        run.step()
        losses.append(run.means()[0])
    assert sum(losses[-4:]) < sum(losses[:4])
    moved = {n.split(".")[0] for n, p in run.model.named_parameters() if not torch.equal(p, before[n])}
    assert moved == TRAINED[stage]


def test_what_must_hold_after_a_step(clips) -> None:
    run = begun("intra", clips, batch=2, crop=128)  # at this size torch once overran its memory
    with torch.no_grad():
        run.model.g_a[0].gdn.weight.fill_(-1)
        run.model.g_a[0].gdn.bias.fill_(-1)
        run.model.context_prediction.weight.fill_(1)
    run.step()
    assert run.model.g_a[0].gdn.weight.min() >= 0 and run.model.g_a[0].gdn.bias.min() > 0
    assert not run.model.context_prediction.weight[:, :, ~causal_taps()].any()
    assert run.model.context_prediction.weight[:, :, causal_taps()].all()


def test_all_stages_make_a_model_that_codes(clips, tmp_path: Path) -> None:
    """Checkpoints go from stage to stage, and export to integers whose streams cost about what was estimated."""
    start: list[Path] = []
    for stage in TRAINED:
        networks = checkpoint.assemble(start, "cheng2020", 2) if start else None
        run = begun(stage, clips, networks)
        for _ in range(2):
            run.step()
        start = [tmp_path / f"{stage}.pt"]
        checkpoint.save(start[0], run.state())
    with pytest.raises(InputError, match="has networks of cheng2020 2, not cheng2020 3"):
        checkpoint.assemble(start, "cheng2020", 3)
    assert list(export.plain(tmp_path / "model", start[0])) == [2]
    shown = judge.pictures(clips[0], 2, 1)
    model, priors = checkpoint.assemble(start, "cheng2020", 2)
    x = judge.to_channels(shown)
    with torch.no_grad():
        estimated = cheng2020.intra(model, priors, x[:, None], torch.full((2,), 2.0), hard=True).rate.mean()
    for mode in ("intra", "mfvc", "lds"):
        [(bpp, psnr)] = judge.coded(tmp_path / "model", shown, mode, [2])
        assert psnr > 4 and (mode != "intra" or bpp == pytest.approx(float(estimated), rel=0.1, abs=0.1))


@pytest.mark.parametrize(
    ("stage", "given", "said"),
    [
        ("intra", {"family": "cheng2020"}, "name it with --quality"),
        ("intra", {"family": "swift", "quality": 3}, "--quality belongs to cheng2020"),
        ("inter", {"family": "cheng2020", "quality": 3}, "the stage inter is swift's"),
        ("temporal", {"family": "cheng2020", "quality": 3, "optimiser": "muon"}, "trained with Adam"),
    ],
)
def test_what_the_family_does_not_have(stage: str, given, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        settings_of("short", stage, minutes=1.0, steps=None, given=given)


def test_short_weights_stay_short() -> None:
    """From a new network over a checkpoint to the integers; training sees them rounded."""
    model, priors = cheng2020_networks.fresh(2, "channels=12,weight_bits=6")
    assert cheng2020_networks.rounds(model) and not cheng2020_networks.rounds(cheng2020_networks.fresh(2, TINY)[0])
    again, _ = cheng2020_networks.networks(cheng2020_networks.shape_of(model))
    again.load_state_dict(model.state_dict())
    arrays = [
        value
        for name, value in network_arrays(again, export.pmfs_of(priors), 2).items()
        if name.endswith(".weight") and "layers" in name
    ]
    peaks = [abs(value.astype(int)).max() for value in arrays]
    assert arrays and max(peaks) == 31
    for wrong in ("weight_bits=3", "weight_bits=17", "channels=0", "channels", "depth=2"):
        with pytest.raises(UsageError, match="weight_bits=B"):
            cheng2020_networks.fresh(2, wrong)
