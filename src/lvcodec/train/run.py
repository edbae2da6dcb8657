"""Train one stage, resumably: python -m lvcodec.train.run STAGE --run DIR --data FOLDER ... --minutes N

Time is the processor's, divided by the threads, so that runs on a busy machine compare. Checkpoints hold everything
a run needs to go on (weights and their moving average, optimisers, random states, time used); they are written
beside and renamed, every five minutes and at the end. The learning rate is constant for 60 % of the time and then
falls on a cosine to 2 %; `--constant` leaves the fall out, for runs that are to be compared or continued. Networks
run in bfloat16 where torch's autocast does so; the linear path and all rates in float32.
"""
from __future__ import annotations

import csv
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import torch
from tqdm import tqdm

from lvcodec.exact.ops import layers
from lvcodec.nets.swift import Swift, SwiftShape
from lvcodec.train import checkpoint
from lvcodec.train.data import Crops, prepare
from lvcodec.train.klt import start_from_klt
from lvcodec.train.optim import optimisers
from lvcodec.train.stages import LENGTHS, STAGES, TRAINED, Outcome, Priors

SAVE_EVERY_S = 300.0
LOG_EVERY_STEPS = 100
WARM_UP_STEPS = 100
ADAM_ONLY = ("enc_linear", "dec_linear", "enc_in", "enc_out", "dec_out", "dec_latent", "dec_pixels", "prior.")


@dataclass(frozen=True)
class Settings:
    """How a stage is trained. total_s: processor seconds in all; simulated: last part of them with rounding on."""

    stage: str
    total_s: float
    batch: int
    crop: int
    muon_lr: float
    adam_lr: float
    linear_lr: float
    constant: bool
    simulated: float


@dataclass
class Progress:
    """Where a run stands; sums are of loss, rate and distortion over `summed` steps, since the log's last line."""

    used_s: float = 0.0
    step: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0] * 3)
    summed: int = 0


