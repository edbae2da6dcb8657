"""What distortion is and what a bit is worth against it: squared error, or 1 - MS-SSIM.

Squared errors are in levels, planes weighted Y:U:V = 6:1:1, and chroma more where quality is low (stages/chroma.py);
lambda is the paper's (Kim et al. 2022; CompressAI): rate + lambda * 255^2 * MSE of pixels in 0..1. MS-SSIM is taken
plane by plane at the plane's own resolution, weighted the same, with CompressAI's lambdas: rate + lambda * (1 -
MS-SSIM). Rates are in bits a luma pixel. Lambdas are geometric between qualities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from lvcodec.encoder.distortion import CHROMA, LUMA, PLANES
from lvcodec.errors import InputError, UsageError
from lvcodec.exact.planes import channels_to_planes
from lvcodec.models.steps import between_qualities
from lvcodec.nets.linear import UNITS_PER_LEVEL
from lvcodec.quality import LAMBDAS
from lvcodec.train.stages import chroma

PIXELS = 64  # luma pixels of one position at 1/8
MS_SSIM_LAMBDAS = (2.40, 4.58, 8.73, 16.64, 31.73, 60.50, 115.3, 220.0, 419.0)  # of the whole qualities
SCALES = 5
LUMA_WINDOW, CHROMA_WINDOW = 11, 5  # a window of chroma spans what one of luma does


def squared_error(x: Tensor, x_hat: Tensor, of_chroma: Tensor | float = 1.0) -> Tensor:
    """(B,) weighted squared error a luma pixel; x in levels - 128, x_hat in UNITS_PER_LEVEL a level.

    of_chroma: what errors of chroma weigh, (B,), times 6:1:1.
    """
    error = (x_hat.float() / UNITS_PER_LEVEL - x).square()
    luma, others = error[:, :64].sum(dim=(1, 2, 3)), error[:, 64:].sum(dim=(1, 2, 3))
    return (LUMA * luma + CHROMA * of_chroma * others) / (PIXELS * x.shape[2] * x.shape[3])


def structural_error(x: Tensor, x_hat: Tensor) -> Tensor:
    """(B,) 1 - MS-SSIM, planes weighted 6:1:1; arguments as for squared_error, sides above 160 pixels."""
    originals, coded = channels_to_planes(x), channels_to_planes(x_hat.float() / UNITS_PER_LEVEL)
    windows = (LUMA_WINDOW, CHROMA_WINDOW, CHROMA_WINDOW)
    weighted = [
        weight * ms_ssim(a, b, 255.0, window)
        for weight, a, b, window in zip(PLANES, originals, coded, windows, strict=True)
    ]
    return 1 - torch.stack(weighted).sum(dim=0)


def ms_ssim(a: Tensor, b: Tensor, peak: float, window: int) -> Tensor:
    """(B,) MS-SSIM of images (B, C, H, W) with values up to `peak`, in float32."""
    from pytorch_msssim import ms_ssim as compute

    with torch.autocast(a.device.type, enabled=False):
        similarity: Tensor = compute(
            a.float(),
            b.float(),
            data_range=peak,
            size_average=False,
            win_size=window,
            win_sigma=1.5 * (window - 1) / (LUMA_WINDOW - 1),
        )
        return similarity


@dataclass(frozen=True)
class Measure:
    """A distortion and its lambdas, of qualities 1..9. error: (x, x_hat, quality) to (B,)."""

    name: str
    error: Callable[[Tensor, Tensor, Tensor], Tensor]
    lambdas: tuple[float, ...]

    def lmbda(self, quality: Tensor) -> Tensor:
        """Lambda at fractional qualities 1..9, (B,): for MSE what quality.lambda_of says of one."""
        return torch.exp(between_qualities(_logs(self.lambdas, quality.dtype, quality.device), quality))


@lru_cache
def _logs(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Kept on the device: what is recorded there (train/run/cuda_graph.py) cannot copy from the host."""
    return torch.log(torch.tensor(values, dtype=dtype, device=device))


MSE = Measure("mse", lambda x, x_hat, quality: squared_error(x, x_hat, chroma.weight(quality)), LAMBDAS)
MS_SSIM = Measure("ms-ssim", lambda x, x_hat, quality: structural_error(x, x_hat), MS_SSIM_LAMBDAS)
MEASURES = {measure.name: measure for measure in (MSE, MS_SSIM)}


def errors(x: Tensor, x_hat: Tensor, quality: Tensor, measure: Measure) -> tuple[Tensor, Tensor]:
    """Distortion, and squared error for the log, (B,) each."""
    distortion = measure.error(x, x_hat, quality)
    with torch.no_grad():
        return distortion, squared_error(x, x_hat)


def check_crop(loss: str, crop: int) -> None:
    """Raise UsageError if crops are too small for MS-SSIM's scales, InputError if its package is missing."""
    least = (LUMA_WINDOW - 1) * 2 ** (SCALES - 1)
    if loss != "ms-ssim":
        return
    if crop <= least:
        raise UsageError(
            f"MS-SSIM has {SCALES} scales, for which crops of {crop} pixels are too small",
            f"take --crop {-(-(least + 1) // 64) * 64} or more",
        )
    try:
        import pytorch_msssim  # noqa: F401
    except ImportError as error:
        raise InputError("MS-SSIM needs the package pytorch-msssim", "pip install 'lvcodec[train]'") from error
