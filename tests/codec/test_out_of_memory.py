"""Memory that is not there is told in one line; other failures stay what they are."""

from __future__ import annotations

import io

import pytest
from golden.streams import STREAMS

import lvcodec
from lvcodec.codec import network
from lvcodec.errors import InputError

NUMPY = MemoryError("Unable to allocate 3.00 GiB for an array")
TORCH = RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: ...")


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def pixels(*args: object) -> None:
        raise error

    monkeypatch.setattr(network.Network, "pixels", pixels)


@pytest.mark.parametrize("error", [NUMPY, TORCH], ids=["numpy", "torch"])
def test_it_is_told(golden_models, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    failing(monkeypatch, error)
    stream = STREAMS[0].path.read_bytes()
    for use in (
        lambda: lvcodec.decode(io.BytesIO(stream), io.BytesIO()),
        lambda: lvcodec.probe(io.BytesIO(stream), streams=True),
    ):
        with pytest.raises(InputError, match="not enough memory for pictures of this size"):
            use()


def test_other_failures_are_not_taken_for_it(golden_models, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, RuntimeError("expected scalar type Float but found Double"))
    with pytest.raises(RuntimeError, match="scalar type"):
        lvcodec.decode(io.BytesIO(STREAMS[0].path.read_bytes()), io.BytesIO())
