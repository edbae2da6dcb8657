"""One picture, the same three steps on both sides (docs/architecture.md has the figure).

analyse(x, state) -> symbols          the encoder's decisions (in I-pictures made on the walk, pass by pass)
code(symbols or None) -> symbols      writer and reader walk the same sub-streams
reconstruct(symbols, state) -> x_hat  what the decoder shows, and its next state
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lvcodec.codec import motion
from lvcodec.codec.modes import Mode, Reference, State, Symbols, code_hyper
from lvcodec.codec.motion import Field
from lvcodec.codec.network import Ints, Network
from lvcodec.encoder.symbols import Located, choose
from lvcodec.entropy import grid
from lvcodec.entropy.coder import Coder, Reader, Writer
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from torch import Tensor

Places = NDArray[np.intp]
Decide = Callable[[Places, Located], Ints]  # what to code at these flat positions, by tables located there
I_WORTH = 1.75  # of an I-picture's errors in choosing symbols, by trial (docs/training-log.md)


def encode_picture(
    picture: Picture, state: State | None, net: Network, mode: Mode | None, alpha: Fraction
) -> tuple[bytes, State, Coder]:
    """Code a picture; an I-picture if there is no state or the mode has no others.

    Returns payload, state, and the coder, which has the bits by sub-stream.
    """
    coder = Writer()
    latents = net.analyse(picture)
    if state is None or mode is None:
        z = net.hyper(latents)
        symbols = code_intra(z, _decisions(picture, latents, z, net), net, coder)
        after = _reconstruct_intra(symbols, net)
    else:
        field = mode.search(picture, state, net) if mode.search else None
        reference = p_reference(field, state, net, mode, coder)
        worth = mode.worth_at(alpha)
        symbols = mode.analyse(latents, reference, net, alpha, worth)
        if mode.refine and net.refiner:
            symbols = mode.refine(symbols, picture, reference, net, alpha, worth)
        symbols = mode.code(symbols, reference, net, coder, alpha)
        after = mode.reconstruct(symbols, reference, net)
    return coder.finish(), after, coder


def decode_picture(
    payload: bytes, state: State | None, net: Network, mode: Mode | None, alpha: Fraction
) -> tuple[State, Coder]:
    """Decode a picture; an I-picture if there is no state or the mode has no others.

    Returns state, and the coder, which has the bits by sub-stream. Raises StreamError if the payload is damaged.
    """
    coder = Reader(payload)
    if state is None or mode is None:
        return _reconstruct_intra(code_intra(None, None, net, coder), net), coder
    reference = p_reference(None, state, net, mode, coder)
    symbols = mode.code(None, reference, net, coder, alpha)
    return mode.reconstruct(symbols, reference, net), coder


def p_reference(field: Field | None, state: State, net: Network, mode: Mode, coder: Coder) -> Reference:
    """What a P-picture is predicted from; its motion is coded first, in a mode that has any."""
    if mode.search:
        field = motion.code_field(field, motion.before(state.x_hat, state.field), net.tables["laplace"], coder)
    return mode.reference(state, net, field)


def _decisions(picture: Picture, latents: Tensor, z: Ints, net: Network) -> Decide:
    """The encoder's choice of an I-picture's symbols, pass by pass as their tables become known."""
    real, worth = net.scaled(latents).ravel(), net.worth(I_WORTH)
    each = None if worth is None else worth.ravel()

    def decide(positions: Places, located: Located) -> Ints:
        return choose(real[positions], None if each is None else each[positions], net.tables["gaussian"], located)

    if net.refiner is None:
        return decide
    # All of the latents are needed to make them better.
    refined = net.refine_intra(picture, z, code_intra(z, decide, net, Writer()).streams["y"]).ravel()
    return lambda positions, located: refined[positions]


def code_intra(z: Ints | None, decide: Decide | None, net: Network, coder: Coder) -> Symbols:
    """Walk an I-picture's sub-streams: hyper-latent, then the latents pass by pass.

    z, decide: what to write; None for both to read.
    """
    z = code_hyper("z", "z_intra", None if z is None else Symbols({"z": z}), net, coder)
    coder.begin("y")
    y_hat = np.zeros(net.latent_shape(), dtype=np.int32)
    known = y_hat.reshape(-1)
    for positions, parameters in net.intra_passes(z):
        located = grid.locate(*parameters(y_hat))
        known[positions] = coder.code(decide(positions, located) if decide else None, net.tables["gaussian"], *located)
    return Symbols({"z": z, "y": y_hat})


def _reconstruct_intra(symbols: Symbols, net: Network) -> State:
    y_hat = symbols.streams["y"]
    return State(net.pixels(net.latents(y_hat)), y_hat, net.quality_index)
