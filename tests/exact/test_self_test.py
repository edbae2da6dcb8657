"""Layers of every form give the hash that is written down, in each backend that works here."""

from __future__ import annotations

import pytest
import torch

from lvcodec.exact.backends import BACKENDS
from lvcodec.exact.self_test import LAYERS_SHA256, layer_digest

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", [name for name, backend in BACKENDS.items() if backend.works(CPU)])
def test_layers_give_the_hash_that_is_written_down(name: str) -> None:
    assert layer_digest(BACKENDS[name], CPU) == LAYERS_SHA256
