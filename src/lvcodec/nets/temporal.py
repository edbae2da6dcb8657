"""P-pictures' entropy model (Kim et al. 2022, Table 1; MFVC without SPM): P-HE, P-HD, TPM, EPM.

    y_ref, y_res ──► P-HE ──► z_t ──► P-HD ──┐
    y_ref ───────────────────────► TPM ──────┴──► EPM ──► mean and scale of each residual

All tensors are in the units of the family's format (exact/formats.py). Widths follow Table 1 as k * N // 3; N is the
width of the hidden layers, M the number of latent channels (the paper has N = M).
"""

from __future__ import annotations

from torch import Tensor, nn

from lvcodec.exact.formats import Format
from lvcodec.exact.ops import Conv, subpixel
from lvcodec.exact.packed import Units, join
from lvcodec.nets.shapes import PARAMETER_GRID


def unit_bits_for(fmt: Format, grid: int) -> int:
    """The `unit_bits` of a wide layer that puts out `grid` whole numbers where 1.0 is."""
    return grid.bit_length() - fmt.one.bit_length()


def up(in_channels: int, out_channels: int, fmt: Format) -> nn.Module:
    """Table 1's transposed 5x5 convolution of stride 2, rectified; in 8 bits its sub-pixel form."""
    if fmt.leak:
        return Conv(in_channels, out_channels, 5, fmt=fmt, act="relu", stride=2, transposed=True)
    return subpixel(in_channels, out_channels, fmt=fmt)


def hyper_encoder(in_channels: int, n: int, fmt: Format, *, z_channels: int | None = None) -> nn.Sequential:
    """P-HE and BFD-E: 3x3, then two 5x5 of stride 2. (B, in, H, W) units -> (B, z, H/4, W/4), 1 for each step."""
    return nn.Sequential(
        Conv(in_channels, n, 3, fmt=fmt, act="relu"),
        Conv(n, n, 5, fmt=fmt, act="relu", stride=2),
        Conv(n, z_channels or n, 5, fmt=fmt, act="wide", stride=2, unit_bits=unit_bits_for(fmt, 1)),
    )


def hyper_decoder(n: int, fmt: Format, *, z_channels: int | None = None) -> nn.Sequential:
    """P-HD and BFD-D: two upsamplings, then 3x3. (B, z, H/4, W/4) units -> (B, 2N, H, W) units."""
    return nn.Sequential(up(z_channels or n, n, fmt), up(n, n, fmt), Conv(n, 2 * n, 3, fmt=fmt))


class TemporalPrior(nn.Module):
    """The four networks of a P-picture's entropy model.

    m: latent channels; n: hidden width; extra: channels that the family adds to EPM's input (a quality plane).
    """

    def __init__(self, m: int, n: int, fmt: Format, *, extra: int = 0) -> None:
        super().__init__()
        self.ph_e = hyper_encoder(2 * m, n, fmt)
        self.ph_d = hyper_decoder(n, fmt)
        self.tpm = nn.Sequential(
            Conv(m, 4 * n // 3, 5, fmt=fmt, act="relu"),
            Conv(4 * n // 3, 5 * n // 3, 5, fmt=fmt, act="relu"),
            Conv(5 * n // 3, 2 * n, 5, fmt=fmt),
        )
        self.epm = nn.Sequential(
            Conv(4 * n + extra, 10 * n // 3, fmt=fmt, act="relu"),
            Conv(10 * n // 3, 8 * n // 3, fmt=fmt, act="relu"),
            Conv(8 * n // 3, 2 * m, fmt=fmt, act="wide", unit_bits=unit_bits_for(fmt, PARAMETER_GRID)),
        )

    def parameters_of(self, z: Units, y_ref: Units, *extra: Units) -> tuple[Tensor, Tensor]:
        """Mean and log-scale outputs, each (B, M, H, W), PARAMETER_GRID whole numbers where 1.0 is.

        z: (B, N, H/4, W/4) units; y_ref: (B, M, H, W) units; extra: as declared, units.
        """
        joined = join([self.ph_d(z), self.tpm(y_ref), *extra])
        mean, log_scale = self.epm(joined).chunk(2, dim=1)
        return mean, log_scale
