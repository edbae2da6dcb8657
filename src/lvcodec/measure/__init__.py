"""Measure pictures and what they cost: PSNR, SSIM, VMAF, flicker, BD-rate, and the codecs to compare with."""

PAPER_GOP = 12  # pictures from one I-picture to the next in the papers' comparisons, and so in ours
