"""The lists of names that users choose from, against what stands behind each name."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from lvcodec import names, options, quality
from lvcodec.codec import modes
from lvcodec.codec.aligned import Aligned
from lvcodec.codec.modes import LatentMode
from lvcodec.encoder.decisions import DECISIONS
from lvcodec.errors import UsageError, WeightsError
from lvcodec.exact import backends
from lvcodec.models import loading, store
from lvcodec.options import Encoding
from lvcodec.stream import fields
from lvcodec.video import source


def test_modes_have_numbers_predictions_and_decisions() -> None:
    assert tuple(fields.MODES.values()) == tuple(modes.MODES) == tuple(DECISIONS) == names.MODES
    assert set(names.SHIFTING_MODES) <= {name for name, mode in modes.MODES.items() if isinstance(mode, LatentMode)}
    assert {name for name, mode in modes.MODES.items() if isinstance(mode, Aligned)} == set(names.PYRAMID_MODES)
    assert set(names.PAPER_MODES) == set(names.MODES) - set(names.PYRAMID_MODES)
    assert set(names.DEFAULT_MODES) == set(names.FAMILIES) and set(names.DEFAULT_MODES.values()) <= set(names.MODES)


def test_shifts_have_numbers() -> None:
    shifts = [shift for pyramid, _, shift in fields.SHAPES.values() if not pyramid]
    assert set(shifts) == {(alpha, kept) for alpha in names.ALPHAS for kept in (False, bool(alpha))}
    assert len(set(fields.SHAPES.values())) == len(fields.SHAPES)


def test_families_have_numbers() -> None:
    assert tuple(fields.FAMILIES.values()) == names.FAMILIES
    assert {names.DEFAULT_FAMILY, *names.ONE_NETWORK_FAMILIES, *names.REFINED_FAMILIES} <= set(names.FAMILIES)


@pytest.mark.parametrize("family", names.FAMILIES)
def test_families_have_networks(family: str) -> None:
    """The weights that are shipped, at a quality that both have."""
    assert loading.coding(store.default_of(family), quality.index_of(3)).tables


def test_no_other_family_has_networks() -> None:
    info = dataclasses.replace(store.default_of(names.DEFAULT_FAMILY), family="another")
    with pytest.raises(WeightsError, match="unknown family, another"):
        loading.build(info, {}, 0)


def test_backends_are_there() -> None:
    for name in set(names.BACKENDS) - {"native", "int8"}:  # which need a processor that has them
        assert backends.pick_backend(name, "cpu") == name
    with pytest.raises(UsageError, match="there is no backend 'another'"):
        backends.pick_backend("another", "cpu")


@pytest.mark.parametrize("device", names.DEVICES)
def test_devices_are_torch_s(device: str) -> None:
    assert torch.device(device).type == device


def test_defaults_are_among_the_choices() -> None:
    assert Encoding().validate() == Encoding()


def test_a_stream_has_room_for_all_that_can_be_asked_for() -> None:
    ranges = {field.name: field.highest() for field in fields.HEADER if field.width != "bytes"}
    assert ranges["gop"] == options.MAX_GOP == fields.MAX_GOP
    assert ranges["quality"] >= quality.LAST_INDEX == quality.index_of(quality.HIGHEST)


def test_video_knows_a_stream_by_its_magic() -> None:
    """video/ refuses streams as input, and may not import stream/."""
    assert source.STREAM_MAGIC == fields.MAGIC
