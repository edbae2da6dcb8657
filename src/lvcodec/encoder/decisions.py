"""What the encoder decides of a P-picture, one set a mode: its symbols, and how much its errors weigh.

    mode    residual that is coded                    symbols                refined (--effort)
    mfvc    y - y_ref, in whole steps                 z_t, y_res             y_res
    lds     the same, shifted towards its mean        z_t, y_shift, z_BFD    y_shift
    aligned y - y_ref of the aligned picture, same    z_t, y_shift           y_shift

Reference, sub-streams and reconstruction are the decoder's too: codec/modes.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lvcodec.arrays import Ints, Reals
from lvcodec.codec.modes import MODES, Mode, Reference, Symbols
from lvcodec.codec.shift import shift_direction
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.symbols import decide, decide_shifted
from lvcodec.entropy import grid
from lvcodec.stream.structure import MAX_LAYER
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Decisions:
    """The encoder's side of a mode.

    analyse: (latents of the picture, reference, network, alpha, distortion weight) to the symbols to code.
    refined: the sub-stream whose symbols a refiner may change, if the encoder takes the time.
    alpha: the length of the shift where none is asked for; None: 1, or as encoder/alpha.py says where LCM was trained
    for 1/2.
    layers: how many quality indices the pictures of layers 1, 2, ... (stream/structure.py) are below their I-picture,
    where the weights have such qualities. long_layers, key_every: the same in long GOPs, where every so many-th picture
    may be a key picture of the I-picture's own quality, which keeps errors from adding up; 0: none is.
    distortion_weight: of errors of P-pictures, where those of pictures that nothing refers to are 1;
    distortion_weight_half: the same if alpha is 1/2.
    """

    mode: Mode
    analyse: Callable[[Tensor, Reference, EncoderNetwork, Fraction, float], Symbols]
    refined: str
    alpha: Fraction | None = Fraction(1)
    layers: tuple[int, ...] = (0,) * MAX_LAYER
    long_layers: tuple[int, ...] = (0,) * MAX_LAYER
    key_every: int = 0
    distortion_weight: float = 1.0
    distortion_weight_half: float = 1.0

    def distortion_weight_at(self, alpha: Fraction) -> float:
        """What errors of P-pictures weigh where the shift has this length."""
        return self.distortion_weight if alpha == 1 else self.distortion_weight_half


def _residual(latents: Tensor, reference: Reference, net: EncoderNetwork) -> Reals:
    """In steps, not rounded."""
    if reference.steps is None:
        return net.scaled(latents - reference.latents)
    return net.scaled(latents) - reference.steps


def _prior(residual: Reals, reference: Reference, net: EncoderNetwork) -> tuple[Ints, tuple[Ints, Ints]]:
    """A P-picture's hyper-latent, and the means and levels that it gives."""
    z = net.p_hyper(reference.latents, np.rint(residual).astype(np.int32))
    return z, net.p_parameters(z, reference.latents)


def _analyse_mfvc(
    latents: Tensor, reference: Reference, net: EncoderNetwork, alpha: Fraction, weight: float
) -> Symbols:
    residual = _residual(latents, reference, net)
    z, prior = _prior(residual, reference, net)
    y_res = decide(residual, net.distortion_weights(weight), net.tables["laplace"], grid.locate(*prior))
    return Symbols({"z_t": z, "y_res": y_res}, prior)


def _analyse_shifted(
    latents: Tensor, reference: Reference, net: EncoderNetwork, alpha: Fraction, weight: float, *, bfd: bool
) -> Symbols:
    """Symbols of `aligned`; bfd: and the directions of the shift, as `lds` sends them."""
    residual = _residual(latents, reference, net)
    z, prior = _prior(residual, reference, net)
    located, weights = grid.locate(*prior), net.distortion_weights(weight)
    if alpha == 1:
        y_shift = decide_shifted(residual, weights, net.tables["laplace_shifted"], located, prior[0])
    else:
        y_shift = decide(residual, weights, net.tables["laplace"], located)
    streams = {"z_t": z, "y_shift": y_shift}
    if bfd:
        streams["z_bfd"] = net.shift_hyper(shift_direction(np.rint(residual).astype(np.int32), prior[0]), latents)
    return Symbols(streams, prior)


def refine(
    symbols: Symbols,
    picture: Picture,
    reference: Reference,
    net: EncoderNetwork,
    alpha: Fraction,
    decisions: Decisions,
) -> Symbols:
    """Better symbols of a P-picture for its rate and distortion; the same where the encoder does not take the time."""
    if net.refiner is None or symbols.prior is None:
        return symbols
    name = decisions.refined
    refined = net.refine_residual(
        picture,
        None if reference.prediction is None else reference.prediction.picture,
        reference.latents,
        symbols.streams[name],
        symbols.prior,
        shifted=name == "y_shift" and alpha == 1,
        weight=decisions.distortion_weight_at(alpha),
        z_bfd=symbols.streams.get("z_bfd"),
    )
    return Symbols({**symbols.streams, name: refined}, symbols.prior)


def _p_pictures(mode: str) -> Mode:
    shared = MODES[mode]
    if shared is None:
        raise ValueError(f"{mode} has no P-pictures")
    return shared


# Weights, and how much coarser, were found by trial (docs/decisions.md#distortion-weight-of-p-pictures). An error
# weighs all of itself where the next picture mends none of it: in mfvc, and in lds if the shift loses nothing. How much
# coarser P-pictures are: docs/decisions.md#p-pictures-of-aligned-are-coarser and
# docs/decisions.md#p-pictures-of-lds-have-their-i-pictures-quality.
DECISIONS: dict[str, Decisions | None] = {
    "intra": None,
    "mfvc": Decisions(_p_pictures("mfvc"), _analyse_mfvc, "y_res"),
    "lds": Decisions(
        _p_pictures("lds"), partial(_analyse_shifted, bfd=True), "y_shift", alpha=None, distortion_weight=0.3
    ),
    "aligned": Decisions(
        _p_pictures("aligned"),
        partial(_analyse_shifted, bfd=False),
        "y_shift",
        layers=(20, 12, 30, 35, 40, 40, 40),
        long_layers=(30, 12, 30, 35, 40, 40, 40),
        key_every=8,
        distortion_weight=0.3,
        distortion_weight_half=0.3,
    ),
}
