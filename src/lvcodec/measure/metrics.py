"""Distortion of decoded pictures: PSNR, SSIM, MS-SSIM, flicker, and through ffmpeg RGB PSNR, VMAF and XPSNR.

All figures are taken picture by picture on 8-bit 4:2:0 planes as they are, and averaged over pictures.
`psnr_yuv` and `xpsnr` are (6 Y + U + V) / 8 in dB. `ms_ssim` is pytorch-msssim's on luma, None where the shorter side
is 160 or less. RGB PSNR, VMAF and XPSNR are ffmpeg's work (rgb.py, filters.py); the latter are None where this ffmpeg
lacks them. Flicker is of luma (flicker.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvcodec.errors import InputError
from lvcodec.measure.filters import vmaf, xpsnr
from lvcodec.measure.flicker import FlickerMeter
from lvcodec.measure.psnr import psnr_db
from lvcodec.measure.raw import count_pictures, read_all
from lvcodec.measure.rgb import rgb_psnr
from lvcodec.names import METRICS
from lvcodec.report import PlanePsnr
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture, Plane

MS_SSIM_SIDE = 160  # pytorch-msssim's five scales need a shorter side above this


@dataclass(frozen=True)
class Scores:
    """Figures of one picture, or means over pictures: PSNR and XPSNR in dB, SSIM and MS-SSIM up to 1, VMAF up to 100.

    flicker: of luma from picture to picture, in dB, more is steadier. pumping: dB by which I-pictures flicker more than
    others. None: not asked for, or not to be had of this picture or clip.
    """

    psnr_y: float | None = None
    psnr_u: float | None = None
    psnr_v: float | None = None
    psnr_yuv: float | None = None
    psnr_rgb: float | None = None
    ssim_y: float | None = None
    ssim_u: float | None = None
    ssim_v: float | None = None
    ssim: float | None = None
    ms_ssim: float | None = None
    vmaf: float | None = None
    xpsnr_y: float | None = None
    xpsnr_u: float | None = None
    xpsnr_v: float | None = None
    xpsnr: float | None = None
    flicker: float | None = None
    pumping: float | None = None


SCORES = tuple(field.name for field in fields(Scores))
OF_CLIPS = ("vmaf", "xpsnr_y", "xpsnr_u", "xpsnr_v", "xpsnr", "pumping")  # scores that single pictures have none of


@dataclass(frozen=True)
class Measured:
    """The mean over pictures, and each picture's own figures (without OF_CLIPS)."""

    mean: Scores
    pictures: tuple[Scores, ...]


def measure(
    reference: Path,
    decoded: Path,
    video: VideoFormat,
    *,
    metrics: Sequence[str] = METRICS,
    intra: Collection[int] = (),
    on_picture: Callable[[int, int], None] | None = None,
) -> Measured:
    """Compare two raw 8-bit 4:2:0 files of one format.

    intra: numbers of the I-pictures, from 0, where they are known: pumping needs them.
    Raises InputError if they hold no whole pictures, or different numbers of them.
    """
    count = count_pictures(reference, video)
    decoded_count = count_pictures(decoded, video)
    if decoded_count != count:
        raise InputError(f"there are {decoded_count} decoded pictures and {count} in the source")
    rgb: Iterator[float | None] = iter(())
    if "rgb" in metrics:
        rgb = rgb_psnr(reference, decoded, video)
    meter = FlickerMeter()
    pictures = []
    for number, pair in enumerate(zip(read_all(reference, video), read_all(decoded, video), strict=True), 1):
        flicker = meter.add(*(picture.y for picture in pair)) if "flicker" in metrics else None
        pictures.append(Scores(**_plane_scores(*pair, metrics), psnr_rgb=next(rgb, None), flicker=flicker))
        if on_picture:
            on_picture(number, count)
    means = {name: mean_if_all([getattr(scores, name) for scores in pictures]) for name in SCORES}
    means |= {"flicker": meter.mean(), "pumping": meter.pumping(intra)}
    return Measured(Scores(**means | _clip_scores(reference, decoded, video, metrics)), tuple(pictures))


