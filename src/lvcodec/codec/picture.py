"""One picture, as both sides walk it, and decoded (docs/architecture.md has the figure).

analyse(x, state) -> symbols          the encoder's decisions (encoder/picture.py)
code(symbols or None) -> symbols      writer and reader walk the same sub-streams
reconstruct(symbols, state) -> x_hat  what the decoder shows, and its next state
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from lvcodec.arrays import Indices, Ints
from lvcodec.codec import motion
from lvcodec.codec.modes import Mode, Reference, State, Symbols, code_hyper
from lvcodec.codec.motion import Field, Motion
from lvcodec.codec.network import Network
from lvcodec.entropy import grid
from lvcodec.entropy.coder import Coder, Reader

Decide = Callable[[Indices, tuple[Ints, Ints, Ints]], Ints]  # what to code at flat positions, by tables located there


def decode_picture(
    payload: bytes, state: State | None, net: Network, mode: Mode | None, alpha: Fraction
) -> tuple[State, Coder]:
    """Decode a picture; an I-picture if there is no state or the mode has no others.

    Returns state, and the coder, which has the bits by sub-stream. Raises StreamError if the payload is damaged.
    """
    coder = Reader(payload)
    if state is None or mode is None:
        return reconstruct_intra(code_intra(None, None, net, coder), net), coder
    reference = code_reference(None, state, net, mode, coder)
    symbols = mode.code(None, reference, net, coder, alpha)
    return mode.reconstruct(symbols, reference, net), coder


def code_reference(found: Motion | None, state: State, net: Network, mode: Mode, coder: Coder) -> Reference:
    """What a P-picture is predicted from; its motion is coded first, in a mode that sends any.

    found: the motion to write, None to read it.
    """
    if not mode.sends_motion:
        return mode.reference(state, net, None)
    found, seen = motion.code_motion(found, predicted_field(state), state.counts, coder, two=False)
    return replace(mode.reference(state, net, found), counts=state.counts.updated([seen]))


def predicted_field(state: State) -> Field:
    """What motion is predicted for the P-picture after a state: the motion before, as long as one picture's."""
    return motion.still(state.x_hat) if state.field is None else motion.scaled(state.field, 1, state.span)


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


def reconstruct_intra(symbols: Symbols, net: Network) -> State:
    """The picture of an I-picture's latents, and the state after it."""
    y_hat = symbols.streams["y"]
    return State(net.pixels(net.latents(y_hat)), y_hat, net.quality_index)
