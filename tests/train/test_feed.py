"""What a step sees depends on seed and step alone."""

from __future__ import annotations

from dataclasses import astuple

import pytest
import torch

pytest.importorskip("compressai", reason="training takes its factorised priors from CompressAI: pip install '.[train]'")

from lvcodec.train.data.crops import Crops
from lvcodec.train.run.feed import Samples, feed
from lvcodec.train.settings import Settings
from lvcodec.train.stages.families import FAMILIES

CPU = torch.device("cpu")


def first_two(crops: Crops, stage: str, *, first: int) -> list[Samples]:
    settings = Settings(stage, 9, True, batch=4, crop=64)
    samples = feed(crops, settings, FAMILIES["swift"].stages[stage], CPU, first=first)
    return [next(samples), next(samples)]


def same(one: Samples, other: Samples) -> bool:
    return all(torch.equal(a, b) for a, b in zip(astuple(one), astuple(other), strict=True))


@pytest.mark.parametrize("stage", ["intra", "compensation"])
def test_samples_belong_to_a_step(clips, stage: str) -> None:
    crops = Crops(clips, 1)
    begun = first_two(crops, stage, first=6)
    crops.random.integers(9, size=50)
    later = first_two(crops, stage, first=7)
    assert same(begun[1], later[0]) and not same(begun[0], begun[1])
    assert not same(begun[0], first_two(Crops(clips, 2), stage, first=6)[0])
