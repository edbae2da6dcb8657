"""How a stage is trained: one record, the presets that it is filled from, and how often a run reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from lvcodec.errors import UsageError
from lvcodec.names import DEFAULT_FAMILY, ONE_NETWORK_FAMILIES
from lvcodec.quality import HIGHEST
from lvcodec.sizes import MULTIPLE

PRESETS = ("short", "paper")
OPTIMISERS = ("muon", "adam")
SCHEDULES = ("cosine", "steps", "constant")
LOSSES = ("mse", "ms-ssim")
WARM_UP_STEPS = 100
FALLS = ((0.6, 0.5), (0.8, 0.1), (0.9, 0.05), (0.95, 0.01))  # part of the run from which, factor: the paper's


@dataclass(frozen=True)
class Settings:
    """How a stage is trained.

    total: what schedules depend on, steps if `by_steps`, else processor seconds. batch: samples a step and process.
    crop: pixels of a sample's side. optimiser: "muon" (hidden layers; Adam for the rest) or "adam"; *_lr: their rates,
    linear_lr Adam's for the linear path. schedule: "cosine", "steps" or "constant". simulated: last part of the run
    with rounding on. highest: samples have qualities from 1 to this. animated: share of samples of several pictures
    that are stills in made-up motion. quality: 1..9 where a model has one alone.
    """

    stage: str
    total: float
    by_steps: bool = False
    batch: int = 12
    crop: int = 192
    optimiser: str = "muon"
    muon_lr: float = 0.005
    adam_lr: float = 1.5e-3
    linear_lr: float = 3e-4
    schedule: str = "cosine"
    simulated: float = 0.35
    loss: str = "mse"
    highest: float = HIGHEST
    animated: float = 0.0
    family: str = DEFAULT_FAMILY
    quality: int | None = None

    def factor(self, part: float, step: int) -> float:
        """What learning rates are multiplied by at a part 0..1 of the run, as `schedule` says: at first they rise."""
        warm = min(1.0, (step + 1) / WARM_UP_STEPS)
        if self.schedule == "steps":
            return warm * ([1.0] + [factor for begins, factor in FALLS if part >= begins])[-1]
        if self.schedule == "cosine" and part >= 0.6:
            return warm * (0.02 + 0.49 * (1 + math.cos(math.pi * min(1.0, (part - 0.6) / 0.4))))
        return warm


@dataclass(frozen=True)
class Pace:
    """How often: log lines in steps, checkpoints and validations in seconds of training time."""

    log_steps: int = 100
    save_s: float = 300.0
    validate_s: float = 1800.0


USUAL_PACE = Pace()

_PAPER: dict[str, Any] = {
    "batch": 16,
    "crop": 256,
    "optimiser": "adam",
    "adam_lr": 1e-4,
    "linear_lr": 1e-4,
    "schedule": "steps",
}
_CHENG2020: dict[str, Any] = {"optimiser": "adam", "adam_lr": 1e-4, "linear_lr": 1e-4}
PAPER_STEPS = {"intra": 500_000, "temporal": 500_000, "compensation": 100_000}


def settings_of(
    preset: str, stage: str, *, minutes: float | None, steps: int | None, given: Mapping[str, Any]
) -> Settings:
    """A preset with what is given in place of its values; None in `given` is not given.

    Raises UsageError if there is no total, or a value is out of range.
    """
    values: dict[str, Any] = dict(_PAPER) if preset == "paper" else {}
    if given.get("family") == "cheng2020":
        values |= _CHENG2020
    values |= {name: value for name, value in given.items() if value is not None}
    unknown = values.keys() - {field.name for field in fields(Settings)}
    if unknown:
        raise UsageError(f"training has no setting {', '.join(sorted(unknown))}")
    if steps is None and minutes is None and preset == "paper":
        steps = PAPER_STEPS.get(stage)
    if (steps is None) == (minutes is None):
        raise UsageError("how long to train is not clear", "give either --minutes or --steps")
    _check_family(stage, values)
    total = float(steps) if steps is not None else 60 * float(minutes or 0)
    if values.get("crop", MULTIPLE) % MULTIPLE:
        raise UsageError(f"crops of {values['crop']} pixels do not fit the networks", f"take a multiple of {MULTIPLE}")
    return Settings(stage, total, steps is not None, **values)


def _check_family(stage: str, values: Mapping[str, Any]) -> None:
    """Raise UsageError for what a family does not have."""
    quality = values.get("quality")
    if values.get("family", DEFAULT_FAMILY) in ONE_NETWORK_FAMILIES:
        if quality is not None:
            raise UsageError("--quality belongs to cheng2020: a model of swift has all qualities")
    elif quality is None:
        raise UsageError("cheng2020 has a network a quality", "name it with --quality")
    elif stage == "inter":
        raise UsageError("the stage inter is swift's")
    elif values["optimiser"] != "adam":
        raise UsageError("cheng2020 is trained with Adam")
