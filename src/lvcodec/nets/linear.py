"""The linear paths of swift: transforms of 4:2:0 patches, between levels of pixels and latent units."""

from __future__ import annotations

from lvcodec.exact.formats import Format

PATCH_CHANNELS = 384  # 256 of Y, 64 of U, 64 of V: one 16x16 patch in 4:2:0
LATENT_MAX = 2**21 - 1  # latent units
UNITS_PER_COEFFICIENT = 16
UNITS_PER_LEVEL = 16  # of the decoder's output, before the last rounding
# They carry more than 8 bits: float64 sums.
LINEAR = Format(
    one=1,
    per_symbol=1,
    low=-LATENT_MAX,
    high=LATENT_MAX,
    high_relu=LATENT_MAX,
    weight_max=2**16,
    limit=2**53,
    leak=0.0,
)