class Run:
    """A stage's networks, optimisers and data, one step at a time."""

    def __init__(self, settings: Settings, model: Swift, priors: Priors, crops: Crops) -> None:
        self.settings, self.model, self.priors, self.crops = settings, model, priors, crops
        self.progress = Progress()
        model.to(memory_format=torch.channels_last)
        prefixes, prior = TRAINED[settings.stage]
        for p in [*model.parameters(), *priors.parameters()]:
            p.requires_grad_(False)
        chosen = [(n, p) for n, p in model.named_parameters() if n.startswith(prefixes)]
        chosen += [(f"prior.{n}", p) for n, p in getattr(priors, prior).named_parameters()]
        for _, p in chosen:
            p.requires_grad_(True)
        self.parameters = [p for _, p in chosen]
        self.optimisers = optimisers(chosen, muon_lr=settings.muon_lr, adam_lr=settings.adam_lr,
                                     linear_lr=settings.linear_lr, plain=ADAM_ONLY)
        self.peaks = [[group["lr"] for group in o.param_groups] for o in self.optimisers]
        self.average = checkpoint.Average({"model": model, "priors": priors}, None)

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where a checkpoint of the same stage stopped."""
        for o, saved in zip(self.optimisers, state["optimisers"], strict=True):
            o.load_state_dict(saved)
        torch.set_rng_state(state["torch_random"])
        self.crops.random.bit_generator.state = state["numpy_random"]
        self.progress = Progress(state["used_s"], state["step"])
        self.average = checkpoint.Average({"model": self.model, "priors": self.priors}, state["average"])

    def state(self) -> dict[str, Any]:
        """What `resume` needs."""
        return {
            "shape": self.model.shape.as_dict(), "model": self.model.state_dict(),
            "priors": self.priors.state_dict(), "average": self.average.state(), "stage": self.settings.stage,
            "optimisers": [o.state_dict() for o in self.optimisers], "used_s": self.progress.used_s,
            "step": self.progress.step, "torch_random": torch.get_rng_state(),
            "numpy_random": self.crops.random.bit_generator.state,
        }

    def _set_rates(self) -> None:
        part = self.progress.used_s / self.settings.total_s
        late = not self.settings.constant and part >= 0.6
        fall = 0.02 + 0.49 * (1 + math.cos(math.pi * min(1.0, (part - 0.6) / 0.4))) if late else 1.0
        warm = min(1.0, (self.progress.step + 1) / WARM_UP_STEPS)
        for o, peaks in zip(self.optimisers, self.peaks, strict=True):
            for group, peak in zip(o.param_groups, peaks, strict=True):
                group["lr"] = peak * fall * warm
        # networks that are not trained here are what the coder will have: integers
        for _, layer in layers(self.model):
            layer.simulate = part >= 1 - self.settings.simulated or not layer.weight.requires_grad

    def step(self) -> None:
        """One batch forward and back."""
        settings, progress = self.settings, self.progress
        began = time.process_time()
        self._set_rates()
        clip = self.crops.batch(settings.batch, settings.crop, length=LENGTHS[settings.stage])
        quality = 1 + 5 * torch.rand(settings.batch)
        with torch.autocast("cpu", torch.bfloat16):
            outcome: Outcome = STAGES[settings.stage](self.model, self.priors, clip, quality)
        loss = outcome.loss()
        for o in self.optimisers:
            o.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        if torch.isfinite(norm):
            for o in self.optimisers:
                o.step()
        progress.step += 1
        progress.summed += 1
        self.average.update(progress.step)
        for i, value in enumerate((loss, outcome.rate.mean(), outcome.distortion.mean())):
            progress.sums[i] += value.item()
        progress.used_s += (time.process_time() - began) / torch.get_num_threads()


def _new_model(shape: tuple[str, ...], crops: Crops) -> tuple[Swift, Priors]:
    model = Swift(SwiftShape.parse(",".join(shape)))
    start_from_klt(model, crops)
    return model, Priors(model)


def _train(run: Run, folder: Path) -> None:
    progress, total_s = run.progress, run.settings.total_s
    saved_s = progress.used_s
    with (
        (folder / "log.csv").open("a", newline="") as log,
        tqdm(total=round(total_s), initial=round(progress.used_s), unit="s", disable=None,
             desc=run.settings.stage) as bar,
    ):
        writer = csv.writer(log)
        while progress.used_s < total_s:
            before = progress.used_s
            run.step()
            bar.update(progress.used_s - before)
            if progress.step % LOG_EVERY_STEPS == 0:
                loss, rate, distortion = (s / progress.summed for s in progress.sums)
                writer.writerow([progress.step, f"{progress.used_s:.1f}", f"{loss:.5f}", f"{rate:.5f}",
                                 f"{distortion:.5f}"])
                log.flush()
                bar.set_postfix(loss=f"{loss:.4f}", bpp=f"{rate:.3f}")
                progress.sums, progress.summed = [0.0] * 3, 0
            if progress.used_s - saved_s >= SAVE_EVERY_S or progress.used_s >= total_s:
                checkpoint.save(folder / "checkpoint.pt", run.state())
                saved_s = progress.used_s


@click.command()
@click.argument("stage", type=click.Choice(sorted(STAGES)))
@click.option("--run", "folder", type=click.Path(path_type=Path), required=True, help="Checkpoint and log go here.")
@click.option("--start", type=click.Path(exists=True, path_type=Path), multiple=True,
              help="Begin with these checkpoints' weights; later ones give what their stage trained.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), multiple=True, required=True)
@click.option("--cache", type=click.Path(path_type=Path), default=Path("runs/cache"), show_default=True)
@click.option("--minutes", type=float, required=True, help="Training time in all, over resumes.")
@click.option("--batch", type=int, default=12, show_default=True)
@click.option("--crop", type=int, default=192, show_default=True)
@click.option("--muon-lr", type=float, default=0.005, show_default=True)
@click.option("--adam-lr", type=float, default=1.5e-3, show_default=True)
@click.option("--linear-lr", type=float, default=3e-4, show_default=True, help="Adam's for the linear path.")
@click.option("--constant", is_flag=True, help="No fall of the learning rate.")
@click.option("--simulate", "simulated", type=float, default=0.35, show_default=True,
              help="Last part of the time in which weights and activations are rounded.")
@click.option("--shape", multiple=True, help="name=value of SwiftShape, for a new model.")
@click.option("--seed", type=int, default=1, show_default=True)
def main(stage: str, folder: Path, start: tuple[Path, ...], data: tuple[Path, ...], cache: Path, minutes: float,
         batch: int, crop: int, muon_lr: float, adam_lr: float, linear_lr: float, constant: bool, simulated: float,
         shape: tuple[str, ...], seed: int) -> None:
    """Train one STAGE of a swift model: intra, p or shift."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    crops = Crops(prepare(list(data), cache), seed)
    settings = Settings(stage, minutes * 60, batch, crop, muon_lr, adam_lr, linear_lr, constant, simulated)
    earlier = folder / "checkpoint.pt"
    if earlier.exists():
        model, priors, state = checkpoint.load(earlier)
        if state["stage"] != stage:
            raise click.UsageError(f"{folder} holds a run of the stage {state['stage']}; name another folder")
        run = Run(settings, model, priors, crops)
        run.resume(state)
    else:
        model, priors = checkpoint.assemble(start) if start else _new_model(shape, crops)
        run = Run(settings, model, priors, crops)
    _train(run, folder)


if __name__ == "__main__":
    main()
