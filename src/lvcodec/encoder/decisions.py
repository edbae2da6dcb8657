"""What the encoder decides of a P- or B-picture, one set a mode: its symbols, and how much its errors weigh.

    mode    what is coded                                    symbols                  refined (--effort)
    mfvc    y - y_ref, in whole steps                        z_t, y_res               y_res
    lds     the same, shifted towards its mean               z_t, y_shift, z_BFD      y_shift
    aligned motion, and what the prediction through it lacks  motion, live, residual   (rounds of the search)

Reference, sub-streams and reconstruction are the decoder's too: codec/modes.py, codec/aligned.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lvcodec.arrays import Floats, Ints, Reals
from lvcodec.codec.aligned import inter_context, state_after
from lvcodec.codec.inter import reconstruct_inter
from lvcodec.codec.later import at_once
from lvcodec.codec.modes import LDS, LDS_KEPT, MFVC, LatentMode, Reference, Symbols, last_latents
from lvcodec.codec.motion import Motion
from lvcodec.codec.prediction import code_picture_motion, expected, predicted
from lvcodec.codec.shift import shift_direction
from lvcodec.codec.state import State
from lvcodec.encoder import entering
from lvcodec.encoder.inter import encode_inter
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.symbols import decide, decide_shifted
from lvcodec.entropy import grid
from lvcodec.entropy.coder import Coder
from lvcodec.nets.coding import Array, as_numpy
from lvcodec.stream.structure import MAX_LAYER, Shift, Step
from lvcodec.video.picture import Picture

# docs/decisions.md#rounds-of-the-search
REFINED_ROUNDS = 3  # times as many of the search for motion where the encoder takes its time


@dataclass(frozen=True, kw_only=True)
class Decisions(ABC):
    """The encoder's side of a mode.

    layers: how many quality indices the pictures of layers 1, 2, ... (stream/structure.py) are below their I-picture,
    where the weights have such qualities. key_every: in long GOPs every so many-th picture may be a key picture of the
    I-picture's own quality, which keeps errors from adding up; 0: none is.
    """

    layers: tuple[int, ...] = (0,) * MAX_LAYER
    key_every: int = 0

    def where(self, shift: Shift) -> Decisions:
        """Those for pictures that are shifted so."""
        return self

    @abstractmethod
    def encode(
        self,
        picture: Picture,
        references: tuple[State, ...],
        step: Step,
        net: EncoderNetwork,
        alpha: Fraction,
        coder: Coder,
    ) -> State:
        """Decide a picture's symbols and write them. Returns the state after it, as the decoder will have it.

        references: the states after those that its step tells.
        """


@dataclass(frozen=True, kw_only=True)
class LatentDecisions(Decisions):
    """Of a mode that codes latents.

    analyse: (latents of the picture, reference, network, alpha, distortion weight) to the symbols to code. refined: the
    sub-stream whose symbols a refiner may change, if the encoder takes the time. distortion_weight: of errors of
    P-pictures where the shift is by one; they weigh 1, as those of pictures that nothing refers to, where it loses
    nothing. unshifted, kept: of pictures of a mode that shifts where nothing is shifted, and where latents are kept.
    """

    mode: LatentMode
    analyse: Callable[[Array, Reference, EncoderNetwork, Fraction, float], Symbols]
    refined: str
    distortion_weight: float = 1.0
    unshifted: LatentDecisions | None = None
    kept: LatentDecisions | None = None

    def where(self, shift: Shift) -> LatentDecisions:
        """See Decisions."""
        if shift.alpha == 0 and self.unshifted:
            return self.unshifted
        return self.kept if shift.kept and self.kept else self

    def distortion_weight_at(self, alpha: Fraction) -> float:
        """What errors of P-pictures weigh where the shift has this length."""
        return self.distortion_weight if alpha == 1 else 1.0

    def encode(
        self,
        picture: Picture,
        references: tuple[State, ...],
        step: Step,
        net: EncoderNetwork,
        alpha: Fraction,
        coder: Coder,
    ) -> State:
        """See Decisions."""
        reference = last_latents(references[0], net)
        symbols = self.analyse(net.analyse(picture), reference, net, alpha, self.distortion_weight_at(alpha))
        symbols = self.mode.code(self._refine(symbols, picture, reference, net, alpha), reference, net, coder, alpha)
        return self.mode.reconstruct(symbols, reference, net, at_once)

    def _refine(
        self, symbols: Symbols, picture: Picture, reference: Reference, net: EncoderNetwork, alpha: Fraction
    ) -> Symbols:
        """Better symbols for their rate and distortion; the same where the encoder does not take the time."""
        if net.refiner is None or symbols.prior is None:
            return symbols
        refined = net.refiner.residual(
            net.padded(picture),
            (net.height, net.width),
            as_numpy(reference.latents),
            symbols.streams[self.refined],
            symbols.prior,
            shifted=self.refined == "y_shift" and alpha == 1,
            weight=self.distortion_weight_at(alpha),
            z_bfd=symbols.streams.get("z_bfd"),
        )
        return Symbols({**symbols.streams, self.refined: refined}, symbols.prior)


@dataclass(frozen=True, kw_only=True)
class AlignedDecisions(Decisions):
    """Of `aligned`. distortion_weight: of errors, where the inter path's own lambda has 1."""

    distortion_weight: float = 1.0

    def encode(
        self,
        picture: Picture,
        references: tuple[State, ...],
        step: Step,
        net: EncoderNetwork,
        alpha: Fraction,
        coder: Coder,
    ) -> State:
        """See Decisions."""
        coded = code_picture_motion(_search(picture, references, step, net), references, step, coder)
        prediction, context = predicted(coded.motion, references, step), inter_context(coded, references, net)
        weight: float | Floats = self.distortion_weight
        if step.after is None:  # B-pictures show what lies on either side
            weight = weight * entering.weights(coded.motion, picture.height, picture.width)
        symbols = encode_inter(picture, prediction, context, net.inter, coder, weight)
        return state_after(reconstruct_inter(prediction, symbols, context, net.inter), coded, symbols, context, net)


