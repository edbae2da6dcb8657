"""The second decoder, written after docs/bitstream.md alone, shows the pictures that lvcodec's encoder has made.

A failure means that page and program differ: mend whichever of the two is wrong, never the second decoder alone.
Models are tiny and their integers random, biases too, so that every layer has a say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from entropy.judge import RangeDecoder
from numpy.typing import NDArray
from second_decoder import checksum_of, decode, decoder
from second_decoder.inter import InterPath, Known
from second_decoder.motion import Counts, Found
from second_decoder.symbols import Ints

import lvcodec
from lvcodec import names
from lvcodec.encoder import structures
from lvcodec.encoder.decisions import DECISIONS
from lvcodec.exact.gdn import Gdn
from lvcodec.exact.ops import layers
from lvcodec.models import export, store, untrained
from lvcodec.nets import cheng2020
from lvcodec.nets.shapes import SwiftShape
from lvcodec.nets.swift import Swift
from lvcodec.stream.structure import MAX_LAYER
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink
from lvcodec.video.source import open_source

MakeSource = Callable[..., Path]
Fields = list[tuple[int, Ints]]  # of the P- and B-pictures that were read, in order, with the sides of their blocks
CODINGS = [  # mode, alpha, latents
    ("intra", 1.0, None),
    ("mfvc", 1.0, None),
    *(("lds", alpha, latents) for alpha in (1.0, 0.5) for latents in names.LATENTS),
    ("lds", 0.0, None),
]
SHAPES = {  # few channels, and counts that the roundings of 4 * N // 3 and M // 4 act on
    "dense": SwiftShape(
        latent=22,
        width8=10,
        depth8=1,
        width16=12,
        depth16=1,
        block="dense",
        lapped=True,
        hyper=8,
        z_channels=6,
        context=10,
        temporal=7,
        inter=True,
    ),
    "depthwise": SwiftShape(
        latent=27,
        width8=8,
        depth8=2,
        width16=9,
        depth16=2,
        block="depthwise",
        hyper=6,
        z_channels=5,
        context=9,
        temporal=8,
        inter=True,
    ),
}
SIZES = {
    1.75: (67, 45),
    5.95: (67, 45),
    6: (35, 71),
    1: (67, 45),
    3: (35, 71),
    8.5: (67, 45),
}  # of the clip, by quality: one wide, one high


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """The networks are tiny: threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=SHAPES)
def swift(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> store.ModelInfo:
    """A tiny swift model of one kind of block."""
    shape = SHAPES[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = Swift(shape)
        untrained.randomise(model)
        with torch.no_grad():
            for _, layer in layers(model):
                layer.bias.normal_(std=0.2)
            model.inter.change_out.weight.mul_(10)
            model.inter.outward.uniform_(-0.2, 0.2)
            model.inter.dead_zone.uniform_(-0.2, 0.6)
            model.inter.enc_linear.bias.zero_()  # or all places lack the same
            model.dec_linear.bias.normal_(std=50.0)  # latent units
            for encoder in (model.hyper_enc, model.temporal.ph_e, model.shift.bfd_e):
                encoder[2].weight.mul_(12)  # or hyper-latents are zero, and their networks idle
    widths = {"z_intra": shape.z_channels, "z_p": shape.temporal, "z_bfd": shape.temporal}
    pmfs = {name: moved_pmf(width) for name, width in widths.items()}
    return store.write(
        tmp_path_factory.mktemp("swift") / "tiny",
        name="tiny",
        family="swift",
        shape=shape.as_dict(),
        arrays=export.swift_arrays(model, pmfs),
        about={},
        overwrite=False,
    )


def moved_pmf(channels: int) -> np.ndarray:
    """Priors of hyper-latents whose likeliest values, their centres, are -2, -1, 0, ...; narrow enough for escapes."""
    return np.stack([np.roll(row, channel - 2) for channel, row in enumerate(export.flat_pmf(channels, spread=0.6))])


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> store.ModelInfo:
    """A narrow cheng2020 model of two qualities."""
    scale = untrained.scale_random

    def roughen(network: cheng2020.Cheng2020) -> None:
        """Biases, and divisions by all channels, which freshly made networks lack."""
        with torch.no_grad():
            for _, layer in layers(network):
                noise = torch.rand if isinstance(layer, Gdn) else torch.randn
                layer.bias += 0.1 * noise(layer.bias.shape)
                if isinstance(layer, Gdn):
                    layer.weight += 0.1 * torch.rand(layer.weight.shape)
        scale(network)

    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(4)
        patch.setattr(untrained, "scale_random", roughen)
        for quality, channels in ((1, 10), (3, 7)):
            patch.setitem(cheng2020.WIDTHS, quality, channels)
        return untrained.random_cheng2020(tmp_path_factory.mktemp("anchor") / "narrow", [1, 3], {}, overwrite=False)


@pytest.fixture
def source(tmp_path: Path, make_clip: Callable[..., list[Picture]]) -> MakeSource:
    """source(width, height, count): a Y4M file of a made clip."""

    def make(width: int, height: int, count: int) -> Path:
        path = tmp_path / "clip.y4m"
        with open_sink(path, VideoFormat(width, height, Fraction(25)), overwrite=True) as sink:
            for picture in make_clip(width, height, count, seed=2):
                sink.write(picture)
        return path

    return make


def same_pictures(stream: Path, recon: Path, model: store.ModelInfo) -> list[str]:
    """Compare what the second decoder shows with the recon, plane by plane; returns the kinds of the pictures."""
    kinds = []
    with open_source(recon) as pictures:
        for number, (want, got) in enumerate(zip(pictures, decode(stream.read_bytes(), model.path), strict=True)):
            kinds.append(got.record.kind)
            for name, ours, theirs in zip("YUV", want.planes, got.planes, strict=True):
                assert ours.shape == theirs.shape
                rows = np.flatnonzero((ours != theirs).any(axis=1))
                assert not rows.size, f"picture {number}: {len(rows)} rows of {name} differ, the first is {rows[0]}"
                assert ours.std() > 1, f"picture {number}: {name} is flat and proves nothing"
            assert checksum_of(got.planes) == got.record.checksum, f"checksum of picture {number}"
    return kinds


@pytest.mark.parametrize(("mode", "alpha", "latents"), CODINGS)
@pytest.mark.parametrize("quality", [1.75, 6, 8.5])
def test_swift(
    source: MakeSource,
    tmp_path: Path,
    swift: store.ModelInfo,
    quality: float,
    mode: str,
    alpha: float,
    latents: str | None,
) -> None:
    """Five pictures: I, P after an I-picture, P after P, and a second GOP."""
    stream, recon = tmp_path / "a.lvc", tmp_path / "recon.y4m"
    lvcodec.encode(
        source(*SIZES[quality], 5),
        stream,
        recon=recon,
        model=swift.path,
        quality=quality,
        mode=mode,
        alpha=alpha,
        latents=latents,
        gop=3,
        bframes=0,
    )
    assert same_pictures(stream, recon, swift) == list("IIIII" if mode == "intra" else "IPPIP")


@dataclass
class Walked:
    """What the second decoder has seen of the inter path: of P-pictures and of B-pictures, the shares of live places
    and their symbols, and how large the change network's output was."""

    live: dict[bool, list[float]]
    symbols: dict[bool, int]
    added: int = 0


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> Walked:
    """Fills while the second decoder decodes."""
    seen, shown, wide = Walked({False: [], True: []}, {False: 0, True: 0}), InterPath.shown, InterPath.wide

    def spied(path: InterPath, prediction: list[Ints], symbols: Ints, known: Known) -> list[Ints]:
        seen.live[known.is_b].append(float((symbols != 0).any(axis=0).mean()))
        seen.symbols[known.is_b] += int((symbols != 0).sum())
        return shown(path, prediction, symbols, known)

    def spied_wide(path: InterPath, name: str, x: Ints) -> Ints:
        out = wide(path, name, x)
        if name == "change_out":
            seen.added = max(seen.added, int(np.abs(out).max()))
        return out

    monkeypatch.setattr(InterPath, "shown", spied)
    monkeypatch.setattr(InterPath, "wide", spied_wide)
    return seen


@pytest.fixture
def fields(monkeypatch: pytest.MonkeyPatch) -> Fields:
    """Fills while the second decoder decodes."""
    seen: Fields = []
    read = decoder.read_motion

    def spied(coder: RangeDecoder, predicted: Ints, side: int, counts: Counts, *, two: bool) -> Found:
        found = read(coder, predicted, side, counts, two=two)
        seen.append((side, found.field))
        return found

    monkeypatch.setattr(decoder, "read_motion", spied)
    return seen


def sides_of(fields: Fields) -> list[int]:
    """Sides of blocks, where some of 16 pels in fields of 8 are split and fields of 16 are not all the same."""
    for side in {side for side, _ in fields}:
        moved = [(field != field[:, :1, :1]) if side == 16 else split(field) for its, field in fields if its == side]
        assert any(each.any() for each in moved), f"blocks of {side} prove nothing"
    return [side for side, _ in fields]


def split(field: Ints) -> NDArray[np.bool_]:
    """Where vectors are not those of the first within 2x2."""
    places = np.indices(field.shape[1:]) // 2 * 2
    return field != field[:, places[0], places[1]]


@pytest.mark.parametrize("quality", [1.75, 5.95, 6, 8.5])
def test_aligned(
    source: MakeSource, tmp_path: Path, swift: store.ModelInfo, walked: Walked, fields: Fields, quality: float
) -> None:
    """P after an I-picture, and P after P."""
    stream, recon = tmp_path / "a.lvc", tmp_path / "recon.y4m"
    lvcodec.encode(source(*SIZES[quality], 5), stream, recon=recon, model=swift.path, quality=quality, gop=3, bframes=0)
    assert same_pictures(stream, recon, swift) == list("IPPIP")
    assert sides_of(fields) == [16 if quality < 6 else 8] * 3
    assert (quality > 5 or min(walked.live[False]) < 1) and max(walked.live[False]) > 0
    assert walked.symbols[False] > 20 and walked.added > 16


@pytest.mark.parametrize(("mode", "quality", "steps"), [("aligned", 5, 0), ("aligned", 5.05, 1), ("intra", 9, 1)])
def test_two_steps(
    source: MakeSource,
    tmp_path: Path,
    swift: store.ModelInfo,
    walked: Walked,
    mode: str,
    quality: float,
    steps: int,
) -> None:
    """An I-picture beyond quality 5 is refined by the inter path, in modes that do not refer to its latents."""
    stream, recon = tmp_path / "a.lvc", tmp_path / "recon.y4m"
    lvcodec.encode(source(67, 45, 1), stream, recon=recon, model=swift.path, quality=quality, mode=mode)
    assert same_pictures(stream, recon, swift) == ["I"]
    assert len(walked.live[False]) == steps and walked.symbols[False] >= 20 * steps


@pytest.mark.parametrize(("bframes", "quality"), [(1, 6), (4, 6), (7, 6), (4, 5.95)])
def test_b_pictures(
    source: MakeSource,
    tmp_path: Path,
    swift: store.ModelInfo,
    bframes: int,
    quality: float,
    walked: Walked,
    fields: Fields,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pyramids of two, of five and of eight, and a shorter one at the end."""
    monkeypatch.setattr(structures, "SPLITS", (structures.pyramid,))
    stream, recon = tmp_path / "a.lvc", tmp_path / "recon.y4m"
    lvcodec.encode(source(70, 50, 12), stream, recon=recon, model=swift.path, quality=quality, bframes=bframes)
    kinds = same_pictures(stream, recon, swift)
    anchors = {*range(bframes + 1, 12, bframes + 1), 11}
    assert kinds == ["I" if number == 0 else "P" if number in anchors else "B" for number in range(12)]
    assert sides_of(fields) == [16 if quality < 6 else 8] * 11
    assert min(walked.live[True]) < 1 and max(walked.live[True]) > 0
    assert walked.symbols[True] > 20 and walked.symbols[False] > 50 and walked.added > 16


@pytest.mark.parametrize(("mode", "alpha", "latents"), CODINGS)
@pytest.mark.parametrize("quality", [1, 3])
def test_cheng2020(
    source: MakeSource,
    tmp_path: Path,
    anchor: store.ModelInfo,
    quality: float,
    mode: str,
    alpha: float,
    latents: str | None,
) -> None:
    stream, recon = tmp_path / "a.lvc", tmp_path / "recon.y4m"
    lvcodec.encode(
        source(*SIZES[quality], 4),
        stream,
        recon=recon,
        model=anchor.path,
        family="cheng2020",
        quality=quality,
        mode=mode,
        alpha=alpha,
        latents=latents,
        gop=3,
        bframes=0,
    )
    assert same_pictures(stream, recon, anchor) == list("IIII" if mode == "intra" else "IPPI")


@pytest.mark.parametrize("mode", ["mfvc", "lds"])
def test_changing_quality(
    source: MakeSource, tmp_path: Path, swift: store.ModelInfo, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """No encoder of ours makes such, but decoders have to agree: after the I-picture, latents of other steps."""
    decisions = DECISIONS[mode]
    assert decisions is not None
    monkeypatch.setitem(DECISIONS, mode, replace(decisions, layers=(7,) * MAX_LAYER))
    stream, recon = tmp_path / "a.lvc", tmp_path / "recon.y4m"
    lvcodec.encode(
        source(67, 45, 3), stream, recon=recon, model=swift.path, quality=3, mode=mode, alpha=1, latents="kept"
    )
    monkeypatch.undo()
    assert [picture.record.quality for picture in decode(stream.read_bytes(), swift.path)] == [40, 33, 33]
    assert same_pictures(stream, recon, swift) == list("IPP")
    monkeypatch.setenv("LVCODEC_MODELS", str(swift.path.parent))
    lvcodec.decode(stream, tmp_path / "back.y4m")
    assert (tmp_path / "back.y4m").read_bytes() == recon.read_bytes()


def test_joined_streams(source: MakeSource, tmp_path: Path, swift: store.ModelInfo, fields: Fields) -> None:
    """Each GOP has a quality of its own, two not the header's, and blocks by it."""
    recons = []
    for quality in (2, 7, 5):
        recons.append(tmp_path / f"{quality}.y4m")
        lvcodec.encode(
            source(67, 45, 2), tmp_path / f"{quality}.lvc", recon=recons[-1], model=swift.path, quality=quality, gop=12
        )
    lvcodec.concat([tmp_path / "2.lvc", tmp_path / "7.lvc", tmp_path / "5.lvc"], tmp_path / "all.lvc")
    shown = list(decode((tmp_path / "all.lvc").read_bytes(), swift.path))
    assert [picture.record.quality for picture in shown] == [20, 0, 120, 100, 80, 60]  # of P-pictures, 20 lower
    assert [side for side, _ in fields] == [16, 8, 16]
    want = []
    for recon in recons:
        with open_source(recon) as pictures:
            want += list(pictures)
    for ours, theirs in zip(want, shown, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours.planes, theirs.planes, strict=True))
