"""How a P-picture uses the picture before it: reference, sub-streams, reconstruction, one set a mode.

    mode    reference of a P-picture               sub-streams             reconstruction
    intra   (all pictures are I-pictures)          z, y                    U_DEC(y)
    mfvc    y of the picture before                z_t, y_res              U_DEC(y_ref + y_res)
    lds     y of the I-picture, then               z_t, y_shift, z_BFD     U_DEC(y_ref + LCM(...))
            round(U_ENC(x_hat of the one before))

Nothing else that codes knows a mode by name. (The container keeps P-pictures out of streams of intra.)
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.codec.network import Ints, Network
from lvcodec.entropy import grid
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from torch import Tensor

    from lvcodec.entropy.coder import Coder


@dataclass(frozen=True)
class State:
    """What the stream has told the decoder: the picture shown last, and its latents where they are whole steps."""

    x_hat: Picture
    y_hat: Ints | None


@dataclass(frozen=True)
class Symbols:
    """What is coded of one picture, by name of its sub-stream.

    prior: means and levels that were worked out from these symbols already, the same on both sides.
    """

    streams: dict[str, NDArray[Any]]
    prior: tuple[Ints, Ints] | None = None


@dataclass(frozen=True)
class Mode:
    """A way to predict a picture from the one before it."""

    reference: Callable[[State, Network], Ints]
    analyse: Callable[[Tensor, Ints, Network, Fraction], Symbols]
    code: Callable[[Symbols | None, Ints, Network, Coder, Fraction], Symbols]
    reconstruct: Callable[[Symbols, Ints, Network], State]


def code_hyper(name: str, tables: str, symbols: Symbols | None, net: Network, coder: Coder) -> Ints:
    """One hyper-latent: a table a channel. `name` is the sub-stream, `tables` the set of its prior."""
    coder.begin(name)
    index, centre = net.hyper_index(tables)
    return coder.code(symbols.streams[name] if symbols else None, net.tables[tables], index, centre)


def direction_of(y_res: Ints, mean8: Ints) -> Ints:
    """Equation 4 in eighths of a step: 0 where |y_res - mean| < 1/2, else the sign of y_res - mean."""
    apart, half = y_res * grid.MEAN_STEPS - mean8, grid.MEAN_STEPS // 2
    return _difference(apart >= half, apart <= -half)


def undo_of(y_shift: Ints, mean8: Ints) -> Ints:
    """What most likely takes a shift by one back: 0 nearer than half a step to the mean, where any may have been.

    Further than that the symbol has been moved towards the mean. At just half a step it has come from the other side
    of the mean, or from three halves away, which is less likely.
    """
    apart, half = y_shift * grid.MEAN_STEPS - mean8, grid.MEAN_STEPS // 2
    return _difference((apart > half) | (apart == -half), (apart < -half) | (apart == half))


def _difference(up: NDArray[np.bool_], down: NDArray[np.bool_]) -> Ints:
    return (up.view(np.int8) - down.view(np.int8)).astype(np.int32)


def _last_latents(state: State, net: Network) -> Ints:
    if state.y_hat is None:
        return net.symbols(net.analyse(state.x_hat))
    return state.y_hat


def _analyse_residual(latents: Tensor, y_ref: Ints, net: Network, alpha: Fraction) -> Symbols:
    y_res = net.symbols(latents) - y_ref
    return Symbols({"z_t": net.p_hyper(y_ref, y_res), "y_res": y_res})


def _code_residual(symbols: Symbols | None, y_ref: Ints, net: Network, coder: Coder, alpha: Fraction) -> Symbols:
    z = code_hyper("z_t", "z_p", symbols, net, coder)
    prior = net.p_parameters(z, y_ref)
    coder.begin("y_res")
    index, centre, sign = grid.locate(*prior)
    y_res = coder.code(symbols.streams["y_res"] if symbols else None, net.tables["laplace"], index, centre, sign)
    return Symbols({"z_t": z, "y_res": y_res}, prior)


def _reconstruct_residual(symbols: Symbols, y_ref: Ints, net: Network) -> State:
    y_hat = y_ref + symbols.streams["y_res"]
    return State(net.pixels(y_hat), y_hat)


def _analyse_shifted(latents: Tensor, y_ref: Ints, net: Network, alpha: Fraction) -> Symbols:
    plain = _analyse_residual(latents, y_ref, net, alpha).streams
    prior = net.p_parameters(plain["z_t"], y_ref)
    direction = direction_of(plain["y_res"], prior[0])
    coded = plain["y_res"] - direction if alpha == 1 else plain["y_res"]
    return Symbols({"z_t": plain["z_t"], "y_shift": coded, "z_bfd": net.shift_hyper(direction, latents)}, prior)


def _code_shifted(symbols: Symbols | None, y_ref: Ints, net: Network, coder: Coder, alpha: Fraction) -> Symbols:
    z = code_hyper("z_t", "z_p", symbols, net, coder)
    prior = symbols.prior if symbols and symbols.prior else net.p_parameters(z, y_ref)
    coder.begin("y_shift")
    # A shift by one merges symbols: their probabilities are the push-forward of the residual's.
    # A shift by a half only renames them, so the residual is coded by its own table and shifted on both sides.
    tables = net.tables["laplace_shifted" if alpha == 1 else "laplace"]
    index, centre, sign = grid.locate(*prior)
    coded = coder.code(symbols.streams["y_shift"] if symbols else None, tables, index, centre, sign)
    y_shift: NDArray[Any] = coded
    undo: NDArray[Any] = undo_of(coded, prior[0]) if alpha == 1 else float(alpha) * direction_of(coded, prior[0])
    if alpha != 1:
        y_shift = coded - undo
    z_bfd = code_hyper("z_bfd", "z_bfd", symbols, net, coder)
    return Symbols({"z_t": z, "y_shift": y_shift, "undo": undo, "z_bfd": z_bfd}, prior)


def _reconstruct_shifted(symbols: Symbols, y_ref: Ints, net: Network) -> State:
    streams = symbols.streams
    final = net.compensate(streams["z_bfd"], streams["y_shift"], streams["undo"], y_ref)
    return State(net.pixels(final), None)


MODES: dict[str, Mode | None] = {
    "intra": None,
    "mfvc": Mode(_last_latents, _analyse_residual, _code_residual, _reconstruct_residual),
    "lds": Mode(_last_latents, _analyse_shifted, _code_shifted, _reconstruct_shifted),
}
