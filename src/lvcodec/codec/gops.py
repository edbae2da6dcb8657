"""GOPs: the unit of parallel work. Pictures to records and back, one GOP after another or several side by side.

Every GOP starts with an I-picture and needs nothing from before it, so threads take whole GOPs and the results
are put out in order; what is computed does not depend on how many there are.
"""
from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TypeVar

from lvcodec.codec.modes import Mode, State
from lvcodec.codec.network import Network
from lvcodec.codec.picture import encode_picture
from lvcodec.video.picture import Picture

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class CodedPicture:
    """A picture's record to be, with the source and what the decoder will show."""

    source: Picture
    x_hat: Picture
    kind: str
    payload: bytes
    quality_index: int


def encode_gop(pictures: Iterable[Picture], net: Network, p_net: Network, mode: Mode | None, alpha: Fraction
               ) -> Iterator[CodedPicture]:
    """Code the pictures of one GOP, each as soon as it comes. net: for the I-picture; p_net: for the others."""
    state: State | None = None
    for picture in pictures:
        kind = "I" if state is None or mode is None else "P"
        used = net if kind == "I" else p_net
        payload, state, _ = encode_picture(picture, state, used, mode, alpha)
        yield CodedPicture(picture, state.x_hat, kind, payload, used.quality_index)


def split(items: Iterable[In], length: int) -> Iterator[Iterator[In]]:
    """Consecutive runs of `length` items, each read as it is asked for; a run must be used up before the next."""
    source = iter(items)
    for first in source:
        def run(first: In = first) -> Iterator[In]:
            yield first
            yield from islice(source, length - 1)
        yield run()


def each_gop(gops: Iterable[Iterable[In]], work: Callable[[Iterable[In]], Iterator[Out]], jobs: int) -> Iterator[Out]:
    """Apply `work` to every GOP and chain the results in order.

    With one job everything is lazy, so that pictures flow one by one. With more, up to jobs + 1 whole GOPs are in
    memory, and the processor's cores are shared out among the jobs.
    """
    if jobs == 1:
        for gop in gops:
            yield from work(gop)
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // jobs))
    waiting: deque[Future[list[Out]]] = deque()

    def run(items: list[In]) -> list[Out]:
        with torch.inference_mode():
            return list(work(items))

    try:
        with ThreadPoolExecutor(jobs) as pool:
            try:
                for gop in gops:
                    waiting.append(pool.submit(run, list(gop)))
                    if len(waiting) > jobs:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
    finally:
        torch.set_num_threads(threads)
