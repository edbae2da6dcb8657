"""A run of the stage inter: its samples are chains that it codes itself, so it has no feed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lvcodec.train.run.parallel import Workers
from lvcodec.train.run.run import Run
from lvcodec.train.settings import Settings
from lvcodec.train.stages.inter.pool import Pool

CHAINS_A_SAMPLE = 4  # that run, for each sample of a step: those of a step are far apart, then


class ChainRun(Run):
    """As Run; a run that goes on begins its chains anew, since a checkpoint has none."""

    def __init__(self, settings: Settings, model: Any, priors: Any, pool: Pool, workers: Workers | None = None) -> None:
        super().__init__(settings, model, priors, pool, workers)
        self._pool = pool

    def _figures(self) -> Tensor:
        self._forget()
        with torch.autocast(self.workers.device.type, torch.bfloat16):
            outcome = self.stage.step(self.model, self._pool, self.settings.batch)
        return self._backward(outcome)
