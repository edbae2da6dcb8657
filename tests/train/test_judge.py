"""Held-out clips: what x264 and models are given and how curves compare."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lvcodec.errors import InputError
from lvcodec.measure import ffmpeg_features
from lvcodec.measure.anchors import load_anchors
from lvcodec.measure.psnr import mean_psnr
from lvcodec.measure.raw import read_all
from lvcodec.train.results import judge


def test_pictures_are_cut_and_kept_as_channels(clips) -> None:
    shown = judge.pictures(clips[0], 2, 3)
    assert [p.planes[0].shape for p in shown] == [(128, 128)] * 2
    assert shown[1].y.tobytes() == clips[0].data[3, :128].tobytes()
    again = judge.from_channels(judge.to_channels(shown))
    assert [p.tobytes() for p in again] == [p.tobytes() for p in shown]


@pytest.mark.parametrize(("mode", "name"), [("intra", "x264-intra"), ("aligned", "x264-veryfast")])
def test_x264_is_the_anchor(clips, tmp_path: Path, mode: str, name: str) -> None:
    shown = judge.pictures(clips[0], 3, 1)
    curve = judge.x264(shown, mode)
    assert len(curve) == len(judge.CRFS) and sorted(curve, reverse=True) == curve
    anchor = load_anchors()[name]
    with judge.written(shown) as clip:
        stream, decoded = tmp_path / "clip.h264", tmp_path / "decoded.yuv"
        anchor.encode_clip(clip, judge.CRFS[2], stream)
        anchor.decode_clip(stream, clip, decoded)
        psnr = mean_psnr(shown, list(read_all(decoded, clip.video))).yuv
        assert curve[2] == (clip.bpp(stream.stat().st_size), psnr)


def test_no_x264(clips, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_features, "encoders", lambda: frozenset({"mpeg4"}))
    with pytest.raises(InputError, match="has no libx264"):
        judge.x264(judge.pictures(clips[0], 1, 1), "intra")


def test_a_model_is_coded_to_real_streams(clips, random_model: str) -> None:
    from lvcodec.models import store

    [(bpp, psnr)] = judge.coded(store.find(random_model).path, judge.pictures(clips[0], 2, 1), "mfvc", [3])
    assert bpp > 0 and 5 < psnr < 60


def test_rates_that_compare_and_that_do_not() -> None:
    anchor = [(0.8, 37.0), (0.4, 35.5), (0.2, 33.0), (0.1, 30.0)]
    assert judge.rate_over(anchor, [(rate / 2, psnr) for rate, psnr in anchor]) == pytest.approx(-50)
    for curve in ([(0.1, 36.5), (0.2, 40.0)], [(0.1, 31.0)], [(0.2, 31.0), (0.1, 35.0)]):
        assert math.isnan(judge.rate_over(anchor, curve))
