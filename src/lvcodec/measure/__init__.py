"""How good and how dear pictures are: PSNR, SSIM, VMAF, BD-rate, and the codecs to compare with."""
