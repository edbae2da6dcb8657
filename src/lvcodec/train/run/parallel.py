"""Several processes that train one model, as torchrun starts them: gradients are averaged here, and nowhere else.

Every process has its own samples and the same weights. Without torchrun there is one process, and nothing is exchanged.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lvcodec.errors import UsageError


@dataclass(frozen=True)
class Workers:
    """This process among `count`, by its number, and the device that it computes on."""

    device: torch.device
    rank: int = 0
    count: int = 1

    def alike(self, modules: Sequence[nn.Module]) -> None:
        """Give all processes the first one's weights."""
        if self.count > 1:
            for module in modules:
                for tensor in (*module.parameters(), *module.buffers()):
                    dist.broadcast(tensor.data, 0)

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace gradients by their mean over processes, all in one exchange."""
        if self.count == 1:
            return
        grads = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in grads])
        dist.all_reduce(flat)
        flat /= self.count
        for grad, part in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
            grad.copy_(part.view_as(grad))

    def mean(self, values: Tensor) -> Tensor:
        """The mean of the processes' values."""
        if self.count > 1:
            dist.all_reduce(values)
            values = values / self.count
        return values

    def largest(self, *values: float) -> list[float]:
        """The largest of the processes' values, each."""
        if self.count == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor, dist.ReduceOp.MAX)
        largest: list[float] = tensor.tolist()
        return largest

    def all(self, value: Any) -> list[Any]:
        """What every process has, in order."""
        if self.count == 1:
            return [value]
        gathered: list[Any] = [None] * self.count
        dist.all_gather_object(gathered, value)
        return gathered

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            dist.barrier()

    def close(self) -> None:
        """End the exchange."""
        if self.count > 1:
            dist.destroy_process_group()


def start(device: str) -> Workers:
    """This process's place, from what torchrun sets in the environment. device: cpu, cuda or auto.

    Raises UsageError if there is no such device.
    """
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("this torch finds no CUDA device", "take --device cpu")
    count = int(os.environ.get("WORLD_SIZE", "1"))
    place = int(os.environ.get("LOCAL_RANK", "0"))
    if name == "cuda" and place >= torch.cuda.device_count():
        raise UsageError(
            f"there are {torch.cuda.device_count()} CUDA devices, and process {place + 1} has none",
            "start fewer processes",
        )
    here = torch.device(name, place) if name == "cuda" else torch.device(name)
    if name == "cuda":
        torch.cuda.set_device(here)
    if count == 1:
        return Workers(here)
    # Its functions have the group of all processes as a default, which is bound when it is imported: later, on torch's
    # own account, they would keep the group, and its threads would outlive it and abort the interpreter at its end.
    from torch.distributed.nn import functional  # noqa: F401

    # the others wait while the first converts pictures or validates
    dist.init_process_group("nccl" if name == "cuda" else "gloo", timeout=timedelta(hours=4))
    return Workers(here, dist.get_rank(), count)
