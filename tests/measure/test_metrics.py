"""The metrics against ffmpeg's and pytorch-msssim's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lvcodec.errors import InputError
from lvcodec.measure import ffmpeg_features, raw, rgb
from lvcodec.measure.filters import FILTERS, vmaf, xpsnr
from lvcodec.measure.metrics import Measured, measure, ms_ssim, ssim
from lvcodec.measure.raw import read_all
from lvcodec.video.colour import Colour
from lvcodec.video.format import VideoFormat

WriteClip = Callable[..., Path]
Pair = tuple[Path, Path, VideoFormat]


@pytest.fixture(scope="module", params=[(192, 176), (70, 46)], ids=["192x176", "70x46"])
def pair(request: pytest.FixtureRequest, write_clip: WriteClip, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A raw clip and a noisy copy; the first picture is equal in both, so that its PSNR has no bound."""
    width, height = request.param
    folder = tmp_path_factory.mktemp("pair")
    video = VideoFormat(width, height, Fraction(25), Colour(1, 1, 1))
    reference = write_clip(folder / "ref.yuv", width, height, 3)
    noisy = write_clip(folder / "dist.yuv", width, height, 3, noise=9)
    data = bytearray(noisy.read_bytes())
    data[: video.picture_bytes] = reference.read_bytes()[: video.picture_bytes]
    noisy.write_bytes(data)
    return reference, noisy, video


@pytest.fixture(scope="module")
def measured(pair: Pair) -> Measured:
    return measure(*pair)


def stats(pair: Pair, graph: str, folder: Path) -> list[dict[str, float]]:
    """What an ffmpeg filter writes into its stats_file, a dict a picture."""
    reference, decoded, video = pair
    path = folder / "stats.txt"
    done = ffmpeg_features.run_ffmpeg(
        "-v",
        "error",
        *raw.ffmpeg_input(decoded, video),
        *raw.ffmpeg_input(reference, video),
        "-lavfi",
        graph.format(stats=path),
        "-f",
        "null",
        "-",
    )
    assert done.returncode == 0, done.stderr
    return [
        {name.lower(): float(value) for name, value in re.findall(r"(\w+): *([\d.]+|inf)", line)}
        for line in path.read_text().splitlines()
    ]


def test_psnr_is_ffmpegs(pair: Pair, measured: Measured, tmp_path: Path) -> None:
    theirs = stats(pair, "psnr=stats_file={stats}", tmp_path)
    for ours, their in zip(measured.pictures, theirs, strict=True):
        for plane in "yuv":
            value = min(their[f"psnr_{plane}"], 100)
            assert getattr(ours, f"psnr_{plane}") == pytest.approx(value, abs=0.01)
    assert measured.pictures[0].psnr_yuv == 100
    mean = measured.mean
    assert mean.psnr_y == pytest.approx(np.mean([p.psnr_y for p in measured.pictures]))
    assert mean.psnr_yuv == pytest.approx((6 * mean.psnr_y + mean.psnr_u + mean.psnr_v) / 8)


def test_ssim_is_ffmpegs(pair: Pair, measured: Measured, tmp_path: Path) -> None:
    theirs = stats(pair, "ssim=stats_file={stats}", tmp_path)
    for ours, their in zip(measured.pictures, theirs, strict=True):
        for name, key in (("ssim_y", "y"), ("ssim_u", "u"), ("ssim_v", "v"), ("ssim", "all")):
            assert getattr(ours, name) == pytest.approx(their[key], abs=0.0005)
    assert measured.mean.ssim is not None and measured.mean.ssim < 0.99


def test_rgb_psnr_is_ffmpegs(pair: Pair, measured: Measured, tmp_path: Path) -> None:
    """The same conversion inside one ffmpeg, compared by its own filter."""
    one = (
        f"scale=in_color_matrix=bt709:in_range=tv:out_range=pc:in_chroma_loc=left:flags={rgb.FLAGS}:"
        "sws_dither=none,format=rgb24,format=gbrp"
    )
    theirs = stats(pair, f"[0:v]{one}[a];[1:v]{one}[b];[a][b]psnr=stats_file={{stats}}", tmp_path)
    for ours, their in zip(measured.pictures, theirs, strict=True):
        assert ours.psnr_rgb == pytest.approx(min(their["psnr_avg"], 100), abs=0.01)


def test_ms_ssim_is_pytorch_msssims(pair: Pair, measured: Measured) -> None:
    import torch
    from pytorch_msssim import ms_ssim as compute

    if min(pair[2].width, pair[2].height) <= 160:
        assert measured.mean.ms_ssim is None
        return
    reference, decoded = ([p.y for p in read_all(path, pair[2])] for path in pair[:2])
    x, x_hat = (torch.from_numpy(np.stack(planes)).float()[:, None] for planes in (reference, decoded))
    theirs = compute(x, x_hat, data_range=255, size_average=False)
    assert [p.ms_ssim for p in measured.pictures] == pytest.approx(theirs.tolist(), abs=1e-5)