def _clip_scores(reference: Path, decoded: Path, video: VideoFormat, metrics: Sequence[str]) -> dict[str, float | None]:
    """Figures that ffmpeg's filters average over pictures."""
    scores: dict[str, float | None] = {}
    if "vmaf" in metrics:
        scores["vmaf"] = vmaf(reference, decoded, video)
    if "xpsnr" in metrics and (planes := xpsnr(reference, decoded, video)):
        scores |= {"xpsnr_y": planes.y, "xpsnr_u": planes.u, "xpsnr_v": planes.v, "xpsnr": planes.yuv}
    return scores


def mean_if_all(values: Sequence[float | None]) -> float | None:
    """The mean of values that are all known; None if one is not, or there are none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _plane_scores(reference: Picture, decoded: Picture, metrics: Sequence[str]) -> dict[str, float | None]:
    """Figures of one picture that need its planes alone."""
    scores: dict[str, float | None] = {}
    pairs = list(zip(reference.planes, decoded.planes, strict=True))
    if "psnr" in metrics:
        psnr = PlanePsnr.weighted(*(psnr_db(*pair) for pair in pairs))
        scores |= {"psnr_y": psnr.y, "psnr_u": psnr.u, "psnr_v": psnr.v, "psnr_yuv": psnr.yuv}
    if "ssim" in metrics:
        of_planes = [ssim(*pair) for pair in pairs]
        scores |= dict(zip(("ssim_y", "ssim_u", "ssim_v"), of_planes, strict=True))
        sizes = [plane.size for plane in reference.planes]
        if None not in of_planes:
            scores["ssim"] = sum(s * n for s, n in zip(of_planes, sizes, strict=True) if s is not None) / sum(sizes)
    if "ms-ssim" in metrics:
        scores["ms_ssim"] = ms_ssim(reference.y, decoded.y)
    return scores


def ssim(reference: Plane, decoded: Plane) -> float | None:
    """SSIM of a plane as ffmpeg's filter has it: 8x8 windows, 4 apart. None for a side below 8."""
    if min(reference.shape) < 8:
        return None
    a, b = reference.astype(np.int64), decoded.astype(np.int64)
    sum_a, sum_b = _windows(a), _windows(b)
    squares, products = _windows(a * a + b * b), _windows(a * b)
    c1 = int(0.01**2 * 255**2 * 64 + 0.5)
    c2 = int(0.03**2 * 255**2 * 64 * 63 + 0.5)
    variance = 64 * squares - sum_a * sum_a - sum_b * sum_b
    covariance = 64 * products - sum_a * sum_b
    over = (2 * sum_a * sum_b + c1) * (2.0 * covariance + c2)
    under = (sum_a * sum_a + sum_b * sum_b + c1) * (1.0 * variance + c2)
    return float((over / under).mean())


def _windows(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over 8x8 windows, 4 apart; what lies beyond the last whole 4x4 block is left out, as in ffmpeg."""
    height, width = (side // 4 * 4 for side in values.shape)
    blocks = values[:height, :width].reshape(height // 4, 4, width // 4, 4).sum(axis=(1, 3))
    total: NDArray[np.int64] = blocks[:-1, :-1] + blocks[:-1, 1:] + blocks[1:, :-1] + blocks[1:, 1:]
    return total


def ms_ssim(reference: Plane, decoded: Plane) -> float | None:
    """pytorch-msssim's MS-SSIM of a plane; None where the shorter side is 160 or less.

    Raises InputError if pytorch-msssim is not installed.
    """
    if min(reference.shape) <= MS_SSIM_SIDE:
        return None
    try:
        import torch
        from pytorch_msssim import ms_ssim as compute
    except ImportError as error:
        raise InputError("MS-SSIM needs pytorch-msssim", "pip install 'lvcodec[bench]', or leave it out") from error
    with torch.inference_mode():
        x, x_hat = (torch.from_numpy(np.array(plane)).float()[None, None] for plane in (reference, decoded))
        return float(compute(x, x_hat, data_range=255))
