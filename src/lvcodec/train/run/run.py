"""A run: the networks, optimisers, data and random states of one stage, one step at a time, and its state to save.

Time is the processor's, divided by the threads, so that runs on a busy machine compare; on a GPU it is the clock's.
Networks run in bfloat16 where torch's autocast does so; the linear path and all rates in float32.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lvcodec.exact.ops import layers
from lvcodec.train.results import checkpoint
from lvcodec.train.run.cuda_graph import Replay
from lvcodec.train.run.feed import Samples, feed
from lvcodec.train.run.optimisers import optimisers
from lvcodec.train.run.parallel import Workers
from lvcodec.train.settings import Settings
from lvcodec.train.stages.families import FAMILIES
from lvcodec.train.stages.losses import MEASURES
from lvcodec.train.stages.stage import Outcome


@dataclass
class Progress:
    """Where a run stands; sums are of loss, rate and squared error over `summed` steps, since the log's last line."""

    used_s: float = 0.0
    step: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0] * 3)
    summed: int = 0


class Run:
    """A stage's networks, optimisers and data."""

    def __init__(self, settings: Settings, model: Any, priors: Any, crops: Any, workers: Workers | None = None) -> None:
        self.settings, self.model, self.priors, self.crops = settings, model, priors, crops
        self.workers = workers or Workers(torch.device("cpu"))
        self.family = FAMILIES[settings.family]
        self.stage, self.measure = self.family.stages[settings.stage], MEASURES[settings.loss]
        self.progress = Progress()
        crops.check(self.stage.length)
        model.to(self.workers.device).to(memory_format=self.family.layout)
        priors.to(self.workers.device)
        for p in [*model.parameters(), *priors.parameters()]:
            p.requires_grad_(False)
        of_stage = [(n, p) for n, p in model.named_parameters() if n.startswith(self.stage.trained)]
        trained = [(n, p) for n, p in of_stage if not n.startswith(self.stage.still)]
        trained += [
            (f"prior.{n}", p) for prior in self.stage.priors for n, p in getattr(priors, prior).named_parameters()
        ]
        for _, p in trained:
            p.requires_grad_(True)
        self.parameters = [p for _, p in trained]
        self.optimisers = optimisers(
            trained,
            muon_lr=settings.muon_lr,
            adam_lr=settings.adam_lr,
            linear_lr=settings.linear_lr,
            plain=self.family.adam_only,
            muon=settings.optimiser == "muon",
        )
        self.peaks = [[group["lr"] for group in o.param_groups] for o in self.optimisers]
        self.workers.alike([model, priors])
        self.average = checkpoint.Average({"model": model, "priors": priors}, None)
        self._rounds, self._rounded = self.family.rounds(model), False
        self._feed: Iterator[Samples] | None = None
        recorded = self.stage.recorded and self.workers.device.type == "cuda"
        self._replay = Replay(self._of_samples, self._forget) if recorded else None

    # ---- what a checkpoint holds ----------------------------------------------------------------------------

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where a checkpoint of the same stage stopped (its weights are the model's already)."""
        for o, saved in zip(self.optimisers, state["optimisers"], strict=True):
            o.load_state_dict(saved)
        self._feed = None
        self.progress = Progress(
            state["used_s"], state["step"], list(state.get("sums", [0.0] * 3)), state.get("summed", 0)
        )
        self.average = checkpoint.Average({"model": self.model, "priors": self.priors}, state["average"])
        first = {"torch": state["torch_random"], "cuda": state.get("cuda_random")}
        every = [first, *state.get("other_random", [])]
        if self.workers.rank < len(every):  # else there were fewer processes, and this one begins from its seed
            self._set_random(every[self.workers.rank])

    def state(self) -> dict[str, Any]:
        """What `resume` needs. With several processes, all of them have to ask for it."""
        first, *others = self.workers.all(self._random())
        return {
            "family": self.settings.family,
            "quality": self.settings.quality,
            "shape": self.family.shape_of(self.model),
            "model": self.model.state_dict(),
            "priors": self.priors.state_dict(),
            "average": self.average.state(),
            "stage": self.settings.stage,
            "optimisers": [o.state_dict() for o in self.optimisers],
            "used_s": self.progress.used_s,
            "processes": self.workers.count,
            "step": self.progress.step,
            "sums": list(self.progress.sums),
            "summed": self.progress.summed,
            "torch_random": first["torch"],
            "cuda_random": first["cuda"],
            "other_random": others,
            "settings": asdict(self.settings),
        }

    def _random(self) -> dict[str, Any]:
        cuda = torch.cuda.get_rng_state() if self.workers.device.type == "cuda" else None
        return {"torch": torch.get_rng_state(), "cuda": cuda}

    def _set_random(self, state: dict[str, Any]) -> None:
        torch.set_rng_state(state["torch"])
        if state["cuda"] is not None and self.workers.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"])

    # ---- one step ---------------------------------------------------------------------------------------------

    @property
    def part(self) -> float:
        """How much of the run is done, 0..1."""
        done = self.progress.step if self.settings.by_steps else self.progress.used_s
        return min(1.0, done / self.settings.total)

    @property
    def learning_rate(self) -> float:
        """Adam's, of the step done last."""
        rate: float = self.optimisers[-1].param_groups[0]["lr"]
        return rate

    def _set_rates(self) -> None:
        factor = self.settings.factor(self.part, self.progress.step)
        for o, peaks in zip(self.optimisers, self.peaks, strict=True):
            for group, peak in zip(o.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
        # networks that are not trained here are what the coder will have: integers
        self._rounded = self.part >= 1 - self.settings.simulated
        for _, layer in layers(self.model):
            layer.simulate = self._rounds and (self._rounded or not layer.weight.requires_grad)

    def _outcome(self, samples: Samples) -> Outcome:
        """What a batch costs."""
        with torch.autocast(self.workers.device.type, torch.bfloat16):
            return self.stage.step(self.model, self.priors, samples.clip, samples.quality, measure=self.measure)

    def _figures(self) -> Tensor:
        """Leave the gradients of the next batch; its loss, rate and squared error, (3,)."""
        if self._feed is None:
            self._feed = feed(self.crops, self.settings, self.stage, self.workers.device, first=self.progress.step)
        samples = next(self._feed)
        if self._replay is not None:
            return self._replay(samples, self._rounded)
        self._forget()
        return self._of_samples(samples)

    def _of_samples(self, samples: Samples) -> Tensor:
        return self._backward(self._outcome(samples))

    def _backward(self, outcome: Outcome) -> Tensor:
        """Leave the gradients of a batch; its loss, rate and squared error, (3,)."""
        loss = outcome.loss()
        loss.backward()
        return torch.stack([loss, outcome.rate.mean(), outcome.squared.mean()]).detach()

    def _forget(self) -> None:
        for o in self.optimisers:
            o.zero_grad(set_to_none=True)

    def step(self) -> None:
        """One batch forward and back."""
        progress = self.progress
        began = self._clock()
        self._set_rates()
        figures = self._figures()
        self.workers.average_gradients(self.parameters)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        if torch.isfinite(norm):
            for o in self.optimisers:
                o.step()
        self.family.after_step(self.model)
        progress.step += 1
        progress.summed += 1
        self.average.update(progress.step)
        for i, value in enumerate(self.workers.mean(figures).tolist()):
            progress.sums[i] += value
        progress.used_s += self._clock() - began

    def _clock(self) -> float:
        if self.workers.device.type == "cpu":
            return time.process_time() / torch.get_num_threads()
        return time.perf_counter()

    def means(self) -> tuple[float, float, float]:
        """Loss, rate and squared error since they were last asked for; the count begins anew."""
        progress = self.progress
        loss, rate, squared = np.array(progress.sums) / max(progress.summed, 1)
        progress.sums, progress.summed = [0.0] * 3, 0
        return float(loss), float(rate), float(squared)
