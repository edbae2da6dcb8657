"""The cheng2020 family: CompressAI's Cheng2020Anchor by its own names, and the paper's temporal modules.

    x (RGB) ─► g_a ─► y ─► round ─► y_hat ─► g_s ─► x_hat
                      │               └─► context_prediction (masked 5x5) ─┐
                      └─► h_a ─► round ─► z_hat ─► h_s ────────────────────┴─► entropy_parameters

One network a quality; N channels throughout (128 for qualities 1 to 3, 192 for 4 to 6). A layer's place in its
sequence is what CompressAI's is, so a checkpoint's keys are this module's ("h_a.2.weight"), but for gdn.beta and
gdn.gamma, which are `bias` and `weight` here (exact/gdn.py). Kim et al. 2022, Table 1 says the rest; all is in
units of exact/formats.py's WIDE format, so latents have 4096 units to a symbol.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from lvcodec.exact.formats import WIDE, clamp
from lvcodec.exact.gdn import Gdn
from lvcodec.exact.ops import Conv, subpixel
from lvcodec.nets.compensation import ShiftCompensation
from lvcodec.nets.rgb import RGB_BITS
from lvcodec.nets.temporal import TemporalPrior, unit_bits_for

WIDTHS = {1: 128, 2: 128, 3: 128, 4: 192, 5: 192, 6: 192}  # N by quality, as published
ONE = WIDE.one  # units for 1.0, and for a symbol
SYMBOL_MAX = WIDE.high // ONE  # what the format holds: symbols beyond it enter a network as this
CONTEXT = 5  # side of the masked convolution


class ResidualBlock(nn.Module):
    """Two 3x3 layers with leaky ReLU, added to x. x: (B, N, H, W) units; same shape out."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv1 = Conv(n, n, 3, fmt=WIDE, act="relu")
        self.conv2 = Conv(n, n, 3, fmt=WIDE, act="relu")

    def forward(self, x: Tensor) -> Tensor:
        return clamp(self.conv2(self.conv1(x)) + x, WIDE)


class ResidualBlockWithStride(nn.Module):
    """Halves the sides: 3x3 of stride 2, 3x3, GDN, added to a 1x1 of stride 2. (B, C, H, W) to (B, N, H/2, W/2)."""

    def __init__(self, in_channels: int, n: int) -> None:
        super().__init__()
        self.conv1 = Conv(in_channels, n, 3, fmt=WIDE, act="relu", stride=2)
        self.conv2 = Conv(n, n, 3, fmt=WIDE)
        self.gdn = Gdn(n, fmt=WIDE)
        self.skip = Conv(in_channels, n, fmt=WIDE, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return clamp(self.gdn(self.conv2(self.conv1(x))) + self.skip(x), WIDE)


class ResidualBlockUpsample(nn.Module):
    """Doubles the sides: sub-pixel 3x3, 3x3, inverse GDN, added to a sub-pixel 3x3. (B, N, H, W) to (B, N, 2H, 2W)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.subpel_conv = subpixel(n, n, fmt=WIDE)
        self.conv = Conv(n, n, 3, fmt=WIDE)
        self.igdn = Gdn(n, fmt=WIDE, inverse=True)
        self.upsample = subpixel(n, n, fmt=WIDE, act="clamp")

    def forward(self, x: Tensor) -> Tensor:
        return clamp(self.igdn(self.conv(self.subpel_conv(x))) + self.upsample(x), WIDE)


class Cheng2020(nn.Module):
    """All networks of the family at one quality. n: channels, of latents, hyper-latents and hidden layers."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.g_a = nn.Sequential(
            ResidualBlockWithStride(3, n),
            ResidualBlock(n),
            ResidualBlockWithStride(n, n),
            ResidualBlock(n),
            ResidualBlockWithStride(n, n),
            ResidualBlock(n),
            Conv(n, n, 3, fmt=WIDE, stride=2),
        )
        self.g_s = nn.Sequential(
            ResidualBlock(n),
            ResidualBlockUpsample(n),
            ResidualBlock(n),
            ResidualBlockUpsample(n),
            ResidualBlock(n),
            ResidualBlockUpsample(n),
            ResidualBlock(n),
            nn.Sequential(
                Conv(n, 3 * 4, 3, fmt=WIDE, act="wide", unit_bits=unit_bits_for(WIDE, 2**RGB_BITS)),
                nn.PixelShuffle(2),
            ),
        )
        self.h_a = _every_other(
            Conv(n, n, 3, fmt=WIDE, act="relu"),
            Conv(n, n, 3, fmt=WIDE, act="relu"),
            Conv(n, n, 3, fmt=WIDE, act="relu", stride=2),
            Conv(n, n, 3, fmt=WIDE, act="relu"),
            Conv(n, n, 3, fmt=WIDE, act="wide", stride=2, unit_bits=unit_bits_for(WIDE, 1)),
        )
        self.h_s = _every_other(
            Conv(n, n, 3, fmt=WIDE, act="relu"),
            subpixel(n, n, fmt=WIDE),
            Conv(n, 3 * n // 2, 3, fmt=WIDE, act="relu"),
            subpixel(3 * n // 2, 3 * n // 2, fmt=WIDE),
            Conv(3 * n // 2, 2 * n, 3, fmt=WIDE),
        )
        self.context_prediction = Conv(n, 2 * n, CONTEXT, fmt=WIDE)
        self.entropy_parameters = _every_other(
            Conv(4 * n, 10 * n // 3, fmt=WIDE, act="relu"),
            Conv(10 * n // 3, 8 * n // 3, fmt=WIDE, act="relu"),
            Conv(8 * n // 3, 2 * n, fmt=WIDE, act="wide"),
        )
        self.temporal = TemporalPrior(n, n, WIDE)
        self.shift = ShiftCompensation(n, n, WIDE)

    def parameters_from(self, psi: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and mean of each latent, (B, N, H, W), ONE whole numbers to a symbol.

        psi: h_s's output; context: context_prediction's; both (B, 2N, H, W) units.
        """
        scale, mean = self.entropy_parameters(torch.cat([psi, context], dim=1)).chunk(2, dim=1)
        return scale, mean

    def mask_context(self) -> None:
        """Set to zero the weights of context_prediction that its mask hides."""
        self.context_prediction.weight.data *= causal_taps()


def causal_taps() -> Tensor:
    """(5, 5) bool: the taps of the masked convolution that lie before its centre in raster order (mask A)."""
    place = torch.arange(CONTEXT * CONTEXT, device="cpu").view(CONTEXT, CONTEXT)
    return place < CONTEXT * CONTEXT // 2


def _every_other(*modules: nn.Module) -> nn.Sequential:
    """A sequence numbered 0, 2, 4 ...: CompressAI has its rectifiers at the odd places, here they are in the layers."""
    return nn.Sequential(OrderedDict((str(2 * i), module) for i, module in enumerate(modules)))
