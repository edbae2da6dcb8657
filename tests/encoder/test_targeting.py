"""Targets: the search for a quality, samples of a clip, and that sizes are hit and never exceeded."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from video.clips import ffmpeg

import lvcodec
from lvcodec import quality
from lvcodec.encoder import samples as sampling
from lvcodec.encoder import targeting
from lvcodec.encoder.probing import Probe, Prober
from lvcodec.encoder.qualities import Qualities
from lvcodec.encoder.samples import samples_of
from lvcodec.encoder.trials import search
from lvcodec.errors import InputError, UsageError
from lvcodec.measure import ffmpeg_features
from lvcodec.measure.filters import vmaf
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.source import open_source

WriteClip = Callable[..., Path]
MakeClip = Callable[..., list[Picture]]
GOP = 6


@pytest.fixture(scope="module")
def clip(write_clip: WriteClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.y4m", 64, 48, 24, noise=6)


def test_a_search_ends_near_what_is_wanted_or_between_neighbours() -> None:
    asked: list[int] = []

    def measure(index: int) -> float:
        asked.append(index)
        return math.log(1000 + 12 * index * index)

    last = quality.LAST_INDEX
    for wanted in (math.log(1000 + 12 * n * n) + 0.001 for n in range(1, last)):
        asked.clear()
        low, high = search(measure, wanted, 0.026, 1e-9, last // 2)
        assert high == low + 1 and measure(low) < wanted < measure(high) and len(asked) <= 12
    asked.clear()
    [near] = search(measure, math.log(9000), 0.026, 0.05, last // 2)
    assert abs(measure(near) - math.log(9000)) <= 0.05 and len(asked) <= 6
    assert search(measure, 0.0, 0.026, 0.01, last // 2) == [0]
    assert search(measure, 99.0, 0.026, 0.01, last // 2) == [last]


def test_qualities_of_gops() -> None:
    qualities = Qualities(10, finer=0.25, most_bytes=1000.0)
    assert [qualities.of(gop) for gop in range(8)] == [10, 11, 10, 10] * 2
    changed = qualities.changed(6, -2).changed(7, -20)
    assert [changed.of(gop) for gop in range(5, 8)] == [11, 8, 0]
    assert Qualities.of_text(changed.text()) == changed


@pytest.mark.parametrize("pictures", [40, 700])
def test_samples(make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch, pictures: int) -> None:
    """All of a short clip; of a long one the first pictures of some GOPs, from its beginning to its end."""
    monkeypatch.setattr(sampling, "MOST_PIECES", 8)
    [picture] = make_clip(16, 16, 1)

    def runs() -> Iterator[list[Picture]]:
        for first in range(0, pictures, 20):
            yield [picture] * min(20, pictures - first)

    monkeypatch.setattr(sampling, "PIECE", 5)
    with samples_of(runs(), VideoFormat(16, 16, Fraction(25)), lambda done: None) as samples:
        assert samples.pictures == pictures and samples.gops == [20] * (pictures // 20)
        assert samples.whole == (pictures == 40)
        folder = samples.pieces[0].path.parent
        assert len(os.listdir(folder)) == len(samples.pieces)
        for piece in samples.pieces:
            assert len(list(samples.read(piece))) == piece.pictures == (20 if samples.whole else 5)
        if not samples.whole:
            assert 4 <= len(samples.pieces) <= 8 and samples.pieces[-1].gop >= 28
    assert not folder.exists()


@pytest.mark.parametrize("wrong", [1.0, 0.85, 1.2])
def test_a_size_is_hit(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    """Also where samples tell it wrong: then the last GOPs are coded again; what the encoder showed is what decodes."""
    right = Prober.at

    def told(self: Prober, index: int) -> Probe:
        probe = right(self, index)
        return replace(probe, size_bytes=round(wrong * probe.size_bytes))

    monkeypatch.setattr(Prober, "at", told)
    shown, target = tmp_path / "shown.y4m", tmp_path / "a.lvc"
    report = lvcodec.encode(clip, target, gop=GOP, preset="fast", target_size=3000, recon=shown)
    assert 2910 <= report.size_bytes <= 3000 and report.size_bytes == target.stat().st_size and report.pictures == 24
    assert sorted(os.listdir(tmp_path)) == ["a.lvc", "shown.y4m"]
    lvcodec.decode(target, tmp_path / "decoded.y4m")
    assert (tmp_path / "decoded.y4m").read_bytes() == shown.read_bytes()


def test_a_size_counts_what_is_beside_the_pictures(clip: Path, tmp_path: Path) -> None:
    film, target = tmp_path / "film.mkv", tmp_path / "a.lvc"
    ffmpeg("-i", clip, "-f", "lavfi", "-i", "sine=440", "-c:v", "ffv1", "-c:a", "flac", "-shortest", film)
    options: dict[str, Any] = {"gop": GOP, "preset": "fast", "overwrite": True}
    beside = lvcodec.encode(film, target, **options).side_bytes
    assert beside > 4000
    report = lvcodec.encode(film, target, target_size=beside + 2000, **options)
    assert report.side_bytes == beside and beside + 1940 <= report.size_bytes <= beside + 2000
    report = lvcodec.encode(film, target, bitrate=16000, **options)
    assert 15.5 <= report.kbps <= 16 and report.side_bytes == beside
    with pytest.raises(InputError, match=f"what goes beside the pictures has {beside} bytes"):
        lvcodec.encode(film, target, target_size=beside, **options)


def test_sizes_out_of_reach(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be hit: the lowest quality has about"):
        lvcodec.encode(clip, tmp_path / "a.lvc", gop=GOP, preset="fast", target_size=200)
    assert os.listdir(tmp_path) == []
    notices: list[str] = []
    lvcodec.encode(clip, tmp_path / "a.lvc", gop=GOP, preset="fast", target_size=10**7, on_notice=notices.append)
    assert lvcodec.probe(tmp_path / "a.lvc").quality == quality.HIGHEST
    assert any("cannot be hit: the best quality has" in text for text in notices)


def test_a_psnr_is_hit(clip: Path, tmp_path: Path) -> None:
    stages: list[str] = []
    report = lvcodec.encode(
        clip,
        tmp_path / "a.lvc",
        gop=GOP,
        preset="fast",
        target_psnr=28.0,
        psnr=True,
        on_progress=lambda progress: stages.append(progress.stage),
    )
    assert report.psnr_db is not None and abs(report.psnr_db.yuv - 28.0) < 0.1
    assert stages[0] == "looking" and stages[-1] == "encoding" and any("trying" in stage for stage in stages)
    worst = lvcodec.encode(
        clip, tmp_path / "b.lvc", gop=GOP, preset="fast", target_psnr=28.0, worst_shot=True, psnr=True
    )
    assert worst.psnr_db is not None and worst.psnr_db.yuv >= report.psnr_db.yuv


def test_pictures_are_written_for_a_vmaf_alone(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And where they cannot be, that is told."""
    right, seen = Prober.at, set()

    def watched(self: Prober, index: int) -> Probe:
        folder = self.samples.pieces[0].path.parent
        self.on_sample = lambda done: seen.update(os.listdir(folder))
        if self.with_vmaf:
            (folder / "shown.raw").mkdir()
        return right(self, index)

    monkeypatch.setattr(Prober, "at", watched)
    lvcodec.encode(clip, tmp_path / "a.lvc", gop=GOP, preset="fast", target_psnr=30)
    assert seen and "shown.raw" not in seen
    with pytest.raises(InputError, match="cannot write .*shown.raw"):
        lvcodec.encode(clip, tmp_path / "b.lvc", gop=GOP, preset="fast", target_vmaf=60)


