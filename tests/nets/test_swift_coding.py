"""Passes that the int8 backend makes in its own way, against those of the float backend."""

from __future__ import annotations

import pytest
import torch

from lvcodec.exact.backends import BACKENDS
from lvcodec.models import loading
from lvcodec.models.store import ModelInfo


@pytest.mark.skipif(not BACKENDS["int8"].works(torch.device("cpu")), reason="no fused int8 convolution here")
@pytest.mark.parametrize("factor", [0, 1, -7, 2**8, -(2**14), 2**20])
def test_a_changed_picture_is_the_same_in_both(golden_models: dict[str, ModelInfo], factor: int) -> None:
    """From no change to those of a forged stream."""
    random = torch.Generator().manual_seed(5)
    planes = tuple(
        torch.randint(0, 256, (1, 1, 64 // side, 128 // side), generator=random, dtype=torch.uint8)
        for side in (1, 2, 2)
    )
    shown = []
    for backend in ("float", "int8"):
        coding = loading.coding(golden_models["swift"], 60, backend=backend)
        with torch.inference_mode():
            before = coding.units(coding.symbols(coding.analyse(*planes)).double())
            noise = torch.randint(-9, 10, before.shape, generator=torch.Generator().manual_seed(6))
            shown.append([p.to(torch.uint8) for p in coding.changed(planes, before, before + noise * factor)])
    assert all(torch.equal(one, other) for one, other in zip(*shown, strict=True))
    if factor == 0:
        assert all(torch.equal(one, plane) for one, plane in zip(shown[1], planes, strict=True))
