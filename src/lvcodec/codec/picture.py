"""One picture, the same three steps on both sides (docs/architecture.md has the figure).

    analyse(x, state) -> symbols          the encoder's decisions
    code(symbols or None) -> symbols      writer and reader walk the same sub-streams
    reconstruct(symbols, state) -> x_hat  what the decoder shows, and its next state
"""
from __future__ import annotations

from fractions import Fraction

import numpy as np

from lvcodec.codec import motion
from lvcodec.codec.modes import Mode, Reference, State, Symbols, code_hyper
from lvcodec.codec.motion import Field
from lvcodec.codec.network import Network
from lvcodec.entropy import grid
from lvcodec.entropy.coder import Coder, Reader, Writer
from lvcodec.video.picture import Picture


def encode_picture(picture: Picture, state: State | None, net: Network, mode: Mode | None, alpha: Fraction
                   ) -> tuple[bytes, State, Coder]:
    """Code a picture; an I-picture if there is no state or the mode has no others.

    Returns payload, state, and the coder, which has the bits by sub-stream.
    """
    coder = Writer()
    latents = net.analyse(picture)
    if state is None or mode is None:
        z = net.hyper(latents)
        symbols = Symbols({"z": z, "y": net.refine_intra(picture, z, net.symbols(latents))})
        symbols = code_intra(symbols, net, coder)
        after = _reconstruct_intra(symbols, net)
    else:
        field = mode.search(picture, state, net) if mode.search else None
        reference = p_reference(field, state, net, mode, coder)
        symbols = mode.analyse(latents, reference, net, alpha)
        if mode.refine and net.refiner:
            symbols = mode.refine(symbols, picture, reference, net, alpha)
        symbols = mode.code(symbols, reference, net, coder, alpha)
        after = mode.reconstruct(symbols, reference, net)
    return coder.finish(), after, coder


def decode_picture(payload: bytes, state: State | None, net: Network, mode: Mode | None, alpha: Fraction
                   ) -> tuple[State, Coder]:
    """Decode a picture; an I-picture if there is no state or the mode has no others.

    Returns state, and the coder, which has the bits by sub-stream. Raises StreamError if the payload is damaged, or the
    reference is of another shape than the network's latents.
    """
    coder = Reader(payload)
    if state is None or mode is None:
        return _reconstruct_intra(code_intra(None, net, coder), net), coder
    reference = p_reference(None, state, net, mode, coder)
    symbols = mode.code(None, reference, net, coder, alpha)
    return mode.reconstruct(symbols, reference, net), coder


def p_reference(field: Field | None, state: State, net: Network, mode: Mode, coder: Coder) -> Reference:
    """What a P-picture is predicted from; its motion is coded first, in a mode that has any."""
    if mode.search:
        field = motion.code_field(field, motion.before(state.x_hat, state.field), net.tables["laplace"], coder)
    return mode.reference(state, net, field)


def code_intra(symbols: Symbols | None, net: Network, coder: Coder) -> Symbols:
    """Walk an I-picture's sub-streams: hyper-latent, then the latents pass by pass."""
    z = code_hyper("z", "z_intra", symbols, net, coder)
    coder.begin("y")
    y_hat = np.zeros(net.latent_shape(), dtype=np.int32)
    known = y_hat.reshape(-1)
    given = symbols.streams["y"].reshape(-1) if symbols else None
    for positions, parameters in net.intra_passes(z):
        index, centre, sign = grid.locate(*parameters(y_hat))
        known[positions] = coder.code(None if given is None else given[positions], net.tables["gaussian"],
                                      index, centre, sign)
    return Symbols({"z": z, "y": y_hat})


def _reconstruct_intra(symbols: Symbols, net: Network) -> State:
    y_hat = symbols.streams["y"]
    return State(net.pixels(net.latents(y_hat)), y_hat)