@pytest.mark.parametrize("side, known", [(160, False), (161, True)])
def test_ms_ssim_needs_more_than_160(side: int, known: bool) -> None:
    plane = np.zeros((side, 200), np.uint8)
    assert (ms_ssim(plane, plane) is not None) == known


@pytest.fixture
def grey(pair: Pair, tmp_path: Path) -> Path:
    """As many flat pictures."""
    path = tmp_path / "grey.yuv"
    path.write_bytes(bytes([128]) * pair[0].stat().st_size)
    return path


def test_vmaf(pair: Pair, measured: Measured, grey: Path) -> None:
    if "libvmaf" not in ffmpeg_features.filters():
        pytest.skip("this ffmpeg has no libvmaf")
    reference, _, video = pair
    same, lost = (vmaf(reference, decoded, video) for decoded in (reference, grey))
    assert same is not None and lost is not None and measured.mean.vmaf is not None
    assert 0 <= lost < 60 < measured.mean.vmaf <= same <= 100


def test_xpsnr_is_ffmpegs(pair: Pair, measured: Measured, grey: Path, tmp_path: Path) -> None:
    """The source is the input that weighs: of a source that is busy, errors weigh less than of one that is flat."""
    if "xpsnr" not in ffmpeg_features.filters():
        pytest.skip("this ffmpeg has no xpsnr")
    reference, decoded, video = pair
    theirs = stats((decoded, reference, video), "xpsnr=stats_file={stats}", tmp_path)  # the source first
    mean = measured.mean
    assert theirs[0]["y"] == np.inf
    assert mean.xpsnr_y is not None and mean.xpsnr_u is not None and mean.xpsnr_v is not None
    assert mean.xpsnr == pytest.approx((6 * mean.xpsnr_y + mean.xpsnr_u + mean.xpsnr_v) / 8)
    assert mean.xpsnr_y == min(100, theirs[-1]["y"])  # the last line is the mean
    same, busy, flat = (xpsnr(*paths, video) for paths in ((grey, grey), (reference, grey), (grey, reference)))
    assert same is not None and busy is not None and flat is not None
    assert same.yuv == 100 and busy.y > flat.y + 2


def test_filters_that_ffmpeg_lacks(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_features, "filters", lambda: frozenset({"psnr"}))
    assert vmaf(*pair) is None and xpsnr(*pair) is None
    mean = measure(*pair, metrics=("vmaf", "xpsnr")).mean
    assert (mean.vmaf, mean.xpsnr_y, mean.xpsnr) == (None, None, None)


def test_a_filter_that_fails(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "ffmpeg_input", lambda path, video: ["-i", str(path) + ".absent"])
    for compute, metric, name in ((vmaf, "vmaf", "VMAF"), (xpsnr, "xpsnr", "XPSNR")):
        if FILTERS[metric] in ffmpeg_features.filters():
            with pytest.raises(InputError, match=f"ffmpeg cannot compute {name}"):
                compute(*pair)


def test_flicker(pair: Pair, measured: Measured) -> None:
    source, decoded = ([p.y.astype(int) for p in read_all(path, pair[2])] for path in pair[:2])
    changes = [np.diff(planes, axis=0) for planes in (source, decoded)]
    mse = np.square(changes[1] - changes[0]).mean(axis=(1, 2))
    flicker = [p.flicker for p in measured.pictures]
    assert flicker[0] is None and flicker[1:] == pytest.approx(10 * np.log10(255**2 / mse))
    assert measured.mean.flicker == pytest.approx(10 * np.log10(255**2 / mse.mean()))
    assert measured.mean.pumping is None
    pumping = measure(*pair, metrics=("flicker",), intra={0, 2}).mean.pumping
    assert pumping == pytest.approx(flicker[1] - flicker[2])


def test_tiny_planes_have_no_ssim() -> None:
    plane = np.zeros((4, 40), np.uint8)
    assert ssim(plane, plane) is None


def test_only_what_is_asked_for(pair: Pair) -> None:
    mean = measure(*pair, metrics=("psnr",)).mean
    assert mean.psnr_y is not None
    others = (mean.ssim, mean.ms_ssim, mean.psnr_rgb, mean.vmaf, mean.xpsnr, mean.flicker, mean.pumping)
    assert set(others) == {None}


def test_missing_pictures(pair: Pair, tmp_path: Path) -> None:
    reference, decoded, video = pair
    short = tmp_path / "short.yuv"
    short.write_bytes(decoded.read_bytes()[: video.picture_bytes])
    with pytest.raises(InputError, match="1 decoded pictures and 3"):
        measure(reference, short, video)
    short.write_bytes(decoded.read_bytes()[:-5])
    with pytest.raises(InputError, match="no whole number"):
        measure(reference, short, video)


@pytest.mark.parametrize(
    "matrix, height, name",
    [
        (2, 720, "bt709"),
        (2, 288, "bt601"),
        (1, 288, "bt709"),
        (9, 64, "bt2020"),
    ],
)
def test_rgb_matrix(matrix: int, height: int, name: str) -> None:
    video = VideoFormat(64, height, Fraction(25), replace(Colour(), matrix=matrix))
    assert rgb.matrix_name(video) == name
