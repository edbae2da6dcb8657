"""Chains are what the encoder codes: its structure, its qualities, its motion."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("compressai", reason="training's priors are CompressAI's: pip install '.[train]'")

from lvcodec.errors import InputError
from lvcodec.train.data.chains import BEFORE, NONE, load, save
from lvcodec.train.data.collect import of_pictures, raw_of

SIDE = 64


@pytest.mark.parametrize("index", [90, 100])
def test_a_chain_has_the_structure_qualities_and_motion_of_the_stream(
    with_path, make_waves, monkeypatch, index: int
) -> None:
    """Those of what the encoder makes of the pictures by default, with the vectors that its decoder would follow."""
    from lvcodec.encoder import groups

    coded, encode = [], groups.encode_predicted

    def spied(picture, references, step, net, *rest):
        payload, state, coder = encode(picture, references, step, net, *rest)
        coded.append((picture, state.motion.field, net.quality_index, payload))
        return payload, state, coder

    monkeypatch.setattr(groups, "encode_predicted", spied)
    pictures = make_waves(SIDE, SIDE, 12)
    chain = of_pictures(pictures, Fraction(25), with_path, index)
    assert [raw_of(picture).tobytes() for picture in pictures] == [raw.tobytes() for raw in chain.source]
    assert chain.quality_index == index
    assert chain.side == (16 if index == 90 else 8)
    assert sorted(chain.steps[:, 0].tolist()) == list(range(1, 12))
    assert (chain.steps[:, 1] < chain.steps[:, 0]).all()
    known = {0}
    for step, quality, field, direction in zip(chain.steps, chain.qualities, chain.field, chain.direction, strict=True):
        at, before, after, _ = step.tolist()
        assert {before, after} - {NONE} <= known
        known.add(at)
        assert after != NONE or (direction == BEFORE).all()
        assert any(
            quality == its and np.array_equal(field, motion) and raw_of(picture).tobytes() == chain.source[at].tobytes()
            for picture, motion, its, _ in coded
        )


def test_the_longest_shot_becomes_the_chain(with_path, make_clip, make_waves) -> None:
    pictures = [*make_clip(SIDE, SIDE, 3, 2), *make_waves(SIDE, SIDE, 9)]
    chain = of_pictures(pictures, Fraction(25), with_path, 60)
    assert len(chain.source) == 9
    assert chain.source[0].tobytes() == raw_of(pictures[3]).tobytes()
    assert (
        np.abs(chain.start.astype(int) - chain.source[0]).mean()
        < np.abs(chain.start.astype(int) - raw_of(pictures[0])).mean()
    )
    with pytest.raises(InputError, match="two pictures of one shot"):
        of_pictures(pictures[:1], Fraction(25), with_path, 60)


def test_of_two_steps_the_first_is_kept(with_path, make_waves) -> None:
    """An I-picture of quality 7: beside it stands what one of quality 3.5 shows, coarser than that is."""
    pictures = make_waves(SIDE, SIDE, 3)
    chain = of_pictures(pictures, Fraction(25), with_path, 120)
    assert (chain.quality_index, chain.start_index) == (120, 50)
    plain = of_pictures(pictures, Fraction(25), with_path, 50)
    assert plain.start_index == 50
    assert np.array_equal(chain.start, plain.start)


def test_chains_from_before_there_were_two_steps(with_path, make_waves, tmp_path) -> None:
    chain = of_pictures(make_waves(SIDE, SIDE, 3), Fraction(25), with_path, 60)
    save(tmp_path / "a.npz", chain)
    with np.load(tmp_path / "a.npz") as arrays:
        np.savez(tmp_path / "b.npz", **{name: part for name, part in arrays.items() if name != "start_index"})
    assert load(tmp_path / "b.npz").start_index == 60
