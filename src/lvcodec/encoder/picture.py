"""One picture, encoded: the encoder's decisions, then the same walk and reconstruction as the decoder's.

x, state ─► analyse ─► symbols ─► code (codec/picture.py, codec/modes.py) ─► payload
                             └──► reconstruct ─► x_hat, next state: what the decoder will have
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from lvcodec.arrays import Indices, Ints
from lvcodec.codec.modes import Reference, State, Symbols
from lvcodec.codec.motion import Motion
from lvcodec.codec.picture import Decide, code_intra, code_reference, predicted_field, reconstruct_intra
from lvcodec.encoder.decisions import Decisions, refine
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.symbols import Located, decide
from lvcodec.entropy.coder import Coder, Writer
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from torch import Tensor

# Of an I-picture's errors when its symbols are decided, by trial (docs/decisions.md#distortion-weight-of-i-pictures)
I_DISTORTION_WEIGHT = 1.75
# docs/decisions.md#rounds-of-the-search
REFINED_ROUNDS = 3  # times as many of the search for motion where the encoder takes its time


def encode_picture(
    picture: Picture, state: State | None, net: EncoderNetwork, decisions: Decisions | None, alpha: Fraction
) -> tuple[bytes, State, Coder]:
    """Code a picture; an I-picture if there is no state or the mode has no others (`decisions` is None).

    Returns payload, state, and the coder, which has the bits by sub-stream.
    """
    coder = Writer()
    if state is None or decisions is None:
        after = reconstruct_intra(_code_intra(picture, net, coder), net)
    else:
        symbols, reference = _code_predicted(picture, state, net, decisions, alpha, coder)
        after = decisions.mode.reconstruct(symbols, reference, net)
    return coder.finish(), after, coder


def _code_intra(picture: Picture, net: EncoderNetwork, coder: Coder) -> Symbols:
    latents = net.analyse(picture)
    z = net.hyper(latents)
    return code_intra(z, _intra_decision(picture, latents, z, net), net, coder)


def _intra_decision(picture: Picture, latents: Tensor, z: Ints, net: EncoderNetwork) -> Decide:
    """Decides an I-picture's symbols, pass by pass as their tables become known."""
    real, weights = net.scaled(latents).ravel(), net.distortion_weights(I_DISTORTION_WEIGHT)
    each = None if weights is None else weights.ravel()

    def decided(positions: Indices, located: Located) -> Ints:
        return decide(real[positions], None if each is None else each[positions], net.tables["gaussian"], located)

    if net.refiner is None:
        return decided
    # All of the latents are needed to make them better.
    refined = net.refine_intra(picture, z, code_intra(z, decided, net, Writer()).streams["y"]).ravel()
    return lambda positions, located: refined[positions]


def _code_predicted(
    picture: Picture, state: State, net: EncoderNetwork, decisions: Decisions, alpha: Fraction, coder: Coder
) -> tuple[Symbols, Reference]:
    mode = decisions.mode
    found = _search(picture, state, net) if mode.sends_motion else None
    reference = code_reference(found, state, net, mode, coder)
    weight = decisions.distortion_weight_at(alpha)
    symbols = decisions.analyse(net.analyse(picture), reference, net, alpha, weight)
    symbols = refine(symbols, picture, reference, net, alpha, decisions)
    return mode.code(symbols, reference, net, coder, alpha), reference


def _search(picture: Picture, state: State, net: EncoderNetwork) -> Motion:
    from lvcodec.encoder.search import ROUNDS, search  # its library is large, and not every mode sends motion

    rounds = ROUNDS if net.refiner is None else REFINED_ROUNDS * ROUNDS
    return search(picture, state.x_hat, predicted_field(state), net.quality, state.counts, rounds)
