"""One picture, encoded: the encoder's decisions, then the same walk and reconstruction as the decoder's.

x, state ─► analyse ─► symbols ─► code (codec/picture.py, codec/modes.py) ─► payload
                             └──► reconstruct ─► x_hat, next state: what the decoder will have
"""

from __future__ import annotations

from fractions import Fraction

from lvcodec.arrays import Indices, Ints
from lvcodec.codec.inter import reconstruct_inter
from lvcodec.codec.modes import Symbols
from lvcodec.codec.picture import Decide, code_intra, reconstruct_intra
from lvcodec.codec.state import State
from lvcodec.codec.two_steps import second_context, second_path
from lvcodec.encoder.decisions import Decisions
from lvcodec.encoder.inter import encode_inter
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.symbols import Located, decide
from lvcodec.entropy.coder import Coder, Writer
from lvcodec.nets.coding import Array
from lvcodec.stream.structure import Step
from lvcodec.video.picture import Picture

# Of an I-picture's errors when its symbols are decided, by trial (docs/decisions.md#distortion-weight-of-i-pictures);
# of those that a first step leaves to the second (docs/decisions.md#i-pictures-in-two-steps)
I_DISTORTION_WEIGHT, FIRST_STEP_WEIGHT = 1.75, 3.0


def encode_intra(picture: Picture, net: EncoderNetwork, *, two_steps: bool) -> tuple[bytes, State, Coder]:
    """Code an I-picture. Returns payload, state, and the coder, which has the bits by sub-stream.

    two_steps: whether the mode's I-pictures take two where their quality does (codec/two_steps.py).
    """
    coder = Writer()
    if net.first_step is None or not two_steps:
        after = reconstruct_intra(_code_intra(picture, net, coder, I_DISTORTION_WEIGHT), net)
    else:
        first = reconstruct_intra(_code_intra(picture, net.first_step, coder, FIRST_STEP_WEIGHT), net.first_step)
        path = second_path(net)
        context = second_context(net, path)
        symbols = encode_inter(picture, first.x_hat, context, path, coder)
        after = State(reconstruct_inter(first.x_hat, symbols, context, path), net.quality_index)
    return coder.finish(), after, coder


def encode_predicted(
    picture: Picture,
    references: tuple[State, ...],
    step: Step,
    net: EncoderNetwork,
    decisions: Decisions,
    alpha: Fraction,
) -> tuple[bytes, State, Coder]:
    """Code a P- or B-picture. references: the states after those that its step tells. Returns as `encode_intra`."""
    coder = Writer()
    after = decisions.encode(picture, references, step, net, alpha, coder)
    return coder.finish(), after, coder


def _code_intra(picture: Picture, net: EncoderNetwork, coder: Coder, weight: float) -> Symbols:
    latents = net.analyse(picture)
    z = net.hyper(latents)
    return code_intra(z, _intra_decision(picture, latents, z, net, weight), net, coder)


def _intra_decision(picture: Picture, latents: Array, z: Ints, net: EncoderNetwork, weight: float) -> Decide:
    """Decides an I-picture's symbols, pass by pass as their tables become known. weight: of its errors."""
    real, weights = net.scaled(latents).ravel(), net.distortion_weights(weight)
    each = None if weights is None else weights.ravel()

    def decided(positions: Indices, located: Located) -> Ints:
        return decide(real[positions], None if each is None else each[positions], net.tables["gaussian"], located)

    if net.refiner is None:
        return decided
    # All of the latents are needed to make them better.
    coded = code_intra(z, decided, net, Writer()).streams["y"]
    refined = net.refiner.intra(net.padded(picture), (net.height, net.width), z, coded).ravel()
    return lambda positions, located: refined[positions]
