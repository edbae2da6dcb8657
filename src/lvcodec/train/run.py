"""Train one stage, resumably: python -m lvcodec.train.run STAGE --run DIR --data FOLDER ... --minutes N

Checkpoints hold everything a run needs to go on (weights, optimisers, random states, time used); they are written
beside and renamed, every five minutes and at the end. The learning rate is constant for 60 % of the time and then
falls on a cosine to 2 %; `--constant` leaves the fall out, for runs that are to be compared or continued.
"""
from __future__ import annotations

import csv
import math
import time
from pathlib import Path
from typing import Any

import click
import torch
from tqdm import tqdm

from lvcodec.exact.ops import simulate
from lvcodec.nets.swift import Swift, SwiftShape
from lvcodec.train.data import Crops, prepare
from lvcodec.train.klt import start_from_klt
from lvcodec.train.optim import optimisers
from lvcodec.train.stages import LENGTHS, STAGES, TRAINED, Priors

SAVE_EVERY_S = 300.0
ADAM_ONLY = ("enc_linear", "dec_linear", "enc_in", "enc_out", "dec_out", "dec_latent", "dec_pixels")


def load(path: Path) -> tuple[Swift, Priors, dict[str, Any]]:
    """Model, priors and the rest of a checkpoint."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = Swift(SwiftShape(**state["shape"]))
    priors = Priors(model)
    model.load_state_dict(state["model"])
    priors.load_state_dict(state["priors"])
    return model, priors, state


def _save(path: Path, state: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


@click.command()
@click.argument("stage", type=click.Choice(sorted(STAGES)))
@click.option("--run", "folder", type=click.Path(path_type=Path), required=True, help="Checkpoint and log go here.")
@click.option("--start", type=click.Path(exists=True, path_type=Path), help="Begin with this checkpoint's weights.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), multiple=True, required=True)
@click.option("--cache", type=click.Path(path_type=Path), default=Path("runs/cache"), show_default=True)
@click.option("--minutes", type=float, required=True, help="Training time in all, over resumes.")
@click.option("--batch", type=int, default=4, show_default=True)
@click.option("--crop", type=int, default=192, show_default=True)
@click.option("--muon-lr", type=float, default=0.005, show_default=True)
@click.option("--adam-lr", type=float, default=1e-3, show_default=True)
@click.option("--constant", is_flag=True, help="No fall of the learning rate.")
@click.option("--simulate", "simulated", type=float, default=0.35, show_default=True,
              help="Last part of the time in which weights and activations are rounded.")
@click.option("--shape", multiple=True, help="name=value of SwiftShape, for a new model.")
@click.option("--seed", type=int, default=1, show_default=True)
def main(stage: str, folder: Path, start: Path | None, data: tuple[Path, ...], cache: Path, minutes: float,
         batch: int, crop: int, muon_lr: float, adam_lr: float, constant: bool, simulated: float,
         shape: tuple[str, ...], seed: int) -> None:
    """Train one STAGE of a swift model: intra, p or shift."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    crops = Crops(prepare(list(data), cache), seed)
    checkpoint = folder / "checkpoint.pt"
    state: dict[str, Any] | None = None
    if checkpoint.exists():
        model, priors, state = load(checkpoint)
    elif start:
        model, priors, _ = load(start)
    else:
        pairs = dict(item.split("=", 1) for item in shape)
        kinds = {k: type(v) for k, v in SwiftShape().as_dict().items()}
        model = Swift(SwiftShape(**{k: v == "True" if kinds[k] is bool else kinds[k](v) for k, v in pairs.items()}))
        start_from_klt(model, crops)
        priors = Priors(model)
    prefixes, prior_name = TRAINED[stage]
    chosen = [(n, p) for n, p in model.named_parameters() if n.startswith(prefixes)]
    chosen += [(f"prior.{n}", p) for n, p in getattr(priors, prior_name).named_parameters()]
    for p in [*model.parameters(), *priors.parameters()]:
        p.requires_grad_(False)
    for _, p in chosen:
        p.requires_grad_(True)
    optimiser = optimisers(chosen, muon_lr=muon_lr, adam_lr=adam_lr, plain=(*ADAM_ONLY, "prior."))
    used, step = 0.0, 0
    if state and state["stage"] == stage:
        for o, s in zip(optimiser, state["optimisers"], strict=True):
            o.load_state_dict(s)
        torch.set_rng_state(state["torch_random"])
        crops.random.bit_generator.state = state["numpy_random"]
        used, step = state["used_s"], state["step"]
    for o in optimiser:
        for group in o.param_groups:
            group["peak"] = group["lr"] if used == 0 else group["peak"]

    def snapshot() -> None:
        _save(checkpoint, {
            "shape": model.shape.as_dict(), "model": model.state_dict(), "priors": priors.state_dict(),
            "stage": stage, "optimisers": [o.state_dict() for o in optimiser], "used_s": used, "step": step,
            "torch_random": torch.get_rng_state(), "numpy_random": crops.random.bit_generator.state,
        })

    total = minutes * 60
    log = (folder / "log.csv").open("a", newline="")
    writer = csv.writer(log)
    sums = torch.zeros(4)
    saved = used
    bar = tqdm(total=round(total), initial=round(used), unit="s", disable=None, desc=stage)
    parameters = [p for _, p in chosen]
    while used < total:
        began = time.monotonic()
        part = used / total
        fall = 1.0 if constant or part < 0.6 else 0.02 + 0.49 * (1 + math.cos(math.pi * (part - 0.6) / 0.4))
        for o in optimiser:
            for group in o.param_groups:
                group["lr"] = group["peak"] * fall * min(1.0, (step + 1) / 100)
        simulate(model, part >= 1 - simulated)
        clip = crops.batch(batch, crop, length=LENGTHS[stage])
        quality = 1 + 5 * torch.rand(batch)
        outcome = STAGES[stage](model, priors, clip[:, 0] if stage == "intra" else clip, quality)
        loss = outcome.loss()
        for o in optimiser:
            o.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        if torch.isfinite(norm):
            for o in optimiser:
                o.step()
        sums += torch.tensor([loss.item(), outcome.rate.mean().item(), outcome.distortion.mean().item(), 1.0])
        step += 1
        took = time.monotonic() - began
        used += took
        bar.update(took)
        if step % 100 == 0:
            mean = (sums[:3] / sums[3]).tolist()
            writer.writerow([step, f"{used:.1f}", *(f"{v:.5f}" for v in mean)])
            log.flush()
            bar.set_postfix(loss=f"{mean[0]:.4f}", bpp=f"{mean[1]:.3f}")
            sums.zero_()
        if used - saved >= SAVE_EVERY_S or used >= total:
            snapshot()
            saved = used
    bar.close()
    log.close()


if __name__ == "__main__":
    main()
