"""What a step sees depends on seed and step alone; searches in other processes find the same."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
import torch

pytest.importorskip("compressai", reason="training takes its factorised priors from CompressAI: pip install '.[train]'")

from lvcodec.train.data.crops import Crops
from lvcodec.train.run.feed import Samples, feed
from lvcodec.train.settings import Settings
from lvcodec.train.stages.families import FAMILIES
from lvcodec.train.stages.motion import SearchTask, processes_beside, search_all

CPU = torch.device("cpu")


def first_two(crops: Crops, stage: str, *, first: int) -> list[Samples]:
    settings = Settings(stage, 9, True, batch=4, crop=64)
    samples = feed(crops, settings, FAMILIES["swift"].stages[stage], CPU, first=first)
    return [next(samples), next(samples)]


def same(one: Samples, other: Samples) -> bool:
    return all(torch.equal(a, b) for a, b in zip(astuple(one), astuple(other), strict=True))


@pytest.mark.parametrize("stage", ["intra", "joint"])
def test_samples_belong_to_a_step(clips, stage: str) -> None:
    crops = Crops(clips, 1)
    begun = first_two(crops, stage, first=6)
    crops.random.integers(9, size=50)
    later = first_two(crops, stage, first=7)
    assert same(begun[1], later[0]) and not same(begun[0], begun[1])
    assert not same(begun[0], first_two(Crops(clips, 2), stage, first=6)[0])


def test_some_samples_are_single_pictures(clips) -> None:
    samples = first_two(Crops(clips, 1), "joint", first=0)[0]
    assert samples.clip.shape == (3, 4, 96, 8, 8) and samples.single.shape == (1, 1, 96, 8, 8)
    assert samples.quality.shape == (4,) and ((samples.quality >= 1) & (samples.quality <= 6)).all()
    assert first_two(Crops(clips, 1), "intra", first=0)[0].single.shape == (0, 1, 96, 8, 8)


def test_other_processes_find_the_same_motion(make_clip) -> None:
    first, second, third = make_clip(64, 64, 3, 5)
    tasks = [
        SearchTask(first.planes, second.planes, None, 2.0),
        SearchTask(second.planes, third.planes, None, 5.0),
    ]
    alone, beside = (search_all(tasks, processes=count) for count in (0, 2))
    for (field, moved), (other, moved_there) in zip(alone, beside, strict=True):
        assert np.array_equal(field, other)
        assert all(np.array_equal(a, b) for a, b in zip(moved, moved_there, strict=True))
    assert not np.array_equal(alone[0][0], alone[1][0])
    assert processes_beside(CPU) == 0