def _search(picture: Picture, references: tuple[State, ...], step: Step, net: EncoderNetwork) -> Motion:
    from lvcodec.encoder.search import search, search_both  # a large library, and not every mode sends motion

    rounds = net.rounds if net.refiner is None else REFINED_ROUNDS * net.rounds
    before = expected(references, step)
    if step.after is None:
        return search(picture, references[0].x_hat, before.field, before.side, net.quality, before.counts, rounds)
    return search_both(
        picture,
        references[0].x_hat,
        references[1].x_hat,
        before.field,
        before.side,
        step.at - step.before,
        step.after - step.at,
        net.quality,
        before.counts,
        rounds,
    )


def _residual(latents: Array, reference: Reference, net: EncoderNetwork) -> Reals:
    """In steps, not rounded."""
    return net.scaled(latents) - reference.steps


def _prior(residual: Reals, reference: Reference, net: EncoderNetwork) -> tuple[Ints, tuple[Ints, Ints]]:
    """A P-picture's hyper-latent, and the means and levels that it gives."""
    z = net.p_hyper(reference.latents, np.rint(residual).astype(np.int32))
    return z, net.p_parameters(z, reference.latents)


def _analyse_mfvc(latents: Array, reference: Reference, net: EncoderNetwork, alpha: Fraction, weight: float) -> Symbols:
    residual = _residual(latents, reference, net)
    z, prior = _prior(residual, reference, net)
    y_res = decide(residual, net.distortion_weights(weight), net.tables["laplace"], grid.locate(*prior))
    return Symbols({"z_t": z, "y_res": y_res}, prior)


def _analyse_lds(latents: Array, reference: Reference, net: EncoderNetwork, alpha: Fraction, weight: float) -> Symbols:
    residual = _residual(latents, reference, net)
    z, prior = _prior(residual, reference, net)
    located, weights = grid.locate(*prior), net.distortion_weights(weight)
    if alpha == 1:
        y_shift = decide_shifted(residual, weights, net.tables["laplace_shifted"], located, prior[0])
    else:
        y_shift = decide(residual, weights, net.tables["laplace"], located)
    z_bfd = net.shift_hyper(shift_direction(np.rint(residual).astype(np.int32), prior[0]), latents)
    return Symbols({"z_t": z, "y_shift": y_shift, "z_bfd": z_bfd}, prior)


# Weights, and how much coarser, were found by trial (docs/decisions.md#distortion-weight-of-p-pictures). An error
# weighs all of itself where the next picture mends none of it: in mfvc, and in lds if the shift loses nothing. How much
# coarser P-pictures are: docs/decisions.md#p-pictures-of-aligned-are-coarser and
# docs/decisions.md#p-pictures-of-lds-have-their-i-pictures-quality.
_OF_MFVC = LatentDecisions(mode=MFVC, analyse=_analyse_mfvc, refined="y_res")
DECISIONS: dict[str, Decisions | None] = {
    "intra": None,
    "mfvc": _OF_MFVC,
    "lds": LatentDecisions(
        mode=LDS,
        analyse=_analyse_lds,
        refined="y_shift",
        distortion_weight=0.3,
        unshifted=_OF_MFVC,
        kept=LatentDecisions(mode=LDS_KEPT, analyse=_analyse_lds, refined="y_shift", distortion_weight=0.3),
    ),
    "aligned": AlignedDecisions(layers=(20, 12, 30, 35, 40, 40, 40), key_every=8),
}
