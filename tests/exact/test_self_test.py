"""Layers of every form give the hash that is written down, in each backend of torch that works here."""

from __future__ import annotations

import pytest

from lvcodec.exact.backends import layers_of, works
from lvcodec.exact.self_test import LAYERS_SHA256, layer_digest
from lvcodec.names import BACKENDS


@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "native" and works(name, "cpu")])
def test_layers_give_the_hash_that_is_written_down(name: str) -> None:
    assert layer_digest(layers_of(name), "cpu") == LAYERS_SHA256
