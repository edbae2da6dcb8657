"""The start of the linear path: the Karhunen-Loeve transform of training patches."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from lvcodec.encoder.distortion import CHROMA, LUMA
from lvcodec.models.steps import start_quantiser
from lvcodec.nets.swift import Swift
from lvcodec.train.data.crops import Crops
from lvcodec.train.stages import chroma


def start_from_klt(model: Swift, crops: Crops, *, batches: int = 60, size: int = 192) -> None:
    """Set the linear path, deviations and quantiser steps so that the codec works before any training.

    Luma and chroma are scaled by the square roots of their weights in the distortion, so that one step size is right
    for all coefficients (models/steps.py); those of chroma are made finer then.
    """
    patches = torch.cat(
        [
            F.pixel_unshuffle(crops.batch(16, size, stills=0.7)[:, 0], 2).permute(0, 2, 3, 1).reshape(-1, 384)
            for _ in range(batches)
        ]
    )
    weight = torch.full((384,), CHROMA)
    weight[:256] = LUMA  # pixel_unshuffle keeps each of the 96 channels' four positions together
    scale = weight.sqrt().double()
    scaled = patches.double() * scale
    centred = scaled - scaled.mean(dim=0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    m = model.shape.latent
    basis = vectors.flip(1)[:, :m].T  # (M, 384), strongest first
    deviation = values.flip(0)[:m].clamp_min(0.25).sqrt().float()
    centre = 1 if model.shape.lapped else 0
    with torch.no_grad():
        model.enc_linear.weight.zero_()
        model.dec_linear.weight.zero_()
        model.enc_linear.weight[:, :, centre, centre] = (basis * scale).float()
        model.dec_linear.weight[:, :, centre, centre] = (basis / scale).T.float()
    start_quantiser(model, deviation)
    chroma.make_finer(model)