def test_a_vmaf_is_hit(clip: Path, tmp_path: Path) -> None:
    if "libvmaf" not in ffmpeg_features.filters():
        pytest.skip("this ffmpeg has no libvmaf")
    lvcodec.encode(clip, tmp_path / "a.lvc", gop=GOP, preset="fast", target_vmaf=60)
    lvcodec.decode(tmp_path / "a.lvc", tmp_path / "a.yuv")
    with open_source(clip) as source:
        (tmp_path / "clip.yuv").write_bytes(b"".join(picture.tobytes() for picture in source))
        score = vmaf(tmp_path / "clip.yuv", tmp_path / "a.yuv", source.format)
    assert score is not None and abs(score - 60) < 0.8


def test_gone_on_with_towards_the_same_size(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No quality is tried again; another size is noticed."""
    once = tmp_path / "once.lvc"
    lvcodec.encode(clip, once, gop=GOP, preset="fast", target_size=2000)

    def interrupted(done: int, total: int | None) -> None:
        if done == 2 * GOP + 1:
            raise KeyboardInterrupt

    target = tmp_path / "out.lvc"
    with pytest.raises(KeyboardInterrupt):
        lvcodec.encode(clip, target, gop=GOP, preset="fast", target_size=2000, on_picture=interrupted)
    monkeypatch.setattr(targeting, "_found", None)
    with pytest.raises(InputError, match="was begun with target 2000 bytes, not 3000 bytes"):
        lvcodec.encode(clip, target, gop=GOP, preset="fast", target_size=3000, resume=True)
    report = lvcodec.encode(clip, target, gop=GOP, preset="fast", target_size=2000, resume=True)
    assert report.kept == 2 * GOP and target.read_bytes() == once.read_bytes()


def test_what_cannot_be_aimed_at(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a pipe gives it once"):
        lvcodec.encode(io.BytesIO(clip.read_bytes()), tmp_path / "a.lvc", target_size=5000)
    with pytest.raises(UsageError, match="a stream that goes into a file"):
        lvcodec.encode(clip, io.BytesIO(), bitrate=5000)
    with pytest.raises(UsageError, match="cannot both be aimed at"):
        lvcodec.encode(clip, tmp_path / "a.lvc", target_size=5000, target_psnr=30)
    with pytest.raises(UsageError, match="has few qualities"):
        lvcodec.encode(clip, tmp_path / "a.lvc", target_size=5000, family="cheng2020")
