"""Networks of a model by their qualities: made when they are first needed, once, for decoders and encoders."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import pytest

from lvcodec.codec.networks import Networks
from lvcodec.encoder.network import EncoderNetwork, EncoderNetworks
from lvcodec.models import loading, store
from lvcodec.video.format import VideoFormat


@pytest.mark.parametrize("kind", [Networks, EncoderNetworks])
def test_threads_share_one(kind: type[Networks], random_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    coding = loading.coding

    def slowly(info: Any, quality_index: int, *where: Any) -> Any:
        made.append(quality_index)
        time.sleep(0.1)
        return coding(info, quality_index, *where)

    networks = kind(store.find(random_model), VideoFormat(64, 48, Fraction(25)), 40)
    monkeypatch.setattr(loading, "coding", slowly)
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(networks.at, [40, 40, 40]))
    assert made == [40] and found[0] is found[1] is found[2]
    assert isinstance(found[0], EncoderNetwork) == (kind is EncoderNetworks)
