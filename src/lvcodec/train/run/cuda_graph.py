"""A step's forward and backward pass as a CUDA graph.

A network as small as swift keeps a GPU busy for a tenth of the time that Python takes to start its thousands of
operations; recorded once, they are started together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lvcodec.train.run.feed import Samples

WARM_UPS = 3


class _Recording(NamedTuple):
    graph: torch.cuda.CUDAGraph
    inputs: Samples
    output: Tensor


class Replay:
    """Records a function of samples that leaves gradients, and plays it again on others of the same shape.

    function: must do the same each time, and nothing on the host that depends on numbers on the device.
    """

    def __init__(self, function: Callable[[Samples], Tensor], forget: Callable[[], None]) -> None:
        """forget: drops the gradients."""
        self._function, self._forget = function, forget
        self._key: object = None
        self._recording: _Recording | None = None

    def __call__(self, samples: Samples, key: object) -> Tensor:
        """What the function returns. key: whatever else its operations depend on; another one is recorded anew."""
        if self._recording is None or key != self._key:
            self._recording = None  # frees its memory first
            self._recording = self._record(samples)
            self._key = key
        for mine, given in zip(_tensors(self._recording.inputs), _tensors(samples), strict=True):
            mine.copy_(given)
        self._recording.graph.replay()
        return self._recording.output

    def _record(self, samples: Samples) -> _Recording:
        inputs = Samples(*(t.clone() for t in _tensors(samples)))
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                self._forget()
                self._function(inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self._forget()  # so that the recording's gradients are its own
        graph = torch.cuda.CUDAGraph()
        # what other threads ask of the GPU meanwhile, to keep the next samples' memory in place, is theirs
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            output = self._function(inputs)
        return _Recording(graph, inputs, output)


def _tensors(samples: Samples) -> tuple[Tensor, Tensor]:
    return samples.clip, samples.quality
