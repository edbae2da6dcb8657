"""Measure pictures and what they cost: PSNR, SSIM, VMAF, BD-rate, and the codecs to compare with."""
