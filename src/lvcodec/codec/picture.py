"""One picture, as both sides walk it, and decoded (docs/architecture.md has the figure).

analyse(x, state) -> symbols          the encoder's decisions (encoder/picture.py)
code(symbols or None) -> symbols      writer and reader walk the same sub-streams
reconstruct(symbols, state) -> x_hat  what the decoder shows, and its next state
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from lvcodec.arrays import Indices, Ints
from lvcodec.codec.later import When, at_once
from lvcodec.codec.modes import Mode, Symbols, code_hyper, has_two_steps
from lvcodec.codec.network import Network
from lvcodec.codec.state import State
from lvcodec.codec.two_steps import decode_second
from lvcodec.entropy import grid
from lvcodec.entropy.coder import Coder, Reader
from lvcodec.stream.structure import Step

Decide = Callable[[Indices, tuple[Ints, Ints, Ints]], Ints]  # what to code at flat positions, by tables located there


def decode_picture(
    payload: bytes,
    references: tuple[State, ...],
    step: Step | None,
    net: Network,
    mode: Mode | None,
    alpha: Fraction,
    when: When = at_once,
) -> tuple[State, Coder]:
    """Decode a picture. references: the states after those that its step tells; step: None for an I-picture.

    when: its pixels are computed. Returns its own state, and the coder, which has the bits by sub-stream. Raises
    StreamError if the payload is damaged.
    """
    coder = Reader(payload)
    if step is None or mode is None:
        return _decode_intra(net, net.first_step if has_two_steps(mode) else None, coder, when), coder
    return mode.decode(references, step, net, coder, alpha, when), coder


def _decode_intra(net: Network, first: Network | None, coder: Coder, when: When) -> State:
    """first: of the first step, where there are two."""
    if first is None:
        return reconstruct_intra(code_intra(None, None, net, coder), net, when)
    y_hat = code_intra(None, None, first, coder).streams["y"]
    return decode_second(net, lambda: first.pixels(first.latents(y_hat)), coder, when)


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


def reconstruct_intra(symbols: Symbols, net: Network, when: When = at_once) -> State:
    """The picture of an I-picture's latents, and the state after it."""
    y_hat = symbols.streams["y"]
    return State(when(lambda: net.pixels(net.latents(y_hat))), net.quality_index, y_hat)
