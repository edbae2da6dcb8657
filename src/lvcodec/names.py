"""The names that users choose from, where no network is needed to know them.

What stands behind a name is elsewhere: a mode's prediction in codec/modes.py, the encoder's decisions for it in
encoder/decisions.py, a family's networks in nets/ and models/loading.py, a backend in exact/backends.py, an anchor's
commands in measure/anchors.toml, a metric in measure/metrics.py. Their numbers in a stream are in stream/fields.py.
tests/test_names.py holds all of them against these lists, tests/measure those of anchors and metrics.
"""

from __future__ import annotations

from fractions import Fraction

MODES = ("intra", "mfvc", "lds", "aligned")
SHIFTING_MODES = ("lds",)  # those whose residuals are shifted, so that alpha means something
PYRAMID_MODES = ("aligned",)  # those that may have B-pictures
DEFAULT_MODES = {"swift": "aligned", "cheng2020": "lds"}  # of the families
PAPER_MODES = ("intra", "mfvc", "lds")  # those that every family has
ALPHAS = (Fraction(1), Fraction(1, 2), Fraction(0))  # lengths of the shift (Kim et al. 2022, eq. 5); 0: there is none
LATENTS = ("analysed", "kept")  # of shifted pictures, for the next one: of their pixels, the paper's, or as coded

FAMILIES = ("swift", "cheng2020")
ONE_NETWORK_FAMILIES = ("swift",)  # one network for all qualities; the others have one for each whole quality
REFINED_FAMILIES = ("swift",)  # those whose symbols --effort refines
DEFAULT_FAMILY = "swift"
DEFAULT_MODE = DEFAULT_MODES[DEFAULT_FAMILY]

BACKENDS = ("native", "int8", "float", "reference")  # the fastest first
DEVICES = ("cpu", "cuda")
AUTO = "auto"  # for a backend or a device: the fastest that computes right; for GOPs: as the content allows

# What a comparison knows: other codecs, and measures of distortion.
ANCHORS = ("x264-veryfast", "x265-veryfast", "x264-medium", "x265-medium", "x264-intra", "svt-av1", "vvenc")
METRICS = ("psnr", "rgb", "ssim", "ms-ssim", "vmaf", "xpsnr", "flicker")
